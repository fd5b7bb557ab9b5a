import { madeUp, sizesOf } from '../../main/js/demo/made-up.js';
import { outlineOf } from '../../main/js/demo/outline.js';
import type { ValueInfo } from '../../main/js/sdk/protocol.js';
import { close, same, test } from './harness.js';

/* What the page for visitors' own models knows without the engine. */

const number = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...number(Math.floor(value / 128))];
const integer = (field: number, value: number) => [...number(8 * field), ...number(value)];
const chunk = (field: number, bytes: number[]) => [
  ...number(8 * field + 2),
  ...number(bytes.length),
  ...bytes,
];
const text = (field: number, value: string) => chunk(field, [...new TextEncoder().encode(value)]);

/** A product with a table of [300, 2], an operator of another domain, a branch with a constant of [5]. */
const MODEL = new Uint8Array([
  ...integer(1, 7),
  ...text(2, 'tests'),
  ...chunk(7, [
    ...chunk(1, [...text(1, 'x'), ...text(1, 'w'), ...text(2, 'p'), ...text(4, 'MatMul')]),
    ...chunk(1, [...text(4, 'Gelu'), ...text(7, 'com.microsoft')]),
    ...chunk(1, [
      ...text(4, 'If'),
      ...chunk(5, [
        ...text(1, 'then_branch'),
        ...chunk(6, [
          ...chunk(1, [
            ...text(4, 'Constant'),
            ...chunk(5, [...text(1, 'value'), ...chunk(5, integer(1, 5))]),
          ]),
          ...chunk(1, [...text(4, 'Relu'), ...text(7, 'ai.onnx')]),
          ...chunk(1, text(4, 'Relu')),
        ]),
      ]),
    ]),
    ...chunk(5, [...chunk(1, [...number(300), ...number(2)]), ...chunk(9, [1, 2, 3])]),
    ...chunk(5, [13 * 8 + 1, 0, 0, 0, 0, 0, 0, 0, 0]), // a scalar, and a field of 64 bits
  ]),
  ...chunk(8, integer(2, 17)),
  ...chunk(8, [...text(1, 'com.microsoft'), ...integer(2, 1)]),
]);

test('outline: operators and numbers of a file, branches included', () => {
  same(outlineOf(MODEL), {
    producer: 'tests',
    opsets: { '': 17, 'com.microsoft': 1 },
    operators: { MatMul: 1, 'com.microsoft.Gelu': 1, Relu: 2, If: 1 },
    parameters: 606,
  });
});

test('outline: of any part of a file and of any other file something is told, or nothing', () => {
  for (let length = 0; length <= MODEL.length; length++) {
    const outline = outlineOf(MODEL.subarray(0, length));
    if (outline) {
      same(outline.parameters <= 606, true, 'parameters');
    }
  }
  same(outlineOf(new Uint8Array(0)), null, 'nothing');
  same(outlineOf(new TextEncoder().encode('<!doctype html><html></html>')), null, 'a web page');
  same(outlineOf(new Uint8Array(1000).fill(255)), null, 'ones');
});

const input = (name: string, type: ValueInfo['type'], ...dims: (number | string)[]) => ({
  name,
  type,
  dims,
});

test('made-up inputs: named sizes get small numbers, sums are those of their parts', () => {
  const declared = [
    input('ids', 'int64', 'batch', 'sequence'),
    input('attention_mask', 'int64', 'batch', 'past + sequence'),
    input('past_keys', 'float32', 'batch', 4, 'past', 8),
    input('image', 'float32', 'n', 3, 'h', 'w'),
    input('next', 'bool', 'sequence + 1'),
  ];
  const sizes = sizesOf(declared);
  same(
    [...sizes],
    [
      ['batch', 1],
      ['sequence', 16],
      ['past', 1],
      ['n', 1],
      ['h', 64],
      ['w', 64],
    ],
    'sizes',
  );
  sizes.set('sequence', 5);
  const made = madeUp(declared, sizes);
  same(made['ids']!.dims, [1, 5], 'ids');
  same(made['attention_mask']!.dims, [1, 6], 'mask');
  same([...made['attention_mask']!.data].map(Number), [1, 1, 1, 1, 1, 1], 'numbers of a mask');
  same(made['next']!.dims, [6], 'a sum with a number');
  same(made['image']!.data.length, 3 * 64 * 64, 'numbers of an image');
});

test('made-up inputs: numbers are spread, whole ones fit any table, and all come again', () => {
  const declared = [
    input('x', 'float32', 10_000),
    input('i', 'int32', 10_000),
    input('h', 'float16', 4),
    input('s', 'float64'),
  ];
  const first = madeUp(declared, new Map());
  same(madeUp(declared, new Map()), first, 'the second time');
  const numbers = [...(first['x']!.data as Float32Array)];
  close(Math.min(...numbers), -1, 0.01);
  close(Math.max(...numbers), 1, 0.01);
  close(numbers.reduce((sum, x) => sum + x, 0) / numbers.length, 0, 0.03);
  same([...new Set(first['i']!.data as Int32Array)].sort(), [0, 1], 'whole numbers');
  same(
    [...first['h']!.data].every((bits) => bits === 0x3c00 || bits === 0xbc00),
    true,
    'half floats are 1 or -1',
  );
  same([first['s']!.dims, first['s']!.data.length], [[], 1], 'a scalar');
});

test('made-up inputs: what would fill the memory is refused by name', () => {
  let message = '';
  try {
    madeUp([input('x', 'float32', 'n', 1 << 20)], new Map([['n', 1000]]));
  } catch (thrown) {
    message = (thrown as Error).message;
  }
  same(message.includes('"x" [1000, 1048576]') && message.includes('smaller sizes'), true, message);
});
