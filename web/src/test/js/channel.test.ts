import { Channel, type Port } from '../../main/js/sdk/channel.js';
import { holdingCores } from '../../main/js/sdk/cores.js';
import { QuernError } from '../../main/js/sdk/errors.js';
import type { Notification } from '../../main/js/sdk/protocol.js';
import { ManualClock, fails, same, settle, test } from './harness.js';

/** A worker that only keeps what it was told. */
class SilentPort implements Port {
  readonly told: Record<string, unknown>[] = [];
  ended = false;
  onmessage: Port['onmessage'] = null;
  onmessageerror: Port['onmessageerror'] = null;
  onerror: Port['onerror'] = null;

  postMessage(message: unknown): void {
    this.told.push(message as Record<string, unknown>);
  }

  terminate(): void {
    this.ended = true;
  }

  say(data: unknown): void {
    this.onmessage?.({ data } as MessageEvent);
  }
}

function channel() {
  const port = new SilentPort();
  const clock = new ManualClock();
  const heard: Notification[] = [];
  return { port, clock, heard, channel: new Channel(port, (n) => heard.push(n), clock) };
}

test('replies find their requests in any order', async () => {
  const { port, channel: c } = channel();
  const first = c.request('describe', {});
  const second = c.request('tuning', { tune: true, hidden: false });
  same(port.told, [
    { id: 1, type: 'describe' },
    { id: 2, type: 'tuning', tune: true, hidden: false },
  ]);
  port.say({ id: 2, ok: true, value: null });
  port.say({ id: 1, ok: true, value: { peakGflops: 50 } });
  port.say({ id: 1, ok: true, value: 'late and ignored' });
  same(await second, null);
  same(((await first) as { peakGflops: number }).peakGflops, 50);
});

test('an error reply keeps its code and problems; an unknown code counts as engine', async () => {
  const { port, channel: c } = channel();
  const run = c.request('describe', {});
  port.say({
    id: 1,
    ok: false,
    error: { code: 'model', message: 'Bad node.', problems: ['a', 'b'] },
  });
  same((await fails('model', 'Bad node.', () => run)).problems, ['a', 'b']);
  const other = c.request('describe', {});
  port.say({ id: 2, ok: false, error: { code: 'sharks', message: 'Bitten.' } });
  await fails('engine', 'Bitten.', () => other);
});

test('notifications are heard and prove that the worker lives', async () => {
  const { port, clock, heard, channel: c } = channel();
  const creating = c.request('describe', {}, { silence: 1000 });
  clock.pass(900);
  port.say({ type: 'progress', phase: 'download', loaded: 1, total: 2 });
  clock.pass(900);
  same(port.ended, false);
  same(heard.length, 1);
  clock.pass(200);
  await fails('timeout', 'silent for 1 s', () => creating);
  same(port.ended, true);
  await fails('timeout', 'silent', () => c.request('describe', {}));
});

test('a failed worker fails every request', async () => {
  const { port, channel: c } = channel();
  const waiting = [c.request('describe', {}), c.request('release', {})];
  port.onerror?.({ message: 'boom', preventDefault() {} } as ErrorEvent);
  for (const request of waiting) {
    await fails('engine', 'boom', () => request);
  }
  same(port.ended, true);
});

test('a signal writes the cancel word, tells the worker, and ends as aborted', async () => {
  const { port, channel: c } = channel();
  const controller = new AbortController();
  const cancelled: number[] = [];
  const run = c.request(
    'describe',
    {},
    { signal: controller.signal, onAbort: (id) => cancelled.push(id) },
  );
  controller.abort();
  same(cancelled, [1]);
  same(port.told.at(-1), { type: 'cancel', target: 1 });
  port.say({ id: 1, ok: false, error: { code: 'aborted', message: 'x' } });
  await fails('aborted', 'cancelled', () => run);
  await fails('aborted', 'cancelled', () =>
    c.request('describe', {}, { signal: controller.signal }),
  );
  same(port.told.length, 2);
});

test('a closed channel gives the reason to all', async () => {
  const { channel: c } = channel();
  const run = c.request('describe', {});
  c.close(new QuernError('released', 'Gone.'));
  c.close(new QuernError('engine', 'Too late.'));
  await fails('released', 'Gone.', () => run);
  same(c.closed?.code, 'released');
});

test('one run at a time holds the cores, and a failed one lets them go', async () => {
  const events: string[] = [];
  let finish = () => {};
  const first = holdingCores(async () => {
    events.push('first');
    await new Promise<void>((resolve) => (finish = resolve));
    throw new QuernError('model', 'no');
  });
  const second = holdingCores(async () => events.push('second'));
  await settle();
  same(events, ['first']);
  finish();
  await fails('model', 'no', () => first);
  await second;
  same(events, ['first', 'second']);
});
