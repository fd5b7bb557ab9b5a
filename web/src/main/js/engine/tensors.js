import { EngineError } from './errors.js';

// The SDK's name of a type, the engine's, and its array.
const TYPES = [
  ['float32', 'f32', Float32Array],
  ['float64', 'f64', Float64Array],
  ['float16', 'f16', Uint16Array],
  ['bfloat16', 'bf16', Uint16Array],
  ['int8', 'i8', Int8Array],
  ['uint8', 'u8', Uint8Array],
  ['int16', 'i16', Int16Array],
  ['uint16', 'u16', Uint16Array],
  ['int32', 'i32', Int32Array],
  ['uint32', 'u32', Uint32Array],
  ['int64', 'i64', BigInt64Array],
  ['uint64', 'u64', BigUint64Array],
  ['bool', 'bool', Uint8Array],
];
const byName = new Map(TYPES.map((row) => [row[0], row]));
const byLabel = new Map(TYPES.map((row) => [row[1], row]));

/** The SDK's name of an engine's type. */
export const typeName = (label) => byLabel.get(label)?.[0] ?? label;

/** The inputs as the engine learns of them, and their bytes, which it asks for by index. */
export function describeInputs(inputs) {
  const views = [];
  const described = Object.entries(inputs).map(([name, { type, dims, data }]) => {
    const row = byName.get(type);
    if (!row || !ArrayBuffer.isView(data)) {
      throw new EngineError(
        'input',
        `Input '${name}' needs a known type and a typed array, not the type ${type}.`,
      );
    }
    views.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return { name, type: row[1], dims, bytes: data.byteLength };
  });
  return { described, views };
}

/** A tensor of the engine's type on a buffer of its own. */
export function tensorOf(type, dims, buffer) {
  const [typeOfSdk, , TypedArray] = byLabel.get(type);
  return { type: typeOfSdk, dims, data: new TypedArray(buffer) };
}

/** Copies outputs out of the memory that they lie in, each into a buffer of its own. */
export function takeOutputs(outputs, { memory, stage }) {
  const tensors = {};
  for (const { name, type, dims, address, bytes, staged } of outputs) {
    const source = new Uint8Array((staged ? stage : memory).buffer, address, bytes);
    tensors[name] = tensorOf(type, dims, source.slice().buffer);
  }
  return tensors;
}
