import { Arriving } from './arriving.js';
import { EngineError } from './errors.js';
import { GpuSide } from './gpu-side.js';
import { loadEngine } from './load.js';
import { createMachine, startThreads } from './machine.js';
import { createMemory } from './memory.js';
import { capabilities, probe, threadCount } from './probe.js';
import { describeInputs, takeOutputs, typeName } from './tensors.js';

// dev.quern.runtime.Control
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

/** Whether a schedule record is about a GPU: those of the CPU begin with the name of a JavaScript engine. */
const ofGpu = ({ device }) => String(device).startsWith('gpu-');

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
    this.loader = null;
    this.gpu = null;
    this.turn = Promise.resolve();
    this.playing = false;
    this.warmed = false;
    this.gpuPause = IDLE_PAUSE_MILLISECONDS;
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
    if (!features.simd && ['wasm', 'webgpu'].includes(request.device)) {
      throw new EngineError(
        'unsupported',
        "This browser lacks WebAssembly SIMD; use device 'reference' or a current browser.",
      );
    }
    const device = request.device === 'reference' || !features.simd ? 'reference' : 'wasm';
    const wanted = device === 'reference' ? 1 : threadCount(features, request.threads);
    // The page has made the memory if another worker downloads into it.
    const { memory, maximum } = request.loader ?? createMemory(features.shared);
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

    this.spans = [];
    const begin = performance.now();
    const machineReady = startThreads(memory, wanted, (trap) => {
      this.trap = trap;
    }).then(async (workers) => {
      this.workers = workers;
      this.machine = await createMachine({
        memory,
        shared: features.shared,
        workers,
        features,
        scarce: () => this.notify({ type: 'scarce' }),
      });
      return this.machine;
    });
    machineReady.catch(() => {}); // awaited by the engine
    this.kind = request.engine ?? 'auto';
    if (device === 'wasm' && request.device !== 'wasm') {
      this.gpu = new GpuSide((fact) => this.takeGpu(fact), request.device === 'webgpu');
    }
    const edition = this.gpu
      ? this.gpu.finding.then((found) => (found ? 'gpu' : 'core'))
      : Promise.resolve(device === 'reference' ? 'full' : 'core');
    this.engineReady = edition
      .then((name) => loadEngine(machineReady, features, this.kind, name))
      .then((loaded) => {
        this.span('engine', begin);
        return loaded;
      });
    this.engineReady.catch(() => {}); // awaited by create
    this.loader = request.loader?.port ?? null;
    Object.assign(this, { features, device, memory });
  }

  async create(request, signal) {
    const { features, device, memory } = this;
    const begin = performance.now();
    const onBytes = (loaded, total) => this.progress('download', loaded, total);
    const arriving = new Arriving(request.source, {
      memory,
      loader: this.loader,
      signal,
      onBytes,
    });
    arriving.files.then(() => this.span('download', begin)).catch(() => {}); // awaited below
    const description = (files) => ({
      device,
      model: files[0],
      data: files.slice(1),
      class: this.capabilities.class,
      family: features.family,
      records: (request.records ?? []).filter((record) => !ofGpu(record)),
      profile: request.profile ?? null,
      threads: request.threads ?? 0,
      browser: request.browser ?? '',
    });
    // A model that cannot run is refused before its weights are there, a download that fails ends the rest.
    const [files] = await Promise.all([
      arriving.files,
      this.prepare(arriving, description, signal),
    ]);
    signal.throwIfAborted();
    const created = await this.ask('create', description(files), signal);
    if (!this.warmed) call(this.engine, 'warm', { threads: 0 });
    this.words = features.shared ? new Int32Array(memory.buffer, 0, 128) : null;
    this.lock = request.lock ?? null;
    const spent = ({ start, end }) => end - start;
    const phases = {
      engine: spent(this.spans.find(({ phase }) => phase === 'engine')),
      download: spent(this.spans.find(({ phase }) => phase === 'download')),
      ...created.phases,
    };
    this.unmeasured = created.unmeasured;
    if (this.unmeasured) this.sliceMilliseconds = IDLE_SLICE_MILLISECONDS[0]; // the first call comes soon
    this.takeThreads(created.threads);
    this.forward(created.events);
    this.gpu?.take(this.gpuCalls, this.machine, {
      records: (request.records ?? []).filter(ofGpu),
      browser: request.browser ?? '',
    });
    if (this.gpu?.leads) this.capabilities.device = 'webgpu';
    this.setTuning(request);
    const named = (values) =>
      values.map(({ name, type, dims }) => ({ name, type: typeName(type), dims }));
    return {
      inputs: named(created.inputs),
      outputs: named(created.outputs),
      device: this.capabilities.device,
      threads: this.threads,
      keeps: created.keeps,
      capabilities: this.capabilities,
      memory: features.shared ? memory : null,
      phases,
      version: this.engine.version(),
      timeline: [...this.spans, ...created.timeline].map(({ phase, start, end }) => ({
        phase,
        start: performance.timeOrigin + start,
        end: performance.timeOrigin + end,
      })),
    };
  }

  /** Keeps when a phase of loading was, in milliseconds of this worker's clock. */
  span(phase, start) {
    this.spans.push({ phase, start, end: performance.now() });
  }

  /** What can be done before all of the model is there: it is planned, its kernels are made and run on what comes. */
  async prepare(arriving, description, signal) {
    this.take(await this.engineReady);
    if (this.device !== 'wasm' || !(await arriving.outlined) || arriving.ended) return;
    const { planned } = await this.ask('plan', description(arriving.outline), signal);
    if (!planned) return;
    for (let took = 0; ; ) {
      // In a worker that also downloads, the network has its turn for as long as a run takes.
      await new Promise((resolve) => setTimeout(resolve, this.loader ? 0 : took));
      if (arriving.ended || signal.aborted) return;
      const start = performance.now();
      this.warmed = true;
      if (!call(this.engine, 'warm', { threads: 1 }).more) return;
      took = performance.now() - start;
    }
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
   * Asks the engine for something about the model. What holds more than the core engine knows goes
   * to the full engine, on the same memory and threads; the core has packed nothing by then.
   */
  async ask(name, description, signal) {
    try {
      return call(this.engine, name, description);
    } catch (error) {
      if (error.code !== 'incomplete') throw error;
    }
    const full = await loadEngine(this.machine, this.features, this.kind, 'full');
    signal.throwIfAborted();
    this.take(full);
    return call(this.engine, name, description);
  }

  take({ engine, gpuCalls, kind }) {
    this.engine = engine;
    this.gpuCalls = gpuCalls;
    this.capabilities.engine = kind;
  }

  /** The GPU was found, or is there no more: the page learns why. */
  takeGpu(fact) {
    this.capabilities.gpu = fact;
    this.capabilities.device = this.gpu?.leads ? 'webgpu' : this.device;
    this.notify({ type: 'gpu', gpu: fact, device: this.capabilities.device });
  }

  progress(phase, loaded, total) {
    const now = performance.now();
    const last = this.progressed ?? { at: 0 };
    if (loaded < total && now - last.at < PROGRESS_MILLISECONDS) return;
    if (last.phase === phase && last.loaded === loaded) return;
    this.progressed = { at: now, phase, loaded };
    this.notify({ type: 'progress', phase, loaded, total });
  }

  run({ id, inputs, outputs, keep }) {
    this.admit(id);
    const given = describeInputs(inputs);
    if (!this.gpu || this.gpu.settled(given.described)) {
      return this.runOnCpu(given, outputs, keep);
    }
    // One after the other, for they share the buffers and the bound run.
    const turn = this.turn.then(() =>
      keep ? this.keepOnGpu(id, given, outputs, keep) : this.runOnGpu(id, given, outputs),
    );
    this.turn = turn.catch(() => {}); // told to whom asked
    return turn;
  }

  /** The CPU answers while the GPU is being made ready for these inputs, and when it has failed. */
  async runOnGpu(id, given, outputs) {
    this.goOn(id);
    this.playing = true;
    const answer = await this.gpu.run({ ...given, outputs });
    this.playing = false;
    this.goOn(id);
    if (answer && !answer.first) return this.byGpu(answer);
    const reply = this.runOnCpu(given, outputs);
    // The first answer at these sizes is held against the CPU's.
    if (answer) return this.gpu.check(answer, reply) ? this.byGpu(answer) : reply;
    this.gpu.took(given.described, 'cpu', reply);
    return reply;
  }

  /** The same for a run that reads what another has left. What the GPU has left counts once nobody objects. */
  async keepOnGpu(id, given, outputs, keep) {
    this.goOn(id);
    this.playing = true;
    const kept = { ...given, pairs: keep };
    const answer = await this.gpu.runKeeping({ ...kept, outputs }).finally(() => {
      this.playing = false;
    });
    if (!answer) {
      this.goOn(id);
      const reply = this.runOnCpu(given, outputs, keep);
      this.gpu.tookKeeping(kept, 'cpu', reply);
      return reply;
    }
    try {
      this.goOn(id);
      if (answer.first || answer.trial) {
        const reply = this.runOnCpu(given, outputs, keep);
        const agrees = !answer.first || this.gpu.check(answer.reply, reply);
        if (!agrees) return reply;
        if (answer.trial) {
          answer.discard();
          this.gpu.tookKeeping(kept, 'gpu', answer.reply, answer.first);
          return reply;
        }
      }
    } catch (error) {
      answer.discard();
      throw error;
    }
    answer.commit();
    return this.byGpu(answer.reply);
  }

  byGpu(reply) {
    this.gpuRan = true;
    this.planSlice();
    return { ...reply, threads: this.threads, device: 'webgpu' };
  }

  /** Refuses a request that was cancelled, or whose session was released, while it waited. */
  goOn(id) {
    if (!this.engine) throw new EngineError('released', 'The session has been released.');
    this.admit(id);
  }

  /** `keep`: names of inputs, and of the outputs that stay in memory to become them in the next run. */
  runOnCpu({ described, views }, outputs, keep) {
    const start = performance.now();
    this.machine.setInputs(views);
    const request = { inputs: described, outputs: outputs ?? null, keep: keep ?? {} };
    const result = call(this.engine, 'run', request);
    const tensors = takeOutputs(result.outputs, this.machine);
    const milliseconds = performance.now() - start;
    this.forward(result.events);
    const [least, most] = IDLE_SLICE_MILLISECONDS;
    const share = this.unmeasured ? MEASURE_SLICE_SHARE : IDLE_SLICE_SHARE;
    this.sliceMilliseconds = Math.min(most, Math.max(least, share * milliseconds));
    this.ran = true;
    this.putOffSlice();
    const { shape, first, flops } = result;
    // A page that repeats runs by itself would not notice that the GPU is ready.
    const repeats = result.prepared && (!this.gpu || this.gpu.settled(described));
    const prepared = repeats ? { ...prepare(result, described), shape, flops } : null;
    const { threads, device } = this;
    return { outputs: tensors, milliseconds, shape, first, flops, threads, device, prepared };
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
    this.gpu?.add(records.filter(ofGpu));
    const others = records.filter((record) => !ofGpu(record));
    const reply = call(this.engine, 'schedules', { records: others });
    this.forward(reply.events);
    this.planSlice();
    return { adopted: reply.adopted, refused: reply.refused };
  }

  /** Runs the model by itself, without the tuner, and tells where the time goes. */
  profile({ inputs, runs }) {
    const given = describeInputs(inputs);
    if (!this.gpu?.model) return this.profileCpu(given, runs);
    const turn = this.turn.then(async () => ({
      gpu: await this.gpu.profile(given, runs),
      ...this.profileCpu(given, runs),
    }));
    this.turn = turn.catch(() => {}); // told to whom asked
    return turn;
  }

  profileCpu({ described, views }, runs) {
    this.machine.setInputs(views);
    return call(this.engine, 'profile', { inputs: described, runs });
  }

  describe() {
    return { ...call(this.engine, 'describe'), gpu: this.gpu?.describe() ?? null };
  }

  /** The tuner works in idle slices between inferences, never in a hidden page. */
  setTuning({ tune, hidden }) {
    this.visible = !hidden;
    this.tunes = Boolean(tune) && !hidden && this.device === 'wasm';
    call(this.engine, 'tuning', { tune: Boolean(tune) });
    this.gpu?.setTuning(this.tunes);
    clearTimeout(this.timer);
    this.timer = null;
    this.planSlice();
  }

  /** A search that has ended begins again when a run brings other sizes or records come in. */
  planSlice() {
    if (this.gpu?.leads) {
      // The CPU's kernels are only a reserve.
      if (this.visible) this.timer ??= setTimeout(() => this.gpuSlice(), this.gpuPause);
      return;
    }
    const measures = this.unmeasured && this.visible;
    if ((this.tunes || measures) && !this.timer) {
      const pause = measures && this.ran ? 0 : IDLE_PAUSE_MILLISECONDS;
      this.timer = setTimeout(() => this.slice(), pause);
    }
  }

  /** A piece of the GPU's search, in turn with runs; where those follow one another it takes a small part of the time. */
  async gpuSlice() {
    const { timer } = this;
    let start = 0;
    const turn = this.turn.then(() => {
      start = performance.now();
      return timer === this.timer ? this.gpu?.tune() : null;
    });
    this.turn = turn.catch(() => {}); // told below
    this.gpuRan = false;
    let more = false;
    try {
      const worked = await turn;
      more = worked?.more ?? false;
      this.forward(worked?.events);
    } catch (error) {
      this.stopTuning(error);
    }
    const took = performance.now() - start;
    this.gpuPause = this.gpuRan
      ? Math.max(IDLE_PAUSE_MILLISECONDS, 4 * took)
      : IDLE_PAUSE_MILLISECONDS;
    if (timer === this.timer) {
      this.timer = null;
      if (more) this.planSlice();
    }
  }

  stopTuning(error) {
    this.gpu?.setTuning(false);
    this.tunes = false;
    this.unmeasured = false;
    const reason = `Tuning stopped: ${error.message}`;
    this.notify({ type: 'refused', kernel: '', bucket: '', schedule: '', reason });
  }

  async slice() {
    const { timer } = this;
    const work = () => {
      if (timer !== this.timer) return false; // stopped while it waited for the lock
      if (this.playing) return true; // the GPU is being timed
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
      this.stopTuning(error);
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
    this.loader?.close();
    this.loader = null;
    this.gpu?.close();
    this.engine = null;
    this.machine = null;
    return null;
  }
}
