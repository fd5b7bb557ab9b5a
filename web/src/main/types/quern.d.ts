/**
 * Quern runs neural networks in the web page, with compute kernels made on the device.
 *
 * ```js
 * import { pipeline, cosine } from './quern.js';
 * const embed = await pipeline('feature-extraction', 'all-MiniLM-L6-v2');
 * const { vectors } = await embed(['A cat sleeps.', 'A kitten naps.']);
 * console.log(cosine(vectors[0], vectors[1]));
 * ```
 */

export type ErrorCode =
  /** A call of this library is wrong. */
  | 'argument'
  /** Tensors that the model does not take; `problems` lists each. */
  | 'input'
  /** A broken or unsupported model; `problems` lists everything found, with node and operator. */
  | 'model'
  /** This browser lacks something that is needed. */
  | 'unsupported'
  /** No such model or file on the server. */
  | 'notfound'
  /** The server could not be reached, or broke off and did not come back. */
  | 'network'
  /** Bytes arrived that are not the published ones. */
  | 'integrity'
  /** The browser refused the memory that the model needs. */
  | 'memory'
  /** The caller's AbortSignal. */
  | 'forgotten'
  | 'aborted'
  /** The engine did not answer in time. */
  | 'timeout'
  /** The session has been released. */
  | 'released'
  /** A fault of the engine itself. */
  | 'engine';

/** The one exception of this library: a code to switch on, and a sentence that says what is wrong and what to do. */
export class QuernError extends Error {
  readonly code: ErrorCode;
  readonly problems: readonly string[];
  constructor(
    code: ErrorCode,
    message: string,
    options?: { cause?: unknown; problems?: readonly string[] },
  );
}

export type TensorType =
  | 'float32'
  | 'float64'
  /** IEEE half precision, as bits in a Uint16Array. */
  | 'float16'
  /** The upper half of a 32-bit float, as bits in a Uint16Array. */
  | 'bfloat16'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  /** One byte each. */
  | 'bool';

export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** A dense tensor in row-major order. Throws `argument` when data and dims do not fit each other or the type. */
export class Tensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly data: TensorData;
  /** A typed array of the type is kept, not copied; an array of numbers is converted, and what does not fit is refused. */
  constructor(
    type: TensorType,
    data: TensorData | ArrayLike<number | bigint | boolean>,
    dims: readonly number[],
  );
  /** Number of elements. */
  get size(): number;
  /** The same data under other dims of equal size. */
  reshape(dims: readonly number[]): Tensor;
}

/** The name, type and sizes of an input or output; a size that changes from run to run is given by its name. */
export interface ValueInfo {
  name: string;
  type: TensorType;
  dims: (number | string)[];
}

export interface Fact {
  available: boolean;
  /** A sentence for a person. */
  why: string;
}

/** Whether there is a GPU for WebGPU, or why there is none, or no more; and what its adapter says of itself. */
export interface GpuFact extends Fact {
  vendor?: string;
  architecture?: string;
  device?: string;
  description?: string;
  featureLevel?: 'core' | 'compatibility';
  /** WebGPU's names of what the adapter offers. */
  features?: string[];
  /** Limits that were asked for. */
  limits?: Record<string, number>;
  /** What device `auto` has timed: milliseconds of a run, by its sizes. */
  measured?: { shape: string; cpu: number; gpu: number; winner: 'cpu' | 'gpu' }[];
}

/** What runs on the GPU, at the sizes that ran last. */
export interface GpuUse extends GpuFact {
  /** Dispatches an inference. */
  dispatches: number;
  /** Why steps stay on the CPU, one sentence for each place where the run leaves the GPU. */
  onCpu: string[];
  /** Different shaders. */
  shaders: number;
  weightBytes: number;
}

/** Which path is taken on this device, and why. */
export interface Capabilities {
  device: 'wasm' | 'webgpu' | 'reference' | 'none';
  engine: 'wasmgc' | 'js';
  /** The class of devices that this one shares schedules with, such as "v8-simd-fma-t2". */
  class: string;
  threads: { count: number; why: string };
  simd: Fact;
  fma: Fact;
  gpu: GpuFact;
  /** Whether the page is cross-origin isolated, which threads need. */
  isolated: boolean;
  memory: { shared: boolean; maximumBytes: number };
}

/** Asks the device; needs no model. */
export function capabilities(): Promise<Capabilities>;

export interface Progress {
  phase: 'download' | 'compile' | 'tune';
  /** Bytes for download, kernels for compile, candidates for tune. */
  loaded: number;
  total: number;
}

