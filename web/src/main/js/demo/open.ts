import { QuernError, Session, Tensor } from '../quern.js';
import { showFacts } from './facts.js';
import { onFile } from './files.js';
import { hideTrouble, showCompiled } from './loading.js';
import { madeUp, sizesOf } from './made-up.js';
import { outlineOf, type Outline } from './outline.js';
import { begin, fail, oneAtATime, say, sessionOptions, setState, showTimes } from './task.js';

/* The page that opens a visitor's own model. */

const REPEAT_MOST = 30; // runs after the first
const REPEAT_LONG = 1000; // ms for all of them

const byId = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const sizes = byId<HTMLFormElement>('sizes');

let session: Session | null = null;
let last: File | null = null;

/** Formats that people drop here, and what makes ONNX of them. */
const CONVERTERS: [RegExp, string][] = [
  [
    /\.(tflite|lite)$/i,
    'It is a TensorFlow Lite model: convert it with tf2onnx (python -m tf2onnx.convert --tflite) or tflite2onnx.',
  ],
  [
    /\.json$/i,
    'If it is a TensorFlow.js graph model, convert it with tf2onnx (python -m tf2onnx.convert --tfjs).',
  ],
  [/\.(pb|h5|keras)$/i, 'It is a TensorFlow model: convert it with tf2onnx.'],
  [
    /\.(pt|pth|safetensors|gguf)$/i,
    'Export the model to ONNX, with torch.onnx.export or with optimum.',
  ],
];

const take = oneAtATime(async (file: File) => {
  last = file;
  await session?.release();
  session = null;
  begin();
  say(`Reading ${file.name} …`);
  clear();
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const converter = CONVERTERS.find(([name]) => name.test(file.name));
    if (converter) {
      throw new QuernError('model', `${file.name} is no ONNX file. ${converter[1]}`);
    }
    const outline = outlineOf(bytes);
    session = await Session.create(bytes, sessionOptions());
    showCompiled(session.phases);
    showFacts(byId('facts'), session.capabilities, session.threads);
    await showContents(file, outline, session);
    askSizes(session);
    await run();
  } catch (thrown) {
    fail(thrown);
  }
});

function clear(): void {
  for (const id of [
    'contents',
    'inputs',
    'outputs',
    'times',
    'facts',
    'operators',
    'size-fields',
  ]) {
    byId(id).replaceChildren();
  }
  sizes.hidden = true;
}

async function showContents(
  file: File,
  outline: Outline | null,
  { inputs, outputs, device, threads }: Session,
): Promise<void> {
  const operators = Object.entries(outline?.operators ?? {}).sort((a, b) => b[1] - a[1]);
  const nodes = operators.reduce((sum, [, count]) => sum + count, 0);
  const sets = Object.entries(outline?.opsets ?? {})
    .map(([domain, version]) => `${domain ? `${domain} ` : ''}${version}`)
    .join(', ');
  const facts: [string, string][] = [
    ['File', `${file.name}, ${megabytes(file.size)}`],
    ['Operator set', sets],
    ['Parameters', (outline?.parameters ?? 0).toLocaleString('en')],
    ['Operations', String(nodes)],
    ['Computed by', `${device}, ${threads === 1 ? '1 thread' : `${threads} threads`}`],
    ['Memory', ''],
  ];
  byId('contents').replaceChildren(
    ...facts.flatMap(([word, value]) => [element('dt', word), element('dd', value)]),
  );
  byId('contents').lastElementChild!.id = 'memory';
  byId('operators').textContent = operators.map(([name, count]) => `${count} ${name}`).join(', ');
  rows(
    'inputs',
    inputs.map(({ name, type, dims }) => [name, type, `[${dims.join(', ')}]`]),
  );
  rows(
    'outputs',
    outputs.map(({ name, type, dims }) => [name, type, `[${dims.join(', ')}]`, '']),
  );
}

function rows(id: string, lines: string[][]): void {
  byId(id).replaceChildren(
    ...lines.map((cells) => {
      const row = document.createElement('tr');
      row.append(...cells.map((cell) => element('td', cell)));
      return row;
    }),
  );
}

function element(kind: string, text: string): HTMLElement {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

function megabytes(bytes: number): string {
  return bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function askSizes({ inputs }: Session): void {
  const named = [...sizesOf(inputs)];
  byId('size-fields').replaceChildren(
    ...named.map(([name, size]) => {
      const label = document.createElement('label');
      const field = document.createElement('input');
      Object.assign(field, { type: 'number', min: '1', step: '1', required: true, name });
      field.value = String(size);
      label.append(element('span', name), field);
      return label;
    }),
  );
  byId('sizes-none').hidden = named.length > 0;
  sizes.hidden = false;
}

async function run(): Promise<void> {
  if (!session) {
    return;
  }
  setState('busy');
  hideTrouble();
  say('Running with made-up inputs …');
  try {
    const chosen = [...new FormData(sizes)].map(([name, size]): [string, number] => [
      name,
      Number(size),
    ]);
    const inputs = made(session, new Map(chosen));
    const { outputs: results, milliseconds: first } = await session.measure(inputs);
    const times: number[] = [];
    const started = performance.now();
    while (times.length < REPEAT_MOST && performance.now() - started < REPEAT_LONG) {
      times.push((await session.measure(inputs, { into: results })).milliseconds);
    }
    const median = times.sort((a, b) => a - b)[times.length >> 1]!;
    showTimes({ 'First run': first, [`Median of ${times.length} more`]: median });
    rows(
      'outputs',
      Object.entries(results).map(([name, tensor]) => [
        name,
        tensor.type,
        `[${tensor.dims.join(', ')}]`,
        rangeOf(tensor),
      ]),
    );
    const { memoryBytes } = await session.describe();
    byId('memory').textContent = megabytes(memoryBytes);
    say(`One run takes ${median < 10 ? median.toFixed(2) : median.toFixed(0)} ms.`);
    setState('ready');
  } catch (thrown) {
    fail(thrown);
  }
}

function made(session: Session, chosen: Map<string, number>): Record<string, Tensor> {
  try {
    return madeUp(session.inputs, chosen);
  } catch (thrown) {
    throw thrown instanceof RangeError ? new QuernError('argument', thrown.message) : thrown;
  }
}

/** The least and largest of an output's numbers; half floats stay bits here. */
function rangeOf({ type, data }: Tensor): string {
  if (type === 'float16' || type === 'bfloat16' || data.length === 0) {
    return '';
  }
  let [least, most, odd] = [Infinity, -Infinity, 0];
  for (const value of data) {
    const number = Number(value);
    if (Number.isNaN(number)) {
      odd++;
    } else {
      least = Math.min(least, number);
      most = Math.max(most, number);
    }
  }
  const text = (number: number) => String(Number(number.toPrecision(4)));
  const range = odd === data.length ? '' : `${text(least)} to ${text(most)}`;
  return odd > 0 ? `${range} (${odd} not a number)` : range;
}

sizes.addEventListener('submit', (event) => {
  event.preventDefault();
  if (document.documentElement.dataset['state'] !== 'busy') {
    void run();
  }
});
byId('retry').addEventListener('click', () => last && take(last));
onFile(take);
setState('ready');
