import { Contest } from '../../main/js/engine/contest.js';
import { same, test } from './harness.js';

const run = (
  contest: Contest,
  key: string,
  times: { cpu: number[]; gpu: number[] },
  flops = 1e9,
) => {
  const order: string[] = [];
  const left = { cpu: [...times.cpu], gpu: [...times.gpu] };
  let first = true;
  for (let i = 0; i < 20; i++) {
    const who = contest.next(key) as 'cpu' | 'gpu';
    const milliseconds = left[who].shift();
    if (milliseconds === undefined) break;
    order.push(who);
    const facts = { milliseconds, first, shape: key, flops };
    first = false;
    if (contest.took(key, who, facts)) break;
  }
  return order.join(' ');
};

test('both are timed, and the faster goes on', () => {
  const contest = new Contest();
  same(run(contest, 'a', { cpu: [90, 10, 11, 12], gpu: [5, 6, 7] }), 'cpu cpu cpu cpu gpu gpu gpu');
  same([contest.winner('a'), contest.next('a')], ['gpu', 'gpu']);
  same(
    run(contest, 'b', { cpu: [90, 10, 11, 12], gpu: [15, 11, 14] }, 1e6),
    'cpu cpu cpu cpu gpu gpu gpu',
  );
  same(contest.next('b'), 'cpu');
  same(contest.results(), [
    { shape: 'a', cpu: 11, gpu: 6, winner: 'gpu' },
    { shape: 'b', cpu: 11, gpu: 14, winner: 'cpu' },
  ]);
});

test('a hopeless one is asked once', () => {
  const contest = new Contest();
  same(run(contest, 'a', { cpu: [9, 1, 1, 1], gpu: [4, 4, 4] }), 'cpu cpu cpu cpu gpu');
  same(contest.winner('a'), 'cpu');
});

test('sizes of about the same work share their winner, others are measured', () => {
  const contest = new Contest();
  run(contest, '1x32', { cpu: [9, 9, 9, 9], gpu: [1, 1, 1] });
  same(run(contest, '1x33', { cpu: [9, 9], gpu: [] }, 1.03e9), 'cpu cpu');
  same(contest.next('1x33'), 'gpu');
  same(run(contest, '1x128', { cpu: [9, 9, 9, 9], gpu: [30] }, 4e9), 'cpu cpu cpu cpu gpu');
  same([contest.next('1x128'), contest.next('1x32'), contest.winner('1x64')], ['cpu', 'gpu', null]);
});
