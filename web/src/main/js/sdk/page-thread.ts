import type { Requests } from './protocol.js';

// dev.quern.runtime.Control
const TABLE_SIZE = 1024;
const TRAPPED = 4;

/** `here` of dev.quern.runtime.Walker: runs steps of a program with the compute workers, and gives a status. */
type Here = (program: number, first: number, last: number) => number;

/** The page as a thread of the engine: an instance of every kernel on the session's shared memory. */
export class PageThread {
  /** The value of Control.INSTALLED for which its kernels are the right ones. */
  readonly installed: number;
  readonly #here: Here;

  constructor(memory: WebAssembly.Memory, { modules, installed }: Requests['share']['value']) {
    const table = new WebAssembly.Table({ initial: TABLE_SIZE, element: 'anyfunc' });
    const env = { memory, table, now: () => performance.now() };
    const exports = modules.map((module) => new WebAssembly.Instance(module, { env }).exports);
    this.#here = exports.find(({ here }) => here)!['here'] as Here;
    this.installed = installed;
  }

  /** Runs a program: 0, or a status that says that it failed. */
  run(program: number, steps: number): number {
    try {
      return this.#here(program, 0, steps);
    } catch {
      return TRAPPED;
    }
  }
}
