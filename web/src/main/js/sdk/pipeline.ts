import type { Encoded, Tokenizer } from '../quern-tokenizer.js';
import { batches, textInputs, type Batch } from './batching.js';
import { QuernError, throwIfAborted } from './errors.js';
import { normalize, pool, type Pooling } from './pooling.js';
import type { Manifest } from './protocol.js';
import { checkOptions, type SessionOptions } from './options.js';
import { Session } from './session.js';
import { findModel, type ModelInput } from './source.js';
import type { Tensor } from './tensor.js';
import { noTokenizer, tokenizerJson, type LoadTokenizer } from './tokenizing.js';

export interface PipelineOptions extends SessionOptions {
  /** Address of tokenizer.json, or its parsed contents; default: the manifest's. */
  tokenizer?: string | object;
  pooling?: Pooling;
  normalize?: boolean;
  /** Longest input in tokens, special tokens included; longer ones are truncated, and the answer says so. */
  maxLength?: number;
  /** Texts that run together at most; default 8. */
  batchSize?: number;
}

export interface EmbedOptions {
  signal?: AbortSignal;
}

export interface Embeddings {
  /** One vector per text, in the order of the texts. With pooling `none`: one vector per token, one after another. */
  vectors: Float32Array[];
  /** Tokens of each text as it ran, special tokens included. */
  tokens: number[];
  /** Whether each text was longer than the model takes and was cut. */
  truncated: boolean[];
  /** Width of a vector. */
  width: number;
  /** Time of the inferences alone. */
  milliseconds: number;
}

/** Text to vectors: tokenising, batching with padding, the model, pooling, normalising. */
export interface FeatureExtraction {
  (texts: string | readonly string[], options?: EmbedOptions): Promise<Embeddings>;
  readonly session: Session;
  readonly maxLength: number;
  /** Tokens that a text takes, and whether it would be cut; runs nothing. */
  count(text: string): { tokens: number; truncated: boolean };
  release(): Promise<void>;
}

/** Texts to vectors, around a model. */
export async function createPipeline(
  loadTokenizer: LoadTokenizer,
  model: ModelInput,
  options: PipelineOptions = {},
): Promise<FeatureExtraction> {
  const batchSize = positive('batchSize', options.batchSize ?? 8);
  throwIfAborted(options.signal);
  const checked = checkOptions(options);
  const finding = findModel(model, checked.server, options.signal);
  // The tokeniser is fetched and made while the weights are on their way.
  const making = Promise.all([loadTokenizer(), finding]).then(
    async ([{ Tokenizer }, { manifest }]) => ({
      settings: settingsOf(options, manifest),
      tokenizer: new Tokenizer(await requiredTokenizer(options, manifest)),
    }),
  );
  making.catch(() => undefined); // awaited below
  // Loading ends when the caller cancels it, and also when the tokeniser fails.
  const ending = new AbortController();
  const cancel = () => ending.abort(options.signal?.reason);
  options.signal?.addEventListener('abort', cancel, { once: true });
  const opening = Session.open(finding, { ...checked, signal: ending.signal });
  try {
    const [session, { settings, tokenizer }] = await Promise.all([opening, making]);
    return feature(session, tokenizer, { ...settings, batchSize });
  } catch (thrown) {
    ending.abort();
    await opening.then(
      (session) => session.release(),
      () => undefined,
    );
    throw thrown;
  } finally {
    options.signal?.removeEventListener('abort', cancel);
  }
}

interface Settings {
  pooling: Pooling;
  normalize: boolean;
  maxLength: number;
  batchSize: number;
}

function settingsOf(
  options: PipelineOptions,
  manifest: Manifest | null,
): Omit<Settings, 'batchSize'> {
  const given = manifest?.pipeline ?? {};
  const pooling = (options.pooling ?? given.pooling ?? 'mean') as Pooling;
  if (!['mean', 'cls', 'none'].includes(pooling)) {
    throw new QuernError('argument', `pooling "${pooling}" is unknown; use mean, cls or none.`);
  }
  return {
    pooling,
    normalize: options.normalize ?? given.normalize ?? true,
    maxLength: positive('maxLength', options.maxLength ?? given.maxLength ?? 512),
  };
}

function positive(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1) {
    throw new QuernError('argument', `${name} is ${value}; use a whole number of at least 1.`);
  }
  return value;
}

async function requiredTokenizer(
  options: PipelineOptions,
  manifest: Manifest | null,
): Promise<object> {
  const json = await tokenizerJson(options, manifest);
  if (!json) {
    throw noTokenizer();
  }
  return json;
}

function feature(session: Session, tokenizer: Tokenizer, settings: Settings): FeatureExtraction {
  const encode = (text: string): Encoded => tokenizer.encode(text, settings.maxLength);
  const embed = async (
    texts: string | readonly string[],
    options: EmbedOptions = {},
  ): Promise<Embeddings> => {
    const list = typeof texts === 'string' ? [texts] : [...texts];
    list.forEach((text, i) => {
      if (typeof text !== 'string') {
        throw new QuernError('argument', `Text ${i} is a ${typeof text}, not a string.`);
      }
    });
    const encoded = list.map(encode);
    const vectors = new Array<Float32Array>(list.length);
    let width = 0;
    let milliseconds = 0;
    for (const batch of batches(
      encoded.map(({ ids }) => ids),
      settings.batchSize,
      tokenizer.padId,
    )) {
      throwIfAborted(options.signal);
      const measured = await session.measure(textInputs(batch, session.inputs), options);
      milliseconds += measured.milliseconds;
      const hidden = hiddenStates(measured.outputs);
      width = hidden.dims[2]!;
      reduce(hidden, batch, settings).forEach((vector, i) => {
        vectors[batch.places[i]!] = vector;
      });
    }
    return {
      vectors,
      tokens: encoded.map(({ ids }) => ids.length),
      truncated: encoded.map(({ dropped }) => dropped > 0),
      width,
      milliseconds,
    };
  };
  return Object.assign(embed, {
    session,
    maxLength: settings.maxLength,
    count: (text: string) => {
      const { ids, dropped } = encode(text);
      return { tokens: ids.length, truncated: dropped > 0 };
    },
    release: () => session.release(),
  });
}

/** The output that holds the hidden states [batch, seq, hidden]. */
function hiddenStates(outputs: Record<string, Tensor>): Tensor {
  const hidden =
    outputs['last_hidden_state'] ??
    Object.values(outputs).find((o) => o.dims.length === 3 && o.type === 'float32');
  if (!hidden) {
    throw new QuernError(
      'model',
      'The model has no output of hidden states [batch, seq, hidden]; use Session for it.',
    );
  }
  return hidden;
}

function reduce(hidden: Tensor, batch: Batch, settings: Settings): Float32Array[] {
  if (settings.pooling === 'none') {
    return rows(hidden, batch);
  }
  const vectors = pool(hidden, batch.mask, settings.pooling);
  return settings.normalize ? vectors.map(normalize) : vectors;
}

function rows(hidden: Tensor, batch: Batch): Float32Array[] {
  const [, seq, width] = hidden.dims;
  return batch.mask.map((mask, b) => {
    const length = mask.reduce((sum, kept) => sum + kept, 0);
    const from = b * seq! * width!;
    return (hidden.data as Float32Array).slice(from, from + length * width!);
  });
}
