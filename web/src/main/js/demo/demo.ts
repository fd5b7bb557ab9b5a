import { QuernError, forget, pipeline } from '../quern.js';
import type { FeatureExtraction } from '../sdk/pipeline.js';
import {
  clearProgress,
  hideTrouble,
  showCompiled,
  showProgress,
  showTrouble,
  showTuningOff,
} from './loading.js';
import { Panel } from './panel.js';
import { MOST_LINES, linesOf, rank, type Ranked } from './ranking.js';
import { SAMPLE_LINES, SAMPLE_QUERIES } from './samples.js';

/* The demo page: lines ranked by their closeness to a query, as it is typed, and the engine's work beside it. */

const DESCRIBE_EVERY = 3000; // ms between questions about the kernels while the query is repeated
const DEBOUNCE = 120; // ms without a key before the model runs
const REPEAT_EVERY = 400; // ms between repetitions of the query while the tuner works
const REPEAT_MOST = 600; // then the page stops by itself

const byId = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const query = byId<HTMLInputElement>('query');
const lines = byId<HTMLTextAreaElement>('lines');
const results = byId<HTMLOListElement>('results');
const status = byId('status');
const measure = byId<HTMLButtonElement>('measure');
const note = byId('engine-note');
const panel = new Panel();
const parameters = new URLSearchParams(location.search);
const tune = parameters.get('tune') !== 'off';

let extract: FeatureExtraction | null = null;
let ranking: AbortController | null = null;
let timer = 0;
let repeating = false;
let tuned = false;
let described = 0;

/** Vectors of lines seen, so that a key in the query costs one short inference. */
const known = new Map<string, { vector: Float32Array; truncated: boolean }>();

function setState(state: 'loading' | 'ready' | 'error'): void {
  document.documentElement.dataset['state'] = state;
}

async function start(): Promise<void> {
  setState('loading');
  hideTrouble();
  clearProgress();
  if (!tune) {
    showTuningOff();
  }
  panel.reset();
  status.textContent = 'Loading the model …';
  try {
    extract = await pipeline('feature-extraction', parameters.get('model') ?? 'all-MiniLM-L6-v2', {
      device: (parameters.get('device') ?? 'auto') as 'auto',
      engine: (parameters.get('engine') ?? 'auto') as 'auto',
      threads: Number(parameters.get('threads') ?? 0),
      tune,
      schedules: parameters.get('schedules') !== 'off',
      telemetry: parameters.get('telemetry') === 'on',
      onProgress: (progress) => {
        showProgress(progress);
        tuned = progress.phase === 'tune' && progress.loaded >= progress.total;
      },
    });
  } catch (thrown) {
    fail(thrown);
    return;
  }
  listen(extract);
  showCompiled(extract.session.phases);
  setState('ready');
  await update();
  await describe();
  repeat(tune && parameters.get('repeat') !== 'off');
  measure.disabled = false;
}

function listen({ session }: FeatureExtraction): void {
  panel.capabilities(session.capabilities, session.threads);
  session.addEventListener('latency', ({ detail }) => panel.latency(detail));
  session.addEventListener('schedules', ({ detail }) =>
    panel.schedules(detail.rows, detail.peakGflops),
  );
  session.addEventListener('tuned', ({ detail }) => {
    if (detail.record.schedule === detail.previous) {
      note.textContent = `Nothing that was tried for a kernel was faster than ${detail.previous}.`;
      return;
    }
    panel.swapped();
    note.textContent = `A kernel ${detail.ratio.toFixed(2)} times as fast was swapped in: ${detail.record.schedule}.`;
  });
}

/** Asks the engine for its kernels; a session that has ended says so elsewhere. */
async function describe(): Promise<void> {
  described = performance.now();
  try {
    const { schedules, peakGflops } = await extract!.session.describe();
    panel.schedules(schedules, peakGflops);
  } catch {
    // nothing to show
  }
}

function fail(thrown: unknown): void {
  const error = thrown instanceof QuernError ? thrown : new QuernError('engine', String(thrown));
  setState('error');
  status.textContent = '';
  results.classList.remove('waiting');
  showTrouble(error.code, error.message);
}

