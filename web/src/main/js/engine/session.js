import { downloadFile, downloadUrl } from './download.js';
import { EngineError } from './errors.js';
import { loadEngine } from './load.js';
import { createMachine, startThreads } from './machine.js';
import { createMemory, ensureMemory } from './memory.js';
import { capabilities, probe, threadCount } from './probe.js';
import { describeInputs, takeOutputs, typeName } from './tensors.js';

// dev.quern.runtime.Control
const FREE = 1024;
const HELD = 100;
const CANCEL = 256;
const CANCELLED = 1;
const PROGRESS_MILLISECONDS = 50;
/** A call that comes during a slice waits for its end: at most this part of what calls take, within limits. */
const IDLE_SLICE_SHARE = 0.4;
const IDLE_SLICE_MILLISECONDS = [4, 50];
const IDLE_PAUSE_MILLISECONDS = 20;
/** A first visit's device is measured right after each run: callers that never rest get to it, too. */
const MEASURE_SLICE_SHARE = 0.15;

const align = (at) => (at + 63) & ~63;

/** Calls an export of the engine: JSON in, JSON out, errors as the engine worded them. */
function call(engine, name, argument) {
  let text;
  try {
    text = engine[name](JSON.stringify(argument ?? null));
  } catch (error) {
    throw new EngineError('engine', `The engine failed in '${name}': ${error?.message ?? error}.`);
  }
  const reply = JSON.parse(text);
  if (reply?.error)
    throw new EngineError(reply.error.code, reply.error.message, reply.error.problems);
  return reply;
}

/** What the page needs to repeat a run by itself. */
function prepare({ prepared, outputs }, inputs) {
  const ends = [
    ...inputs.map(({ name, bytes }) => prepared.inputs[name] + bytes),
    ...outputs.map(({ address, bytes }) => address + bytes),
  ];
  return {
    ...prepared,
    outputs: outputs.map(({ name, type, dims, address }) => ({
      name,
      type: typeName(type),
      dims,
      address,
    })),
    end: Math.max(...ends),
  };
}

/** One model in this worker: its memory, threads and engine. `notify` posts to the page. */
export class Session {
  constructor(notify) {
    this.notify = notify;
    this.workers = [];
    this.trap = null;
    this.sliceMilliseconds = IDLE_SLICE_MILLISECONDS[1]; // before the first call only records are prepared
  }

  /**
   * Makes the memory and starts the threads and the engine; returns while they load. Firefox sometimes never returns from
   * making a nested worker (seen in ESR 153, one time in fifty): the page, which hears nothing then, starts another engine worker.
   */
  start(request) {
    const features = probe();
    if (typeof WebAssembly !== 'object') {
      throw new EngineError('unsupported', 'This browser has no WebAssembly; use a current one.');
    }
    if (!features.simd && request.device === 'wasm') {
      throw new EngineError(
        'unsupported',
        "This browser lacks WebAssembly SIMD; use device 'reference' or a current browser.",
      );
    }
    const device = request.device === 'reference' || !features.simd ? 'reference' : 'wasm';
    const wanted = device === 'reference' ? 1 : threadCount(features, request.threads);
    const { memory, maximum } = createMemory(features.shared);
    this.capabilities = capabilities(features, {
      requested: request.threads,
      device,
      engine: request.engine,
      maximumBytes: maximum * 65536,
    });
    this.notify({
      type: 'device',
      class: this.capabilities.class,
      capabilities: this.capabilities,
    });

    const begin = performance.now();
    this.engineReady = startThreads(memory, wanted, (trap) => {
      this.trap = trap;
    })
      .then((workers) => {
        this.workers = workers;
        this.machine = createMachine({ memory, shared: features.shared, workers, features });
        this.kind = request.engine ?? 'auto';
        return loadEngine(this.machine, features, this.kind, device === 'reference');
      })
      .then((loaded) => ({ ...loaded, engineMilliseconds: performance.now() - begin }));
    this.engineReady.catch(() => {}); // awaited by create
    Object.assign(this, { features, device, memory });
  }

