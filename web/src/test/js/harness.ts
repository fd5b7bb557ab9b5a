/* A test is a name and a function; the Java side runs the bundle of all and reports each by its name. */

export interface Test {
  name: string;
  run(): void | Promise<void>;
}

export const tests: Test[] = [];

export function test(name: string, run: () => void | Promise<void>): void {
  tests.push({ name, run });
}

export function same(actual: unknown, expected: unknown, what = 'value'): void {
  const [a, b] = [text(actual), text(expected)];
  if (a !== b) {
    throw new Error(`${what} is ${a}, not ${b}`);
  }
}

export function close(actual: number, expected: number, within: number): void {
  if (!(Math.abs(actual - expected) <= within)) {
    throw new Error(`${actual} is not within ${within} of ${expected}`);
  }
}

/** Runs what must fail; checks the code, and that the sentence holds the words. */
export async function fails(
  code: string,
  words: string,
  action: () => unknown,
): Promise<Error & { code?: string; problems?: readonly string[] }> {
  let result: unknown;
  try {
    result = await action();
  } catch (thrown) {
    const error = thrown as Error & { code?: string };
    same(error.code, code, `code of "${error.message}"`);
    if (!error.message.includes(words)) {
      throw new Error(`"${error.message}" does not say "${words}"`);
    }
    return error;
  }
  throw new Error(`expected the error ${code} but got ${text(result)}`);
}

/** Lets everything that waits only for promises go on. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 5));
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, v) => {
    if (typeof v === 'bigint') {
      return `${v}n`;
    }
    return ArrayBuffer.isView(v) ? [v.constructor.name, ...(v as unknown as Iterable<number>)] : v;
  });
}

/** Time that a test moves by hand. */
export class ManualClock {
  #now = 0;
  #timers = new Set<{ at: number; action: () => void }>();

  after(milliseconds: number, action: () => void): unknown {
    const timer = { at: this.#now + milliseconds, action };
    this.#timers.add(timer);
    return timer;
  }

  cancel(handle: unknown): void {
    this.#timers.delete(handle as { at: number; action: () => void });
  }

  pass(milliseconds: number): void {
    this.#now += milliseconds;
    for (const timer of [...this.#timers]) {
      if (timer.at <= this.#now && this.#timers.delete(timer)) {
        timer.action();
      }
    }
  }
}

/** Answers `fetch` from a table of addresses; remembers what was asked. */
export function fakeFetch(
  answers: Record<string, (init?: RequestInit) => Response | Promise<Response>>,
): string[] {
  const asked: string[] = [];
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
    const url = String(input);
    asked.push(url);
    const answer = answers[url];
    if (!answer) {
      throw new TypeError('fetch failed');
    }
    return answer(init);
  }) as typeof fetch;
  return asked;
}
