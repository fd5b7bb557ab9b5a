import { History, niceTop, words } from '../../main/js/demo/chart.js';
import { kernelLabel, tile } from '../../main/js/demo/panel.js';
import { linesOf, rank } from '../../main/js/demo/ranking.js';
import { isConnect, isHello, isTexts } from '../../main/js/embed/messages.js';
import { same, test } from './harness.js';

test('lines are trimmed, and neither empty nor twice', () => {
  same(linesOf(' a \n\n b\r\na\n'), ['a', 'b']);
});

test('the closest line comes first, equal ones in their order', () => {
  const lines = [
    { text: 'far', vector: Float32Array.of(0, 1) },
    { text: 'near', vector: Float32Array.of(1, 0.1) },
    { text: 'as far', vector: Float32Array.of(0, 2) },
  ];
  same(
    rank(Float32Array.of(1, 0), lines).map(({ text }) => text),
    ['near', 'far', 'as far'],
  );
});

test('the chart compares runs of one size and marks swaps', () => {
  const history = new History();
  history.add({ milliseconds: 40, shape: '1x14' });
  history.add({ milliseconds: 90, shape: '8x20' });
  history.swap();
  history.add({ milliseconds: 30, shape: '1x14' });
  const plot = history.plot('1x14');
  same([plot.values, plot.swaps, plot.top], [[40, 30], [1], 40]);
  same(
    words(plot),
    '2 inferences of one text of 14 tokens: first 40.0 ms, best 30.0 ms. Dashed: a faster kernel was swapped in.',
  );
  same(words(history.plot('2x2')), 'No inference yet.');
});

test('one slow run does not flatten the others', () => {
  const history = new History();
  for (const milliseconds of [20, 21, 900, 19, 20]) {
    history.add({ milliseconds, shape: '1x14' });
  }
  const plot = history.plot('1x14');
  same([plot.top, plot.smooth], [80, [20, 20, 21, 20, 20]]);
});

test('scales end at round numbers', () => {
  same([0.7, 1, 13, 26, 41, 99, 101].map(niceTop), [0.8, 1, 15, 30, 50, 100, 150]);
});

test('a tile reads rows by columns', () => {
  same(tile('mr=6 nr=8 mc=48 kc=384'), '6×8');
  same(tile('lanes=4'), 'lanes=4');
  same(tile(''), '–');
});

test('a kernel is told by its family, size and what follows it', () => {
  const gelu =
    'f32_matmul k=384 n=1536 epilogue=f32,f32;ADD(0,1);CONSTANT#1;MUL(2,3);ERF(4)[VECTOR]';
  same(kernelLabel(gelu), 'matmul 384→1536 gelu');
  same(
    kernelLabel('f32_matmul k=384 n=1152 epilogue=f32,f32;ADD(0,1)[VECTOR]'),
    'matmul 384→1152 add',
  );
  same(kernelLabel('f32_matmul k=8 n=4'), 'matmul 8→4');
  same(kernelLabel('something new'), 'something new');
});

test('window messages of others are not taken for the element’s', () => {
  const connect = { quern: 'connect', version: 1, model: 'm', shown: true, texts: ['a'] };
  same(isConnect(connect), true);
  same(isConnect({ ...connect, texts: [1] }), false);
  same(isConnect({ ...connect, version: 2 }), false);
  for (const other of [null, undefined, 'hello', 3, {}, [], { quern: 'hello' }]) {
    same([isHello(other), isConnect(other), isTexts(other)], [false, false, Array.isArray(other)]);
  }
  same(isHello({ quern: 'hello', version: 1 }), true);
});
