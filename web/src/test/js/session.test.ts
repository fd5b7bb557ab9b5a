import { createPipeline } from '../../main/js/sdk/pipeline.js';
import type { Notification } from '../../main/js/sdk/protocol.js';
import { SILENCE, capabilities } from '../../main/js/sdk/opening.js';
import { Session } from '../../main/js/sdk/session.js';
import { State } from '../../main/js/sdk/state.js';
import { Tensor } from '../../main/js/sdk/tensor.js';
import { fails, fakeFetch, same, settle, test } from './harness.js';

/* The session against an engine that follows the protocol but doubles numbers instead of running a model. */

type Message = { id: number; type: string } & Record<string, any>;

const CAPABILITIES = {
  device: 'wasm',
  engine: 'wasmgc',
  class: 'v8-simd-fma-t1',
  threads: { count: 1, why: 'The page is not cross-origin isolated.' },
  simd: { available: true, why: '' },
  fma: { available: true, why: '' },
  gpu: { available: false, why: '' },
  isolated: false,
  memory: { shared: false, maximumBytes: 4e9 },
};

let doubler: Doubler;

class Doubler {
  readonly told: Message[] = [];
  /** What the engine shares with the page: the words of Control, then an input and an output of 16 bytes. */
  readonly memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  readonly words = new Int32Array(this.memory.buffer);
  /** Whether runs may be repeated by their addresses, and the status that such a run ends with. */
  repeatable = false;
  /** Whether it keeps what runs leave. */
  keeps = false;
  end = 1056;
  status = 0;
  ended = false;
  hang = false;
  /** Workers of this run that never answer their start, as Firefox's sometimes do not. */
  static deaf = 0;
  static made = 0;
  refuse: { code: string; message: string } | null = null;
  inputs = [{ name: 'x', type: 'float32', dims: ['n', 2] }];
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onmessageerror = null;
  onerror = null;

  readonly #deaf: boolean;

  constructor(readonly url: URL) {
    doubler = this;
    this.#deaf = Doubler.made++ < Doubler.deaf;
    Object.assign(this, setUp);
  }

  postMessage(message: Message): void {
    this.told.push(message);
    setTimeout(() => this.#answer(message), 0);
  }

  terminate(): void {
    this.ended = true;
  }

  say(notification: Notification): void {
    this.onmessage?.({ data: notification });
  }

  #prepared(dims: number[]) {
    const y = { name: 'y', type: 'float32', dims, address: 1040 };
    const version = this.words[VERSION];
    return {
      program: 512,
      steps: 3,
      inputs: { x: 1024 },
      outputs: [y],
      end: this.end,
      shape: '2x2',
      flops: 10,
      version,
    };
  }

  #answer({ id, type, inputs }: Message): void {
    if (this.#deaf) {
      return;
    }
    const reply = (value: unknown) => this.onmessage?.({ data: { id, ok: true, value } });
    if (this.refuse) {
      this.onmessage?.({ data: { id, ok: false, error: this.refuse } });
    } else if (type === 'capabilities') {
      reply(CAPABILITIES);
    } else if (type === 'create') {
      this.say({ type: 'device', class: CAPABILITIES.class, capabilities: CAPABILITIES as never });
      this.say({ type: 'progress', phase: 'download', loaded: 3, total: 6 });
      this.say({ type: 'schedules', rows: [], peakGflops: 50 });
      reply({
        inputs: this.inputs,
        outputs: [{ name: 'y', type: 'float32', dims: ['n', 2] }],
        device: 'wasm',
        threads: 1,
        keeps: this.keeps,
        capabilities: CAPABILITIES,
        memory: this.memory,
        phases: { parse: 1 },
        version: '7',
        timeline: [{ phase: 'parse', start: performance.timeOrigin, end: performance.timeOrigin }],
      });
    } else if (type === 'run' && !this.hang) {
      const { dims, data } = inputs.x ?? inputs.input_ids;
      const y = Float32Array.from(data, (value) => 2 * Number(value));
      const hidden = inputs.input_ids ? [...dims, 1] : dims;
      reply({
        outputs: { y: { type: 'float32', dims: hidden, data: y } },
        milliseconds: 2,
        shape: dims.join('x'),
        first: true,
        flops: 10,
        threads: 1,
        prepared: this.repeatable ? this.#prepared(dims) : null,
      });
    } else if (type === 'repeat' && !this.hang) {
      const floats = new Float32Array(this.memory.buffer, 1024);
      floats.subarray(0, 4).forEach((x, i) => (floats[4 + i] = 2 * x));
      reply({ status: this.status, milliseconds: 1 });
    } else if (type === 'share') {
      const modules = [new WebAssembly.Module(DOUBLING)];
      reply({ modules, installed: this.words[INSTALLED] });
    } else if (type !== 'run' && type !== 'repeat') {
      reply(type === 'schedules' ? { adopted: 1, refused: [] } : null);
    }
  }
}

