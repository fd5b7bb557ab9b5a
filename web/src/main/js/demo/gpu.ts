import { Session, Tensor } from '../quern.js';
import type { Progress } from '../sdk/options.js';
import type { DescribeReply, GpuProfile, GpuFact, ProfileReply } from '../sdk/protocol.js';
import { showFacts } from './facts.js';
import { hideTrouble, showCompiled } from './loading.js';
import { madeUp } from './made-up.js';
import { begin, fail, modelName, say, sessionOptions, setState } from './task.js';

/* The page that measures the GPU beside the CPU. */

const SHAPES = [
  [1, 32],
  [1, 128],
];
const parameters = new URLSearchParams(location.search);
const RUNS = Number(parameters.get('runs') ?? 20);
const TUNING = 1000 * Number(parameters.get('seconds') ?? 30); // at most, for one set of sizes
const PROFILED = Math.min(5, RUNS);
const READY = 60_000; // ms for shaders of one set of sizes
const SHOWN = 12;

const byId = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const measure = byId<HTMLButtonElement>('measure');
const send = byId<HTMLInputElement>('send');
const copy = byId<HTMLButtonElement>('copy');
const tiles = new Map<string, string[]>();
let session: Session | null = null;

interface Row {
  shape: string;
  cpu: number;
  gpu: number;
  difference: number;
}

const median = (times: number[]) => [...times].sort((a, b) => a - b)[times.length >> 1] ?? NaN;

/** Opens the model with its numbers sent or not, which a session decides at its beginning. */
async function open(device: 'webgpu' | 'wasm'): Promise<Session> {
  const options = { ...sessionOptions(), device, tune: false, telemetry: send.checked };
  return Session.create(modelName('all-MiniLM-L6-v2'), options);
}

function inputsOf({ inputs }: Session, [batch, length]: number[]): Record<string, Tensor> {
  const sizes = new Map<string, number>();
  for (const { dims } of inputs) {
    dims.forEach((dim, axis) => {
      if (typeof dim === 'string') {
        sizes.set(dim, axis === 0 ? batch! : length!);
      }
    });
  }
  return madeUp(inputs, sizes);
}

/** Runs until the GPU answers; the CPU does until its shaders are there. */
async function ready(gpu: Session, inputs: Record<string, Tensor>): Promise<void> {
  const end = performance.now() + READY;
  while ((await gpu.measure(inputs)).device !== 'webgpu') {
    if (!gpu.capabilities.gpu.available || performance.now() > end) {
      throw new Error(gpu.capabilities.gpu.why);
    }
    await new Promise((go) => setTimeout(go, 50));
  }
}

function differenceOf(some: Record<string, Tensor>, others: Record<string, Tensor>): number {
  let most = 0;
  for (const [name, { data, type }] of Object.entries(some)) {
    const other = others[name]!.data;
    for (let i = 0; type === 'float32' && i < data.length; i++) {
      most = Math.max(most, Math.abs(Number(data[i]) - Number(other[i])));
    }
  }
  return most;
}

/** Lets the tuner work until it has nothing left to try at these sizes, or for as long as there is patience. */
async function tune(gpu: Session, inputs: Record<string, Tensor>, shape: string): Promise<void> {
  const end = performance.now() + TUNING;
  let done = false;
  const hear = ({ detail: { phase, loaded, total } }: CustomEvent<Progress>) => {
    done = phase === 'tune' && loaded >= total;
    say(`Trying tiles for ${shape}: ${loaded} of ${total} …`);
  };
  gpu.addEventListener('progress', hear);
  await gpu.tune(true);
  await gpu.run(inputs); // the tuner begins behind a run
  while (!done && performance.now() < end && gpu.capabilities.gpu.available) {
    showTiles(await gpu.describe());
    await new Promise((go) => setTimeout(go, 250));
  }
  gpu.removeEventListener('progress', hear as EventListener);
  await gpu.tune(false);
  showTiles(await gpu.describe());
}

