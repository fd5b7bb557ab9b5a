import { Channel, type Port } from './channel.js';
import { lockName } from './cores.js';
import { QuernError, aborted, asQuernError } from './errors.js';
import { browserLabel } from './labels.js';
import { fetchJson } from './manifest.js';
import type { CheckedOptions } from './options.js';
import type {
  Capabilities,
  CreateReply,
  Manifest,
  Notification,
  ScheduleRecord,
} from './protocol.js';
import { addressOf, type Found } from './source.js';
import { Store } from './store.js';
import { Telemetry } from './telemetry.js';

/* From options to an engine that has loaded a model. */

/** Milliseconds without any word from the engine before it counts as dead. */
export const SILENCE = {
  probe: 20_000,
  start: 5_000,
  create: 60_000,
  run: 600_000,
  release: 1_000,
};

/** Engine workers that are tried before a silent one is an error. */
const STARTS = 4;

/** What this browser has learnt. */
export const memory = new Store();

/** Starts an engine worker; separate so that it is the only place that knows the file's name. */
function startWorker(): Port {
  if (typeof Worker === 'undefined' || typeof WebAssembly === 'undefined') {
    throw new QuernError(
      'unsupported',
      'This browser has no WebAssembly or no web workers; use a current version of it.',
    );
  }
  try {
    return new Worker(new URL('quern-worker.js', import.meta.url), {
      type: 'module',
      name: 'quern',
    }) as Port;
  } catch (thrown) {
    throw new QuernError(
      'unsupported',
      "The engine's worker may not start from another origin: serve quern.js from this site, or use the <quern-embed> element.",
      { cause: thrown },
    );
  }
}

let probing: Promise<Capabilities> | null = null;

/** Which path this device takes and why; needs no model. Asked once a page. */
export function capabilities(): Promise<Capabilities> {
  return (probing ??= (async () => {
    const channel = new Channel(startWorker(), () => undefined);
    try {
      return await channel.request('capabilities', {}, { silence: SILENCE.probe });
    } finally {
      channel.close(new QuernError('released', 'The probe has ended.'));
    }
  })().catch((thrown) => {
    probing = null;
    throw thrown;
  }));
}

/** An engine with a model, and what belongs to it. */
export interface Opened {
  channel: Channel;
  created: CreateReply;
  manifest: Manifest | null;
  /** How telemetry names the model and the browser. */
  labels: { model: string; browser: string };
  telemetry: Telemetry | null;
}

/** Starts an engine, and loads the model into it once it is found. */
export async function openEngine(
  finding: Promise<Found>,
  options: CheckedOptions,
  hear: (notification: Notification) => void,
): Promise<Opened> {
  finding.catch(() => undefined); // awaited below
  const { signal } = options;
  const browser = browserLabel(globalThis.navigator ?? {});
  let loaded = () => {};
  const created = new Promise<void>((resolve) => (loaded = resolve));
  let channel: Channel | undefined;
  const open = () => {
    const opened = new Channel(startWorker(), (notification) => {
      if (notification.type === 'progress') {
        const { phase, loaded, total } = notification;
        options.onProgress?.({ phase, loaded, total });
      } else if (notification.type === 'device') {
        void offerSchedules(opened, notification.class, options, created);
      } else if (notification.type === 'profile') {
        void memory.keepProfile(browser, notification.profile);
      }
      hear(notification);
    });
    return (channel = opened);
  };
  // A worker that is only loading is ended at once, whatever it does.
  const abort = () => channel?.close(aborted(signal));
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const starting = startEngine(open, options);
    starting.catch(() => undefined); // awaited below
    const known = options.schedules !== false;
    const [{ source, manifest, name }, records, profile, lock] = await Promise.all([
      finding,
      known ? memory.records() : [],
      known ? memory.profile(browser) : null,
      lockName(),
    ]);
    const ready = await starting;
    const reply = await ready.request(
      'create',
      {
        source,
        device: options.device,
        threads: options.threads,
        engine: options.engine,
        records: Array.isArray(options.schedules) ? [...records, ...options.schedules] : records,
        profile,
        tune: options.tune,
        hidden: pageHidden(),
        lock,
        browser,
      },
      {
        transfer: source.kind === 'bytes' ? [source.bytes] : [],
        silence: SILENCE.create,
      },
    );
    loaded();
    const telemetry = options.telemetry
      ? new Telemetry(addressOf(options.telemetry, 'api/v1/telemetry', options.server))
      : null;
    return {
      channel: ready,
      created: reply,
      manifest,
      labels: { model: name, browser },
      telemetry,
    };
  } catch (thrown) {
    const error = asQuernError(thrown);
    channel?.close(error);
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/**
 * Starts an engine worker. One that stays silent while it starts is given up for another, with more patience each time: Firefox sometimes
 * blocks a worker for ever while it makes a nested one.
 */
async function startEngine(
  open: () => Channel,
  { device, threads, engine, signal }: CheckedOptions,
): Promise<Channel> {
  for (let attempt = 1; ; attempt++) {
    const channel = open();
    try {
      await channel.request(
        'start',
        { device, threads, engine },
        { silence: attempt * SILENCE.start },
      );
      return channel;
    } catch (thrown) {
      const silent = thrown instanceof QuernError && thrown.code === 'timeout';
      if (!silent || attempt === STARTS || signal?.aborted) {
        throw thrown;
      }
    }
  }
}

export function pageHidden(): boolean {
  return globalThis.document?.visibilityState === 'hidden';
}

/** The server's best schedules for this device; without them the session works, only less well at first. */
async function offerSchedules(
  channel: Channel,
  device: string,
  { schedules, server }: CheckedOptions,
  created: Promise<unknown>,
): Promise<void> {
  if (schedules === false || Array.isArray(schedules)) {
    return;
  }
  try {
    const url = new URL(addressOf(schedules, 'api/v1/schedules', server));
    url.searchParams.set('device', device);
    const answer = (await fetchJson(url.href)) as { records?: ScheduleRecord[] };
    if (Array.isArray(answer?.records) && answer.records.length > 0) {
      await created; // an engine takes schedules for the kernels of a model that it has
      await channel.request('schedules', { records: answer.records });
    }
  } catch {
    // Absent or unreachable schedules are no error: the heuristic's serve, and the search goes on from there.
  }
}
