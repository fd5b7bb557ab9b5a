import { batches, textInputs } from '../../main/js/sdk/batching.js';
import { fails, same, test } from './harness.js';

test('texts of similar length run together, padded to the longest of them', () => {
  const made = batches([[1, 2, 3, 4], [5], [6, 7]], 2, 0);
  same(made, [
    {
      places: [1, 2],
      ids: [
        [5, 0],
        [6, 7],
      ],
      mask: [
        [1, 0],
        [1, 1],
      ],
    },
    { places: [0], ids: [[1, 2, 3, 4]], mask: [[1, 1, 1, 1]] },
  ]);
});

test('every text is in exactly one batch', () => {
  const texts = Array.from({ length: 29 }, (_, i) => new Array<number>(1 + ((i * 7) % 11)).fill(1));
  const places = batches(texts, 8, 0).flatMap((batch) => batch.places);
  same(
    places.sort((a, b) => a - b),
    texts.map((_, i) => i),
  );
  same(batches([], 8, 0), []);
});

test('the inputs follow the names and types that the model wants', async () => {
  const [batch] = batches(
    [
      [101, 7, 102],
      [101, 102],
    ],
    8,
    9,
  );
  const inputs = textInputs(batch!, [
    { name: 'attention_mask', type: 'int32', dims: ['b', 's'] },
    { name: 'input_ids', type: 'int64', dims: ['b', 's'] },
    { name: 'token_type_ids', type: 'int64', dims: ['b', 's'] },
  ]);
  same(inputs['input_ids']!.data, BigInt64Array.of(101n, 102n, 9n, 101n, 7n, 102n));
  same(inputs['attention_mask']!.data, Int32Array.of(1, 1, 0, 1, 1, 1));
  same(inputs['token_type_ids']!.data, new BigInt64Array(6));
  same(inputs['input_ids']!.dims, [2, 3]);
  await fails('model', 'input "pixels" (float32) is none that text gives', () =>
    textInputs(batch!, [{ name: 'pixels', type: 'float32', dims: [1] }]),
  );
});
