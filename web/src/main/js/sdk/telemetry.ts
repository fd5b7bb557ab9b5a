import { PAGE_CLOCK, type Clock } from './channel.js';

/** One row per kind of event: the fields that may leave the page. Everything else is dropped here, whoever put it in. */
const FIELDS: Record<string, readonly string[]> = {
  schedule: ['record'],
  inference: ['model', 'device', 'browser', 'engine', 'threads', 'shape', 'milliseconds', 'first'],
  load: ['model', 'device', 'browser', 'engine', 'phases'],
};
const RECORD_FIELDS = [
  'version',
  'kernel',
  'bucket',
  'device',
  'schedule',
  'seconds',
  'samples',
  'engine',
  'browser',
];

const BATCH = 50;
const DELAY = 5000; // ms; a batch is sent at the latest this long after its first event
const BACKLOG = 200; // events kept while the server cannot be reached

export type TelemetryEvent = { type: string } & Record<string, unknown>;

/** Only the fields that the event's kind may have; null for a kind that is never sent. */
export function allowed(event: TelemetryEvent): TelemetryEvent | null {
  const fields = FIELDS[event.type];
  if (!fields) {
    return null;
  }
  const kept = pick(event, fields);
  if (kept['record']) {
    kept['record'] = pick(kept['record'] as Record<string, unknown>, RECORD_FIELDS);
  }
  return { type: event.type, ...kept };
}

function pick(from: Record<string, unknown>, fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(fields.filter((f) => f in from).map((f) => [f, from[f]]));
}

/**
 * Sends numbers and coarse device facts in batches, when the site has turned it on. A batch that fails is tried again with the next one; a page
 * that is left sends what it has.
 */
export class Telemetry {
  readonly #url: string;
  readonly #clock: Clock;
  #events: TelemetryEvent[] = [];
  #timer: unknown = null;
  #unwanted = false;
  readonly #leave = () => {
    if (document.visibilityState === 'hidden') {
      void this.flush();
    }
  };

  constructor(url: string, clock: Clock = PAGE_CLOCK) {
    this.#url = url;
    this.#clock = clock;
    globalThis.document?.addEventListener('visibilitychange', this.#leave);
  }

  add(event: TelemetryEvent): void {
    const kept = allowed(event);
    if (!kept || this.#unwanted) {
      return;
    }
    this.#events.push(kept);
    this.#events.splice(0, this.#events.length - BACKLOG);
    if (this.#events.length >= BATCH) {
      void this.flush();
    } else {
      this.#timer ??= this.#clock.after(DELAY, () => void this.flush());
    }
  }

  async flush(): Promise<void> {
    this.#clock.cancel(this.#timer);
    this.#timer = null;
    const events = this.#events.splice(0, BATCH);
    if (events.length === 0) {
      return;
    }
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ version: 1, events }),
        keepalive: true,
        credentials: 'omit',
      });
      // A batch that the server refuses would be refused again; only a server in trouble gets it a second time.
      if (response.status >= 500) {
        this.#events.unshift(...events);
      } else if (response.status === 403 || response.status === 404) {
        this.#unwanted = true; // this server takes none
      }
    } catch {
      this.#events.unshift(...events);
    }
  }

  async close(): Promise<void> {
    globalThis.document?.removeEventListener('visibilitychange', this.#leave);
    await this.flush();
  }
}
