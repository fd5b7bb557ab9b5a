import { QuernError } from '../quern.js';
import type { SessionOptions } from '../sdk/options.js';
import { clearProgress, hideTrouble, showProgress, showTrouble, showTuningOff } from './loading.js';

/* What the pages with a picture share: options from the address, states, times. */

const byId = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const parameters = new URLSearchParams(location.search);

export function setState(state: 'loading' | 'ready' | 'busy' | 'error'): void {
  document.documentElement.dataset['state'] = state;
}

export function say(text: string): void {
  byId('status').textContent = text;
}

export function modelName(otherwise: string): string {
  return parameters.get('model') ?? otherwise;
}

export function sessionOptions(): SessionOptions {
  const tune = parameters.get('tune') !== 'off';
  if (!tune) {
    showTuningOff();
  }
  return {
    ...(parameters.has('device') ? { device: parameters.get('device') as 'auto' } : {}),
    engine: (parameters.get('engine') ?? 'auto') as 'auto',
    threads: Number(parameters.get('threads') ?? 0),
    tune,
    schedules: parameters.get('schedules') !== 'off',
    telemetry: parameters.get('telemetry') === 'on',
    onProgress: showProgress,
  };
}

export function begin(): void {
  setState('loading');
  hideTrouble();
  clearProgress();
  say('Loading the model …');
}

export function fail(thrown: unknown): void {
  const error = thrown instanceof QuernError ? thrown : new QuernError('engine', String(thrown));
  setState('error');
  say('');
  showTrouble(error.code, error.message);
}

/** Shows milliseconds under names. */
export function showTimes(times: Record<string, number>): void {
  byId('times').replaceChildren(
    ...Object.entries(times).flatMap(([name, milliseconds]) => {
      const term = document.createElement('dt');
      term.textContent = name;
      const number = document.createElement('dd');
      number.textContent = `${milliseconds.toFixed(0)} ms`;
      return [term, number];
    }),
  );
}

/** Takes one picture after another; of those that come while one is worked on, only the last. */
export function oneAtATime<T>(work: (value: T) => Promise<void>): (value: T) => void {
  let next: { value: T } | null = null;
  let busy = false;
  return (value) => {
    next = { value };
    if (busy) {
      return;
    }
    busy = true;
    void (async () => {
      while (next) {
        const { value: taken } = next;
        next = null;
        await work(taken);
      }
      busy = false;
    })();
  };
}
