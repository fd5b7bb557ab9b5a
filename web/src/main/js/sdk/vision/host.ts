import type { Tokenizer } from '../../quern-tokenizer.js';
import type { ErrorCode } from '../errors.js';
import type { Manifest } from '../protocol.js';
import type { Session } from '../session.js';
import type { State } from '../state.js';
import type { Tensor, TensorData, TensorType } from '../tensor.js';

/* What the tasks on images, sounds and texts need of the library. They are files of their own, which only pages with these load, and import none of it. */

export interface Host {
  manifest: Manifest | null;
  /** The library's exception. */
  error(code: ErrorCode, message: string, cause?: unknown): Error;
  /** A tensor of f32 or i64, unless a type is given. */
  tensor(data: TensorData | Float32Array | number[], dims: number[], type?: TensorType): Tensor;
  /** What runs of a session leave for one another, by the names of inputs and outputs. */
  state(pairs: Record<string, string>): State;
  /** Opens the model that a caller gave, or the manifest's file of a role; null if there is neither. */
  open(role: string, given?: unknown): Promise<Session> | null;
  /** The bytes of the manifest's file of a role, or of an address; null if there is neither. */
  file(role: string, given?: string): Promise<ArrayBuffer | null>;
  /** The tokenizer that a caller gave, or the manifest's; null if there is neither. */
  tokenizer(given?: string | object): Promise<Tokenizer | null>;
}

/** How an image becomes the numbers that a model takes: (value / 255 - mean) / std. */
export interface ImageOptions {
  /** The order of the channels. */
  channels: 'rgb' | 'bgr';
  /** One for each channel, in that order. */
  mean: number[];
  std: number[];
}

const UNIT: ImageOptions = { channels: 'rgb', mean: [0, 0, 0], std: [1, 1, 1] };

/** What the caller says, else the model, else red, green and blue from 0 to 1. */
export function imageOptions(host: Host, given: Partial<ImageOptions> | undefined): ImageOptions {
  const { channels, mean, std } = { ...UNIT, ...host.manifest?.image, ...given } as ImageOptions;
  const three = (list: unknown) =>
    Array.isArray(list) && list.length === 3 && list.every((n) => Number.isFinite(n));
  if (!three(mean) || !three(std) || std.includes(0)) {
    throw host.error(
      'argument',
      'image.mean and image.std are three numbers each, and those of std are not 0.',
    );
  }
  if (channels !== 'rgb' && channels !== 'bgr') {
    throw host.error('argument', `image.channels "${String(channels)}" is neither rgb nor bgr.`);
  }
  return { channels, mean, std };
}
