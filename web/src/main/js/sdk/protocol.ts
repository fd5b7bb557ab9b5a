import type { WireError } from './errors.js';
import type { LoaderEnd } from './loader.js';
import type { TensorType, WireTensor } from './tensor.js';

/*
 * What the page and the engine worker say to each other: requests with an id, one reply each, and notifications without one.
 * Everything is a plain value that structured cloning takes.
 */

/** A file of a manifest: immutable, named by its SHA-256, checked chunk by chunk while it streams. */
export interface ManifestFile {
  path: string;
  role: string;
  bytes: number;
  sha256: string;
  url: string;
  chunkBytes: number;
  chunks: string[];
  /** A small file with everything of this one but its large tensors, so that the model can be planned before they arrive. */
  outline?: ManifestOutline;
}

export interface ManifestOutline {
  url: string;
  sha256: string;
  bytes: number;
  /** Where its bytes lie in the whole file, in order: positions and lengths. */
  pieces: [number, number][];
}

/** When a phase of loading began and ended; phases overlap. Milliseconds after the call that began it. */
export interface LoadPhase {
  phase: string;
  start: number;
  end: number;
}

export interface Manifest {
  version: number;
  name: string;
  task?: string;
  licence?: string;
  files: ManifestFile[];
  pipeline?: { pooling?: string; normalize?: boolean; maxLength?: number };
  image?: { channels?: string; mean?: number[]; std?: number[] };
}

/** Where the worker takes the model from. */
export type Source =
  | { kind: 'manifest'; model: ManifestFile; data: ManifestFile[] }
  | { kind: 'url'; url: string }
  | { kind: 'bytes'; bytes: ArrayBuffer };

/** A schedule that was measured: only tile numbers travel, never code. */
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

/** One kernel of the session as it runs now. */
export interface ScheduleRow {
  kernel: string;
  bucket: string;
  schedule: string;
  source: 'heuristic' | 'stored' | 'server' | 'tuned';
  seconds: number | null;
  gflops: number | null;
  layers: number;
}

export interface Fact {
  available: boolean;
  why: string;
}

/** What computes. */
export type Device = 'wasm' | 'webgpu' | 'reference';

/** Whether there is a GPU, and what its adapter says of itself. */
export interface GpuFact extends Fact {
  /** What measurements are filed under, such as "gpu-nvidia-ampere". */
  class?: string;
  /** The same for schedules, which another version of a browser does not share. */
  schedules?: string;
  vendor?: string;
  architecture?: string;
  device?: string;
  description?: string;
  featureLevel?: 'core' | 'compatibility';
  features?: string[];
  limits?: Record<string, number>;
  /** What device 'auto' has timed: milliseconds of a run, by its sizes. */
  measured?: { shape: string; cpu: number; gpu: number; winner: 'cpu' | 'gpu' }[];
}

/** What runs on the GPU, at the sizes that ran last. */
export interface GpuUse extends Omit<GpuFact, 'schedules'> {
  dispatches: number;
  onCpu: string[];
  shaders: number;
  weightBytes: number;
  /** Products that are tuned. */
  schedules: ScheduleRow[];
}

/** Which path is taken on this device, and why; every `why` is a sentence for a person. */
export interface Capabilities {
  device: Device | 'none';
  engine: 'wasmgc' | 'js';
  class: string;
  threads: { count: number; why: string };
  simd: Fact;
  fma: Fact;
  gpu: GpuFact;
  isolated: boolean;
  memory: { shared: boolean; maximumBytes: number };
}

export interface ValueInfo {
  name: string;
  type: TensorType;
  /** A number, or the name of a size that changes, such as "batch_size". */
  dims: (number | string)[];
}

export interface CreateRequest {
  source: Source;
  device: 'auto' | Device;
  threads: number;
  engine: 'auto' | 'wasmgc' | 'js';
  records: ScheduleRecord[];
  profile: object | null;
  tune: boolean;
  hidden: boolean;
  lock: string | null;
  browser: string;
}

