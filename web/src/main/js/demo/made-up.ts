import { Tensor } from '../quern.js';
import type { ValueInfo } from '../sdk/protocol.js';
import type { TensorType } from '../sdk/tensor.js';

/* Inputs for a model of which only the declarations are known, the same each time. */

const BATCH = 1;
const LENGTH = 16; // tokens, samples
const SIDE = 64; // height and width of an image
const MOST = 2 ** 28; // numbers of an input

/** The sizes that a visitor may choose: the named ones that are no sums of others, with a small number for each. */
export function sizesOf(inputs: readonly ValueInfo[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { dims } of inputs) {
    dims.forEach((dim, axis) => {
      for (const name of typeof dim === 'string' ? terms(dim) : []) {
        if (!sizes.has(name) && !/^\d+$/.test(name)) {
          sizes.set(name, usual(name, axis, dims.length));
        }
      }
    });
  }
  return sizes;
}

/** Exporters write what comes after a cache as a sum: "past_sequence_length + 1". */
function terms(dim: string): string[] {
  return dim.split('+').map((term) => term.trim());
}

function usual(name: string, axis: number, rank: number): number {
  const lower = name.toLowerCase();
  if (lower.includes('batch') || lower.includes('past') || axis === 0) {
    return BATCH;
  }
  if (lower.includes('total')) {
    return BATCH + LENGTH;
  }
  return rank === 4 && axis >= 2 ? SIDE : LENGTH;
}

/** Numbers from -1 to 1, whole ones 0 or 1; masks are 1 throughout. */
export function madeUp(
  inputs: readonly ValueInfo[],
  sizes: ReadonlyMap<string, number>,
): Record<string, Tensor> {
  const next = generator(1);
  return Object.fromEntries(
    inputs.map(({ name, type, dims }) => {
      const numbers = dims.map((dim) =>
        typeof dim === 'number'
          ? dim
          : terms(dim).reduce((sum, term) => sum + (sizes.get(term) ?? Number(term)), 0),
      );
      const count = numbers.reduce((product, dim) => product * dim, 1);
      if (count > MOST) {
        throw new RangeError(
          `The input "${name}" [${numbers.join(', ')}] would have ${count} numbers: choose smaller sizes.`,
        );
      }
      const mask = name.toLowerCase().includes('mask');
      return [name, tensor(type, numbers, count, () => (mask ? 1 : next()))];
    }),
  );
}

function tensor(type: TensorType, dims: number[], count: number, next: () => number): Tensor {
  const whole = () => (next() > 0 ? 1 : 0);
  switch (type) {
    case 'float32':
      return new Tensor(type, Float32Array.from({ length: count }, next), dims);
    case 'float64':
      return new Tensor(type, Float64Array.from({ length: count }, next), dims);
    case 'float16': // 1 or -1, as bits
      return new Tensor(
        type,
        Uint16Array.from({ length: count }, () => (next() > 0 ? 0x3c00 : 0xbc00)),
        dims,
      );
    case 'bfloat16':
      return new Tensor(
        type,
        Uint16Array.from({ length: count }, () => (next() > 0 ? 0x3f80 : 0xbf80)),
        dims,
      );
    case 'int64':
    case 'uint64':
      return new Tensor(type, Array.from({ length: count }, whole).map(BigInt), dims);
    default:
      return new Tensor(type, Array.from({ length: count }, whole), dims);
  }
}

/** Numbers from -1 to 1: a linear congruential generator (Numerical Recipes). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}