let setUp: Partial<Doubler> = {};

const [VERSION, HELD, INSTALLED, CANCEL] = [24, 25, 26, 64];

/** `here`: doubles the vector at 1024 to 1040, and gives the word at 508. */
const DOUBLING = Uint8Array.from([
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 0x60, 3, 0x7f, 0x7f, 0x7f, 1, 0x7f],
  ...[2, 16, 1, 3, 101, 110, 118, 6, 109, 101, 109, 111, 114, 121, 2, 3, 1, 1],
  ...[3, 2, 1, 0, 7, 8, 1, 4, 104, 101, 114, 101, 0, 0],
  ...[10, 34, 1, 32, 0, 0x41, 0x90, 8],
  ...[0x41, 0x80, 8, 0xfd, 0, 4, 0, 0x41, 0x80, 8, 0xfd, 0, 4, 0, 0xfd, 0xe4, 1],
  ...[0xfd, 11, 4, 0, 0x41, 0, 0x28, 2, 0xfc, 3, 11],
]);

function engine(set: Partial<Doubler> = {}): void {
  setUp = set;
  Object.assign(globalThis, { Worker: Doubler });
  if (!('navigator' in globalThis)) {
    Object.assign(globalThis, { navigator: { userAgent: 'Firefox/153' } });
  }
  fakeFetch({});
}

const X = () => new Tensor('float32', [1, 2, 3, 4], [2, 2]);

test('a state is forgotten when the engine has lost it', async () => {
  engine({ keeps: true });
  const session = await Session.create(new ArrayBuffer(3));
  const state = new State({ x: 'y' });
  await session.run({ x: X() }, { state });
  same(state.kept, true);
  doubler.refuse = { code: 'forgotten', message: 'The GPU failed.' };
  await fails('forgotten', 'GPU', () => session.run({}, { state }));
  same(state.kept, false);
  await fails('input', 'missing', () => session.run({}, { state }));
  doubler.refuse = null;
  await session.run({ x: X() }, { state });
  same(state.kept, true);
  await session.release();
});

test('a session runs a model from bytes and keeps the caller’s data', async () => {
  engine();
  const bytes = new ArrayBuffer(3);
  const progress: unknown[] = [];
  const session = await Session.create(bytes, { onProgress: (p) => progress.push(p), threads: 1 });
  same(bytes.byteLength, 3);
  same(doubler.told.find((m) => m.type === 'create')!['source'].kind, 'bytes');
  same(progress, [{ phase: 'download', loaded: 3, total: 6 }]);
  same([session.inputNames, session.outputNames], [['x'], ['y']]);
  const x = X();
  const { y } = await session.run({ x });
  same(y!.data, Float32Array.of(2, 4, 6, 8));
  same(x.data, Float32Array.of(1, 2, 3, 4));
  await session.release();
  same(doubler.ended, true);
  await session.release();
  await fails('released', 'create a new one', () => session.run({ x }));
});

test('a worker that stays silent while it starts is replaced by another', async () => {
  engine();
  const patience = SILENCE.start;
  SILENCE.start = 20;
  Object.assign(Doubler, { made: 0, deaf: 2 });
  try {
    const session = await Session.create(new Uint8Array(3));
    same(Doubler.made, 3);
    same((await session.run({ x: X() })).y!.data, Float32Array.of(2, 4, 6, 8));
    Object.assign(Doubler, { made: 0, deaf: 9 });
    await fails('timeout', 'silent', () => Session.create(new Uint8Array(3)));
    same(Doubler.made, 4);
    same(doubler.ended, true);
  } finally {
    SILENCE.start = patience;
    Doubler.deaf = 0;
  }
});