export interface CreateReply {
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  device: Device;
  threads: number;
  /** Whether outputs may stay in the engine to be inputs of the next run. */
  keeps: boolean;
  capabilities: Capabilities;
  /** Where it is shared: the kernels' memory. */
  memory: WebAssembly.Memory | null;
  phases: Record<string, number>;
  /** The engine's. */
  version: string;
  /** By the clock of `performance.timeOrigin`. */
  timeline: LoadPhase[];
}

export interface RunReply {
  outputs: Record<string, WireTensor>;
  milliseconds: number;
  shape: string;
  first: boolean;
  flops: number;
  /** Fewer than there are, once it was measured that more are no faster. */
  threads: number;
  /** What computed it. */
  device: Device;
  /** How the page repeats this run by itself; null where the engine has to take part. */
  prepared: Prepared | null;
}

/** A run by its addresses in shared memory. */
export interface Prepared {
  /** Address of the program, and how many steps it has. */
  program: number;
  steps: number;
  inputs: Record<string, number>;
  outputs: { name: string; type: TensorType; dims: number[]; address: number }[];
  /** The first address behind them all. */
  end: number;
  shape: string;
  flops: number;
  /** The value of Control.VERSION for which it holds. */
  version: number;
}

export interface DescribeReply {
  schedules: ScheduleRow[];
  /** What all threads of the session reach at most, GFLOP/s; null until it has been measured. */
  peakGflops: number | null;
  memoryBytes: number;
  /** Null where no GPU computes. */
  gpu: GpuUse | null;
}

/** A step of the plan at the sizes of a run. */
export interface ProfiledStep {
  name: string;
  kernel: string;
  schedule: string | null;
  work: string;
  flops: number;
  /** Of the weights and activations that it touches, each once. */
  bytes: number;
}

/** Where the time of a run goes; all times are milliseconds. */
export interface ProfileReply {
  shape: string;
  steps: ProfiledStep[];
  samples: {
    /** A run in which no step was timed, and the one after it. */
    milliseconds: number;
    timed: number;
    /** What all threads reached in registers just before and after. */
    peakGflops: number;
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

/** What each request carries and what its reply holds. */
export interface Requests {
  capabilities: { carries: object; value: Capabilities };
  /** Answered as soon as the threads are being made; they and the engine load while the model is being found. */
  start: {
    carries: Pick<CreateRequest, 'device' | 'threads' | 'engine'> & { loader: LoaderEnd | null };
    value: null;
  };
  create: { carries: CreateRequest; value: CreateReply };
  run: {
    carries: {
      inputs: Record<string, WireTensor>;
      outputs: string[] | null;
      /** Names of inputs, and of the outputs that become them in the next run. */
      keep?: Record<string, string>;
    };
    value: RunReply;
  };
  /** Runs a program whose inputs lie in shared memory; a status that is not 0 tells that it failed. */
  repeat: {
    carries: { program: number; steps: number };
    value: { status: number; milliseconds: number };
  };
  /** Asks for what the page needs to run programs itself; `installed` is Control.INSTALLED for which it is right. */
  share: { carries: object; value: { modules: WebAssembly.Module[]; installed: number } };
  schedules: {
    carries: { records: ScheduleRecord[] };
    value: { adopted: number; refused: { record: ScheduleRecord; reason: string }[] };
  };
  tuning: { carries: { tune: boolean; hidden: boolean }; value: null };
  profile: { carries: { inputs: Record<string, WireTensor>; runs: number }; value: ProfileReply };
  describe: { carries: object; value: DescribeReply };
  release: { carries: object; value: null };
}

export type Phase = 'download' | 'compile' | 'tune';

export type Notification =
  | { type: 'gpu'; gpu: GpuFact; device: Device }
  | { type: 'device'; class: string; capabilities: Capabilities }
  | { type: 'progress'; phase: Phase; loaded: number; total: number }
  | { type: 'profile'; profile: { class: string } & Record<string, unknown> }
  | { type: 'scarce' } // the engine finds no room for its memory
  | { type: 'schedules'; rows: ScheduleRow[]; peakGflops: number | null }
  | { type: 'tuned'; record: ScheduleRecord; previous: string; ratio: number }
  | { type: 'refused'; kernel: string; bucket: string; schedule: string; reason: string };

export type Reply =
  | { id: number; ok: true; value: unknown }
  | { id: number; ok: false; error: WireError };
