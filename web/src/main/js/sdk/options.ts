import { QuernError } from './errors.js';
import type { Device, Phase, ScheduleRecord } from './protocol.js';
import { serverOf } from './source.js';

export interface Progress {
  phase: Phase;
  /** Bytes for download, kernels for compile, candidates for tune. */
  loaded: number;
  total: number;
}

export interface SessionOptions {
  device?: 'auto' | Device;
  /** 0 (the default) lets the engine measure how many threads help. */
  threads?: number;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
  /** Where known schedules come from: the server (true), nowhere (false), an address, or records themselves. */
  schedules?: boolean | string | ScheduleRecord[];
  /** Send measurements to the server (true) or to an address. Off unless the site turns it on. */
  telemetry?: boolean | string;
  /** Search for faster kernels while the page works; default true. */
  tune?: boolean;
  /** The build of the engine: WebAssembly GC where it runs, JavaScript elsewhere. */
  engine?: 'auto' | 'wasmgc' | 'js';
  /** Address of the Quern server; default: where quern.js came from. */
  server?: string;
}

/** Options that are right, with every default in its place. */
export interface CheckedOptions {
  device: 'auto' | Device;
  threads: number;
  onProgress: SessionOptions['onProgress'];
  signal: AbortSignal | undefined;
  schedules: boolean | string | ScheduleRecord[];
  telemetry: boolean | string;
  tune: boolean;
  engine: 'auto' | 'wasmgc' | 'js';
  server: string;
}

const MOST_THREADS = 64;

/** Refuses options that are wrong, naming them. */
export function checkOptions(options: SessionOptions): CheckedOptions {
  const threads = options.threads ?? 0;
  if (!Number.isInteger(threads) || threads < 0 || threads > MOST_THREADS) {
    throw new QuernError(
      'argument',
      `threads is ${threads}; use 1 to ${MOST_THREADS}, or 0 to let it be measured.`,
    );
  }
  return {
    device: oneOf('device', options.device, ['auto', 'wasm', 'webgpu', 'reference']),
    threads,
    onProgress: options.onProgress,
    signal: options.signal,
    schedules: options.schedules ?? true,
    telemetry: options.telemetry ?? false,
    tune: options.tune ?? true,
    engine: oneOf('engine', options.engine, ['auto', 'wasmgc', 'js']),
    server: serverOf(options.server),
  };
}

/** The first of `all` is the default. */
function oneOf<T extends string>(what: string, value: T | undefined, all: readonly T[]): T {
  if (value !== undefined && !all.includes(value)) {
    throw new QuernError('argument', `${what} "${value}" is unknown; use ${all.join(', ')}.`);
  }
  return value ?? all[0]!;
}
