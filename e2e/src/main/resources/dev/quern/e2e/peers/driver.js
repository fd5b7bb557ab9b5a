/*
 * A page in which one engine is measured, driven by calls from outside. An engine's script exports `load(model, {threads, device})`, the device
 * being wasm or webgpu, which resolves to
 *   run(tensors) -> {name: {data, dims}}, the outputs read back as typed arrays (and, if it knows, `milliseconds` inside the engine);
 *   settle?(milliseconds, tensors), what it does by itself in its first seconds; facts?().
 * Tensors are {name: {type, data, dims}}. Every output of every timed run is compared with the expected one, outside the time.
 */
import { gpuCounts } from './counting.js';

const query = new URLSearchParams(location.search);
const name = query.get('engine');
const threads = Number(query.get('threads'));
const device = query.get('device');

const ARRAYS = {
  f32: Float32Array,
  i64: BigInt64Array,
  i32: Int32Array,
  i8: Int8Array,
  u8: Uint8Array,
};

/** Memories that code of this page made or got; those of workers are shared ones made here, or not seen. */
const memories = new Set();

function watchMemories() {
  const { Memory, instantiate, instantiateStreaming } = WebAssembly;
  WebAssembly.Memory = class extends Memory {
    constructor(...given) {
      super(...given);
      memories.add(this);
    }
  };
  const look = (result) => {
    for (const value of Object.values((result.instance ?? result).exports)) {
      if (value instanceof Memory) {
        memories.add(value);
      }
    }
    return result;
  };
  WebAssembly.instantiate = async (...given) => look(await instantiate(...given));
  WebAssembly.instantiateStreaming = async (...given) => look(await instantiateStreaming(...given));
}

watchMemories();

let loaded;
let loadedKey;
let tensors;
let expected;

/** Milliseconds of the last run. */
let last = Infinity;

async function tensor({ type, url, dims }) {
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(`${url} answered ${response.status}`);
  }
  return { type, dims, data: new ARRAYS[type](await response.arrayBuffer()) };
}

/** The largest difference from what was expected, over the largest expected value. */
function difference(outputs) {
  const got = Object.values(outputs)[0].data;
  const { data: wanted, largest } = expected;
  if (got.length !== wanted.length) {
    throw new Error(`the output has ${got.length} elements, expected ${wanted.length}`);
  }
  let worst = 0;
  for (let i = 0; i < wanted.length; i++) {
    const off = Math.abs(got[i] - wanted[i]);
    // Not `off > worst`, which NaN would pass.
    if (!(off <= worst)) {
      worst = off;
    }
  }
  return worst / largest;
}

const calls = {
  async load(model) {
    const key = model.key;
    if (key === loadedKey) {
      return { milliseconds: 0 };
    }
    await loaded?.release?.();
    const from = performance.now();
    const engine = await import(`./${name}.js`);
    loaded = await engine.load(model, { threads, device });
    loadedKey = key;
    last = Infinity;
    return { milliseconds: performance.now() - from };
  },

  async prepare({ inputs, expected: wanted }) {
    tensors = {};
    for (const input of inputs) {
      tensors[input.name] = await tensor(input);
    }
    expected = await tensor(wanted);
    expected.largest = expected.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    return null;
  },

  async first(model) {
    const from = performance.now();
    const engine = await import(`./${name}.js`);
    loaded = await engine.load(model, { threads, device });
    const outputs = await loaded.run(tensors);
    return { milliseconds: performance.now() - from, worst: difference(outputs) };
  },

  async settle({ milliseconds }) {
    return loaded.settle ? loaded.settle(milliseconds, tensors) : true;
  },

  async run({ milliseconds }) {
    const times = [];
    const engineTimes = [];
    let worst = 0;
    // Threads of the engine that ran before may still wait busily.
    await new Promise((go) => setTimeout(go, 30));
    // One run finds its threads asleep and the caches full of other engines' data; runs that follow each other do not.
    if (last < 100) {
      await loaded.run(tensors);
    }
    const end = performance.now() + milliseconds;
    do {
      const from = performance.now();
      const outputs = await loaded.run(tensors);
      last = performance.now() - from;
      times.push(last);
      if (loaded.engineMilliseconds !== undefined) {
        engineTimes.push(loaded.engineMilliseconds);
      }
      const off = difference(outputs);
      if (!(off <= worst)) {
        worst = off;
      }
    } while (performance.now() < end);
    return { times, engineTimes, worst };
  },

  /** What one run asks of WebGPU. */
  async count() {
    const before = await gpuCounts();
    const outputs = await loaded.run(tensors);
    const after = await gpuCounts();
    const counts = Object.fromEntries(Object.keys(after).map((k) => [k, after[k] - before[k]]));
    if (counts.dispatches === 0) {
      throw new Error('nothing was computed on the GPU');
    }
    return { ...counts, worst: difference(outputs) };
  },

  peak: () => loaded.peak(),

  async facts() {
    const memoryBytes = [...memories].reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
    return { memoryBytes, ...(await loaded.facts?.()) };
  },
};

async function call(what, request) {
  try {
    return { value: await calls[what](request) };
  } catch (thrown) {
    return { failed: String(thrown?.message ?? thrown) };
  }
}

window.enginePage = { call };
