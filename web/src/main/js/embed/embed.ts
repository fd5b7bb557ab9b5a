import { cosine, pipeline, QuernError } from '../quern.js';
import type { FeatureExtraction } from '../sdk/pipeline.js';
import {
  PROTOCOL,
  isConnect,
  isTexts,
  type Connect,
  type Hello,
  type Result,
  type ToElement,
  type ToFrame,
} from './messages.js';

/* The page inside <quern-embed>: runs the model for the page around it, and shows a small form where it is wanted. */

const MATRIX = 8; // texts whose similarities are shown at most

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const form = element<HTMLFormElement>('form');
const field = element<HTMLTextAreaElement>('texts');
const button = element<HTMLButtonElement>('embed');
const status = element('status');
const bar = element<HTMLProgressElement>('progress');
const table = element<HTMLTableElement>('similarities');

let parentPort: MessagePort | null = null;
let model = 'all-MiniLM-L6-v2';
let loading: Promise<FeatureExtraction> | null = null;
const running = new Map<number, AbortController>();

function tell(message: ToElement, transfer: Transferable[] = []): void {
  parentPort?.postMessage(message, transfer);
}

/** The model, loaded at most once; after a failure the next call tries again. */
function load(): Promise<FeatureExtraction> {
  return (loading ??= (async () => {
    say('Loading the model …');
    const extract = await pipeline('feature-extraction', model, {
      onProgress: ({ phase, loaded, total }) => {
        tell({ type: 'progress', phase, loaded, total });
        if (phase === 'download' && total > 0) {
          bar.hidden = false;
          bar.max = total;
          bar.value = loaded;
          say(`Loading the model: ${megabytes(loaded)} of ${megabytes(total)} MB`);
        }
      },
    });
    bar.hidden = true;
    say('Ready. Nothing that is typed here leaves this device.');
    tell({ type: 'ready', model, capabilities: extract.session.capabilities });
    return extract;
  })().catch((thrown) => {
    loading = null;
    bar.hidden = true;
    throw thrown;
  }));
}

async function compute(texts: string[], signal?: AbortSignal): Promise<Result> {
  const extract = await load();
  const answer = await extract(texts, { signal });
  return { texts, ...answer };
}

/** Answers a request of the page around, or with id null what the visitor asked for. */
async function answer(id: number | null, texts: string[]): Promise<void> {
  const controller = new AbortController();
  if (id !== null) {
    running.set(id, controller);
  }
  try {
    const result = await compute(texts, controller.signal);
    show(result);
    tell({ type: 'result', id, result });
  } catch (thrown) {
    const { code, message } = asError(thrown);
    if (code !== 'aborted') {
      say(message, true);
    }
    tell({ type: 'error', id, code, message });
  } finally {
    running.delete(id ?? 0);
  }
}

function asError(thrown: unknown): { code: string; message: string } {
  return thrown instanceof QuernError
    ? { code: thrown.code, message: thrown.message }
    : { code: 'engine', message: String(thrown) };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

function say(text: string, wrong = false): void {
  status.textContent = text;
  status.classList.toggle('wrong', wrong);
}

/** Similarities of the texts with each other, and a word about those that were cut. */
function show({ texts, vectors, truncated, milliseconds }: Result): void {
  const cut = truncated.filter(Boolean).length;
  const note = cut > 0 ? ` ${cut} too long for the model and cut.` : '';
  say(
    `${texts.length} ${texts.length === 1 ? 'text' : 'texts'} in ${milliseconds.toFixed(0)} ms.${note}`,
  );
  const shown = texts.slice(0, MATRIX);
  table.hidden = shown.length < 2;
  const head = document.createElement('tr');
  head.append(cell('td', ''), ...shown.map((text, i) => headCell('col', String(i + 1), text)));
  const rows = shown.map((text, i) => {
    const row = document.createElement('tr');
    row.append(headCell('row', `${i + 1}  ${text}`, text));
    shown.forEach((_, j) => {
      const value = cosine(vectors[i]!, vectors[j]!);
      const entry = cell('td', value.toFixed(2));
      entry.style.setProperty('--share', String(Math.max(0, value)));
      row.append(entry);
    });
    return row;
  });
  table.tHead!.replaceChildren(head);
  table.tBodies[0]!.replaceChildren(...rows);
}

function cell(name: 'td' | 'th', text: string): HTMLTableCellElement {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function headCell(scope: 'row' | 'col', text: string, full: string): HTMLTableCellElement {
  const made = cell('th', text);
  made.scope = scope;
  made.title = full;
  return made;
}

function lines(): string[] {
  return field.value
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const texts = lines();
  if (texts.length === 0) {
    say('Type a text first, one a line.', true);
    field.focus();
    return;
  }
  button.disabled = true;
  await answer(null, texts);
  button.disabled = false;
});
field.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    form.requestSubmit();
  }
});

function fromParent(message: ToFrame): void {
  if (message.type === 'embed' && isTexts(message.texts)) {
    field.value = message.texts.join('\n');
    void answer(message.id, message.texts);
  } else if (message.type === 'cancel') {
    running.get(message.id)?.abort();
  } else if (message.type === 'retry') {
    void start([]);
  }
}

async function start(texts: string[]): Promise<void> {
  if (texts.length > 0) {
    field.value = texts.join('\n');
    await answer(null, texts);
    return;
  }
  try {
    await load();
  } catch (thrown) {
    const { code, message } = asError(thrown);
    say(message, true);
    tell({ type: 'error', id: null, code, message });
  }
}

function connect(message: Connect, port: MessagePort): void {
  parentPort = port;
  port.onmessage = (event) => fromParent(event.data as ToFrame);
  model = message.model;
  document.body.hidden = !message.shown;
  new ResizeObserver(() =>
    tell({ type: 'height', pixels: document.documentElement.getBoundingClientRect().height }),
  ).observe(document.documentElement);
  void start(message.texts);
}

if (window.parent === window) {
  // Opened on its own, the page is a small tool.
  model = new URLSearchParams(location.search).get('model') ?? model;
  void start([]);
} else {
  window.addEventListener('message', function listen(event) {
    const port = event.ports[0];
    if (event.source === window.parent && port && isConnect(event.data)) {
      window.removeEventListener('message', listen);
      connect(event.data, port);
    }
  });
  const hello: Hello = { quern: 'hello', version: PROTOCOL };
  window.parent.postMessage(hello, '*'); // says only that this page is here
}