test('what was said while loading is heard by listeners that come after it', async () => {
  engine();
  const session = await Session.create(new Uint8Array(3));
  const heard: string[] = [];
  for (const type of ['schedules', 'latency', 'tuned']) {
    session.addEventListener(type, () => heard.push(type));
  }
  await settle();
  await session.run({ x: X() });
  doubler.say({ type: 'tuned', record: {} as never, previous: 'mr=4', ratio: 1.2 });
  same(heard, ['schedules', 'latency', 'tuned']);
  await session.release();
});

test('wrong tensors are refused together, before anything is sent', async () => {
  engine();
  const session = await Session.create(new ArrayBuffer(3));
  const wrong = { x: new Tensor('int32', [1, 2, 3], [1, 3]), z: X() };
  const error = await fails('input', 'input "x" needs float32 [n, 2] but is int32 [1, 3]', () =>
    session.run(wrong),
  );
  same(error.problems?.length, 2);
  await fails('input', 'missing or not a Tensor', () => session.run({ x: [1, 2] as never }));
  same(
    doubler.told.map((message) => message.type),
    ['start', 'create'],
  );
  await session.release();
});

test('a release during a run ends it as released', async () => {
  engine({ hang: true });
  const session = await Session.create(new ArrayBuffer(3));
  const run = session.run({ x: X() });
  const next = session.run({ x: X() });
  await settle();
  const released = session.release();
  await fails('released', 'released', () => run);
  await fails('released', 'released', () => next);
  await released;
  same(Atomics.load(doubler.words, CANCEL), -1);
  same(doubler.ended, true);
});

test('a cancelled run writes its id into the cancel word', async () => {
  engine({ hang: true });
  const session = await Session.create(new ArrayBuffer(3));
  const controller = new AbortController();
  const run = session.run({ x: X() }, { signal: controller.signal });
  await settle();
  controller.abort();
  const { id } = doubler.told.find((message) => message.type === 'run')!;
  same(Atomics.load(doubler.words, CANCEL), id);
  doubler.onmessage!({ data: { id, ok: false, error: { code: 'aborted', message: 'x' } } });
  await fails('aborted', 'cancelled', () => run);
  await session.release();
});

/** Runs the model on [[1, 2], [3, 4]] and tells by which request. */
async function way(session: Session): Promise<string> {
  const { y } = await session.run({ x: X() });
  same(y!.data, Float32Array.of(2, 4, 6, 8));
  return doubler.told.at(-1)!.type;
}

test('a run is repeated by its addresses until the engine has changed them', async () => {
  engine({ repeatable: true });
  const session = await Session.create(new ArrayBuffer(3));
  same([await way(session), await way(session)], ['run', 'repeat']);
  const { id: _, ...told } = doubler.told.at(-1)!;
  same(told, { type: 'repeat', program: 512, steps: 3 });
  const { milliseconds, first, shape } = await session.measure({ x: X() });
  same([milliseconds, first, shape], [1, false, '2x2']);
  await session.run({ x: new Tensor('float32', [1, 2], [1, 2]) });
  same(doubler.told.at(-1)!.type, 'run');
  await session.run({ x: X() }, { outputs: ['y'] });
  same(doubler.told.at(-1)!.type, 'run');
  doubler.words[VERSION]!++;
  same([await way(session), await way(session)], ['run', 'repeat']);
  await session.release();
});

test('outputs are written into tensors that fit, by runs of every kind', async () => {
  engine({ repeatable: true });
  const session = await Session.create(new ArrayBuffer(3));
  const y = new Tensor('float32', [0, 0, 0, 0], [2, 2]);
  for (const kind of ['run', 'repeat']) {
    (y.data as Float32Array).fill(0);
    const outputs = await session.run({ x: X() }, { into: { y } });
    same([outputs['y'] === y, doubler.told.at(-1)!.type], [true, kind]);
    same(y.data, Float32Array.of(2, 4, 6, 8));
  }
  for (const other of [
    new Tensor('float32', [0, 0, 0, 0], [1, 4]),
    new Tensor('int32', [0, 0, 0, 0], [2, 2]),
  ]) {
    const outputs = await session.run({ x: X() }, { into: { y: other } });
    same([outputs['y'] === other, other.data[0]], [false, 0]);
    same(outputs['y']!.data, Float32Array.of(2, 4, 6, 8));
  }
  await fails('argument', '"z" is no output; the model gives y', () =>
    session.run({ x: X() }, { into: { z: y } }),
  );
  await fails('argument', '"y" is not a Tensor', () =>
    session.run({ x: X() }, { into: { y: [] as never } }),
  );
  await session.release();
});

