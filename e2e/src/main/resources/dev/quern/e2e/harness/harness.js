/*
 * The page that commands and tests drive: it loads the SDK like any site does and offers its calls by name. Tensors come and go
 * over HTTP, because a driver's evaluate carries JSON only; everything else is JSON.
 */
import * as quern from '/quern.js';

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
};

/** What is open, by the caller's id: a session, its pipeline if it has one, and what its events said. */
const opened = new Map();

/** Probes of the peak, by address. */
const peaks = new Map();

/** Workers that read their own memories, by their number, and which of the modules reads fastest. */
const readers = new Map();

function ask(workers, request) {
  return Promise.all(
    workers.map((worker) => {
      const answer = new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => reject(new Error(event.message));
      });
      worker.postMessage(request);
      return answer;
    }),
  );
}

/** GB/s of all workers together. */
async function rate(workers, which, turns) {
  const rates = await ask(workers, { which, turns });
  return rates.reduce((sum, each) => sum + each, 0) / 1e6;
}

function find(id) {
  const entry = opened.get(id);
  if (!entry) {
    throw new Error(`nothing is open under the id ${id}`);
  }
  return entry;
}

async function bytesOf(url) {
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(`${url} answered ${response.status}`);
  }
  return response.arrayBuffer();
}

async function tensorsOf(inputs) {
  const tensors = {};
  for (const { name, type, dims, url } of inputs) {
    tensors[name] = new quern.Tensor(type, new ARRAYS[type](await bytesOf(url)), dims);
  }
  return tensors;
}

async function send(url, data) {
  const response = await fetch(url, { method: 'PUT', body: data });
  if (!response.ok) {
    throw new Error(`${url} answered ${response.status}`);
  }
}

/** Sums the timings of the runs that an action makes. */
async function timed(entry, action) {
  const from = entry.latency.length;
  const started = performance.now();
  const value = await action();
  // Events arrive while the action waits; one turn lets the last one in.
  await new Promise((go) => setTimeout(go, 0));
  const runs = entry.latency.slice(from);
  const sum = (field) => runs.reduce((total, run) => total + run[field], 0);
  return {
    value,
    timing: {
      milliseconds: sum('milliseconds'),
      wall: performance.now() - started,
      flops: sum('flops'),
      shapes: runs.map((run) => run.shape),
      first: runs.some((run) => run.first),
      devices: runs.map((run) => run.device),
    },
  };
}

