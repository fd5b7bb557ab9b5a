import type { Progress } from '../sdk/options.js';

/* The three bars, and what to tell when something goes wrong. */

const byId = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;

/** One row per phase: how its progress reads. */
const WORDS: Record<Progress['phase'], (loaded: number, total: number) => string> = {
  download: (loaded, total) => `${megabytes(loaded)} / ${megabytes(total)} MB`,
  compile: (loaded, total) => `${loaded} / ${total} kernels`,
  tune: (loaded, total) => (loaded >= total ? 'done' : `${loaded} / ${total} tried`),
};

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}

export function showProgress({ phase, loaded, total }: Progress): void {
  const bar = byId<HTMLProgressElement>(`bar-${phase}`);
  bar.max = Math.max(total, 1);
  bar.value = total > 0 ? loaded : 1;
  byId(`out-${phase}`).textContent = WORDS[phase](loaded, total);
}

export function clearProgress(): void {
  for (const phase of Object.keys(WORDS)) {
    byId<HTMLProgressElement>(`bar-${phase}`).value = 0;
    byId(`out-${phase}`).textContent = '–';
  }
}

/** How long making the kernels took: too short for most eyes to follow. */
export function showCompiled(phases: Record<string, number>): void {
  const milliseconds = (phases['emit'] ?? 0) + (phases['compile'] ?? 0);
  byId<HTMLProgressElement>('bar-compile').max = 1;
  byId<HTMLProgressElement>('bar-compile').value = 1;
  byId('out-compile').textContent = `${milliseconds.toFixed(0)} ms`;
}

/** Says that this session does not look for faster kernels. */
export function showTuningOff(): void {
  byId('out-tune').textContent = 'off';
}

/** One row per kind of trouble: its heading, and whether another try may help. */
const TROUBLES: Record<string, { title: string; retry: boolean }> = {
  network: { title: 'The server cannot be reached.', retry: true },
  notfound: { title: 'The model is not there.', retry: true },
  integrity: { title: 'The model arrived damaged.', retry: true },
  memory: { title: 'There is not enough memory.', retry: true },
  unsupported: { title: 'This browser cannot run the model.', retry: false },
  model: { title: 'The model cannot be used.', retry: false },
  timeout: { title: 'The engine does not answer.', retry: true },
};

export function showTrouble(code: string, message: string): void {
  const { title, retry } = TROUBLES[code] ?? { title: 'Something went wrong.', retry: true };
  byId('trouble-title').textContent = title;
  byId('trouble-text').textContent = message;
  byId('retry').hidden = !retry;
  byId('trouble').hidden = false;
}

export function hideTrouble(): void {
  byId('trouble').hidden = true;
}
