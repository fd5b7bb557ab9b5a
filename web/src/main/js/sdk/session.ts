import type { Channel, RequestOptions } from './channel.js';
import { holdingCores, joinCores } from './cores.js';
import { QuernError, throwIfAborted } from './errors.js';
import { SILENCE, memory, openEngine, pageHidden, type Opened } from './opening.js';
import {
  checkOptions,
  type CheckedOptions,
  type Progress,
  type SessionOptions,
} from './options.js';
import type {
  Capabilities,
  CreateReply,
  DescribeReply,
  Device,
  GpuFact,
  LoadPhase,
  Manifest,
  Notification,
  ProfileReply,
  ScheduleRecord,
  ScheduleRow,
  ValueInfo,
} from './protocol.js';
import { findModel, type Found, type ModelInput } from './source.js';
import { State } from './state.js';
import { Repeats, type Ran, type EngineWorker } from './repeats.js';
import type { Telemetry } from './telemetry.js';
import { Tensor, fromWireTensor, toWire } from './tensor.js';

export interface RunOptions {
  signal?: AbortSignal;
  /** Names of the outputs wanted; default all. */
  outputs?: string[];
  /**
   * Tensors that outputs may be written into, by name, such as what an earlier run gave: fresh memory costs about as long as copying ten times
   * its size. One that is of another type or other sizes than the output is left alone. What `run` returns counts.
   */
  into?: Record<string, Tensor>;
  /** What runs leave for one another; see State. */
  state?: State;
  /** Milliseconds after which the engine counts as dead and the session ends. */
  timeout?: number;
}

/** How long a run took, and what it was. */
export interface Timing {
  /** Inside the engine. */
  milliseconds: number;
  /** From the page to the engine and back. */
  roundTrip: number;
  /** Sizes of the run, such as "1x32". */
  shape: string;
  /** Whether it was the first run of this shape. */
  first: boolean;
  /** Floating-point operations of its matrix products. */
  flops: number;
  /** What computed it. */
  device: Device;
}

export interface Measured extends Timing {
  outputs: Record<string, Tensor>;
}

/** What each event of a session holds in `detail`. */
export interface SessionEvents {
  latency: Timing;
  progress: Progress;
  tuned: { record: ScheduleRecord; previous: string; ratio: number };
  refused: { kernel: string; bucket: string; schedule: string; reason: string };
  schedules: { rows: ScheduleRow[]; peakGflops: number | null };
  gpu: { gpu: GpuFact; device: Device };
}

export interface Session {
  addEventListener<K extends keyof SessionEvents>(
    type: K,
    listener: (event: CustomEvent<SessionEvents[K]>) => void,
    options?: AddEventListenerOptions | boolean,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void;
}

/**
 * A model that is ready to run: one engine worker, its memory and its compute workers. Events: `latency` (each run), `progress`, `tuned`,
 * `refused`, `schedules`, `gpu`, each a CustomEvent with the facts in `detail`.
 */
export class Session extends EventTarget {
  readonly #channel: Channel;
  readonly #created: CreateReply;
  readonly #telemetry: Telemetry | null;
  readonly #labels: Opened['labels'];
  /** Where memory is shared. */
  readonly #repeats: Repeats | null;
  readonly #watchVisibility: () => void;
  readonly manifest: Manifest | null;
  readonly #leaveCores = joinCores();
  #tune: boolean;
  #reported = false;
  /** The state that the engine holds. */
  #state: State | null = null;
  #queue: Promise<unknown> = Promise.resolve();
  #released: QuernError | null = null;

