// What this browser offers, found by validating tiny modules: no user agent is read.

const HEADER = [0, 97, 115, 109, 1, 0, 0, 0];

/** A module with one function of no parameters; `type` is its type section's entry. */
const withFunction = (type, body, sections = []) =>
  Uint8Array.from([
    ...HEADER,
    ...[1, type.length + 1, 1, ...type],
    ...[3, 2, 1, 0],
    ...sections,
    ...[10, body.length + 4, 1, body.length + 2, 0, ...body, 11],
  ]);

const TO_V128 = [0x60, 0, 1, 0x7b];
const TO_NOTHING = [0x60, 0, 0];
const ZEROS = [65, 0, 0xfd, 15]; // i32.const 0; i8x16.splat
const MODULES = {
  simd: withFunction(TO_V128, ZEROS),
  relaxedSimd: withFunction(TO_V128, [...ZEROS, ...ZEROS, ...ZEROS, 0xfd, 0x85, 2]), // f32x4.relaxed_madd
  // A shared memory of one page and an i32.atomic.load.
  threads: withFunction(TO_NOTHING, [65, 0, 0xfe, 16, 2, 0, 26], [5, 4, 1, 3, 1, 1]),
  wasmGc: Uint8Array.from([...HEADER, 1, 5, 1, 0x5f, 1, 0x78, 0]), // a struct type
};

const valid = (name) => {
  try {
    return WebAssembly.validate(MODULES[name]);
  } catch {
    return false;
  }
};

/** V8, SpiderMonkey and JavaScriptCore differ in what an Error says about its place. */
function engineFamily() {
  const error = new Error('probe');
  if ('lineNumber' in error) return 'spidermonkey';
  if ('line' in error || 'sourceURL' in error) return 'jsc';
  return String(error.stack).startsWith('Error') ? 'v8' : 'other';
}

const MOST_THREADS = 8;

/** Threads are counted in buckets, so that records of 6 and 8 cores meet. */
const bucket = (threads) => [1, 2, 4, 8, 16].find((b) => threads <= b) ?? 32;

/**
 * The features alone, in some milliseconds. `isolated` means that memory can be shared.
 */
export function probe() {
  const isolated = globalThis.crossOriginIsolated === true;
  const shared = isolated && typeof SharedArrayBuffer === 'function' && valid('threads');
  return {
    family: engineFamily(),
    simd: typeof WebAssembly === 'object' && valid('simd'),
    relaxedSimd: typeof WebAssembly === 'object' && valid('relaxedSimd'),
    wasmGc: typeof WebAssembly === 'object' && valid('wasmGc'),
    isolated,
    shared,
    cores: navigator.hardwareConcurrency || 1,
  };
}

/** The number of threads that a session gets when it asks for `requested` (0: we choose). */
export function threadCount(features, requested) {
  if (!features.shared) return 1;
  return Math.max(1, Math.min(requested || Math.min(features.cores, MOST_THREADS), 32));
}

/** The key under which devices share schedules: only what stays the same between visits. */
export const classKey = (features, threads) =>
  `${features.family}${features.simd ? '-simd' : ''}${features.relaxedSimd ? '-fma' : ''}-t${bucket(threads)}`;

/** The protocol's Capabilities: each path with a sentence for a person. */
export function capabilities(
  features,
  { requested = 0, device = 'auto', engine = 'auto', maximumBytes = 0 } = {},
) {
  const wasm = typeof WebAssembly === 'object';
  const chosen = !wasm ? 'none' : device === 'reference' || !features.simd ? 'reference' : 'wasm';
  const threads = chosen === 'wasm' ? threadCount(features, requested) : 1;
  let why;
  if (chosen !== 'wasm') {
    why = 'One thread: the reference device is plain and runs on one.';
  } else if (features.shared) {
    why = requested
      ? `${threads} of ${features.cores} logical cores, as asked for.`
      : `${threads} of ${features.cores} logical cores: the page is cross-origin isolated, so memory is shared.`;
  } else if (!features.isolated) {
    why =
      'One thread: the page is not cross-origin isolated. Send COOP same-origin and COEP require-corp to share memory.';
  } else {
    why = 'One thread: this browser does not offer shared WebAssembly memory.';
  }
  return {
    device: chosen,
    engine: engine === 'js' || (engine === 'auto' && !features.wasmGc) ? 'js' : 'wasmgc',
    class: classKey(features, threads),
    threads: { count: threads, why },
    simd: {
      available: features.simd,
      why: features.simd
        ? 'WebAssembly SIMD validates.'
        : 'This browser lacks WebAssembly SIMD: only the slow reference device runs.',
    },
    fma: {
      available: features.relaxedSimd,
      why: features.relaxedSimd
        ? 'Relaxed SIMD validates: multiply and add are one instruction.'
        : 'This browser lacks relaxed SIMD: multiply and add are two instructions.',
    },
    gpu: { available: false, why: 'This session leaves the GPU alone.' },
    isolated: features.isolated,
    memory: { shared: features.shared, maximumBytes },
  };
}
