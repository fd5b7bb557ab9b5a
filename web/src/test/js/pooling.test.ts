import { cosine, normalize, pool } from '../../main/js/sdk/pooling.js';
import { Tensor } from '../../main/js/sdk/tensor.js';
import { close, fails, same, test } from './harness.js';

const HIDDEN = new Tensor('float32', [1, 2, 3, 4, 100, 100, 5, 6, 7, 8, 9, 10], [2, 3, 2]);
const MASK = [
  [1, 1, 0],
  [1, 1, 1],
];

test('mean pooling leaves the padding out', () => {
  same(pool(HIDDEN, MASK, 'mean'), [Float32Array.of(2, 3), Float32Array.of(7, 8)]);
});

test('cls pooling takes the first position', () => {
  same(pool(HIDDEN, MASK, 'cls'), [Float32Array.of(1, 2), Float32Array.of(5, 6)]);
});

test('a text without any token pools to zero, not to NaN', () => {
  same(pool(new Tensor('float32', [1, 2], [1, 1, 2]), [[0]], 'mean'), [Float32Array.of(0, 0)]);
});

test('pooling refuses what is not hidden states', async () => {
  const flat = new Tensor('float32', [1, 2], [1, 2]);
  await fails('model', 'but the model gave float32 [1, 2]', () => pool(flat, [[1]], 'mean'));
});

test('normalising gives length 1 and leaves zero alone', () => {
  same(normalize(Float32Array.of(3, 4)), Float32Array.of(3 / 5, 4 / 5));
  same(normalize(Float32Array.of(0, 0)), Float32Array.of(0, 0));
});

test('cosine of equal, opposite, orthogonal and zero vectors', async () => {
  close(cosine([1, 2, 3], [2, 4, 6]), 1, 1e-12);
  close(cosine([1, 0], [-3, 0]), -1, 1e-12);
  same(cosine([1, 0], [0, 1]), 0);
  same(cosine([0, 0], [1, 1]), 0);
  await fails('argument', 'got 1 and 2', () => cosine([1], [1, 2]));
});