  private constructor(opened: Opened, tune: boolean) {
    super();
    this.#channel = opened.channel;
    this.#created = opened.created;
    this.manifest = opened.manifest;
    this.#telemetry = opened.telemetry;
    this.#labels = opened.labels;
    this.#repeats = opened.created.memory && new Repeats(opened.created.memory);
    this.#tune = tune;
    this.#watchVisibility = () => void this.#tellTuning();
    globalThis.document?.addEventListener('visibilitychange', this.#watchVisibility);
  }

  /** Loads a model: a name that the server knows, an address of a manifest or an .onnx file, or the file's bytes. */
  static async create(model: ModelInput, options: SessionOptions = {}): Promise<Session> {
    throwIfAborted(options.signal);
    const checked = checkOptions(options);
    return Session.open(findModel(model, checked.server, options.signal), checked);
  }

  /** The same for a model that is still being found; the engine starts meanwhile. */
  static async open(finding: Promise<Found>, options: CheckedOptions): Promise<Session> {
    // Listeners are added after this returns: what is said before that is kept and repeated to them.
    const early: Notification[] = [];
    let hear: (notification: Notification) => void = (notification) => early.push(notification);
    const opened = await openEngine(finding, options, (notification) => hear(notification));
    const session = new Session(opened, options.tune);
    setTimeout(() => {
      hear = (notification) => session.#hear(notification);
      early.forEach(hear);
    }, 0);
    return session;
  }

  get inputNames(): string[] {
    return this.#created.inputs.map((input) => input.name);
  }

  get outputNames(): string[] {
    return this.#created.outputs.map((output) => output.name);
  }

  /** Names, types and sizes of the inputs; a size that changes is given by its name. */
  get inputs(): ValueInfo[] {
    return structuredClone(this.#created.inputs);
  }

  get outputs(): ValueInfo[] {
    return structuredClone(this.#created.outputs);
  }

  get device(): Device {
    return this.#created.device;
  }

  get threads(): number {
    return this.#created.threads;
  }

  get capabilities(): Capabilities {
    return structuredClone(this.#created.capabilities);
  }

  /** When each phase of loading began and ended. */
  get timeline(): LoadPhase[] {
    return structuredClone(this.#created.timeline);
  }

  /** Milliseconds that each phase of loading took. */
  get phases(): Record<string, number> {
    return { ...this.#created.phases };
  }

  /** Runs the model. Inputs are copied; runs of one page wait for each other. */
  async run(
    inputs: Record<string, Tensor>,
    options: RunOptions = {},
  ): Promise<Record<string, Tensor>> {
    return (await this.measure(inputs, options)).outputs;
  }

  /** Runs the model like `run`, and says how long it took. */
  async measure(inputs: Record<string, Tensor>, options: RunOptions = {}): Promise<Measured> {
    this.#checkInputs(inputs, options.state);
    this.#checkInto(options.into ?? {});
    throwIfAborted(options.signal);
    const turn = this.#queue.then(() =>
      holdingCores(async () => {
        throwIfAborted(options.signal);
        const started = performance.now();
        const ran = options.state
          ? await this.#runKeeping(inputs, options, options.state)
          : ((await this.#repeat(inputs, options)) ?? (await this.#runAnew(inputs, options)));
        return { ...ran, roundTrip: performance.now() - started };
      }),
    );
    this.#queue = turn.catch(() => undefined);
    const measured = await turn.catch((thrown) => {
      throw this.#released ?? thrown;
    });
    const { outputs: _, ...timing } = measured;
    this.#report(timing);
    this.#emit('latency', timing);
    return measured;
  }

  /** A run like one before it; null where the engine has to take part. */
  async #repeat(inputs: Record<string, Tensor>, options: RunOptions): Promise<Ran | null> {
    if (this.#released || this.#channel.closed) {
      return null; // the compute workers may have ended
    }
    const worker: EngineWorker = {
      repeat: (carries) => this.#channel.request('repeat', carries, this.#requestOptions(options)),
      share: () => this.#channel.request('share', {}, { silence: SILENCE.run }),
    };
    return this.#repeats
      ? this.#repeats.run(inputs, options.outputs ?? null, options.into ?? {}, worker)
      : null;
  }

  /** A run that reads what the one before has left. */
  async #runKeeping(
    inputs: Record<string, Tensor>,
    options: RunOptions,
    state: State,
  ): Promise<Ran> {
    // Another run may have had its turn since the inputs were checked.
    this.#checkInputs(inputs, state);
    const presents = Object.values(state.pairs);
    const wanted = (options.outputs ?? this.outputNames).filter((n) => !presents.includes(n));
    if (!this.#created.keeps) {
      const all = { ...State.tensors(state), ...inputs };
      const asked = { ...options, outputs: [...wanted, ...presents] };
      const ran = await this.#runAnew(all, asked);
      State.keep(state, ran.outputs);
      const outputs = Object.fromEntries(wanted.map((name) => [name, ran.outputs[name]!]));
      return { ...ran, outputs };
    }
    const begins = Object.keys(state.pairs).some((name) => inputs[name]);
    if (begins && this.#state) {
      State.forget(this.#state);
      this.#state = null;
    }
    const running = this.#runAnew(inputs, { ...options, outputs: wanted }, state.pairs);
    const ran = await running.catch((thrown) => {
      if (thrown instanceof QuernError && thrown.code === 'forgotten') {
        State.forget(state);
        this.#state = null;
      }
      throw thrown;
    });
    State.keep(state, {});
    this.#state = state;
    return ran;
  }

  async #runAnew(
    inputs: Record<string, Tensor>,
    options: RunOptions,
    keep?: Record<string, string>,
  ): Promise<Ran> {
    const wanted = options.outputs ?? null;
    const wire = Object.fromEntries(Object.entries(inputs).map(([n, t]) => [n, toWire(t)]));
    const transfer = Object.values(wire).map((tensor) => tensor.data.buffer as ArrayBuffer);
    const { outputs, prepared, threads, ...timing } = await this.#channel.request(
      'run',
      { inputs: wire, outputs: wanted, ...(keep && { keep }) },
      { ...this.#requestOptions(options), transfer },
    );
    this.#created.threads = threads;
    if (prepared) {
      this.#repeats?.keep(inputs, wanted, prepared);
    }
    const tensors = Object.entries(outputs).map(([name, wire]) => [
      name,
      fromWireTensor(wire, options.into?.[name]),
    ]);
    return { ...timing, outputs: Object.fromEntries(tensors) };
  }

  #requestOptions({ signal, timeout }: RunOptions): RequestOptions {
    return {
      signal: signal ?? null,
      silence: timeout ?? SILENCE.run,
      onAbort: (id) => this.#repeats?.cancel(id),
    };
  }

  /** Runs the model some times by itself, and tells where the time goes: each step, the barriers, the peak. */
  profile(inputs: Record<string, Tensor>, options: { runs?: number } = {}): Promise<ProfileReply> {
    this.#checkInputs(inputs);
    const wire = Object.fromEntries(Object.entries(inputs).map(([n, t]) => [n, toWire(t)]));
    const turn = this.#queue.then(() =>
      holdingCores(() =>
        this.#channel.request(
          'profile',
          { inputs: wire, runs: options.runs ?? 20 },
          { silence: SILENCE.run },
        ),
      ),
    );
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  /** The kernels as they run now, the measured peak and the memory held. */
  describe(): Promise<DescribeReply> {
    return this.#channel.request('describe', {}, { silence: SILENCE.run });
  }

  /** Starts or stops the search for faster kernels. */
  async tuning(tune: boolean): Promise<void> {
    this.#tune = tune;
    await this.#tellTuning();
  }

  /** Ends the engine and frees its memory; a run under way fails with `released`. May be called twice. */
  async release(): Promise<void> {
    globalThis.document?.removeEventListener('visibilitychange', this.#watchVisibility);
    this.#released ??= new QuernError(
      'released',
      'The session has been released; create a new one.',
    );
    if (!this.#channel.closed) {
      this.#leaveCores();
      // The engine ends its compute workers itself; one that is busy is ended from here a moment later.
      this.#repeats?.cancel(-1);
      await Promise.race([
        this.#channel.request('release', {}).catch(() => undefined),
        new Promise((resolve) => setTimeout(resolve, SILENCE.release)),
      ]);
      this.#channel.close(this.#released);
    }
    await this.#telemetry?.close();
  }

  /** Switches the search for faster kernels on or off; what it has found stays in use. */
  async tune(on: boolean): Promise<void> {
    this.#tune = on;
    await this.#tellTuning();
  }

  async #tellTuning(): Promise<void> {
    await this.#channel
      .request('tuning', { tune: this.#tune, hidden: pageHidden() })
      .catch(() => undefined);
  }

  #checkInputs(inputs: Record<string, Tensor>, state?: State): void {
    const closed = this.#released ?? this.#channel.closed;
    if (closed) {
      throw closed;
    }
    const problems: string[] = state ? this.#stateProblems(state) : [];
    const left = state?.kept ? state.pairs : {};
    const begins = Object.keys(left).some((name) => inputs?.[name]);
    for (const { name, type, dims } of this.#created.inputs) {
      const tensor = inputs?.[name];
      if (!tensor && !begins && left[name]) {
        continue; // the run before has left it
      }
      if (!(tensor instanceof Tensor)) {
        problems.push(`input "${name}" (${type} [${dims.join(', ')}]) is missing or not a Tensor`);
        continue;
      }
      const fits =
        tensor.type === type &&
        tensor.dims.length === dims.length &&
        dims.every((dim, i) => typeof dim === 'string' || dim === tensor.dims[i]);
      if (!fits) {
        problems.push(
          `input "${name}" needs ${type} [${dims.join(', ')}] but is ${tensor.type} [${tensor.dims.join(', ')}]`,
        );
      }
    }
    const names = this.inputNames;
    for (const name of Object.keys(inputs ?? {})) {
      if (!names.includes(name)) {
        problems.push(`there is no input "${name}"; the model takes ${names.join(', ')}`);
      }
    }
    if (problems.length > 0) {
      throw new QuernError('input', `The model cannot run: ${problems.join('; ')}.`, { problems });
    }
  }

  #stateProblems({ pairs }: State): string[] {
    const { inputNames, outputNames } = this;
    return Object.entries(pairs)
      .filter(([input, output]) => !inputNames.includes(input) || !outputNames.includes(output))
      .map(([input, output]) => `the model has no input "${input}" or no output "${output}"`);
  }

  #checkInto(into: Record<string, Tensor>): void {
    const names = this.outputNames;
    for (const [name, tensor] of Object.entries(into)) {
      if (!names.includes(name) || !(tensor instanceof Tensor)) {
        const why = names.includes(name)
          ? 'is not a Tensor'
          : `is no output; the model gives ${names.join(', ')}`;
        throw new QuernError('argument', `into: "${name}" ${why}.`);
      }
    }
  }

  #hear(notification: Notification): void {
    const { type, ...detail } = notification;
    if (notification.type === 'tuned') {
      void memory.keep(notification.record);
      this.#telemetry?.add({ type: 'schedule', record: notification.record });
    }
    if (notification.type === 'gpu') {
      const { gpu, device } = notification;
      this.#created.capabilities.gpu = gpu;
      this.#created.device = this.#created.capabilities.device = device;
    }
    this.#emit(type, detail);
  }

  /** Numbers of a run for the site, if it wants them. */
  #report({ shape, milliseconds, first, device: computed }: Timing): void {
    if (!this.#telemetry) {
      return;
    }
    const { capabilities, version, threads } = this.#created;
    const device = computed === 'webgpu' ? capabilities.gpu.class! : capabilities.class;
    const common = { ...this.#labels, device, engine: version };
    if (!this.#reported) {
      this.#reported = true;
      const { download, parse, pack, emit, compile } = this.#created.phases;
      const phases = { download, parse, pack, emit, compile, firstRun: milliseconds };
      this.#telemetry.add({ type: 'load', phases, ...common });
    }
    this.#telemetry.add({ type: 'inference', threads, shape, milliseconds, first, ...common });
  }

  #emit(type: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Forgets the profile and the schedules that this browser has learnt. */
export function forget(): Promise<void> {
  return memory.clear();
}
