import type { Measured, RunOptions, Session } from '../session.js';
import type { Tensor } from '../tensor.js';
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

/*
 * An encoder that reads a text, and a decoder that writes another, as Hugging Face's Optimum exports them: encoder_model.onnx, and either
 * decoder_model_merged.onnx, or decoder_model.onnx and decoder_with_past_model.onnx.
 */

export interface Networks {
  encoder: Session;
  /** The one that begins a text; merged ones go on with it too. */
  decoder: Session;
  /** The one that goes on with it, if that is another. */
  decoderWithPast: Session | null;
}

/** What the encoder's sequence is to a decoder. */
const STATES = 'encoder_hidden_states';
const MASK = 'encoder_attention_mask';
const PLAIN = ['input_ids', STATES, MASK, USE_CACHE];

/** A past of the sequence that was read, which stays the same from token to token. */
const isCross = (name: string) => name.includes('.encoder.');
const isOwn = (name: string) => !isCross(name);

type Inputs = Record<string, Tensor>;

export class EncoderDecoder implements Network {
  readonly #host: Host;
  readonly #networks: Networks;
  readonly #first: readonly number[];
  /** Goes on with a text; null if all its tokens have to be read again. */
  readonly #next: Session | null;
  /** What it leaves for itself. */
  readonly #own: Readonly<Record<string, string>>;

  /** @param first the tokens that every text begins with, which are no part of it */
  constructor(host: Host, networks: Networks, first: readonly number[]) {
    this.#host = host;
    this.#networks = networks;
    this.#first = first;
    const merged = networks.decoder.inputNames.includes(USE_CACHE);
    const next = merged ? networks.decoder : networks.decoderWithPast;
    const own = next ? pairsOf(next, isOwn) : [];
    this.#next = own.length > 0 ? next : null;
    this.#own = Object.fromEntries(own);
    this.#check(merged);
  }