  async create(request, signal) {
    const { features, device, memory } = this;
    const [loaded, { files, milliseconds }] = await Promise.all([
      this.engineReady,
      this.download(request.source, memory, signal),
    ]);
    signal.throwIfAborted();
    const created = await this.createModel(loaded, signal, {
      device,
      model: { address: files[0].address, bytes: files[0].bytes },
      data: files.slice(1),
      class: this.capabilities.class,
      family: features.family,
      records: request.records ?? [],
      profile: request.profile ?? null,
      threads: request.threads ?? 0,
      browser: request.browser ?? '',
    });
    this.words = features.shared ? new Int32Array(memory.buffer, 0, 128) : null;
    this.lock = request.lock ?? null;
    this.unmeasured = created.unmeasured;
    if (this.unmeasured) this.sliceMilliseconds = IDLE_SLICE_MILLISECONDS[0]; // the first call comes soon
    this.takeThreads(created.threads);
    this.forward(created.events);
    this.setTuning(request);
    const named = (values) =>
      values.map(({ name, type, dims }) => ({ name, type: typeName(type), dims }));
    return {
      inputs: named(created.inputs),
      outputs: named(created.outputs),
      device,
      threads: this.threads,
      capabilities: this.capabilities,
      memory: features.shared ? memory : null,
      phases: { engine: loaded.engineMilliseconds, download: milliseconds, ...created.phases },
      version: this.engine.version(),
    };
  }

  /** Fewer than there are where the device's profile found that more are no faster. */
  takeThreads(threads) {
    this.threads = threads;
    if (threads <= this.workers.length) {
      const why = `${threads} of ${this.workers.length + 1} threads: more were no faster when this device was measured.`;
      this.capabilities.threads = { count: threads, why };
    }
  }

  /**
   * Makes the model of what lies in memory. One that holds more than the core engine knows goes to
   * the full engine, on the same memory and threads; the core has packed nothing by then.
   */
  async createModel({ engine, kind }, signal, description) {
    this.engine = engine;
    this.capabilities.engine = kind;
    try {
      return call(engine, 'create', description);
    } catch (error) {
      if (error.code !== 'incomplete') throw error;
    }
    const full = await loadEngine(this.machine, this.features, this.kind, true);
    signal.throwIfAborted();
    this.engine = full.engine;
    this.capabilities.engine = full.kind;
    return call(full.engine, 'create', description);
  }

  /** Brings the model's files into memory, one after the other from the first free address. */
  async download(source, memory, signal) {
    const start = performance.now();
    const files = [];
    let address = FREE;
    if (source.kind === 'bytes') {
      const bytes = new Uint8Array(source.bytes);
      ensureMemory(memory, address + bytes.length);
      new Uint8Array(memory.buffer).set(bytes, address);
      files.push({ path: '', address, bytes: bytes.length });
      this.progress('download', bytes.length, bytes.length);
    } else if (source.kind === 'url') {
      const onBytes = (loaded, total) => this.progress('download', loaded, total);
      const bytes = await downloadUrl(source.url, { memory, address, signal, onBytes });
      files.push({ path: '', address, bytes });
    } else {
      const wanted = [source.model, ...(source.data ?? [])];
      const total = wanted.reduce((sum, file) => sum + file.bytes, 0);
      let before = 0;
      for (const file of wanted) {
        const onBytes = (loaded) => this.progress('download', before + loaded, total);
        const bytes = await downloadFile(file, { memory, address, signal, onBytes });
        files.push({ path: file.path, address, bytes });
        address = align(address + bytes);
        before += bytes;
      }
    }
    return { files, milliseconds: performance.now() - start };
  }

  progress(phase, loaded, total) {
    const now = performance.now();
    const last = this.progressed ?? { at: 0 };
    if (loaded < total && now - last.at < PROGRESS_MILLISECONDS) return;
    if (last.phase === phase && last.loaded === loaded) return;
    this.progressed = { at: now, phase, loaded };
    this.notify({ type: 'progress', phase, loaded, total });
  }

  run({ id, inputs, outputs }) {
    this.admit(id);
    const start = performance.now();
    const { described, views } = describeInputs(inputs);
    this.machine.setInputs(views);
    const result = call(this.engine, 'run', { inputs: described, outputs: outputs ?? null });
    const tensors = takeOutputs(result.outputs, this.machine);
    const milliseconds = performance.now() - start;
    this.forward(result.events);
    const [least, most] = IDLE_SLICE_MILLISECONDS;
    const share = this.unmeasured ? MEASURE_SLICE_SHARE : IDLE_SLICE_SHARE;
    this.sliceMilliseconds = Math.min(most, Math.max(least, share * milliseconds));
    this.ran = true;
    this.putOffSlice();
    const { shape, first, flops } = result;
    const prepared = result.prepared && { ...prepare(result, described), shape, flops };
    return { outputs: tensors, milliseconds, shape, first, flops, threads: this.threads, prepared };
  }