const calls = {
  capabilities: () => quern.capabilities(),

  forget: () => quern.forget(),

  async create({ id, model, pipeline, options }) {
    const progress = {};
    const settings = {
      ...options,
      onProgress: (p) => {
        (progress[p.phase] ??= []).push([p.loaded, p.total]);
      },
    };
    const started = performance.now();
    const extract = pipeline ? await quern.pipeline('feature-extraction', model, settings) : null;
    const session = extract ? extract.session : await quern.Session.create(model, settings);
    const entry = { session, extract, latency: [], tuned: [], refused: [], progress };
    for (const kind of ['latency', 'tuned', 'refused']) {
      session.addEventListener(kind, (event) => entry[kind].push(event.detail));
    }
    opened.set(id, entry);
    return {
      inputs: session.inputs,
      outputs: session.outputs,
      device: session.device,
      threads: session.threads,
      capabilities: session.capabilities,
      phases: session.phases,
      timeline: session.timeline,
      milliseconds: performance.now() - started,
    };
  },

  async run({ id, inputs, to }) {
    const entry = find(id);
    const tensors = await tensorsOf(inputs);
    // Every second run writes into what the run before gave.
    const into = entry.before ?? {};
    const { value, timing } = await timed(entry, () => entry.session.run(tensors, { into }));
    entry.before = entry.before ? null : value;
    const outputs = [];
    for (const [name, tensor] of Object.entries(value)) {
      const url = `${to}/${outputs.length}`;
      await send(url, tensor.data);
      outputs.push({ name, type: tensor.type, dims: tensor.dims, url });
    }
    return { outputs, timing };
  },

  async settle({ id, inputs }) {
    const { session, latency } = find(id);
    const tensors = await tensorsOf(inputs);
    const end = performance.now() + 30_000;
    do {
      await session.run(tensors);
      await new Promise((go) => setTimeout(go, 2));
      if (performance.now() > end) throw new Error('the GPU does not answer');
    } while (session.capabilities.gpu.available && latency.at(-1).device !== 'webgpu');
    return null;
  },

  async profile({ id, inputs, runs }) {
    return find(id).session.profile(await tensorsOf(inputs), { runs });
  },

  /**
   * Runs several models on the same inputs in turns, in the page, without the driver between the calls: for each round the milliseconds
   * of each call from the page and back, until the rounds or the seconds are over or `id` has settled all its kernels and ran on for `rest` rounds.
   */
  async alternate({ id, others, inputs, rounds, seconds, rest }) {
    const tensors = await tensorsOf(inputs);
    const entries = [...others, id].map(find);
    const last = entries.at(-1);
    const told = [];
    const end = performance.now() + seconds * 1000;
    let settled = -1;
    while (told.length < rounds && performance.now() < end) {
      const times = [];
      for (const { session } of entries) times.push((await session.measure(tensors)).roundTrip);
      told.push(times);
      const [tried, total] = last.progress.tune?.at(-1) ?? [0, 1];
      if (tried < total) settled = -1;
      else if (settled < 0) settled = told.length;
      if (settled >= 0 && told.length - settled >= rest) break;
    }
    return { rounds: told, settled };
  },

  async embed({ id, texts, to }) {
    const entry = find(id);
    const { value, timing } = await timed(entry, () => entry.extract(texts));
    const all = new Float32Array(value.vectors.length * value.width);
    value.vectors.forEach((vector, i) => all.set(vector, i * value.width));
    await send(to, all);
    const { tokens, truncated, width, milliseconds } = value;
    return { tokens, truncated, width, milliseconds, timing };
  },

  /** Opens a decoder for text. */
  async writer({ id, model, options }) {
    const extract = await quern.pipeline('text-generation', model, options);
    opened.set(id, { session: extract.session, extract });
    return (await extract.session.describe()).memoryBytes;
  },

  /** The likeliest tokens after a prompt of ids: what they are and how long they took. */
  async write({ id, prompt, count }) {
    const { tokens, milliseconds } = await find(id).extract(prompt, { maxNewTokens: count });
    return { tokens, milliseconds };
  },

  async describe({ id }) {
    const { session, tuned, refused, progress } = find(id);
    const { device, capabilities } = session;
    return { ...(await session.describe()), tuned, refused, progress, device, capabilities };
  },

  async tuning({ id, tune }) {
    await find(id).session.tuning(tune);
    return null;
  },

  async fetchJson({ path }) {
    const response = await fetch(path);
    if (!response.ok) {
      throw new Error(`${path} answered ${response.status}`);
    }
    return response.json();
  },

  /**
   * GB/s that `threads` workers read memories of `pages` with, by the module that proved fastest when it was asked for the first time.
   * Answers `which` that is, too.
   */
  async read({ worker, urls, pages, threads, turns }) {
    let reader = readers.get(threads);
    if (!reader) {
      const workers = Array.from({ length: threads }, () => new Worker(worker));
      await ask(workers, { urls, pages });
      const tried = [];
      for (let which = 0; which < urls.length; which++) {
        const rates = [];
        for (let i = 0; i < 5; i++) rates.push(await rate(workers, which, turns));
        tried.push(rates.sort((a, b) => a - b)[2]);
      }
      reader = { workers, which: tried.indexOf(Math.max(...tried)) };
      readers.set(threads, reader);
    }
    return { rate: await rate(reader.workers, reader.which, turns), which: reader.which };
  },

  /** GFLOP/s of a module's export `peak(turns)`, which does `flops` operations a turn; about 20 ms, after a first warm call. */
  async peak({ url, flops }) {
    let probe = peaks.get(url);
    if (!probe) {
      const { instance } = await WebAssembly.instantiate(await bytesOf(url));
      probe = { run: instance.exports.peak, turns: 1000 };
      peaks.set(url, probe);
      for (let spent = 0; spent < 20; ) {
        probe.turns *= 2;
        const from = performance.now();
        probe.run(probe.turns);
        spent = performance.now() - from;
      }
      // The engine's optimising compiler may still be at work: once more with time to finish.
      await new Promise((go) => setTimeout(go, 50));
      probe.run(probe.turns);
    }
    const from = performance.now();
    probe.run(probe.turns);
    return (probe.turns * flops) / (performance.now() - from) / 1e6;
  },

  async release({ id }) {
    const entry = find(id);
    opened.delete(id);
    await (entry.extract ?? entry.session).release();
    return null;
  },
};

/** Calls by name; a failure is a value too, so that its code and problems arrive. */
async function call(name, request) {
  try {
    return { value: await calls[name](request) };
  } catch (thrown) {
    return {
      failed: {
        code: thrown?.code ?? '',
        message: String(thrown?.message ?? thrown),
        problems: thrown?.problems ?? [],
      },
    };
  }
}

window.quern = quern;
window.quernHarness = { call, opened };
