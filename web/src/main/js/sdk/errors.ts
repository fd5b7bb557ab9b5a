/** What went wrong, for a program; the message says it for a person. */
export type ErrorCode =
  | 'argument' // a call of this library is wrong
  | 'input' // tensors that the model does not take
  | 'model' // a broken or unsupported model; `problems` lists everything found
  | 'unsupported' // this browser lacks something that is needed
  | 'notfound' // no such model or file on the server
  | 'network' // the server could not be reached, or broke off and did not come back
  | 'integrity' // bytes arrived that are not the published ones
  | 'memory' // the browser refused the memory that the model needs
  | 'forgotten' // what runs had left for the next is lost; give all inputs again
  | 'aborted' // the caller's AbortSignal
  | 'timeout' // the engine did not answer in time
  | 'released' // the session has been released
  | 'engine'; // a fault of the engine itself

/** The one exception of this library: a code to switch on and one sentence to show. */
export class QuernError extends Error {
  readonly code: ErrorCode;
  /** For `model`: every problem that was found, with node and operator; otherwise empty. */
  readonly problems: readonly string[];

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; problems?: readonly string[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'QuernError';
    this.code = code;
    this.problems = Object.freeze([...(options.problems ?? [])]);
  }
}

/** An error as it crosses from the engine worker: only plain values. */
export interface WireError {
  code: ErrorCode;
  message: string;
  problems?: string[];
}

const CODES: ReadonlySet<string> = new Set<ErrorCode>([
  'argument',
  'input',
  'model',
  'unsupported',
  'notfound',
  'network',
  'integrity',
  'memory',
  'forgotten',
  'aborted',
  'timeout',
  'released',
  'engine',
]);

/** A worker's error reply as an exception; a code this version does not know counts as `engine`. */
export function fromWire(error: WireError): QuernError {
  const code = CODES.has(error?.code) ? error.code : 'engine';
  const message = error?.message || 'The engine failed without saying why; reload the page.';
  return new QuernError(code, message, { problems: error?.problems ?? [] });
}

/** Anything that was thrown, as a QuernError. */
export function asQuernError(thrown: unknown, code: ErrorCode = 'engine'): QuernError {
  if (thrown instanceof QuernError) {
    return thrown;
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new QuernError(code, message, { cause: thrown });
}

/** Throws `aborted` when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined | null): void {
  if (signal?.aborted) {
    throw aborted(signal);
  }
}

export function aborted(signal?: AbortSignal | null): QuernError {
  return new QuernError('aborted', 'The caller cancelled this.', { cause: signal?.reason });
}