  #check(merged: boolean): void {
    const { encoder, decoder, decoderWithPast } = this.#networks;
    const problems: string[] = [];
    const foreign = (session: Session, known: (name: string) => boolean) =>
      session.inputNames.filter((name) => !known(name));
    const reads = foreign(encoder, (name) => ['input_ids', 'attention_mask'].includes(name));
    if (reads.length > 0 || !encoder.outputNames.includes('last_hidden_state')) {
      problems.push(
        `the encoder takes input_ids and attention_mask and gives last_hidden_state, this one takes ${encoder.inputNames.join(', ')} and gives ${encoder.outputNames.join(', ')}`,
      );
    }
    const pasts = (name: string) => name.startsWith(PAST);
    const begins = foreign(decoder, (name) => PLAIN.includes(name) || (merged && pasts(name)));
    if (begins.length > 0 || !writes(decoder)) {
      problems.push(
        `the decoder takes ${PLAIN.join(', ')} and, if it has the last of these, ${PAST}…, and gives logits of float32; this one takes ${decoder.inputNames.join(', ')} and gives ${decoder.outputNames.join(', ')}`,
      );
    }
    if (decoderWithPast && !merged) {
      const goesOn = foreign(decoderWithPast, (name) => PLAIN.includes(name) || pasts(name));
      const missing = decoderWithPast.inputNames.filter(
        (name) => pasts(name) && !decoder.outputNames.includes(presentOf(name)),
      );
      if (goesOn.length > 0 || missing.length > 0 || !writes(decoderWithPast)) {
        problems.push(
          `the decoder with past takes ${PAST}… that the other decoder gives as present.…, and gives logits of float32; this one takes ${decoderWithPast.inputNames.join(', ')}`,
        );
      }
    }
    if (problems.length > 0) {
      throw this.#host.error(
        'model',
        `These are no encoder and decoder as Optimum exports them: ${problems.join('; ')}. Use Session for them.`,
      );
    }
  }

  begin(prompt: readonly number[]): Writing {
    const { decoder } = this.#networks;
    const next = this.#next;
    const state = next && this.#host.state(this.#own);
    let read: Inputs | undefined;
    let before: number[] = [];
    /** Keys and values of what was read, and those that another network has left of the text. */
    let cross: Inputs = {};
    let left: Inputs | null = null;

    const anew = async (tokens: readonly number[], options: RunOptions): Promise<Measured> => {
      const inputs = { ...this.#inputs(decoder, tokens, read!, false), ...this.#nothing(decoder) };
      const keeps = next === decoder && state;
      const measured = await decoder.measure(inputs, { ...options, ...(keeps && { state }) });
      if (next) {
        cross = pastsOf(next, measured.outputs, isCross);
        left = keeps ? null : pastsOf(next, measured.outputs, isOwn);
      }
      return measured;
    };
    const goOn = (tokens: readonly number[], options: RunOptions): Promise<Measured> => {
      const inputs = { ...this.#inputs(next!, tokens, read!, true), ...cross, ...left };
      left = null;
      return next!.measure(inputs, { ...options, outputs: ['logits'], state: state! });
    };
    return {
      first: this.#first,
      step: async (tokens, signal) => {
        const options: RunOptions = signal ? { signal } : {};
        let milliseconds = 0;
        if (!read) {
          ({ read, milliseconds } = await this.#encode(prompt, options));
        }
        const all = [...before, ...tokens];
        const kept = state?.kept;
        const known = kept || left !== null;
        const measured = await (known ? goOn(tokens, options) : anew(all, options)).catch(
          (thrown) => {
            if (kept && !state?.kept && !signal?.aborted) {
              return anew(all, options); // another text took the place of this one's keys and values
            }
            throw thrown;
          },
        );
        before = all;
        milliseconds += measured.milliseconds;
        return { logits: last(measured.outputs['logits']!), milliseconds };
      },
    };
  }

  /** What decoders are given of the sequence that is read. */
  async #encode(
    prompt: readonly number[],
    options: RunOptions,
  ): Promise<{ read: Inputs; milliseconds: number }> {
    const { encoder } = this.#networks;
    const ones = new Array<number>(prompt.length).fill(1);
    const given: Record<string, number[]> = { input_ids: [...prompt], attention_mask: ones };
    const inputs: Inputs = {};
    for (const { name, type } of encoder.inputs) {
      inputs[name] = this.#host.tensor(given[name]!, [1, prompt.length], type);
    }
    const outputs = ['last_hidden_state'];
    const measured = await encoder.measure(inputs, { ...options, outputs });
    const { decoder } = this.#networks;
    const type = decoder.inputs.find(({ name }) => name === MASK)?.type ?? 'int64';
    return {
      read: {
        [STATES]: measured.outputs['last_hidden_state']!,
        [MASK]: this.#host.tensor(ones, [1, prompt.length], type),
      },
      milliseconds: measured.milliseconds,
    };
  }

  /** All but the pasts. */
  #inputs(session: Session, tokens: readonly number[], read: Inputs, cached: boolean): Inputs {
    const inputs: Inputs = {};
    for (const { name, type } of session.inputs) {
      if (name === 'input_ids') {
        inputs[name] = this.#host.tensor([...tokens], [1, tokens.length], type);
      } else if (name === USE_CACHE) {
        inputs[name] = this.#host.tensor([cached ? 1 : 0], [1], type);
      } else if (read[name]) {
        inputs[name] = read[name];
      }
    }
    return inputs;
  }

  /** Pasts of nothing, for one that wants them at the beginning too. */
  #nothing(session: Session): Inputs {
    const pasts = session.inputs.filter(({ name }) => name.startsWith(PAST));
    const none = pasts.map(({ name, type, dims }) => [
      name,
      this.#host.tensor([], nothingOf(dims), type),
    ]);
    return Object.fromEntries(none) as Inputs;
  }
}

function writes(session: Session): boolean {
  return session.outputs.some(({ name, type }) => name === 'logits' && type === 'float32');
}

/** The outputs of a run as pasts of the next. */
function pastsOf(session: Session, outputs: Inputs, which: (name: string) => boolean): Inputs {
  const pairs = pairsOf(session, which).filter(([, present]) => outputs[present]);
  return Object.fromEntries(pairs.map(([past, present]) => [past, outputs[present]!]));
}
