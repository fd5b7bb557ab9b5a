/** What goes wrong in the worker, in the protocol's terms. */
export class EngineError extends Error {
  constructor(code, message, problems) {
    super(message);
    this.code = code;
    this.problems = problems;
  }
}

/** The plain object that crosses to the page. */
export function plainError(error) {
  if (error?.name === 'AbortError') {
    return { code: 'aborted', message: 'The request was cancelled.' };
  }
  const code = typeof error?.code === 'string' ? error.code : 'engine';
  const plain = { code, message: String(error?.message ?? error) };
  if (error?.problems) plain.problems = error.problems;
  return plain;
}