/** Ranks the lines by the query as both are now; a newer call ends an older one. */
async function update(): Promise<void> {
  const texts = linesOf(lines.value);
  byId('line-count').textContent = `(${texts.length})`;
  if (!extract) {
    showLines(texts);
    return;
  }
  ranking?.abort();
  const controller = (ranking = new AbortController());
  const { signal } = controller;
  results.classList.add('waiting');
  try {
    const missing = texts.filter((text) => !known.has(text));
    let milliseconds = 0;
    if (missing.length > 0) {
      const { vectors, truncated, milliseconds: spent } = await extract(missing, { signal });
      missing.forEach((text, i) =>
        known.set(text, { vector: vectors[i]!, truncated: truncated[i]! }),
      );
      milliseconds += spent;
    }
    const words = query.value.trim();
    if (words === '' || texts.length === 0) {
      showLines(texts);
      status.textContent = texts.length === 0 ? 'There are no lines.' : 'Type a query.';
      return;
    }
    const answer = await runQuery(words, signal);
    if (signal.aborted) {
      return;
    }
    milliseconds += answer.milliseconds;
    const ranked = rank(
      answer.vectors[0]!,
      texts.map((text) => ({ text, vector: known.get(text)!.vector })),
    );
    showRanked(ranked);
    const cut = answer.truncated[0] ? ' The query was too long and was cut.' : '';
    const most = texts.length === MOST_LINES ? ` Only the first ${MOST_LINES} lines count.` : '';
    status.textContent = `${texts.length} lines ranked; the model took ${milliseconds.toFixed(0)} ms.${cut}${most}`;
  } catch (thrown) {
    if (!(thrown instanceof QuernError && thrown.code === 'aborted')) {
      fail(thrown);
    }
  } finally {
    if (ranking === controller) {
      ranking = null;
      results.classList.remove('waiting');
    }
  }
}

function runQuery(words: string, signal?: AbortSignal) {
  panel.follow(`1x${extract!.count(words).tokens}`);
  return extract!([words], { signal });
}

/** The lines in their own order, while there is nothing to rank them by. */
function showLines(texts: readonly string[]): void {
  results.classList.remove('ranked');
  results.replaceChildren(...texts.map((text) => item(text, null)));
}

function showRanked(ranked: readonly Ranked[]): void {
  results.classList.add('ranked');
  results.replaceChildren(...ranked.map(({ text, score }) => item(text, score)));
}

function item(text: string, score: number | null): HTMLLIElement {
  const made = document.createElement('li');
  const words = document.createElement('span');
  words.className = 'text';
  words.textContent = text;
  if (known.get(text)?.truncated) {
    const cut = document.createElement('span');
    cut.className = 'cut';
    cut.textContent = ' (too long, cut)';
    words.append(cut);
  }
  const number = document.createElement('span');
  number.className = 'score';
  number.textContent = score === null ? '' : score.toFixed(2);
  const share = document.createElement('span');
  share.className = 'share';
  share.style.setProperty('--share', String(Math.min(1, Math.max(0, score ?? 0))));
  made.append(words, number, share);
  return made;
}

/** Repeats the query now and then while the tuner works, so that the chart shows what it gains. */
function repeat(on: boolean): void {
  if (repeating === on) {
    return;
  }
  repeating = on;
  measure.setAttribute('aria-pressed', String(on));
  measure.textContent = on ? 'Stop repeating' : 'Repeat the query';
  if (on) {
    void (async () => {
      for (let i = 0; i < REPEAT_MOST && repeating && extract; i++) {
        await new Promise((resolve) => setTimeout(resolve, REPEAT_EVERY));
        const words = query.value.trim();
        if (words === '' || ranking || document.visibilityState === 'hidden') {
          continue;
        }
        try {
          await runQuery(words);
        } catch (thrown) {
          fail(thrown);
          break;
        }
        if (performance.now() - described > DESCRIBE_EVERY) {
          await describe();
        }
        if (tuned) {
          break;
        }
      }
      repeat(false);
      await describe();
    })();
  }
}

function changed(): void {
  clearTimeout(timer);
  timer = window.setTimeout(() => void update(), DEBOUNCE);
}

query.addEventListener('input', changed);
lines.addEventListener('input', changed);
measure.addEventListener('click', () => {
  tuned = false;
  repeat(!repeating);
});
byId('retry').addEventListener('click', async () => {
  const before = extract;
  extract = null;
  await before?.release();
  await start();
});
byId('forget').addEventListener('click', async () => {
  await forget();
  note.textContent = 'Forgotten. Reload the page to begin as on a first visit.';
});

// Where there is room beside the panel, the lines are open to paste over.
byId<HTMLDetailsElement>('lines-box').open = matchMedia('(min-width: 900px)').matches;
document.querySelectorAll('.server').forEach((place) => {
  place.textContent = new URL('.', location.href).href;
});
byId('tries').append(
  ...SAMPLE_QUERIES.map((text) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = text;
    button.addEventListener('click', () => {
      query.value = text;
      void update();
    });
    return button;
  }),
);
lines.value = SAMPLE_LINES.join('\n');
void update();
void start();
