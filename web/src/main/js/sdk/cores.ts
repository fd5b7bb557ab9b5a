/*
 * One run at a time in a page holds the cores: two models that run together only slow each other down, and spoil the tuner's timings.
 * Where the browser has Web Locks the lock is one of those, because the engine's worker can then hold it too, for its idle slices;
 * elsewhere it is a chain of promises that all copies of this library in the page share.
 */

interface Cores {
  /** Name of the page's Web Lock, or null where there are none. */
  lock: string | null;
  tail: Promise<unknown>;
}

const KEY = Symbol.for('quern.cores');

function cores(): Cores {
  const page = globalThis as unknown as Record<symbol, Cores | undefined>;
  return (page[KEY] ??= {
    lock: globalThis.navigator?.locks ? `quern ${globalThis.crypto.randomUUID()}` : null,
    tail: Promise.resolve(),
  });
}

/** The name that the engine's worker takes for an idle slice; null where there are no Web Locks. */
export function lockName(): string | null {
  return cores().lock;
}

/** Runs the action when no other run of this page is under way. */
export async function holdingCores<T>(action: () => Promise<T>): Promise<T> {
  const { lock } = cores();
  const turn = cores().tail.then(() =>
    lock ? (navigator.locks.request(lock, action) as Promise<T>) : action(),
  );
  cores().tail = turn.catch(() => undefined);
  return turn;
}
