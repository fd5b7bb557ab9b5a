import type { Prepared, Requests } from './protocol.js';
import { Tensor, readTensor, writeTensor } from './tensor.js';

// dev.quern.runtime.Control, in words of four bytes
const EPOCH = 16;
const VERSION = 24;
const HELD = 25;
const CANCEL = 64;

/** Values of HELD. */
const NOBODY = 0;
const PAGE = 1;

/** What a run gave and how long it took. */
export interface Ran {
  outputs: Record<string, Tensor>;
  /** Inside the engine. */
  milliseconds: number;
  shape: string;
  first: boolean;
  flops: number;
}

/** Asks the engine's worker to run a program. */
export type Call = (carries: Requests['repeat']['carries']) => Promise<Requests['repeat']['value']>;

/**
 * Runs that were done before, done again: where memory is shared, the page writes the inputs and reads the outputs itself, and the engine's worker
 * only runs the program, without names, JSON or the engine's own code. The engine says which runs may be repeated, and takes that back by VERSION.
 */
export class Repeats {
  readonly #memory: WebAssembly.Memory;
  readonly #words: Int32Array;
  readonly #known = new Map<string, Prepared>();
  #version = 0;

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
    this.#known.set(key(inputs, wanted), prepared);
  }

  /** Repeats a run; null where the engine has to do it: for the first time, after changes, and to say what went wrong. */
  async run(
    inputs: Record<string, Tensor>,
    wanted: string[] | null,
    call: Call,
  ): Promise<Ran | null> {
    const prepared = this.#known.get(key(inputs, wanted));
    if (!prepared || Atomics.compareExchange(this.#words, HELD, NOBODY, PAGE) !== NOBODY) {
      return null;
    }
    try {
      if (Atomics.load(this.#words, VERSION) !== this.#version) {
        return null;
      }
      // The compute workers wake while the inputs are written.
      Atomics.notify(this.#words, EPOCH);
      for (const [name, address] of Object.entries(prepared.inputs)) {
        writeTensor(this.#memory, address, inputs[name]!);
      }
      const { program, steps, shape, flops } = prepared;
      const { status, milliseconds } = await call({ program, steps });
      return status === 0
        ? { outputs: this.#read(prepared), milliseconds, shape, first: false, flops }
        : null;
    } finally {
      Atomics.store(this.#words, HELD, NOBODY);
    }
  }

  #read({ outputs }: Prepared): Record<string, Tensor> {
    const entries = outputs.map(({ name, type, dims, address }) => [
      name,
      readTensor(this.#memory, address, type, dims),
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