  /** Runs a program that the page has written the inputs of, and will read the outputs of. */
  repeat({ id, program, steps }) {
    this.admit(id);
    const start = performance.now();
    const status = this.machine.host.run(program, 0, steps);
    const milliseconds = performance.now() - start;
    if (status === CANCELLED) throw new EngineError('aborted', 'The request was cancelled.');
    if (this.timer) this.putOffSlice();
    return { status, milliseconds };
  }

  /** Hands the kernels to the page, which then runs short programs itself. */
  share() {
    call(this.engine, 'share');
    return this.machine.shared();
  }

  /** Refuses a run that was cancelled before it began, or that cannot end. */
  admit(id) {
    if (this.words) {
      if (Atomics.load(this.words, CANCEL / 4) === id) {
        throw new EngineError('aborted', 'The request was cancelled.');
      }
      Atomics.store(this.words, CANCEL / 4, 0);
    }
    if (this.trap) {
      throw new EngineError(
        'engine',
        `A compute thread failed: ${this.trap}. Release the session and create it again.`,
      );
    }
  }

  /** Calls that follow one another closely are not held up by slices: the search goes on inside them. */
  putOffSlice() {
    clearTimeout(this.timer);
    this.timer = null;
    this.planSlice();
  }

  schedules({ records }) {
    const reply = call(this.engine, 'schedules', { records });
    this.forward(reply.events);
    this.planSlice();
    return { adopted: reply.adopted, refused: reply.refused };
  }

  /** Runs the model by itself, without the tuner, and tells where the time goes. */
  profile({ inputs, runs }) {
    const { described, views } = describeInputs(inputs);
    this.machine.setInputs(views);
    return call(this.engine, 'profile', { inputs: described, runs });
  }

  describe() {
    return call(this.engine, 'describe');
  }

  /** The tuner works in idle slices between inferences, never in a hidden page. */
  setTuning({ tune, hidden }) {
    this.visible = !hidden;
    this.tunes = Boolean(tune) && !hidden && this.device === 'wasm';
    call(this.engine, 'tuning', { tune: Boolean(tune) });
    clearTimeout(this.timer);
    this.timer = null;
    this.planSlice();
  }

  /** A search that has ended begins again when a run brings other sizes or records come in. */
  planSlice() {
    const measures = this.unmeasured && this.visible;
    if ((this.tunes || measures) && !this.timer) {
      const pause = measures && this.ran ? 0 : IDLE_PAUSE_MILLISECONDS;
      this.timer = setTimeout(() => this.slice(), pause);
    }
  }

  async slice() {
    const { timer } = this;
    const work = () => {
      if (timer !== this.timer) return false; // stopped while it waited for the lock
      if (!this.hold()) return true; // the page is about to run, or still reads what a run gave
      try {
        return search();
      } finally {
        this.letGo();
      }
    };
    const search = () => {
      const { more, unmeasured, threads, events } = call(this.engine, 'tune', {
        milliseconds: this.sliceMilliseconds,
      });
      this.unmeasured = unmeasured;
      this.takeThreads(threads);
      this.forward(events);
      return more;
    };
    let more = false;
    try {
      more =
        this.lock && navigator.locks
          ? await navigator.locks.request(this.lock, { ifAvailable: true }, (lock) =>
              lock ? work() : true,
            )
          : work();
    } catch (error) {
      this.tunes = false;
      this.unmeasured = false;
      const reason = `Tuning stopped: ${error.message}`;
      this.notify({ type: 'refused', kernel: '', bucket: '', schedule: '', reason });
    }
    if (timer === this.timer) {
      this.timer = null;
      if (more) this.planSlice();
    }
  }

  /** Keeps the page from writing inputs while the engine measures. */
  hold() {
    return !this.words || Atomics.compareExchange(this.words, HELD / 4, 0, 2) === 0;
  }

  letGo() {
    if (this.words) Atomics.store(this.words, HELD / 4, 0);
  }

  forward(events) {
    for (const event of events ?? []) this.notify(event);
  }

  release() {
    this.tunes = false;
    this.unmeasured = false;
    clearTimeout(this.timer);
    this.timer = null;
    for (const worker of this.workers) worker.terminate();
    this.workers = [];
    this.engine = null;
    this.machine = null;
    return null;
  }
}
