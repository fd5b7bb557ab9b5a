import type { Tokenizer } from '../../quern-tokenizer.js';
import type { Session } from '../session.js';
import type { ModelInput } from '../source.js';
import type { Host } from '../vision/host.js';
import { Decoder } from './decoder.js';
import { EncoderDecoder } from './encoder-decoder.js';
import type { Network } from './network.js';
import { Sampler, type SamplingOptions } from './sampling.js';
import { GrowingText, Stops } from './streaming.js';

/* Text by a decoder, whose answer is taken token by token. */

const DEFAULTS: SamplingOptions = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  seed: 0,
};

export interface GenerationOptions {
  /** Address of tokenizer.json, or its parsed contents; default: the model's. */
  tokenizer?: string | object;
  /** Tokens that end an answer; default: those that the tokenizer has for it. */
  endTokens?: readonly number[];
}

export interface TranslationOptions extends GenerationOptions {
  /** The network that writes: decoder_model_merged.onnx, or decoder_model.onnx; default: the model's. */
  decoder?: ModelInput;
  /** decoder_with_past_model.onnx, if `decoder` is not merged; default: the model's. */
  decoderWithPast?: ModelInput;
  /** Tokens that every text begins with; default: the tokenizer's `<pad>`, as T5 and Marian have it. */
  startTokens?: readonly number[];
}

export interface GenerateOptions extends Partial<SamplingOptions> {
  maxNewTokens?: number;
  /** Texts that end the answer, which does not hold them. */
  stop?: string | readonly string[];
  signal?: AbortSignal;
}

/** What a token added. */
export interface Part {
  /** Empty while a character is not whole, or a stop sequence may have begun. */
  text: string;
  /** None in the last part, which holds what was held back. */
  tokens: number[];
}

export interface Generated {
  text: string;
  tokens: number[];
  promptTokens: number;
  /** Why it ended: `maxNewTokens`, a stop sequence, or the model's own end. */
  reason: 'length' | 'stop' | 'end';
  seed: number;
  /** Time of the inferences: that of the prompt, and those of the tokens after the first. */
  milliseconds: { prompt: number; tokens: number };
}

/** Prompts to texts. */
interface Writer {
  (prompt: string | readonly number[], options?: GenerateOptions): Promise<Generated>;
  /** The same, piece by piece. */
  stream(
    prompt: string | readonly number[],
    options?: GenerateOptions,
  ): AsyncGenerator<Part, Generated, void>;
  /** The tokens of a prompt. */
  encode(text: string): number[];
  /** The text of tokens. */
  decode(tokens: readonly number[]): string;
  release(): Promise<void>;
}

export interface TextGeneration extends Writer {
  readonly session: Session;
}

export interface Text2TextGeneration extends Writer {
  readonly sessions: { encoder: Session; decoder: Session; decoderWithPast: Session | null };
}

export async function textGeneration(
  host: Host,
  options: GenerationOptions,
): Promise<TextGeneration> {
  const making = host.tokenizer(options.tokenizer);
  making.catch(() => undefined); // awaited below
  const session = await host.open('model')!;
  try {
    const network = new Decoder(host, session);
    const writer = new Generation(host, network, await making, options).writer([session]);
    return Object.assign(writer, { session });
  } catch (thrown) {
    await session.release();
    throw thrown;
  }
}

export async function text2textGeneration(
  host: Host,
  options: TranslationOptions,
): Promise<Text2TextGeneration> {
  const opening = [
    host.open('model'),
    host.open('decoder', options.decoder),
    host.open('decoder-with-past', options.decoderWithPast),
  ];
  const opened = await Promise.allSettled([host.tokenizer(options.tokenizer), ...opening]);
  const sessions = opened
    .slice(1)
    .map((each) => (each.status === 'fulfilled' ? (each.value as Session | null) : null));
  const open = sessions.filter((session) => session !== null);
  try {
    const failed = opened.find((each) => each.status === 'rejected');
    if (failed) {
      throw failed.reason;
    }
    const [encoder, decoder, decoderWithPast] = sessions as [
      Session,
      Session | null,
      Session | null,
    ];
    if (!decoder) {
      throw host.error(
        'argument',
        'The model is an encoder without a decoder; give the address of its decoder_model_merged.onnx in options.decoder.',
      );
    }
    const tokenizer = (opened[0] as PromiseFulfilledResult<Tokenizer | null>).value;
    const networks = { encoder, decoder, decoderWithPast };
    const first = startTokens(host, tokenizer, options);
    const network = new EncoderDecoder(host, networks, first);
    const writer = new Generation(host, network, tokenizer, options).writer(open);
    return Object.assign(writer, { sessions: networks });
  } catch (thrown) {
    await Promise.all(open.map((session) => session.release()));
    throw thrown;
  }
}

function startTokens(
  host: Host,
  tokenizer: Tokenizer | null,
  { startTokens }: TranslationOptions,
): readonly number[] {
  const pad = tokenizer?.idOf('<pad>');
  const first = startTokens ?? (pad === undefined ? [] : [pad]);
  if (first.length === 0 || !first.every((id) => Number.isInteger(id) && id >= 0)) {
    throw host.error(
      'argument',
      "It is not known which tokens a text begins with; give them in options.startTokens: the decoder_start_token_id of the model's config.json.",
    );
  }
  return first;
}

/** What a call asks for, with every default in its place. */
interface Wanted {
  sampling: SamplingOptions;
  most: number;
  stops: readonly string[];
}