async function timed(gpu: Session, cpu: Session, sizes: number[]): Promise<Row> {
  const inputs = inputsOf(gpu, sizes);
  const shape = sizes.join('x');
  say(`Making shaders for ${shape} …`);
  await ready(gpu, inputs);
  if (sessionOptions().tune) {
    await tune(gpu, inputs, shape);
  }
  say(`Timing ${shape} …`);
  const times = { gpu: [] as number[], cpu: [] as number[] };
  let difference = 0;
  for (let i = 0; i < RUNS; i++) {
    const byGpu = await gpu.measure(inputs);
    const byCpu = await cpu.measure(inputs);
    times.gpu.push(byGpu.milliseconds);
    times.cpu.push(byCpu.milliseconds);
    difference = Math.max(difference, differenceOf(byGpu.outputs, byCpu.outputs));
  }
  return { shape, cpu: median(times.cpu), gpu: median(times.gpu), difference };
}

async function run(): Promise<void> {
  if (!session) {
    return;
  }
  setState('busy');
  hideTrouble();
  measure.disabled = true;
  tiles.clear();
  for (const id of ['runs', 'tiles', 'steps']) {
    byId(id).replaceChildren();
  }
  let cpu: Session | null = null;
  try {
    if (send.checked) {
      await session.release();
      session = await open('webgpu');
    }
    cpu = await open('wasm');
    const rows: Row[] = [];
    for (const sizes of SHAPES) {
      rows.push(await timed(session, cpu, sizes));
      show('runs', rows.map(cellsOf));
    }
    say('Timing steps …');
    const profile = await session.profile(inputsOf(session, SHAPES.at(-1)!), { runs: PROFILED });
    showSteps(profile);
    const { gpu } = await session.describe();
    showUse({
      'Dispatches a run': String(gpu?.dispatches ?? 0),
      Shaders: String(gpu?.shaders ?? 0),
      Weights: `${((gpu?.weightBytes ?? 0) / 1e6).toFixed(1)} MB`,
      'Left to the CPU': gpu?.onCpu.join(' ') || 'nothing',
    });
    const { class: device, threads } = session.capabilities;
    const told = {
      device,
      threads: threads.count,
      adapter: gpu,
      rows,
      profile,
      tiles: [...tiles.values()],
    };
    copy.hidden = false;
    copy.onclick = () => void navigator.clipboard.writeText(JSON.stringify(told, null, 1));
    const { shape, cpu: onCpu, gpu: onGpu } = rows.at(-1)!;
    say(
      `At ${shape} the GPU takes ${onGpu.toFixed(1)} ms, the CPU ${onCpu.toFixed(1)} ms: device "auto" goes on with the ${onGpu < onCpu ? 'GPU' : 'CPU'}.`,
    );
    setState('ready');
  } catch (thrown) {
    fail(thrown);
  } finally {
    await cpu?.release();
    measure.disabled = false;
  }
}

const SOURCES = { heuristic: 'by rule', stored: 'earlier', server: 'by others', tuned: 'here' };

/** The tiles of the kernels that ran last, those of other sizes below. */
function showTiles({ gpu }: DescribeReply): void {
  for (const row of gpu?.schedules ?? []) {
    const [mr, nr, mc, nc, kc] = /mr=(\d+) nr=(\d+) mc=(\d+) nc=(\d+) kc=(\d+)/
      .exec(row.schedule)!
      .slice(1);
    tiles.set(`${row.kernel} ${row.bucket}`, [
      row.kernel,
      row.bucket,
      `${mr} × ${nr}`,
      `${mc} × ${nc}, ${kc} deep`,
      SOURCES[row.source],
      row.seconds ? (1000 * row.seconds).toFixed(3) : '–',
    ]);
  }
  show('tiles', [...tiles.values()]);
}

