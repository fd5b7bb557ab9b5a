import { Channel, type Port } from './channel.js';
import { holdingCores, lockName } from './cores.js';
import { QuernError, aborted, asQuernError, throwIfAborted } from './errors.js';
import { browserLabel } from './labels.js';
import { fetchJson, fileOf, parseManifest, resolveReference } from './manifest.js';
import type {
  Capabilities,
  CreateReply,
  DescribeReply,
  Manifest,
  Notification,
  Phase,
  ScheduleRecord,
  Source,
  ValueInfo,
} from './protocol.js';
import { Store } from './store.js';
import { Telemetry } from './telemetry.js';
import { Tensor, fromWireTensor, toWire } from './tensor.js';

/** Milliseconds without any word from the engine before it counts as dead. */
const SILENCE = { probe: 20_000, create: 60_000, run: 600_000, release: 1_000 };

export interface Progress {
  phase: Phase;
  /** Bytes for download, kernels for compile, candidates for tune. */
  loaded: number;
  total: number;
}

export interface SessionOptions {
  device?: 'auto' | 'wasm' | 'reference';
  /** 0 (the default) lets the engine measure how many threads help. */
  threads?: number;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
  /** Where known schedules come from: the server (true), nowhere (false), an address, or records themselves. */
  schedules?: boolean | string | ScheduleRecord[];
  /** Send measurements to the server (true) or to an address. Off unless the site turns it on. */
  telemetry?: boolean | string;
  /** Search for faster kernels while the page works; default true. */
  tune?: boolean;
  /** The build of the engine: WebAssembly GC where it runs, JavaScript elsewhere. */
  engine?: 'auto' | 'wasmgc' | 'js';
  /** Address of the Quern server; default: where this file came from. */
  server?: string;
}

export interface RunOptions {
  signal?: AbortSignal;
  /** Names of the outputs wanted; default all. */
  outputs?: string[];
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
}

export interface Measured extends Timing {
  outputs: Record<string, Tensor>;
}

/** Folder of this file on its server, where the worker and the API are too. */
export const HOME = new URL('.', import.meta.url).href;

const store = new Store();

/** Starts an engine worker; separate so that it is the only place that knows the file's name. */
function startWorker(): Port {
  if (typeof Worker === 'undefined' || typeof WebAssembly === 'undefined') {
    throw new QuernError(
      'unsupported',
      'This browser has no WebAssembly or no web workers; use a current version of it.',
    );
  }
  try {
    return new Worker(new URL('quern-worker.js', import.meta.url), {
      type: 'module',
      name: 'quern',
    }) as Port;
  } catch (thrown) {
    throw new QuernError(
      'unsupported',
      "The engine's worker may not start from another origin: serve quern.js from this site, or use the <quern-embed> element.",
      { cause: thrown },
    );
  }
}

let probing: Promise<Capabilities> | null = null;

/** Which path this device takes and why; needs no model. Asked once a page. */
export function capabilities(): Promise<Capabilities> {
  return (probing ??= (async () => {
    const channel = new Channel(startWorker(), () => undefined);
    try {
      return await channel.request('capabilities', {}, { silence: SILENCE.probe });
    } finally {
      channel.close(new QuernError('released', 'The probe has ended.'));
    }
  })().catch((thrown) => {
    probing = null;
    throw thrown;
  }));
}

/**
 * A model that is ready to run: one engine worker, its memory and its compute workers. Events: `latency` (each run), `progress`, `tuned`,
 * `refused`, `schedules`, each a CustomEvent with the facts in `detail`.
 */
export class Session extends EventTarget {
  readonly #channel: Channel;
  readonly #created: CreateReply;
  readonly #telemetry: Telemetry | null;
  readonly #watchVisibility: () => void;
  readonly manifest: Manifest | null;
  #tune: boolean;
  #queue: Promise<unknown> = Promise.resolve();
  #released: QuernError | null = null;

