import { Tensor, fromWireTensor, toWire } from '../../main/js/sdk/tensor.js';
import { fails, same, test } from './harness.js';

test('a tensor keeps a typed array of its type without copying', () => {
  const data = new Float32Array([1, 2, 3, 4, 5, 6]);
  const tensor = new Tensor('float32', data, [2, 3]);
  same(tensor.data === data, true);
  same(tensor.size, 6);
  same(tensor.reshape([3, 2]).dims, [3, 2]);
});

test('a scalar has no dims, an empty tensor has a zero in them', () => {
  same(new Tensor('float32', [7], []).size, 1);
  same(new Tensor('int64', [], [0, 384]).size, 0);
});

test('numbers are converted to the type', () => {
  same(new Tensor('int64', [1, 2n], [2]).data, BigInt64Array.of(1n, 2n));
  same(new Tensor('bool', [true, 0, 1], [3]).data, Uint8Array.of(1, 0, 1));
  same(new Tensor('float32', [0.1], [1]).data, Float32Array.of(0.1));
});

test('numbers that the type cannot hold are refused', async () => {
  await fails(
    'argument',
    'data[1] = 300 does not fit uint8',
    () => new Tensor('uint8', [1, 300], [2]),
  );
  await fails('argument', 'does not fit int32', () => new Tensor('int32', [1.5], [1]));
  await fails('argument', 'not a whole number', () => new Tensor('int64', [0.5], [1]));
  await fails('argument', 'does not fit int64', () => new Tensor('int64', [2n ** 63n], [1]));
  await fails('argument', 'data[0] is a string', () => new Tensor('int8', ['1'] as never, [1]));
  await fails('argument', 'Uint16Array', () => new Tensor('float16', [1], [1]));
});

test('data and dims must fit each other and the type', async () => {
  await fails(
    'argument',
    'hold 6 elements but data has 5',
    () => new Tensor('float32', [1, 2, 3, 4, 5], [2, 3]),
  );
  await fails(
    'argument',
    'needs a BigInt64Array but data is a Int32Array',
    () => new Tensor('int64', new Int32Array(2), [2]),
  );
  await fails('argument', 'at least 0', () => new Tensor('float32', [], [-1, 0]));
  await fails('argument', 'array of whole numbers', () => new Tensor('float32', [], 3 as never));
  await fails('argument', 'too large', () => new Tensor('float32', [], [2 ** 30, 2 ** 30]));
  await fails(
    'argument',
    '"float" is unknown; use one of float32',
    () => new Tensor('float' as never, [], [0]),
  );
  await fails('argument', 'unknown', () => new Tensor('toString' as never, [], [0]));
});

test('a tensor crosses the wire as a copy', () => {
  const tensor = new Tensor('int32', Int32Array.of(1, 2), [1, 2]);
  const wire = toWire(tensor);
  wire.data[0] = 9;
  same(tensor.data[0], 1);
  same(fromWireTensor(wire).dims, [1, 2]);
});
