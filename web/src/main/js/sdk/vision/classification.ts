import type { Session } from '../session.js';
import { imageOptions, type Host, type ImageOptions } from './host.js';
import { readPixels, type ImageInput } from './pixels.js';
import { normalise, resized, rgb } from './resample.js';

/* Images to classes. */

const MOST = 2048; // pixels of the longer side that are looked at; classifiers see a tenth of it
const SIZE = 224; // of a model that takes any

export interface ClassificationOptions {
  /** Names of the classes, or the address of a JSON file with them; default: the model's. */
  labels?: readonly string[] | string;
  /** How pixels become numbers; default: the model's, else red, green and blue from 0 to 1. */
  image?: Partial<ImageOptions>;
}

export interface ImageClass {
  label: string;
  /** From 0 to 1; those of all classes add up to 1. */
  score: number;
  /** Its place in the model's output. */
  index: number;
}

export interface Classified {
  /** The likeliest first. */
  classes: ImageClass[];
  /** Time of the inference alone. */
  milliseconds: number;
}

export interface ImageClassification {
  (image: ImageInput, options?: { topK?: number; signal?: AbortSignal }): Promise<Classified>;
  readonly session: Session;
  /** Names of the classes, in the order of the model's output; empty if they are not known. */
  readonly labels: readonly string[];
  release(): Promise<void>;
}

/** The model's one input, an image. */
interface Input {
  name: string;
  width: number;
  height: number;
  /** Whether channels are the last dimension. */
  last: boolean;
}

export async function imageClassification(
  host: Host,
  options: ClassificationOptions,
): Promise<ImageClassification> {
  const image = imageOptions(host, options.image);
  const opening = host.open('model')!;
  try {
    const [session, labels] = await Promise.all([opening, labelsOf(host, options.labels)]);
    return classifier(host, session, inputOf(host, session), labels, image);
  } catch (thrown) {
    await opening.then(
      (session) => session.release(),
      () => undefined,
    );
    throw thrown;
  }
}

async function labelsOf(
  host: Host,
  given: readonly string[] | string | undefined,
): Promise<readonly string[]> {
  let labels: unknown = given;
  if (given === undefined || typeof given === 'string') {
    const bytes = await host.file('labels', given);
    if (!bytes) {
      return [];
    }
    try {
      labels = JSON.parse(new TextDecoder().decode(bytes));
    } catch (thrown) {
      throw host.error('model', 'The file of labels is not JSON.', thrown);
    }
  }
  if (!Array.isArray(labels) || !labels.every((label) => typeof label === 'string')) {
    throw host.error('argument', 'labels is a list of texts, or the address of one as JSON.');
  }
  return Object.freeze([...labels]);
}

function inputOf(host: Host, { inputs }: Session): Input {
  const [input] = inputs;
  const dims = input?.dims ?? [];
  const last = dims[3] === 3 && dims[1] !== 3;
  const [height, width] = last ? [dims[1], dims[2]] : [dims[2], dims[3]];
  if (inputs.length !== 1 || dims.length !== 4 || input!.type !== 'float32') {
    throw host.error(
      'model',
      `An image classifier has one input of f32, [batch, 3, height, width] or [batch, height, width, 3]; this model has ${inputs
        .map(({ name, type, dims }) => `${name} ${type} [${dims.join(', ')}]`)
        .join(', ')}. Use Session for it.`,
    );
  }
  const size = (given: number | string | undefined) => (typeof given === 'number' ? given : SIZE);
  return { name: input!.name, width: size(width), height: size(height), last };
}

function classifier(
  host: Host,
  session: Session,
  input: Input,
  labels: readonly string[],
  image: ImageOptions,
): ImageClassification {
  const { name, width, height, last } = input;
  const classify = async (
    given: ImageInput,
    { topK = 5, signal }: { topK?: number; signal?: AbortSignal } = {},
  ): Promise<Classified> => {
    if (!Number.isInteger(topK) || topK < 1) {
      throw host.error('argument', `topK is ${topK}; use a whole number of at least 1.`);
    }
    const pixels = await readPixels(host, given, MOST, signal);
    const data = new Float32Array(3 * width * height);
    normalise(resized(rgb(pixels), width, height), image, data, 0, width, last);
    const dims = last ? [1, height, width, 3] : [1, 3, height, width];
    const { outputs, milliseconds } = await session.measure(
      { [name]: host.tensor(data, dims) },
      { signal },
    );
    const scores = Object.values(outputs)[0]!;
    if (scores.type !== 'float32') {
      throw host.error('model', `The model's output is ${scores.type}, not scores of f32.`);
    }
    const classes = Array.from(shares(scores.data as Float32Array), (score, index) => ({
      label: labels[index] ?? `class ${index}`,
      score,
      index,
    }));
    classes.sort((a, b) => b.score - a.score);
    return { classes: classes.slice(0, topK), milliseconds };
  };
  return Object.assign(classify, { session, labels, release: () => session.release() });
}

/** Scores that add up to 1 already, or else their softmax. */
export function shares(scores: Float32Array): Float32Array {
  const sum = scores.reduce((all, score) => all + score, 0);
  if (Math.abs(sum - 1) < 1e-3 && scores.every((score) => score >= 0)) {
    return scores;
  }
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = scores.map((score) => Math.exp(score - most));
  const all = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / all);
}
