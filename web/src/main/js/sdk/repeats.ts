import { PageThread } from './page-thread.js';
import type { Device, Prepared, Requests } from './protocol.js';
import { Tensor, readTensor, writeTensor } from './tensor.js';

// dev.quern.runtime.Control, in words of four bytes
const EPOCH = 16;
const VERSION = 24;
const HELD = 25;
const INSTALLED = 26;
const CANCEL = 64;

/** Values of HELD. */
const NOBODY = 0;
const PAGE = 1;

/**
 * A program that took no longer than this is run on the page's own thread: the way to the worker and back takes up to a millisecond, because it
 * wakes threads. It is a fifth of a frame.
 */
const SHORT_MILLISECONDS = 3;

/** After so long on the page's thread one run goes to the worker, so that the page gets its turn. */
const TURN_MILLISECONDS = 8;

/** The clock's step: a run that seems to take no time takes some. */
const CLOCK_MILLISECONDS = 0.02;

/** What a run gave and how long it took. */
export interface Ran {
  outputs: Record<string, Tensor>;
  /** Inside the engine. */
  milliseconds: number;
  shape: string;
  first: boolean;
  flops: number;
  device: Device;
}

type Outcome = Requests['repeat']['value'];

/** What is asked of the engine's worker. */
export interface EngineWorker {
  repeat(carries: Requests['repeat']['carries']): Promise<Outcome>;
  share(): Promise<Requests['share']['value']>;
}

/** A run that may be repeated, and how long it took last. */
type Known = Prepared & { milliseconds: number };

/**
 * Runs that were done before, done again: where memory is shared, the page writes the inputs and reads the outputs itself, and the engine's worker
 * only runs the program, without names, JSON or the engine's own code. The engine says which runs may be repeated, and takes that back by VERSION.
 */
export class Repeats {
  readonly #memory: WebAssembly.Memory;
  readonly #words: Int32Array;
  readonly #known = new Map<string, Known>();
  #version = 0;
  /** Null until there is a short program, `refused` where the page may not instantiate kernels. */
  #thread: PageThread | 'asked' | 'refused' | null = null;
  /** Milliseconds of this turn of the event loop that runs took. */
  #spent = 0;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
    this.#words = new Int32Array(memory.buffer, 0, 128);
  }

  /** Tells all threads to end the run of a request, at the next step. */
  cancel(id: number): void {
    Atomics.store(this.#words, CANCEL, id);
  }

  /** Keeps how a run of these inputs and outputs is repeated. */
  keep(inputs: Record<string, Tensor>, wanted: string[] | null, prepared: Prepared): void {
    if (prepared.version !== this.#version) {
      this.#known.clear();
      this.#version = prepared.version;
    }
    this.#known.set(key(inputs, wanted), { ...prepared, milliseconds: Infinity });
  }

  /** Repeats a run; null where the engine has to do it: for the first time, after changes, and to say what went wrong. */
  async run(
    inputs: Record<string, Tensor>,
    wanted: string[] | null,
    into: Record<string, Tensor>,
    worker: EngineWorker,
  ): Promise<Ran | null> {
    const prepared = this.#known.get(key(inputs, wanted));
    if (!prepared || Atomics.compareExchange(this.#words, HELD, NOBODY, PAGE) !== NOBODY) {
      return null;
    }
    try {
      const grown = prepared.end > this.#memory.buffer.byteLength; // and the page has not heard of it
      if (grown || Atomics.load(this.#words, VERSION) !== this.#version) {
        return null;
      }
      // The compute workers wake while the inputs are written.
      Atomics.notify(this.#words, EPOCH);
      for (const [name, address] of Object.entries(prepared.inputs)) {
        writeTensor(this.#memory, address, inputs[name]!);
      }
      const { program, steps, shape, flops } = prepared;
      const outcome = this.#runHere(prepared, worker) ?? (await worker.repeat({ program, steps }));
      const { status, milliseconds } = outcome;
      prepared.milliseconds = milliseconds;
      return status === 0
        ? {
            outputs: this.#read(prepared, into),
            milliseconds,
            shape,
            first: false,
            flops,
            device: 'wasm',
          }
        : null;
    } finally {
      Atomics.store(this.#words, HELD, NOBODY);
    }
  }

  /** Runs a short program on this thread; null where the worker has to. */
  #runHere({ program, steps, milliseconds }: Known, worker: EngineWorker): Outcome | null {
    if (milliseconds > SHORT_MILLISECONDS || this.#spent > TURN_MILLISECONDS) {
      return null;
    }
    const thread = this.#thread;
    if (
      !(thread instanceof PageThread) ||
      thread.installed !== Atomics.load(this.#words, INSTALLED)
    ) {
      void this.#join(worker);
      return null;
    }
    Atomics.store(this.#words, CANCEL, 0);
    const started = performance.now();
    const status = thread.run(program, steps);
    const took = performance.now() - started;
    if (this.#spent === 0) {
      setTimeout(() => (this.#spent = 0), 0);
    }
    this.#spent += Math.max(took, CLOCK_MILLISECONDS);
    return { status, milliseconds: took };
  }

  /** Gets the kernels, once for each set of them. */
  async #join(worker: EngineWorker): Promise<void> {
    if (this.#thread === 'asked' || this.#thread === 'refused') {
      return;
    }
    this.#thread = 'asked';
    try {
      this.#thread = new PageThread(this.#memory, await worker.share());
    } catch {
      this.#thread = 'refused'; // a policy without wasm-unsafe-eval, or the session has ended
    }
  }

  #read({ outputs }: Prepared, into: Record<string, Tensor>): Record<string, Tensor> {
    const entries = outputs.map(({ name, type, dims, address }) => [
      name,
      readTensor(this.#memory, address, type, dims, into[name]),
    ]);
    return Object.fromEntries(entries) as Record<string, Tensor>;
  }
}

/** Names and sizes: types are those of the model. */
function key(inputs: Record<string, Tensor>, wanted: string[] | null): string {
  let text = wanted ? wanted.join() : '';
  for (const name in inputs) {
    text += `;${name}:${inputs[name]!.dims.join('x')}`;
  }
  return text;
}
