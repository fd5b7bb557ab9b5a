import { QuernError } from './errors.js';
import type { Tensor } from './tensor.js';

/**
 * What a run leaves for the next one, such as a decoder's keys and values: outputs, and the inputs that they become. Where the engine can, they
 * stay in its memory and are neither copied nor seen by the page.
 *
 * A session's engine keeps one state. A run with another one makes it be forgotten; then `kept` is false, and the next run has to be given
 * all inputs again.
 */
export class State {
  /** Names of inputs, and of the outputs that become them. */
  readonly pairs: Readonly<Record<string, string>>;
  #kept = false;
  /** Where the engine keeps nothing. */
  #tensors: Record<string, Tensor> = {};

  constructor(pairs: Readonly<Record<string, string>>) {
    if (Object.keys(pairs).length === 0) {
      throw new QuernError('argument', 'A state names at least one input and its output.');
    }
    this.pairs = Object.freeze({ ...pairs });
  }

  /** Whether a run has left what the next one reads: then these inputs are not given. */
  get kept(): boolean {
    return this.#kept;
  }

  /** What the page keeps of the run before; nothing where the engine does. */
  static tensors(state: State): Record<string, Tensor> {
    return state.#tensors;
  }

  /** A run has ended well. Its outputs are kept here, unless the engine has them. */
  static keep(state: State, outputs: Record<string, Tensor>): void {
    const pairs = Object.entries(state.pairs).filter(([, output]) => outputs[output]);
    state.#tensors = Object.fromEntries(pairs.map(([input, output]) => [input, outputs[output]!]));
    state.#kept = true;
  }

  static forget(state: State): void {
    state.#tensors = {};
    state.#kept = false;
  }
}
