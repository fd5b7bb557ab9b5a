import type { ScheduleRecord } from './protocol.js';

/*
 * What this browser has learnt: the device's profile and the schedules that won here. Kept in IndexedDB; where a browser
 * refuses that (private windows, blocked storage) everything works, only nothing is remembered.
 */

const DATABASE = 'quern';
const VERSION = 1;
const RECORDS = 'records';
const PROFILES = 'profiles';

export type Profile = { class: string } & Record<string, unknown>;

/** A record is kept per device class, kernel and bucket: a newer winner replaces the older one. */
export function recordKey(record: ScheduleRecord): string {
  return [record.device, record.kernel, record.bucket].join('\n');
}

export class Store {
  #opening: Promise<IDBDatabase | null> | null = null;

  /** Everything measured on this device by this engine's generation. */
  async records(): Promise<ScheduleRecord[]> {
    return (await this.#run<ScheduleRecord[]>(RECORDS, 'readonly', (s) => s.getAll())) ?? [];
  }

  async keep(record: ScheduleRecord): Promise<void> {
    await this.#run(RECORDS, 'readwrite', (s) => s.put(record, recordKey(record)));
  }

  /** Profiles are kept per browser version, because a new version compiles differently. */
  async profile(browser: string): Promise<Profile | null> {
    return (await this.#run<Profile>(PROFILES, 'readonly', (s) => s.get(browser))) ?? null;
  }

  async keepProfile(browser: string, profile: Profile): Promise<void> {
    await this.#run(PROFILES, 'readwrite', (s) => s.put(profile, browser));
  }

  /** Forgets everything, so that the next session starts like a first visit. */
  async clear(): Promise<void> {
    await this.#run(RECORDS, 'readwrite', (s) => s.clear());
    await this.#run(PROFILES, 'readwrite', (s) => s.clear());
  }

  async #run<T>(
    store: string,
    mode: IDBTransactionMode,
    action: (store: IDBObjectStore) => IDBRequest,
  ): Promise<T | undefined> {
    const database = await (this.#opening ??= open());
    if (!database) {
      return undefined;
    }
    return new Promise((resolve) => {
      try {
        const request = action(database.transaction(store, mode).objectStore(store));
        request.onsuccess = () => resolve(request.result as T);
        request.onerror = () => resolve(undefined);
      } catch {
        resolve(undefined); // the database was closed under us, for instance by "clear site data"
      }
    });
  }
}

function open(): Promise<IDBDatabase | null> {
  return new Promise((resolve) => {
    try {
      const request = indexedDB.open(DATABASE, VERSION);
      request.onupgradeneeded = () => {
        request.result.createObjectStore(RECORDS);
        request.result.createObjectStore(PROFILES);
      };
      request.onsuccess = () => {
        request.result.onversionchange = () => request.result.close();
        resolve(request.result);
      };
      request.onerror = () => resolve(null);
      request.onblocked = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
}