test('short runs are done on the page’s own thread, with the kernels as they are now', async () => {
  engine({ repeatable: true });
  const session = await Session.create(new ArrayBuffer(3));
  const told = () => doubler.told.map(({ type }) => type).slice(2);
  const runs = async (count: number) => {
    doubler.told.length = 2;
    for (let i = 0; i < count; i++) {
      await way(session);
      await settle();
    }
    return told();
  };
  // The first repeat tells that it is short; the next one asks for the kernels.
  same(await runs(5), ['run', 'repeat', 'share', 'repeat']);
  same(await runs(3), []);
  doubler.words[INSTALLED]!++;
  same(await runs(3), ['share', 'repeat']);
  doubler.words[508 / 4] = 2; // a run here fails
  same(await runs(1), ['run']);
  doubler.words[508 / 4] = 0;
  await session.release();
});

test('while the engine uses the memory a run goes through it, and memory is let go after each', async () => {
  engine({ repeatable: true });
  const session = await Session.create(new ArrayBuffer(3));
  same([await way(session), await way(session)], ['run', 'repeat']);
  Atomics.store(doubler.words, HELD, 2);
  same(await way(session), 'run');
  same(Atomics.load(doubler.words, HELD), 2);
  Atomics.store(doubler.words, HELD, 0);
  same(await way(session), 'repeat');
  same(Atomics.load(doubler.words, HELD), 0);
  await session.release();
});

test('a run whose memory the page cannot see yet, or whose session has ended, is not repeated', async () => {
  engine({ repeatable: true, end: 65537 });
  const session = await Session.create(new ArrayBuffer(3));
  same([await way(session), await way(session)], ['run', 'run']);
  doubler.end = 1056;
  same([await way(session), await way(session), await way(session)], ['run', 'repeat', 'repeat']);
  await settle(); // the page has the kernels now
  const after = session.run({ x: X() });
  const released = session.release();
  await fails('released', 'released', () => after);
  await released;
});

test('a repeated run that fails is run by the engine, which says why', async () => {
  engine({ repeatable: true, status: 2 });
  const session = await Session.create(new ArrayBuffer(3));
  same(await way(session), 'run');
  doubler.told.length = 0;
  same(await way(session), 'run');
  same(
    doubler.told.map(({ type }) => type),
    ['repeat', 'run'],
  );
  same(Atomics.load(doubler.words, HELD), 0);
  await session.release();
});

test('a repeated run can be cancelled, and ends with the session', async () => {
  engine({ repeatable: true });
  const session = await Session.create(new ArrayBuffer(3));
  await way(session);
  doubler.hang = true;
  const controller = new AbortController();
  const run = session.run({ x: X() }, { signal: controller.signal });
  await settle();
  controller.abort();
  const { id, type } = doubler.told.find((message) => message.type === 'repeat')!;
  same([type, Atomics.load(doubler.words, CANCEL)], ['repeat', id]);
  doubler.onmessage!({ data: { id, ok: false, error: { code: 'aborted', message: 'x' } } });
  await fails('aborted', 'cancelled', () => run);
  const other = session.run({ x: X() });
  await settle();
  const released = session.release();
  await fails('released', 'released', () => other);
  await released;
});

test('a model that the engine refuses ends the worker', async () => {
  engine({ refuse: { code: 'model', message: 'Node 3: no operator Foo.' } });
  await fails('model', 'no operator Foo', () => Session.create(new ArrayBuffer(3)));
  same(doubler.ended, true);
});

