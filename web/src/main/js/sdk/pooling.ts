import { QuernError } from './errors.js';
import type { Tensor } from './tensor.js';

export type Pooling = 'mean' | 'cls' | 'none';

/**
 * Hidden states [batch, seq, hidden] to vectors [batch][hidden]: the mean over the positions that the mask [batch, seq] keeps, or the
 * first position. Sums are kept in double precision, so that the result does not depend on how long the padding is.
 */
export function pool(
  hidden: Tensor,
  mask: readonly number[][],
  pooling: 'mean' | 'cls',
): Float32Array[] {
  const [batch, seq, width] = hidden.dims;
  if (hidden.dims.length !== 3 || hidden.type !== 'float32' || batch !== mask.length) {
    throw new QuernError(
      'model',
      `Pooling needs float32 hidden states [${mask.length}, seq, hidden] but the model gave ${hidden.type} [${hidden.dims.join(', ')}].`,
    );
  }
  const data = hidden.data as Float32Array;
  return mask.map((row, b) => {
    const sums = new Float64Array(width!);
    let count = 0;
    for (let s = 0; s < (pooling === 'cls' ? 1 : seq!); s++) {
      if (pooling === 'mean' && !row[s]) {
        continue;
      }
      count++;
      const at = (b * seq! + s) * width!;
      for (let i = 0; i < width!; i++) {
        sums[i]! += data[at + i]!;
      }
    }
    const vector = new Float32Array(width!);
    for (let i = 0; i < width!; i++) {
      vector[i] = sums[i]! / Math.max(count, 1);
    }
    return vector;
  });
}

/** Scales a vector to length 1, in place; a zero vector stays zero. */
export function normalize(vector: Float32Array): Float32Array {
  let squares = 0;
  for (const value of vector) {
    squares += value * value;
  }
  const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
  for (let i = 0; i < vector.length; i++) {
    vector[i]! *= scale;
  }
  return vector;
}

/** Cosine of the angle between two vectors of equal length, -1 to 1; 0 when one of them is zero. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) {
    throw new QuernError(
      'argument',
      `Cosine needs vectors of equal length but got ${a.length} and ${b.length}.`,
    );
  }
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!;
    aa += a[i]! * a[i]!;
    bb += b[i]! * b[i]!;
  }
  return aa > 0 && bb > 0 ? dot / Math.sqrt(aa * bb) : 0;
}