/** Tile numbers that were measured on a device for one kernel; never code. */
export interface ScheduleRecord {
  version: number;
  kernel: string;
  bucket: string;
  device: string;
  schedule: string;
  seconds: number;
  samples: number;
  engine: string;
  browser: string;
}

/** One kernel of a session as it runs now. */
export interface ScheduleRow {
  kernel: string;
  /** Rows of the left matrix that it serves, such as "33-128". */
  bucket: string;
  schedule: string;
  source: 'heuristic' | 'stored' | 'server' | 'tuned';
  seconds: number | null;
  gflops: number | null;
  /** How many layers use it. */
  layers: number;
}

export interface SessionOptions {
  /**
   * `wasm` makes kernels for the CPU; `webgpu` makes shaders besides, and the CPU answers while they are being made and whenever the
   * GPU fails or is missing: `capabilities.gpu` says why; `auto` (default) times both at the sizes that run, and goes on with the
   * faster; `reference` is slow and plain.
   */
  device?: 'auto' | 'wasm' | 'webgpu' | 'reference';
  /** 0 (default) lets it be measured how many help. More than one needs a cross-origin isolated page. */
  threads?: number;
  onProgress?: (progress: Progress) => void;
  /** Cancels loading. */
  signal?: AbortSignal;
  /** Known schedules: the server's (true, default), none (false), an address, or records. */
  schedules?: boolean | string | ScheduleRecord[];
  /** Send measurements (numbers and coarse device facts only) to the server or an address. Default off. */
  telemetry?: boolean | string;
  /** Search for faster kernels while the page works; default true. */
  tune?: boolean;
  engine?: 'auto' | 'wasmgc' | 'js';
  /** Address of the Quern server; default: where quern.js came from. */
  server?: string;
}

/**
 * What a run leaves for the next one, such as a decoder's keys and values: outputs, and the inputs that they become. The first run is given
 * these inputs, the next ones are not; `run` returns none of these outputs. Where the engine can, they stay in its memory.
 *
 * A session keeps one state there: a run that begins another one makes it be forgotten, and `kept` false.
 */
export class State {
  /** Names of inputs, and of the outputs that become them. */
  constructor(pairs: Readonly<Record<string, string>>);
  readonly pairs: Readonly<Record<string, string>>;
  /** Whether a run has left what the next one reads. */
  get kept(): boolean;
}

export interface RunOptions {
  /** Cancels the run: between two steps where memory is shared, otherwise when the run would start. */
  signal?: AbortSignal;
  /** Names of the outputs wanted; default all. */
  outputs?: string[];
  /**
   * Tensors that outputs may be written into, by name, such as what an earlier run gave: fresh memory costs about as long as copying
   * ten times its size. One that is of another type or other sizes than the output is left alone. What `run` returns counts.
   */
  into?: Record<string, Tensor>;
  /** What runs leave for one another. */
  state?: State;
  /** Milliseconds after which the engine counts as dead and the session ends; default ten minutes. */
  timeout?: number;
}

export interface Timing {
  /** Inside the engine. */
  milliseconds: number;
  /** From the page to the engine and back. */
  roundTrip: number;
  /** Sizes of the run, such as "1x32". */
  shape: string;
  /** Whether it was the first run of this shape. */
  first: boolean;
  /** Floating-point operations of its matrix products. */
  flops: number;
  /** What computed it. */
  device: 'wasm' | 'webgpu' | 'reference';
}

export interface Measured extends Timing {
  outputs: Record<string, Tensor>;
}

/** Where the time of a run goes; all times are milliseconds. */
export interface Profile {
  shape: string;
  steps: {
    name: string;
    kernel: string;
    schedule: string | null;
    /** Its size: batch x m x n x k of a product, otherwise items. */
    work: string;
    flops: number;
    /** Of the weights and activations that it touches, each once. */
    bytes: number;
  }[];
  samples: {
    /** A run in which no step was timed, and the one after it. */
    milliseconds: number;
    timed: number;
    /** What all threads reached in registers just before and after. */
    peakGflops: number;
    /** In the order of the steps above. */
    steps: number[];
  }[];
  /** From one barrier to the next. */
  barrier: number;
  /** The same runs on the GPU, where there is one that is ready for these sizes and leaves no step to the CPU. */
  gpu?: GpuProfile | null;
}

/** Where the time of runs on the GPU goes, outputs not read; milliseconds. */
export interface GpuProfile {
  times: number[];
  names: { name: string; kernel: string; groups: number[] }[];
  /** Of each run the steps; null where the device has no timestamps. */
  steps: number[][] | null;
}

