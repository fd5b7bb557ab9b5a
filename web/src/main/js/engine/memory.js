import { EngineError } from './errors.js';

export const PAGE = 65536;
const MAXIMA = [65536, 32768, 16384, 8192, 4096];

const noMemory = () =>
  new EngineError(
    'memory',
    'The browser gives no memory for a model; close other tabs and load the page again.',
  );

/** The kernels' memory: as large a maximum as the browser reserves. */
export function createMemory(shared) {
  for (const maximum of MAXIMA) {
    try {
      return { memory: new WebAssembly.Memory({ initial: 1, maximum, shared }), maximum };
    } catch {
      // A 32-bit browser or one with many tabs refuses to reserve this much: try half.
    }
  }
  throw noMemory();
}

/** Milliseconds to wait for address space, again and again. */
const WAITS = [50, 100, 200, 400, 800, 1600];

/**
 * The result of `make`, which makes a memory. A browser reserves gigabytes of addresses for each and gives them back a while after a
 * session's end: where many sessions come and go, the next one waits. `scarce` asks the page to drop what it holds of earlier ones.
 */
export async function whenThereIsRoom(make, scarce) {
  for (const wait of WAITS) {
    try {
      return await make();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      scarce();
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  try {
    return await make();
  } catch (error) {
    throw error instanceof RangeError ? noMemory() : error;
  }
}

/** Grows `memory` to at least `bytes`. */
export function ensureMemory(memory, bytes) {
  const missing = Math.ceil((bytes - memory.buffer.byteLength) / PAGE);
  if (missing <= 0) return;
  try {
    memory.grow(missing);
  } catch {
    throw new EngineError(
      'memory',
      `The browser refuses to grow the memory from ${memory.buffer.byteLength} to ${bytes} bytes; close other tabs or use a smaller model.`,
    );
  }
}

// An instance of this module reads and writes one memory. The engine imports its functions: a call
// from WasmGC to another instance costs a few nanoseconds, a DataView through JSO a microsecond in
// Firefox. It also stays right when the memory grows.
const I32 = 0x7f;
const F32 = 0x7d;
const F64 = 0x7c;
const ACCESS = [
  // name, parameters, results, code
  ['getByte', [I32], [I32], [0x20, 0, 0x2c, 0, 0]],
  ['getInt', [I32], [I32], [0x20, 0, 0x28, 0, 0]],
  ['getFloat', [I32], [F32], [0x20, 0, 0x2a, 0, 0]],
  ['getDouble', [I32], [F64], [0x20, 0, 0x2b, 0, 0]],
  ['putByte', [I32, I32], [], [0x20, 0, 0x20, 1, 0x3a, 0, 0]],
  ['putInt', [I32, I32], [], [0x20, 0, 0x20, 1, 0x36, 0, 0]],
  ['putFloat', [I32, F32], [], [0x20, 0, 0x20, 1, 0x38, 0, 0]],
  ['putDouble', [I32, F64], [], [0x20, 0, 0x20, 1, 0x39, 0, 0]],
  ['move', [I32, I32, I32], [], [0x20, 1, 0x20, 0, 0x20, 2, 0xfc, 10, 0, 0]], // from, to, length
  ['clear', [I32, I32], [], [0x20, 0, 0x41, 0, 0x20, 1, 0xfc, 11, 0]],
  ['pages', [], [I32], [0x3f, 0]],
];

/** LEB128 of a count or size below 16384. */
const leb = (n) => (n < 128 ? [n] : [(n & 127) | 128, n >> 7]);
const section = (id, items) => {
  const body = [...leb(items.length), ...items.flat()];
  return [id, ...leb(body.length), ...body];
};
const name = (text) => [text.length, ...[...text].map((c) => c.charCodeAt(0))];

/** Functions that read and write `memory` from WebAssembly; addresses are unsigned i32. */
export function accessTo(memory, shared) {
  const limits = [shared ? 3 : 1, 0, 0x80, 0x80, 4]; // at most 65536 pages
  const bytes = Uint8Array.from([
    ...[0, 97, 115, 109, 1, 0, 0, 0],
    ...section(
      1,
      ACCESS.map(([, p, r]) => [0x60, p.length, ...p, r.length, ...r]),
    ),
    ...section(2, [[...name('env'), ...name('memory'), 2, ...limits]]),
    ...section(
      3,
      ACCESS.map((_, i) => [i]),
    ),
    ...section(
      7,
      ACCESS.map(([n], i) => [...name(n), 0, i]),
    ),
    ...section(
      10,
      ACCESS.map(([, , , code]) => [code.length + 2, 0, ...code, 0x0b]),
    ),
  ]);
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports;
}