class Generation {
  readonly #host: Host;
  readonly #network: Network;
  readonly #tokenizer: Tokenizer | null;
  readonly #ends: ReadonlySet<number>;

  constructor(
    host: Host,
    network: Network,
    tokenizer: Tokenizer | null,
    options: GenerationOptions,
  ) {
    this.#host = host;
    this.#network = network;
    this.#tokenizer = tokenizer;
    this.#ends = new Set(options.endTokens ?? tokenizer?.endIds ?? []);
  }

  /** @param sessions what it releases */
  writer(sessions: readonly Session[]): Writer {
    const stream = (prompt: string | readonly number[], options: GenerateOptions = {}) =>
      this.#stream(prompt, options);
    const generate = async (prompt: string | readonly number[], options: GenerateOptions = {}) => {
      const parts = stream(prompt, options);
      for (;;) {
        const { done, value } = await parts.next();
        if (done) {
          return value;
        }
      }
    };
    return Object.assign(generate, {
      stream,
      encode: (text: string) => this.#needTokenizer().encodeWhole(text),
      decode: (tokens: readonly number[]) => this.#needTokenizer().decode([...tokens]),
      release: async () => {
        await Promise.all(sessions.map((session) => session.release()));
      },
    });
  }

  async *#stream(
    prompt: string | readonly number[],
    options: GenerateOptions,
  ): AsyncGenerator<Part, Generated, void> {
    const { sampling, most, stops: sequences } = this.#wanted(options);
    const { signal } = options;
    const ids = this.#promptIds(prompt);
    const sampler = new Sampler(sampling);
    const stops = new Stops(sequences);
    const growing = new GrowingText((tokens) => this.#tokenizer?.decode(tokens) ?? '');
    const tokens: number[] = [];
    const milliseconds = { prompt: 0, tokens: 0 };
    const writing = this.#network.begin(ids);
    const seen = new Set(writing.first);
    let text = '';
    let reason: Generated['reason'] = 'length';
    let fresh = writing.first;
    while (tokens.length < most) {
      const step = await writing.step(fresh, signal);
      milliseconds[tokens.length === 0 ? 'prompt' : 'tokens'] += step.milliseconds;
      const token = sampler.next(step.logits, seen);
      if (this.#ends.has(token)) {
        reason = 'end';
        break;
      }
      tokens.push(token);
      seen.add(token);
      fresh = [token];
      const shown = stops.push(growing.push(token));
      text += shown;
      yield { text: shown, tokens: [token] };
      if (stops.found) {
        reason = 'stop';
        break;
      }
    }
    const rest = stops.push(growing.end()) + stops.end();
    if (rest !== '') {
      text += rest;
      yield { text: rest, tokens: [] };
    }
    const promptTokens = ids.length;
    return { text, tokens, promptTokens, reason, seed: sampling.seed, milliseconds };
  }

  #promptIds(prompt: string | readonly number[]): number[] {
    const ids =
      typeof prompt === 'string' ? this.#needTokenizer().encodeWhole(prompt) : [...prompt];
    if (ids.length === 0 || !ids.every((id) => Number.isInteger(id) && id >= 0)) {
      throw this.#host.error(
        'argument',
        'The prompt is empty or holds what is no token; give a text or a list of token ids.',
      );
    }
    return ids;
  }

  #needTokenizer(): Tokenizer {
    if (!this.#tokenizer) {
      throw this.#host.error(
        'argument',
        'The model comes without a tokenizer; give the address of its tokenizer.json in options.tokenizer, or a prompt of token ids.',
      );
    }
    return this.#tokenizer;
  }

  #wanted(options: GenerateOptions): Wanted {
    const drawn = options.topK !== undefined || options.topP !== undefined;
    const sampling = {
      ...DEFAULTS,
      temperature: drawn ? 1 : 0,
      seed: Math.floor(Math.random() * 2 ** 32),
      ...defined(options),
    };
    const { temperature, topK, topP, repetitionPenalty, seed } = sampling;
    const most = options.maxNewTokens ?? 128;
    const whole = (value: number) => Number.isInteger(value) && value >= 0;
    const rules: [string, unknown, boolean, string][] = [
      ['temperature', temperature, temperature >= 0 && temperature < Infinity, 'at least 0'],
      ['topK', topK, whole(topK), 'a whole number; 0 for all'],
      ['topP', topP, topP > 0 && topP <= 1, 'more than 0 and at most 1'],
      ['repetitionPenalty', repetitionPenalty, repetitionPenalty > 0, 'more than 0'],
      ['seed', seed, whole(seed), 'a whole number'],
      ['maxNewTokens', most, whole(most), 'a whole number'],
    ];
    for (const [name, value, fits, use] of rules) {
      if (!fits) {
        throw this.#host.error('argument', `${name} is ${String(value)}; use ${use}.`);
      }
    }
    const stops = typeof options.stop === 'string' ? [options.stop] : (options.stop ?? []);
    if (stops.length > 0) {
      this.#needTokenizer();
    }
    if (!stops.every((stop) => typeof stop === 'string' && stop !== '')) {
      throw this.#host.error('argument', 'stop holds an empty text; use texts of some length.');
    }
    return { sampling, most, stops };
  }
}

/** The sampling options that were given. */
function defined(options: GenerateOptions): Partial<SamplingOptions> {
  const names = Object.keys(DEFAULTS) as (keyof SamplingOptions)[];
  const given = names.filter((name) => options[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, options[name]]));
}