test('a signal while loading ends the worker at once', async () => {
  engine();
  const controller = new AbortController();
  const creating = Session.create(new ArrayBuffer(3), {
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  await fails('aborted', 'cancelled', () => creating);
  same(doubler.ended, true);
  const before = doubler;
  await fails('aborted', 'cancelled', () =>
    Session.create(new ArrayBuffer(3), { signal: controller.signal }),
  );
  same(doubler === before, true);
});

test('wrong options are refused before a worker starts', async () => {
  engine();
  await fails('argument', 'threads is 1.5', () =>
    Session.create(new ArrayBuffer(1), { threads: 1.5 }),
  );
  await fails('argument', 'device "gpu" is unknown', () =>
    Session.create(new ArrayBuffer(1), { device: 'gpu' as never }),
  );
  await fails('argument', 'A model is given by', () => Session.create(7 as never));
  Object.assign(globalThis, { Worker: undefined });
  await fails('unsupported', 'no web workers', () => Session.create(new ArrayBuffer(1)));
});

test('the server’s schedules for the device are offered to the engine', async () => {
  engine();
  const asked = fakeFetch({
    'https://q.example/api/v1/schedules?device=v8-simd-fma-t1': () =>
      new Response('{"device":"v8-simd-fma-t1","records":[{"kernel":"k"}]}'),
  });
  const session = await Session.create(new ArrayBuffer(3), { server: 'https://q.example' });
  await settle();
  same(asked.length, 1);
  same(doubler.told.find((m) => m.type === 'schedules')!['records'], [{ kernel: 'k' }]);
  await session.release();
  const before = asked.length;
  await (await Session.create(new ArrayBuffer(3), { schedules: false })).release();
  same(asked.length, before);
});

test('nothing is sent to the server unless the site turns telemetry on', async () => {
  for (const telemetry of [false, true]) {
    engine();
    const sent: { events: Record<string, unknown>[] }[] = [];
    fakeFetch({
      'https://q.example/api/v1/telemetry': (init) => {
        sent.push(JSON.parse(String(init?.body)));
        return new Response('', { status: 202 });
      },
    });
    const session = await Session.create(new ArrayBuffer(3), {
      telemetry,
      schedules: false,
      server: 'https://q.example/',
    });
    await settle();
    await session.run({ x: X() });
    await session.run({ x: X() });
    await session.release();
    same(sent.length, telemetry ? 1 : 0);
    if (telemetry) {
      const common = { model: 'bytes', device: CAPABILITIES.class, engine: '7' };
      const [load, ...runs] = sent[0]!.events.map(({ browser, ...event }) => event);
      same(load, { type: 'load', ...common, phases: { parse: 1, firstRun: 2 } });
      same(runs.length, 2);
      const run = { threads: 1, shape: '2x2', milliseconds: 2, first: true };
      same(runs[0], { type: 'inference', ...common, ...run });
    }
  }
});

test('capabilities are asked of a worker that ends again', async () => {
  engine();
  same((await capabilities()).class, 'v8-simd-fma-t1');
  same(doubler.ended, true);
});

test('the pipeline tokenises, pools and puts answers in the order of the texts', async () => {
  engine({ inputs: [{ name: 'input_ids', type: 'int64', dims: ['b', 's'] }] as never });
  class Letters {
    readonly padId = 0;
    encode(text: string, maxLength: number) {
      const ids = [...text].map((letter) => letter.charCodeAt(0) - 96);
      return { ids: ids.slice(0, maxLength), dropped: Math.max(0, ids.length - maxLength) };
    }
  }
  const embed = await createPipeline(
    async () => ({ Tokenizer: Letters as never }),
    new ArrayBuffer(3),
    { tokenizer: {}, normalize: false, maxLength: 3, batchSize: 2 },
  );
  const { vectors, truncated, tokens, width } = await embed(['abcd', 'a', 'bd']);
  same(vectors, [Float32Array.of(4), Float32Array.of(2), Float32Array.of(6)]);
  same(truncated, [true, false, false]);
  same([tokens, width], [[3, 1, 2], 1]);
  same(embed.count('abcd'), { tokens: 3, truncated: true });
  await fails('argument', 'Text 1 is a number', () => embed(['a', 3 as never]));
  await embed.release();
});

test('a pipeline without a tokenizer says what to give, and frees the session', async () => {
  engine();
  await fails('argument', 'options.tokenizer', () =>
    createPipeline(async () => ({ Tokenizer: Object as never }), new ArrayBuffer(3)),
  );
  same(doubler.ended, true);
});