/** When a phase of loading was: `find` the manifest, `start` the worker, `engine`, `download`, `parse`, `plan`, `warm`, `pack`. */
export interface LoadPhase {
  phase: string;
  start: number;
  end: number;
}

/** What each event of a session holds in `detail`. */
export interface SessionEvents {
  latency: Timing;
  progress: Progress;
  tuned: { record: ScheduleRecord; previous: string; ratio: number };
  refused: { kernel: string; bucket: string; schedule: string; reason: string };
  schedules: { rows: ScheduleRow[]; peakGflops: number | null };
  /** The GPU was found, is missing, has been timed, or has failed; `device` says what computes from now on. */
  gpu: { gpu: GpuFact; device: 'wasm' | 'webgpu' | 'reference' };
}

/**
 * A model that is ready to run, with its own worker, memory and threads. Its events (`latency`, `progress`, `tuned`, `refused`, `schedules`, `gpu`)
 * are CustomEvents; SessionEvents tells what their `detail` holds.
 */
export class Session extends EventTarget {
  private constructor();
  /**
   * Loads a model: a name that the server knows, the address of a manifest (.json) or of an .onnx file, or the file's bytes.
   */
  static create(
    model: string | URL | ArrayBuffer | ArrayBufferView,
    options?: SessionOptions,
  ): Promise<Session>;
  get inputNames(): string[];
  get outputNames(): string[];
  get inputs(): ValueInfo[];
  get outputs(): ValueInfo[];
  /** What computes; it changes when a GPU fails, or is found to be the faster or the slower. */
  get device(): 'wasm' | 'webgpu' | 'reference';
  get threads(): number;
  get capabilities(): Capabilities;
  /** When each phase of loading began and ended, in milliseconds after the call; phases overlap. */
  get timeline(): LoadPhase[];
  /** Milliseconds of each phase of loading. */
  get phases(): Record<string, number>;
  /** Runs the model. Inputs are copied. Runs of one page wait for each other. */
  run(inputs: Record<string, Tensor>, options?: RunOptions): Promise<Record<string, Tensor>>;
  /** Runs the model and says how long it took. */
  measure(inputs: Record<string, Tensor>, options?: RunOptions): Promise<Measured>;
  /**
   * Runs the model some times (20 unless said otherwise) by itself and tells where the time goes: milliseconds of each step of each run, bytes that
   * it touches, the peak probed between the runs. For device `wasm`.
   */
  profile(inputs: Record<string, Tensor>, options?: { runs?: number }): Promise<Profile>;
  /** The kernels as they run now, the measured peak of the device, the memory held. */
  describe(): Promise<{
    schedules: ScheduleRow[];
    /** What all threads of the session reach at most; null until it has been measured. */
    peakGflops: number | null;
    memoryBytes: number;
    /** Null where no GPU computes. */
    gpu: GpuUse | null;
  }>;
  /** Starts or stops the search for faster kernels. */
  tuning(tune: boolean): Promise<void>;
  /** Ends the engine and frees its memory. A run under way fails with `released`. */
  release(): Promise<void>;
  addEventListener<K extends keyof SessionEvents>(
    type: K,
    listener: (event: CustomEvent<SessionEvents[K]>) => void,
    options?: AddEventListenerOptions | boolean,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void;
}

export interface PipelineOptions extends SessionOptions {
  /** Address of tokenizer.json, or its parsed contents; default: the model's. */
  tokenizer?: string | object;
  /** Default: the model's, else `mean`. */
  pooling?: 'mean' | 'cls' | 'none';
  /** Scale vectors to length 1; default: the model's, else true. */
  normalize?: boolean;
  /** Longest input in tokens; longer ones are truncated, and the answer says so. */
  maxLength?: number;
  /** Texts that run together at most; default 8. */
  batchSize?: number;
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

export interface FeatureExtraction {
  (texts: string | readonly string[], options?: { signal?: AbortSignal }): Promise<Embeddings>;
  readonly session: Session;
  readonly maxLength: number;
  /** Tokens that a text takes, and whether it would be cut; runs nothing. */
  count(text: string): { tokens: number; truncated: boolean };
  release(): Promise<void>;
}

/** Text to vectors: tokenising, batching with padding, the model, pooling, normalising. */
export function pipeline(
  task: 'feature-extraction',
  model: string | URL | ArrayBuffer | ArrayBufferView,
  options?: PipelineOptions,
): Promise<FeatureExtraction>;
/** Images to classes: decoding, resizing, normalising, the model, shares. */
export function pipeline(
  task: 'image-classification',
  model: string | URL | ArrayBuffer | ArrayBufferView,
  options?: ClassificationOptions,
): Promise<ImageClassification>;
/** Images to text: finding lines of any angle, turning them upright, reading them. The model given is the one that finds lines. */
export function pipeline(
  task: 'ocr',
  model: string | URL | ArrayBuffer | ArrayBufferView,
  options?: OcrOptions,
): Promise<Ocr>;
/** Sounds to where somebody speaks in them, by Silero VAD; on the plain device by default, which is the fastest for that network. */
export function pipeline(
  task: 'voice-activity-detection',
  model: string | URL | ArrayBuffer | ArrayBufferView,
  options?: SessionOptions,
): Promise<VoiceActivityDetection>;
/** Text that goes on from a prompt, by a decoder as Hugging Face's Optimum exports it with past keys and values. */
export function pipeline(
  task: 'text-generation',
  model: string | URL | ArrayBuffer | ArrayBufferView,
  options?: GenerationOptions,
): Promise<TextGeneration>;
/** Text from another, such as its translation, by an encoder (the model given) and a decoder as Hugging Face's Optimum exports them. */
export function pipeline(
  task: 'text2text-generation',
  model: string | URL | ArrayBuffer | ArrayBufferView,
  options?: TranslationOptions,
): Promise<Text2TextGeneration>;

/** Samples from -1 to 1, a decoded sound, an audio file that the browser can decode, or the address of one. Channels are averaged. */
export type SoundInput = Float32Array | AudioBuffer | ArrayBuffer | Blob | string | URL;

export interface DetectOptions {
  /** Probability from which a frame begins speech, which ends at one of 0.15 less; default 0.5. */
  threshold?: number;
  /** Seconds that a segment lasts at least; default 0.25. */
  minSpeech?: number;
  /** Seconds of silence that end a segment; default 0.1. */
  minSilence?: number;
  /** Seconds that are added at both ends of a segment; default 0.03. */
  pad?: number;
  /** Samples a second of a Float32Array; default 16000. */
  samplingRate?: number;
  /** Ends it between two frames. */
  signal?: AbortSignal;
}

export interface Voiced {
  /** In seconds from the sound's beginning, in order. */
  segments: { start: number; end: number }[];
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

export interface GenerationOptions extends SessionOptions {
  /** Address of tokenizer.json, or its parsed contents; default: the model's. Without one prompts are token ids. */
  tokenizer?: string | object;
  /** Tokens that end an answer; default: those that the tokenizer has for it, such as `<|endoftext|>`. */
  endTokens?: readonly number[];
}

export interface TranslationOptions extends GenerationOptions {
  /** The network that writes: decoder_model_merged.onnx, or decoder_model.onnx; default: the model's. */
  decoder?: string | URL | ArrayBuffer | ArrayBufferView;
  /** decoder_with_past_model.onnx, if `decoder` is not merged; default: the model's. Without it each token costs as much as all before it. */
  decoderWithPast?: string | URL | ArrayBuffer | ArrayBufferView;
  /** Tokens that every text begins with, decoder_start_token_id in config.json; default: the tokenizer's `<pad>`, as T5 and Marian have it. BART's is `</s>`. */
  startTokens?: readonly number[];
}

export interface GenerateOptions {
  /** Tokens that come at most; default 128. */
  maxNewTokens?: number;
  /** 0: always the likeliest token. More: a random one, the more evenly spread the higher it is. Default 0; 1 if topK or topP is given. */
  temperature?: number;
  /** Only so many of the likeliest tokens may be drawn; 0 (default): all. */
  topK?: number;
  /** Only the likeliest tokens that together have this probability may be drawn; default 1. */
  topP?: number;
  /** Scores of tokens that are in the text already are divided by it, or multiplied if they are negative; default 1. */
  repetitionPenalty?: number;
  /** A whole number; the same one gives the same answer. Default: a random one, which the answer tells. */
  seed?: number;
  /** Texts that end the answer, which does not hold them. */
  stop?: string | readonly string[];
  /** Ends it within one token. */
  signal?: AbortSignal;
}

/** What a token added to an answer. */
export interface GeneratedPart {
  /** Empty while a character is not whole, or a stop sequence may have begun. */
  text: string;
  /** None in a last part that holds what was held back. */
  tokens: number[];
}

export interface Generated {
  text: string;
  /** Without the one that ended it; with those of a stop sequence. */
  tokens: number[];
  promptTokens: number;
  /** Why it ended: `maxNewTokens`, a stop sequence, or the model's own end. */
  reason: 'length' | 'stop' | 'end';
  seed: number;
  /** Time of the inferences: of the prompt, and of all tokens after the first. */
  milliseconds: { prompt: number; tokens: number };
}

/** Prompts to texts. */
export interface TextWriter {
  /** Writes for a text, or for token ids. */
  (prompt: string | readonly number[], options?: GenerateOptions): Promise<Generated>;
  /** The same piece by piece: `for await (const { text } of generate.stream(prompt)) …`. Leaving the loop ends it. */
  stream(
    prompt: string | readonly number[],
    options?: GenerateOptions,
  ): AsyncGenerator<GeneratedPart, Generated, void>;
  /** The tokens of a prompt. */
  encode(text: string): number[];
  /** The text of tokens, without special ones. */
  decode(tokens: readonly number[]): string;
  release(): Promise<void>;
}

/** Goes on from prompts. */
export interface TextGeneration extends TextWriter {
  readonly session: Session;
}

/** Reads prompts, and writes other texts. */
export interface Text2TextGeneration extends TextWriter {
  /** The models by what they do. */
  readonly sessions: { encoder: Session; decoder: Session; decoderWithPast: Session | null };
}

/** Whatever shows an image, or the address of one. What is transparent counts as on white. */
export type ImageInput =
  | ImageBitmap
  | HTMLImageElement
  | HTMLCanvasElement
  | HTMLVideoElement
  | OffscreenCanvas
  | ImageData
  | Blob
  | string
  | URL;

/** How an image becomes the numbers that a model takes: (value / 255 - mean) / std. */
export interface ImageOptions {
  /** The order of the channels. */
  channels: 'rgb' | 'bgr';
  /** One for each channel, in that order. */
  mean: number[];
  std: number[];
}

export interface ClassificationOptions extends SessionOptions {
  /** Names of the classes, or the address of a JSON file with them; default: the model's. */
  labels?: readonly string[] | string;
  /** Default: the model's, else red, green and blue from 0 to 1. */
  image?: Partial<ImageOptions>;
}

export interface Classified {
  /** The likeliest first; the scores of all classes add up to 1, `index` is the place in the model's output. */
  classes: { label: string; score: number; index: number }[];
  /** Time of the inference alone. */
  milliseconds: number;
}

export interface ImageClassification {
  /** The `topK` likeliest classes; default 5. */
  (image: ImageInput, options?: { topK?: number; signal?: AbortSignal }): Promise<Classified>;
  readonly session: Session;
  /** Names of the classes, in the order of the model's output; empty if they are not known. */
  readonly labels: readonly string[];
  release(): Promise<void>;
}

export interface OcrOptions extends SessionOptions {
  /** Model that reads a line, [batch, 3, 48, width] to [batch, places, symbols]; default: the model's. */
  recognition?: string | URL | ArrayBuffer | ArrayBufferView;
  /** Model that says whether a line is upside down; false: lines are taken as they lie. Default: the model's. */
  direction?: string | URL | ArrayBuffer | ArrayBufferView | false;
  /** Symbols of the recogniser, or the address of a file with one a line; default: the model's. */
  keys?: readonly string[] | string;
  /** How pixels become the detector's numbers; default: the model's. */
  image?: Partial<ImageOptions>;
  /** Pixels of the longer side at which text is looked for; default 960. More finds smaller text and takes longer. */
  detectionSize?: number;
  /** Probability from which a pixel counts as text; default 0.3. */
  threshold?: number;
  /** Mean probability from which a box counts; default 0.6. */
  boxScore?: number;
  /** Probability from which a line's text counts; default 0.5. */
  textScore?: number;
}

/** A place in an image: x to the right, y down. */
export type Point = [x: number, y: number];

export interface TextLine {
  text: string;
  /** Mean probability of its symbols. */
  score: number;
  /** Corners in pixels of the image as given, clockwise from the text's top left one. */
  corners: [Point, Point, Point, Point];
}

export interface Recognised {
  /** All of it: rows from the top, parts of a row with a space between. */
  text: string;
  /** In the order of reading. */
  lines: TextLine[];
  /** Times of the inferences, and of all that was done, reading the pixels included. */
  milliseconds: { detection: number; direction: number; recognition: number; total: number };
}

export interface Ocr {
  (image: ImageInput, options?: { signal?: AbortSignal }): Promise<Recognised>;
  /** The models by what they do. */
  readonly sessions: { detection: Session; recognition: Session; direction: Session | null };
  release(): Promise<void>;
}

/** Cosine of the angle between two vectors of equal length, -1 to 1; 0 when one of them is zero. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number;

/** Forgets the profile and the schedules that this browser has learnt. */
export function forget(): Promise<void>;
