import { QuernError } from './errors.js';

/** One row per element type: the array that holds it. `float16` is raw IEEE half bits, `bfloat16` the upper half of a float's, `bool` one byte each. */
const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const;

export type TensorType = keyof typeof ARRAYS;
export type TensorData = InstanceType<(typeof ARRAYS)[TensorType]>;

/** A tensor as it crosses to the engine worker; the buffer of `data` is transferred. */
export interface WireTensor {
  type: TensorType;
  dims: number[];
  data: TensorData;
}

/** The types an engine may name, in the order of the table. */
export const TENSOR_TYPES: readonly TensorType[] = Object.freeze(
  Object.keys(ARRAYS) as TensorType[],
);

/**
 * A dense tensor in row-major order. `data` is kept, not copied; `run` copies it, so that the caller may use it again.
 * Plain arrays of numbers (or bigints, or booleans for `bool`) are converted, and values that the type cannot hold are refused.
 */
export class Tensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly data: TensorData;

  constructor(
    type: TensorType,
    data: TensorData | ArrayLike<number | bigint | boolean>,
    dims: readonly number[],
  ) {
    if (!Object.hasOwn(ARRAYS, type)) {
      throw new QuernError(
        'argument',
        `Tensor type "${String(type)}" is unknown; use one of ${TENSOR_TYPES.join(', ')}.`,
      );
    }
    const size = sizeOf(dims);
    this.type = type;
    this.dims = Object.freeze([...dims]);
    this.data = asArray(type, data);
    if (this.data.length !== size) {
      throw new QuernError(
        'argument',
        `Dims [${dims.join(', ')}] hold ${size} elements but data has ${this.data.length}.`,
      );
    }
  }

  /** Number of elements: the product of dims, 1 for a scalar. */
  get size(): number {
    return this.data.length;
  }

  /** The same data under other dims of equal size; shares the data. */
  reshape(dims: readonly number[]): Tensor {
    return new Tensor(this.type, this.data, dims);
  }
}

function sizeOf(dims: readonly number[]): number {
  if (!Array.isArray(dims)) {
    throw new QuernError(
      'argument',
      'Tensor dims must be an array of whole numbers, such as [1, 128].',
    );
  }
  let size = 1;
  for (const dim of dims) {
    if (!Number.isSafeInteger(dim) || dim < 0) {
      throw new QuernError(
        'argument',
        `Tensor dims [${dims.join(', ')}] must be whole numbers of at least 0.`,
      );
    }
    size *= dim;
  }
  if (!Number.isSafeInteger(size)) {
    throw new QuernError('argument', `Tensor dims [${dims.join(', ')}] are too large.`);
  }
  return size;
}

function asArray(type: TensorType, data: unknown): TensorData {
  const wanted = ARRAYS[type];
  if (data instanceof wanted) {
    return data as TensorData;
  }
  if (ArrayBuffer.isView(data)) {
    throw new QuernError(
      'argument',
      `A ${type} tensor needs a ${wanted.name} but data is a ${data.constructor.name}.`,
    );
  }
  if (!Array.isArray(data)) {
    throw new QuernError(
      'argument',
      `Tensor data must be a ${wanted.name} or an array of numbers.`,
    );
  }
  return convert(type, data);
}

function convert(type: TensorType, values: readonly unknown[]): TensorData {
  const array = new ARRAYS[type](values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    const kind = typeof value;
    if (kind !== 'number' && kind !== 'bigint' && !(kind === 'boolean' && type === 'bool')) {
      throw new QuernError('argument', `Tensor data[${i}] is a ${kind}, not a number.`);
    }
    if (type === 'float16' || type === 'bfloat16') {
      throw new QuernError(
        'argument',
        `A ${type} tensor takes its bits in a Uint16Array, not an array of numbers.`,
      );
    }
    let stored: unknown;
    if (type === 'float32' || type === 'float64') {
      array[i] = Number(value);
      continue; // rounding to the nearest float is what the caller expects
    } else if (type === 'int64' || type === 'uint64') {
      if (kind === 'number' && !Number.isInteger(value)) {
        throw new QuernError('argument', `Tensor data[${i}] = ${value} is not a whole number.`);
      }
      (array as BigInt64Array)[i] = BigInt(value as number | bigint);
      stored = array[i];
    } else {
      array[i] = type === 'bool' ? (value ? 1 : 0) : Number(value);
      stored = array[i];
    }
    if (type !== 'bool' && stored != value) {
      throw new QuernError('argument', `Tensor data[${i}] = ${value} does not fit ${type}.`);
    }
  }
  return array;
}

/** A copy for the wire, because the engine worker takes its buffer over. */
export function toWire(tensor: Tensor): WireTensor {
  return { type: tensor.type, dims: [...tensor.dims], data: tensor.data.slice() as TensorData };
}

/** Puts a tensor's elements into memory that the engine shares with the page. */
export function writeTensor(memory: WebAssembly.Memory, address: number, { data }: Tensor): void {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  new Uint8Array(memory.buffer, address, data.byteLength).set(bytes);
}

/** A tensor whose elements are copied from there, into `given` if it fits. */
export function readTensor(
  memory: WebAssembly.Memory,
  address: number,
  type: TensorType,
  dims: readonly number[],
  given: Tensor | undefined,
): Tensor {
  const shared = new ARRAYS[type](memory.buffer, address, sizeOf(dims));
  if (given && fits(given, type, dims)) {
    (given.data as Float32Array).set(shared as Float32Array);
    return given;
  }
  // Making an array of an array, unlike slice, does not fill it with zeros first.
  return new Tensor(
    type,
    new (ARRAYS[type] as Float32ArrayConstructor)(shared as Float32Array),
    dims,
  );
}

/** What the engine answered, in `given` if it fits; checked like any tensor. */
export function fromWireTensor({ type, data, dims }: WireTensor, given?: Tensor): Tensor {
  const tensor = new Tensor(type, data, dims);
  if (given && fits(given, type, dims)) {
    (given.data as Float32Array).set(data as Float32Array);
    return given;
  }
  return tensor;
}

function fits(tensor: Tensor, type: TensorType, dims: readonly number[]): boolean {
  return tensor.type === type && tensor.dims.join() === dims.join();
}