  private constructor(
    channel: Channel,
    created: CreateReply,
    manifest: Manifest | null,
    telemetry: Telemetry | null,
    tune: boolean,
  ) {
    super();
    this.#channel = channel;
    this.#created = created;
    this.manifest = manifest;
    this.#telemetry = telemetry;
    this.#tune = tune;
    this.#watchVisibility = () => void this.#tellTuning();
    globalThis.document?.addEventListener('visibilitychange', this.#watchVisibility);
  }

  /** Loads a model: a name that the server knows, an address of a manifest or an .onnx file, or the file's bytes. */
  static async create(
    model: string | URL | ArrayBuffer | ArrayBufferView,
    options: SessionOptions = {},
  ): Promise<Session> {
    const checked = checkOptions(options);
    const { signal } = options;
    throwIfAborted(signal);
    const server = serverOf(options.server);
    const { source, manifest, name } = await resolveSource(model, server, signal);
    const browser = browserLabel(navigator);
    const [records, profile] =
      options.schedules === false
        ? [[], null]
        : await Promise.all([store.records(), store.profile(browser)]);
    throwIfAborted(signal);

    const telemetry = options.telemetry
      ? new Telemetry(addressOf(options.telemetry, 'api/v1/telemetry', server))
      : null;
    // Listeners are added after create returns: what is said before that is kept and repeated to them.
    let early: Notification[] | null = [];
    let session: Session | null = null;
    const listen = (notification: Notification) => {
      if (notification.type === 'progress') {
        options.onProgress?.({
          phase: notification.phase,
          loaded: notification.loaded,
          total: notification.total,
        });
      } else if (notification.type === 'device') {
        void offerSchedules(channel, notification.class, options.schedules ?? true, server);
      } else if (notification.type === 'profile') {
        void store.keepProfile(browser, notification.profile);
      }
      if (early) {
        early.push(notification);
      } else {
        session!.#hear(notification);
      }
    };
    const channel = new Channel(startWorker(), listen);
    // A worker that is only loading is ended at once, whatever it does.
    const abort = () => channel.close(aborted(signal));
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const created = await channel.request(
        'create',
        {
          source,
          device: checked.device,
          threads: checked.threads,
          engine: checked.engine,
          records: Array.isArray(options.schedules) ? [...records, ...options.schedules] : records,
          profile,
          tune: checked.tune,
          hidden: pageHidden(),
          lock: await lockName(),
          labels: { browser, model: name },
        },
        {
          transfer: source.kind === 'bytes' ? [source.bytes] : [],
          silence: SILENCE.create,
        },
      );
      session = new Session(channel, created, manifest, telemetry, checked.tune);
    } catch (thrown) {
      const error = asQuernError(thrown);
      channel.close(error);
      void telemetry?.close();
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
    const ready = session;
    setTimeout(() => {
      const kept = early ?? [];
      early = null;
      kept.forEach((notification) => ready.#hear(notification));
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

  get device(): 'wasm' | 'reference' {
    return this.#created.device;
  }

  get threads(): number {
    return this.#created.threads;
  }

  get capabilities(): Capabilities {
    return structuredClone(this.#created.capabilities);
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
    this.#checkInputs(inputs);
    const { signal } = options;
    throwIfAborted(signal);
    const turn = this.#queue.then(() =>
      holdingCores(async () => {
        throwIfAborted(signal);
        const wire = Object.fromEntries(Object.entries(inputs).map(([n, t]) => [n, toWire(t)]));
        const started = performance.now();
        const reply = await this.#channel.request(
          'run',
          { inputs: wire, outputs: options.outputs ?? null },
          {
            transfer: Object.values(wire).map((tensor) => tensor.data.buffer as ArrayBuffer),
            signal,
            silence: options.timeout ?? SILENCE.run,
            onAbort: (id) => this.#cancelWord(id),
          },
        );
        return { reply, roundTrip: performance.now() - started };
      }),
    );
    this.#queue = turn.catch(() => undefined);
    const { reply, roundTrip } = await turn.catch((thrown) => {
      throw this.#released ?? thrown;
    });
    const { outputs, ...engineTiming } = reply;
    const timing = { ...engineTiming, roundTrip };
    this.#emit('latency', timing);
    return {
      ...timing,
      outputs: Object.fromEntries(
        Object.entries(outputs).map(([name, tensor]) => [name, fromWireTensor(tensor)]),
      ),
    };
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
      // The engine ends its compute workers itself; one that is busy is ended from here a moment later.
      this.#cancelWord(-1);
      await Promise.race([
        this.#channel.request('release', {}).catch(() => undefined),
        new Promise((resolve) => setTimeout(resolve, SILENCE.release)),
      ]);
      this.#channel.close(this.#released);
    }
    await this.#telemetry?.close();
  }

  #cancelWord(id: number): void {
    if (this.#created.cancel) {
      Atomics.store(this.#created.cancel, 0, id);
    }
  }

  async #tellTuning(): Promise<void> {
    await this.#channel
      .request('tuning', { tune: this.#tune, hidden: pageHidden() })
      .catch(() => undefined);
  }

  #checkInputs(inputs: Record<string, Tensor>): void {
    const closed = this.#released ?? this.#channel.closed;
    if (closed) {
      throw closed;
    }
    const problems: string[] = [];
    for (const { name, type, dims } of this.#created.inputs) {
      const tensor = inputs?.[name];
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

  #hear(notification: Notification): void {
    const { type, ...detail } = notification;
    if (notification.type === 'tuned') {
      void store.keep(notification.record);
      this.#telemetry?.add({ type: 'schedule', record: notification.record });
    } else if (notification.type === 'telemetry') {
      this.#telemetry?.add(notification.event);
      return;
    }
    this.#emit(type, detail);
  }

  #emit(type: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function pageHidden(): boolean {
  return globalThis.document?.visibilityState === 'hidden';
}

function serverOf(server: string | undefined): string {
  const base = new URL(server ?? HOME, globalThis.location?.href ?? HOME).href;
  return base.endsWith('/') ? base : `${base}/`;
}

function addressOf(given: true | string, path: string, server: string): string {
  return given === true
    ? new URL(path, server).href
    : new URL(given, globalThis.location?.href ?? HOME).href;
}

/** The server's best schedules for this device; without them the session works, only less well at first. */
async function offerSchedules(
  channel: Channel,
  device: string,
  schedules: NonNullable<SessionOptions['schedules']>,
  server: string,
): Promise<void> {
  if (schedules === false || Array.isArray(schedules)) {
    return;
  }
  try {
    const url = new URL(addressOf(schedules, 'api/v1/schedules', server));
    url.searchParams.set('device', device);
    const answer = (await fetchJson(url.href)) as { records?: ScheduleRecord[] };
    if (Array.isArray(answer?.records) && answer.records.length > 0) {
      await channel.request('schedules', { records: answer.records });
    }
  } catch {
    // Absent or unreachable schedules are no error: the heuristic's serve, and the search goes on from there.
  }
}

async function resolveSource(
  model: string | URL | ArrayBuffer | ArrayBufferView,
  server: string,
  signal: AbortSignal | undefined,
): Promise<{ source: Source; manifest: Manifest | null; name: string }> {
  if (model instanceof ArrayBuffer) {
    return { source: { kind: 'bytes', bytes: model.slice(0) }, manifest: null, name: 'bytes' };
  }
  if (ArrayBuffer.isView(model)) {
    const bytes = new Uint8Array(model.byteLength);
    bytes.set(new Uint8Array(model.buffer, model.byteOffset, model.byteLength));
    return { source: { kind: 'bytes', bytes: bytes.buffer }, manifest: null, name: 'bytes' };
  }
  if (typeof model !== 'string' && !(model instanceof URL)) {
    throw new QuernError(
      'argument',
      "A model is given by a name, an address, or its file's bytes in an ArrayBuffer or typed array.",
    );
  }
  const reference = resolveReference(String(model), server, globalThis.location?.href ?? server);
  if (reference.kind === 'file') {
    return { source: { kind: 'url', url: reference.url }, manifest: null, name: reference.name };
  }
  const manifest = parseManifest(await fetchJson(reference.url, signal), reference.url);
  const file = fileOf(manifest, 'model')!;
  return {
    source: {
      kind: 'manifest',
      model: file,
      data: manifest.files.filter((f) => f.role === 'data'),
    },
    manifest,
    name: manifest.name,
  };
}

function checkOptions(options: SessionOptions): {
  device: 'auto' | 'wasm' | 'reference';
  engine: 'auto' | 'wasmgc' | 'js';
  threads: number;
  tune: boolean;
} {
  const oneOf = <T extends string>(what: string, value: T | undefined, all: readonly T[]): T => {
    if (value !== undefined && !all.includes(value)) {
      throw new QuernError('argument', `${what} "${value}" is unknown; use ${all.join(', ')}.`);
    }
    return value ?? all[0]!;
  };
  const threads = options.threads ?? 0;
  if (!Number.isInteger(threads) || threads < 0 || threads > 64) {
    throw new QuernError(
      'argument',
      `threads is ${threads}; use 1 to 64, or 0 to let it be measured.`,
    );
  }
  return {
    device: oneOf('device', options.device, ['auto', 'wasm', 'reference']),
    engine: oneOf('engine', options.engine, ['auto', 'wasmgc', 'js']),
    threads,
    tune: options.tune ?? true,
  };
}

/** Forgets the profile and the schedules that this browser has learnt. */
export function forget(): Promise<void> {
  return store.clear();
}
