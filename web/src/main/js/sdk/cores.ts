/*
 * One run at a time in a page holds the cores: two models that run together only slow each other down, and spoil the tuner's timings.
 * Where the browser has Web Locks the lock is one of those, because the engine's worker can then hold it too, for its idle slices;
 * elsewhere it is a chain of promises that all copies of this library in the page share. A page with one session needs no lock: its
 * engine never does two things at once. (Asking for a Web Lock and giving it back goes to the browser's main process each time.)
 */

interface Cores {
  /** Name of the page's Web Lock, or null where there are none. */
  lock: Promise<string | null>;
  tail: Promise<unknown>;
  sessions: number;
}

const KEY = Symbol.for('quern.cores');

function cores(): Cores {
  const page = globalThis as unknown as Record<symbol, Cores | undefined>;
  return (page[KEY] ??= { lock: tryLock(), tail: Promise.resolve(), sessions: 0 });
}

/** Tried once: some frames have Web Locks and refuse every request (seen in Chromium 156, in an isolated frame of another site). */
async function tryLock(): Promise<string | null> {
  try {
    const name = `quern ${globalThis.crypto.randomUUID()}`;
    await navigator.locks.request(name, () => undefined);
    return name;
  } catch {
    return null;
  }
}

/** The name that the engine's worker takes for an idle slice; null where there are no Web Locks. */
export function lockName(): Promise<string | null> {
  return cores().lock;
}

/** Counts a session of this page until what it returns is called. */
export function joinCores(): () => void {
  let joined = 1;
  cores().sessions++;
  return () => {
    cores().sessions -= joined;
    joined = 0;
  };
}

/** Runs the action when no other run of this page is under way. */
export async function holdingCores<T>(action: () => Promise<T>): Promise<T> {
  const turn = cores().tail.then(async () => {
    const lock = cores().sessions > 1 ? await cores().lock : null;
    return lock ? ((await navigator.locks.request(lock, action)) as T) : action();
  });
  cores().tail = turn.catch(() => undefined);
  return turn;
}
