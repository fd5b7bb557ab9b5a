import { Channel, type Port } from './channel.js';
import { lockName } from './cores.js';
import { QuernError, aborted, asQuernError } from './errors.js';
import { browserLabel } from './labels.js';
import { Loader } from './loader.js';
import { fetchJson } from './manifest.js';
import type { CheckedOptions } from './options.js';
import type {
  Capabilities,
  CreateReply,
  LoadPhase,
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
  const began = performance.now();
  const pagePhases: LoadPhase[] = [];
  const watch = (phase: string, work: Promise<unknown>) =>
    work.then(
      () => pagePhases.push({ phase, start: 0, end: performance.now() - began }),
      () => undefined,
    );
  void watch('find', finding);
  const { signal } = options;
  const browser = browserLabel(globalThis.navigator ?? {});
  let loaded = () => {};
  const ready = new Promise<void>((resolve) => (loaded = resolve));
  let channel: Channel | undefined;
  let loader = null as Loader | null;
  const open = () => {
    loader?.close(true);
    const fresh = (loader = Loader.start(options.device));
    void finding.then(
      ({ source }) => fresh === loader && fresh?.load(source),
      () => undefined, // told by whoever waits for it
    );
    let offered: string | undefined;
    const opened = new Channel(startWorker(), (notification) => {
      if (notification.type === 'progress') {
        const { phase, loaded, total } = notification;
        options.onProgress?.({ phase, loaded, total });
      } else if (notification.type === 'device') {
        void offerSchedules(opened, notification.class, options, ready);
      } else if (notification.type === 'gpu' && notification.gpu.schedules !== offered) {
        offered = notification.gpu.schedules;
        if (offered) {
          void offerSchedules(opened, offered, options, ready);
        }
      } else if (notification.type === 'profile') {
        void memory.keepProfile(browser, notification.profile);
      } else if (notification.type === 'scarce') {
        Loader.makeRoom();
      }
      hear(notification);
    });
    channel = opened;
    return { channel: opened, loader: fresh };
  };
  // A worker that is only loading is ended at once, whatever it does.
  const abort = () => {
    channel?.close(aborted(signal));
    loader?.close(true);
  };
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const starting = startEngine(open, options);
    starting.catch(() => undefined); // awaited below
    void watch('start', starting);
    const known = options.schedules !== false;
    const [{ source, manifest, name }, records, profile, lock] = await Promise.all([
      finding,
      known ? memory.records() : [],
      known ? memory.profile(browser) : null,
      lockName(),
    ]);
    const started = await starting;
    const creating = started.channel.request(
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
    creating.catch(() => undefined); // awaited with the loader
    const failed = started.loader ? [started.loader.failed] : [];
    const reply = await Promise.race([creating, ...failed]);
    started.loader?.close(false);
    loaded();
    const telemetry = options.telemetry
      ? new Telemetry(addressOf(options.telemetry, 'api/v1/telemetry', options.server))
      : null;
    const shift = performance.timeOrigin + began;
    const timeline = reply.timeline.map(({ phase, start, end }) => ({
      phase,
      start: start - shift,
      end: end - shift,
    }));
    const created = { ...reply, timeline: [...pagePhases, ...timeline] };
    return {
      channel: started.channel,
      created,
      manifest,
      labels: { model: name, browser },
      telemetry,
    };
  } catch (thrown) {
    const error = asQuernError(thrown);
    channel?.close(error);
    loader?.close(true);
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** An engine worker, and the worker that downloads for it, if there is one. */
interface Started {
  channel: Channel;
  loader: Loader | null;
}

/**
 * Starts an engine worker. One that stays silent while it starts is given up for another, with more patience each time: Firefox sometimes
 * blocks a worker for ever while it makes a nested one.
 */
async function startEngine(
  open: () => Started,
  { device, threads, engine, signal }: CheckedOptions,
): Promise<Started> {
  for (let attempt = 1; ; attempt++) {
    const started = open();
    try {
      const loader = started.loader?.end ?? null;
      await started.channel.request(
        'start',
        { device, threads, engine, loader },
        { silence: attempt * SILENCE.start, transfer: loader ? [loader.port] : [] },
      );
      return started;
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
