import { QuernError } from './errors.js';
import type { ValueInfo } from './protocol.js';
import { Tensor } from './tensor.js';

/** Texts that run together: their places in the caller's list, and their ids padded to the longest of them. */
export interface Batch {
  places: number[];
  ids: number[][];
  mask: number[][];
}

/**
 * Groups texts of similar length, so that little is computed for padding: sorted by length, `size` at a time. Every
 * text appears once; the caller puts the answers back in its own order by `places`.
 */
export function batches(texts: readonly number[][], size: number, padId: number): Batch[] {
  const order = texts.map((_, i) => i).sort((a, b) => texts[a]!.length - texts[b]!.length || a - b);
  const result: Batch[] = [];
  for (let from = 0; from < order.length; from += size) {
    const places = order.slice(from, from + size);
    const longest = Math.max(...places.map((place) => texts[place]!.length));
    result.push({
      places,
      ids: places.map((place) => padded(texts[place]!, longest, padId)),
      mask: places.map((place) =>
        padded(
          texts[place]!.map(() => 1),
          longest,
          0,
        ),
      ),
    });
  }
  return result;
}

function padded(row: readonly number[], length: number, filler: number): number[] {
  return [...row, ...new Array<number>(length - row.length).fill(filler)];
}

/** One row per input that text encoders take: how its values follow from ids and mask. */
const FILLERS: Record<string, (batch: Batch) => number[][]> = {
  input_ids: (batch) => batch.ids,
  attention_mask: (batch) => batch.mask,
  token_type_ids: (batch) => batch.ids.map((row) => row.map(() => 0)),
  position_ids: (batch) => batch.ids.map((row) => row.map((_, i) => i)),
};

/** The model's inputs [batch, seq] for a batch; refuses a model that wants something else than text. */
export function textInputs(batch: Batch, inputs: readonly ValueInfo[]): Record<string, Tensor> {
  const dims = [batch.ids.length, batch.ids[0]!.length];
  return Object.fromEntries(
    inputs.map(({ name, type }) => {
      const fill = FILLERS[name];
      if (!fill || (type !== 'int64' && type !== 'int32')) {
        throw new QuernError(
          'model',
          `The model's input "${name}" (${type}) is none that text gives; feature extraction fills ${Object.keys(FILLERS).join(', ')} of whole numbers.`,
        );
      }
      return [name, new Tensor(type, fill(batch).flat(), dims)];
    }),
  );
}
