import type { Host } from '../vision/host.js';

/* From whatever holds a sound to its samples. */

export type SoundInput = Float32Array | AudioBuffer | ArrayBuffer | Blob | string | URL;

const KINDS =
  'a Float32Array of samples, an AudioBuffer, a Blob, File or ArrayBuffer with an audio file, or an address';

/** One channel, from -1 to 1, at `rate` samples a second; channels are averaged. `given` is the rate of bare samples. */
export async function readSound(
  host: Host,
  input: SoundInput,
  given: number,
  rate: number,
  signal?: AbortSignal,
): Promise<Float32Array> {
  if (input instanceof Float32Array) {
    if (!Number.isFinite(given) || given < 3000 || given > 768000) {
      throw host.error(
        'argument',
        `samplingRate is ${given}; use the samples a second, 3000 to 768000.`,
      );
    }
    return given === rate ? input : resampled(host, [input], given, rate);
  }
  if (typeof AudioBuffer !== 'undefined' && input instanceof AudioBuffer) {
    return mono(host, input, rate);
  }
  if (typeof input === 'string' || input instanceof URL) {
    return decoded(host, await fetched(host, String(input), signal), rate);
  }
  if (typeof Blob !== 'undefined' && input instanceof Blob) {
    return decoded(host, await input.arrayBuffer(), rate);
  }
  if (input instanceof ArrayBuffer) {
    return decoded(host, input.slice(0), rate); // decoding takes the buffer away
  }
  throw host.error('argument', `A sound is given as ${KINDS}.`);
}

async function fetched(host: Host, url: string, signal?: AbortSignal): Promise<ArrayBuffer> {
  const bytes = await host.file('', url);
  signal?.throwIfAborted();
  return bytes!;
}

function context(host: Host, length: number, rate: number): OfflineAudioContext {
  if (typeof OfflineAudioContext === 'undefined') {
    throw host.error(
      'unsupported',
      'Sounds are decoded by the Web Audio API, which is missing here (workers have none): give a Float32Array at 16000 samples a second.',
    );
  }
  return new OfflineAudioContext(1, Math.max(1, length), rate);
}

/** Decoding in a context brings the sound to the context's rate. */
async function decoded(host: Host, bytes: ArrayBuffer, rate: number): Promise<Float32Array> {
  const into = context(host, 1, rate);
  let buffer: AudioBuffer;
  try {
    buffer = await into.decodeAudioData(bytes);
  } catch (thrown) {
    throw host.error(
      'argument',
      'The bytes are no audio file that this browser can decode; use WAV, MP3, Ogg or M4A.',
      thrown,
    );
  }
  return mono(host, buffer, rate);
}

async function mono(host: Host, buffer: AudioBuffer, rate: number): Promise<Float32Array> {
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, i) =>
    buffer.getChannelData(i),
  );
  return buffer.sampleRate === rate
    ? averaged(channels)
    : resampled(host, channels, buffer.sampleRate, rate);
}

function averaged(channels: readonly Float32Array[]): Float32Array {
  const [first, ...others] = channels;
  return others.length === 0
    ? first!
    : first!.map((value, i) => others.reduce((sum, o) => sum + o[i]!, value) / channels.length);
}

async function resampled(
  host: Host,
  channels: readonly Float32Array[],
  from: number,
  to: number,
): Promise<Float32Array> {
  const samples = averaged(channels);
  if (samples.length === 0) {
    return samples;
  }
  const into = context(host, Math.ceil((samples.length * to) / from), to);
  const source = into.createBufferSource();
  source.buffer = into.createBuffer(1, samples.length, from);
  source.buffer.copyToChannel(samples as Float32Array<ArrayBuffer>, 0);
  source.connect(into.destination);
  source.start();
  return (await into.startRendering()).getChannelData(0);
}