const cellsOf = ({ shape, cpu, gpu, difference }: Row) => [
  shape,
  cpu.toFixed(2),
  gpu.toFixed(2),
  `${(cpu / gpu).toFixed(2)} ×`,
  difference.toExponential(1),
];

/** Kernels by the time that their steps take together, those of the GPU first. */
function showSteps({ steps, samples, gpu }: ProfileReply): void {
  const sums = new Map<string, { count: number; cpu: number; gpu: number }>();
  const add = (kernel: string, by: { count?: number; cpu?: number; gpu?: number }) => {
    const sum = sums.get(kernel) ?? { count: 0, cpu: 0, gpu: 0 };
    sum.count += by.count ?? 0;
    sum.cpu += by.cpu ?? 0;
    sum.gpu += by.gpu ?? 0;
    sums.set(kernel, sum);
  };
  steps.forEach(({ kernel }, i) => add(kernel, { cpu: median(samples.map((s) => s.steps[i]!)) }));
  timesOf(gpu).forEach(({ kernel, milliseconds }) => add(kernel, { count: 1, gpu: milliseconds }));
  const rows = [...sums]
    .sort(([, a], [, b]) => b.gpu - a.gpu || b.cpu - a.cpu)
    .slice(0, SHOWN)
    .map(([kernel, sum]) => [
      kernel,
      String(sum.count),
      sum.cpu.toFixed(2),
      gpu?.steps ? sum.gpu.toFixed(2) : 'no timestamps',
    ]);
  show('steps', rows);
}

function timesOf(gpu: GpuProfile | null | undefined): { kernel: string; milliseconds: number }[] {
  return (gpu?.names ?? []).map(({ kernel }, i) => ({
    kernel,
    milliseconds: gpu?.steps ? median(gpu.steps.map((times) => times[i]!)) : 0,
  }));
}

function show(id: string, lines: string[][]): void {
  byId(id).replaceChildren(
    ...lines.map((cells) => {
      const row = document.createElement('tr');
      row.append(
        ...cells.map((text) => {
          const cell = document.createElement('td');
          cell.textContent = text;
          return cell;
        }),
      );
      return row;
    }),
  );
}

function list(id: string, facts: Record<string, string>): void {
  byId(id).replaceChildren(
    ...Object.entries(facts).flatMap(([name, text]) => {
      const term = document.createElement('dt');
      term.textContent = name;
      const value = document.createElement('dd');
      value.textContent = text;
      return [term, value];
    }),
  );
}

const showUse = (facts: Record<string, string>) => list('use', facts);

function showAdapter({
  vendor,
  architecture,
  description,
  featureLevel,
  features,
  limits,
}: GpuFact) {
  const megabytes = (bytes: number | undefined) => `${Math.round((bytes ?? 0) / 2 ** 20)} MB`;
  list('adapter', {
    Vendor: vendor || 'not told',
    Architecture: architecture || 'not told',
    ...(description ? { Name: description } : {}),
    'Feature level': featureLevel ?? '',
    'Largest binding': megabytes(limits?.['maxStorageBufferBindingSize']),
    'Buffers of a shader': String(limits?.['maxStorageBuffersPerShaderStage'] ?? ''),
  });
  byId('features').textContent = (features ?? []).join(', ');
}

async function start(): Promise<void> {
  begin();
  await session?.release();
  session = null;
  try {
    session = await open('webgpu');
  } catch (thrown) {
    fail(thrown);
    return;
  }
  const { capabilities, threads, phases } = session;
  showFacts(byId('facts'), capabilities, threads);
  showCompiled(phases);
  const { gpu } = capabilities;
  if (gpu.available) {
    showAdapter(gpu);
    say(`Ready. ${gpu.why}`);
    measure.disabled = false;
  } else {
    say(`There is nothing to measure: ${gpu.why}`);
  }
  setState('ready');
}

byId('retry').addEventListener('click', () => void start());
measure.addEventListener('click', () => void run());
void start();
