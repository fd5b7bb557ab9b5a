import type { Capabilities, ScheduleRow } from '../sdk/protocol.js';
import type { Timing } from '../sdk/session.js';
import { History, draw, words } from './chart.js';
import { showFacts } from './facts.js';

/* The panel about the engine: what the device offers, latency, speed against the peak, the tiles chosen. */

const SOURCES: Record<ScheduleRow['source'], string> = {
  heuristic: 'rule',
  stored: 'stored',
  server: 'shared',
  tuned: 'tuned',
};

const byId = <T extends Element>(id: string) => document.getElementById(id) as unknown as T;

export class Panel {
  readonly #facts = byId<HTMLElement>('facts');
  readonly #reasons = byId<HTMLElement>('reasons');
  readonly #chart = byId<SVGSVGElement>('chart');
  readonly #chartWords = byId<HTMLElement>('chart-words');
  readonly #chartNow = byId<HTMLElement>('chart-now');
  readonly #speed = byId<HTMLElement>('speed');
  readonly #speedNow = byId<HTMLElement>('speed-now');
  readonly #speedWords = byId<HTMLElement>('speed-words');
  readonly #rows = byId<HTMLTableElement>('kernels').tBodies[0]!;
  #history = new History();
  #schedules = new Map<string, string>();
  #shape = '';
  #peak: number | null = null; // GFLOP/s of all threads
  #threads = 1;
  #last: Timing | null = null;
  #frame = 0;

  constructor() {
    new ResizeObserver(() => this.#redraw()).observe(this.#chart);
  }

  /** Begins anew, for another session. */
  reset(): void {
    this.#history = new History();
    this.#schedules.clear();
    this.#last = null;
    this.#rows.replaceChildren();
    this.#redraw();
  }

  capabilities(known: Capabilities, threads: number): void {
    this.#threads = threads;
    const reasons = showFacts(this.#facts, known, threads);
    this.#reasons.replaceChildren(
      ...reasons.map((text) => {
        const item = document.createElement('li');
        item.textContent = text;
        return item;
      }),
    );
  }

  /** A run of the query: the chart follows its size. */
  follow(shape: string): void {
    this.#shape = shape;
    this.#redraw();
  }

  latency(timing: Timing): void {
    this.#history.add(timing);
    if (timing.shape === this.#shape || this.#shape === '') {
      this.#last = timing;
    }
    this.#redraw();
  }

  swapped(): void {
    this.#history.swap();
  }

  schedules(rows: readonly ScheduleRow[], peakGflops: number | null): void {
    this.#peak = peakGflops;
    this.#rows.replaceChildren(...rows.map((row) => this.#row(row)));
    this.#redraw();
  }

  #row(row: ScheduleRow): HTMLTableRowElement {
    const key = `${row.kernel}\n${row.bucket}`;
    const before = this.#schedules.get(key);
    this.#schedules.set(key, row.schedule);
    const made = document.createElement('tr');
    made.classList.toggle('fresh', before !== undefined && before !== row.schedule);
    const cells: [string, string][] = [
      [kernelLabel(row.kernel), 'kernel'],
      [row.bucket, ''],
      [tile(row.schedule), 'tile'],
      [row.gflops === null ? '–' : row.gflops.toFixed(1), 'number'],
      [SOURCES[row.source] ?? row.source, ''],
    ];
    made.append(
      ...cells.map(([text, kind]) => {
        const cell = document.createElement('td');
        cell.textContent = text;
        if (kind) {
          cell.className = kind;
        }
        return cell;
      }),
    );
    made.title = `${row.kernel}\n${row.schedule}`;
    return made;
  }

  /** Draws at most once a frame, whatever arrives. */
  #redraw(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const plot = this.#history.plot(this.#shape);
      draw(this.#chart, plot);
      this.#chartWords.textContent = words(plot);
      const now = plot.smooth.at(-1);
      this.#chartNow.textContent = now === undefined ? '' : `${now.toFixed(1)} ms`;
      this.#drawSpeed(now ?? 0);
    });
  }

  #drawSpeed(milliseconds: number): void {
    const flops = this.#last?.flops ?? 0;
    if (flops <= 0 || milliseconds <= 0) {
      return;
    }
    const reached = flops / milliseconds / 1e6;
    this.#speedNow.textContent = `${reached.toFixed(1)} GFLOP/s`;
    if (this.#peak) {
      const peak = this.#peak;
      const share = Math.min(1, reached / peak);
      this.#speed.style.setProperty('--share', String(share));
      this.#speed.ariaValueNow = String(Math.round(100 * share));
      const threads = this.#threads === 1 ? 'one thread reaches' : `${this.#threads} threads reach`;
      this.#speedWords.textContent = `${Math.round((100 * reached) / peak)} % of the ${peak.toFixed(0)} GFLOP/s that ${threads} at most on this device, over the whole inference.`;
    }
  }
}

/**
 * A kernel's signature, short enough for a phone: "matmul 384→1536 gelu" of
 * "f32_matmul k=384 n=1536 epilogue=…".
 */
export function kernelLabel(signature: string): string {
  const [family, ...rest] = signature.split(' ');
  const numbers = new Map(rest.map((part) => part.split('=', 2) as [string, string | undefined]));
  const [k, n] = [numbers.get('k'), numbers.get('n')];
  if (!family || !k || !n) {
    return signature;
  }
  const operators: string[] = signature.match(/[A-Z_]+(?=\()/g) ?? [];
  const after = operators.includes('ERF')
    ? 'gelu'
    : [...new Set(operators)].map((operator) => operator.toLowerCase()).join(' ');
  return `${family.replace(/^f32_/, '')} ${k}→${n} ${after}`.trim();
}

/** The tile of a schedule's text, short: "6×8" of "mr=6 nr=8 …" with what else differs from the usual. */
export function tile(schedule: string): string {
  const numbers = new Map(
    schedule.split(' ').map((part) => part.split('=', 2) as [string, string | undefined]),
  );
  const mr = numbers.get('mr');
  const nr = numbers.get('nr');
  return mr && nr ? `${mr}×${nr}` : schedule || '–';
}
