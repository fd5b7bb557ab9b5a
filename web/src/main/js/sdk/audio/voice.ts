import type { Session } from '../session.js';
import type { Tensor } from '../tensor.js';
import type { Host } from '../vision/host.js';
import { segmentsOf, type Segment, type SegmentOptions } from './segments.js';
import { readSound, type SoundInput } from './sound.js';

/* Where in a sound somebody speaks, by Silero VAD v5: https://github.com/snakers4/silero-vad */

const RATE = 16000;
/** Samples of a frame, and those before them that the network sees again. */
const FRAME = 512;
const CONTEXT = 64;
const STATE = [2, 1, 128];
const DEFAULTS: SegmentOptions = { threshold: 0.5, minSpeech: 0.25, minSilence: 0.1, pad: 0.03 };

export interface DetectOptions extends Partial<SegmentOptions> {
  /** Samples a second of a Float32Array; default 16000. */
  samplingRate?: number;
  signal?: AbortSignal;
}

export interface Voiced {
  segments: Segment[];
  /** Of speech, one for each frame. */
  probabilities: Float32Array;
  frameSeconds: number;
  /** Length of the sound. */
  seconds: number;
  /** Time of the inferences alone. */
  milliseconds: number;
}

export interface VoiceActivityDetection {
  (sound: SoundInput, options?: DetectOptions): Promise<Voiced>;
  readonly session: Session;
  release(): Promise<void>;
}

export async function voiceActivityDetection(host: Host): Promise<VoiceActivityDetection> {
  const session = await host.open('model')!;
  const names = [...session.inputNames, ...session.outputNames].sort().join();
  if (names !== 'input,output,sr,state,stateN') {
    await session.release();
    throw host.error(
      'model',
      `A voice detector has the inputs input, state and sr and the outputs output and stateN, as Silero VAD v5 has; this model has ${names}. Use Session for it.`,
    );
  }
  const detect = async (sound: SoundInput, given: DetectOptions = {}): Promise<Voiced> => {
    const { samplingRate = RATE, signal } = given;
    const options = checked(host, given);
    const samples = await readSound(host, sound, samplingRate, RATE, signal);
    const { probabilities, milliseconds } = await listen(host, session, samples, signal);
    const seconds = samples.length / RATE;
    const frameSeconds = FRAME / RATE;
    const segments = segmentsOf(probabilities, frameSeconds, seconds, options);
    return { segments, probabilities, frameSeconds, seconds, milliseconds };
  };
  return Object.assign(detect, { session, release: () => session.release() });
}

function checked(host: Host, given: DetectOptions): SegmentOptions {
  const options = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS) as (keyof SegmentOptions)[]) {
    const value = given[name] ?? DEFAULTS[name];
    const most = name === 'threshold' ? 1 : Infinity;
    if (!(typeof value === 'number' && value >= 0 && value <= most)) {
      const range = name === 'threshold' ? 'a probability' : 'seconds, at least 0';
      throw host.error('argument', `${name} is ${String(value)}; use ${range}.`);
    }
    options[name] = value;
  }
  return options;
}

/** Runs the network over all frames; the last one is filled up with silence. */
async function listen(
  host: Host,
  session: Session,
  samples: Float32Array,
  signal: AbortSignal | undefined,
): Promise<{ probabilities: Float32Array; milliseconds: number }> {
  const probabilities = new Float32Array(Math.ceil(samples.length / FRAME));
  const sr = host.tensor(BigInt64Array.of(BigInt(RATE)), []);
  let state: Tensor = host.tensor(new Float32Array(2 * 128), STATE);
  let milliseconds = 0;
  for (let i = 0; i < probabilities.length; i++) {
    const data = new Float32Array(CONTEXT + FRAME);
    const from = i * FRAME - CONTEXT;
    data.set(samples.subarray(Math.max(0, from), from + data.length), Math.max(0, -from));
    const input = host.tensor(data, [1, data.length]);
    const { outputs, milliseconds: took } = await session.measure(
      { input, state, sr },
      signal ? { signal } : {},
    );
    milliseconds += took;
    state = outputs['stateN']!;
    probabilities[i] = Number(outputs['output']!.data[0]);
  }
  return { probabilities, milliseconds };
}
