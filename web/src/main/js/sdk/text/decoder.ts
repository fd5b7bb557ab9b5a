import type { Session } from '../session.js';
import type { Tensor, TensorType } from '../tensor.js';
import type { Host } from '../vision/host.js';
import {
  PAST,
  USE_CACHE,
  last,
  nothingOf,
  pairsOf,
  presentOf,
  type Network,
  type Writing,
} from './network.js';

/* A decoder's network as Hugging Face's Optimum exports it: tokens, and keys and values of those before, to scores of the next. */

const PLAIN = ['input_ids', 'attention_mask', 'position_ids', USE_CACHE];

export class Decoder implements Network {
  readonly #host: Host;
  readonly #session: Session;
  readonly #types: Map<string, TensorType>;
  /** Of what came before nothing, by the name of the input. */
  readonly #nothing: Record<string, Tensor> = {};

  constructor(host: Host, session: Session) {
    this.#host = host;
    this.#session = session;
    this.#types = new Map(session.inputs.map(({ name, type }) => [name, type]));
    this.#check();
    for (const { name, type, dims } of session.inputs) {
      if (name.startsWith(PAST)) {
        this.#nothing[name] = host.tensor([], nothingOf(dims), type);
      }
    }
  }

  #check(): void {
    const outputs = this.#session.outputNames;
    const wrong = [...this.#types.keys()].filter((name) =>
      name.startsWith(PAST) ? !outputs.includes(presentOf(name)) : !PLAIN.includes(name),
    );
    const { type } = this.#session.outputs.find(({ name }) => name === 'logits') ?? {};
    if (!this.#types.has('input_ids') || wrong.length > 0 || type !== 'float32') {
      throw this.#host.error(
        'model',
        `A decoder has the inputs ${PLAIN.join(', ')} and ${PAST}… and the outputs logits of float32 and present.…, as Optimum exports it with past; this model has ${[...this.#types.keys()].join(', ')} and ${outputs.join(', ')}. Use Session for it.`,
      );
    }
  }

  begin(prompt: readonly number[]): Writing {
    const pairs = pairsOf(this.#session, () => true);
    const state = pairs.length > 0 ? this.#host.state(Object.fromEntries(pairs)) : undefined;
    let before: number[] = [];
    return {
      first: prompt,
      step: async (tokens, signal) => {
        const all = [...before, ...tokens];
        const options = { ...(signal && { signal }), ...(state && { state }) };
        const run = () =>
          state?.kept
            ? this.#session.measure(this.#inputs(tokens, before.length), options)
            : this.#session.measure({ ...this.#inputs(all, 0), ...this.#nothing }, options);
        const kept = state?.kept;
        const { outputs, milliseconds } = await run().catch((thrown) => {
          if (kept && !state?.kept && !signal?.aborted) {
            return run(); // another text took the place of this one's keys and values: all is read again
          }
          throw thrown;
        });
        before = all;
        return { logits: last(outputs['logits']!), milliseconds };
      },
    };
  }

  #inputs(tokens: readonly number[], before: number): Record<string, Tensor> {
    const inputs: Record<string, Tensor> = {};
    const add = (name: string, values: number[]) => {
      const type = this.#types.get(name);
      if (type) {
        const dims = name === USE_CACHE ? [1] : [1, values.length];
        inputs[name] = this.#host.tensor(values, dims, type);
      }
    };
    add('input_ids', [...tokens]);
    add('attention_mask', new Array<number>(before + tokens.length).fill(1));
    add(
      'position_ids',
      tokens.map((_, i) => before + i),
    );
    add(USE_CACHE, [before > 0 ? 1 : 0]);
    return inputs;
  }
}
