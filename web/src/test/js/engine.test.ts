import {
  downloadFile,
  downloadFiles,
  downloadUrl,
  gapsOf,
  placeFiles,
} from '../../main/js/engine/download.js';
import { classOf, schedulesOf } from '../../main/js/engine/gpu-class.js';
import { createMachine } from '../../main/js/engine/machine.js';
import {
  accessTo,
  createMemory,
  ensureMemory,
  whenThereIsRoom,
} from '../../main/js/engine/memory.js';
import { capabilities, classKey, threadCount } from '../../main/js/engine/probe.js';
import { describeInputs, takeOutputs } from '../../main/js/engine/tensors.js';
import { fails, fakeFetch, same, test } from './harness.js';

const FEATURES = {
  family: 'v8',
  simd: true,
  relaxedSimd: true,
  wasmGc: true,
  isolated: true,
  shared: true,
  cores: 6,
};
const ADDRESS = 1024;
const CHUNK = 1000;
const URL_OF_MODEL = 'https://models.example/weights/model';

const content = Uint8Array.from({ length: 2500 }, (_, i) => (i * 7) % 251);

async function sha256(bytes: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as BufferSource));
  return [...hash].map((b) => b.toString(16).padStart(2, '0')).join('');
}

async function manifestFile() {
  const chunks = [];
  for (let at = 0; at < content.length; at += CHUNK) {
    chunks.push(await sha256(content.subarray(at, at + CHUNK)));
  }
  return {
    path: 'model.onnx',
    url: URL_OF_MODEL,
    bytes: content.length,
    chunkBytes: CHUNK,
    chunks,
  };
}

/** A body that comes in pieces of 300 bytes and breaks after `ending` of them, if that is given. */
function body(from: number, ending = Infinity): ReadableStream<Uint8Array> {
  let at = from;
  return new ReadableStream({
    pull(controller) {
      if (at - from >= ending) {
        controller.error(new TypeError('connection reset'));
      } else if (at >= content.length) {
        controller.close();
      } else {
        controller.enqueue(content.slice(at, (at += Math.min(300, ending))));
      }
    },
  });
}

const rangeOf = (init?: RequestInit) => {
  const range = (init?.headers as Record<string, string>)?.['Range'];
  return range ? Number(/bytes=(\d+)-/.exec(range)![1]) : 0;
};

function target() {
  const { memory } = createMemory(false);
  const { signal } = new AbortController();
  const seen: number[] = [];
  const options = { memory, address: ADDRESS, signal, onBytes: (n: number) => seen.push(n) };
  const received = () => new Uint8Array(memory.buffer, ADDRESS, content.length);
  return { options, seen, received };
}

test('a file of a manifest is verified and lands in memory', async () => {
  fakeFetch({ [URL_OF_MODEL]: () => new Response(body(0)) });
  const { options, seen, received } = target();
  same(await downloadFile(await manifestFile(), options), content.length);
  same(received(), content);
  same(seen.at(-1), content.length);
});

test('a download goes on at the last good chunk after the connection broke', async () => {
  const ranges: number[] = [];
  fakeFetch({
    [URL_OF_MODEL]: (init) => {
      const from = rangeOf(init);
      ranges.push(from);
      return ranges.length === 1
        ? new Response(body(0, 1400))
        : new Response(body(from), { status: 206 });
    },
  });
  const { options, received } = target();
  await downloadFile(await manifestFile(), options);
  same(ranges, [0, CHUNK]);
  same(received(), content);
});

test('a server that ignores the range starts the file again', async () => {
  let calls = 0;
  fakeFetch({ [URL_OF_MODEL]: () => new Response(calls++ === 0 ? body(0, 1400) : body(0)) });
  const { options, received } = target();
  await downloadFile(await manifestFile(), options);
  same(calls, 2);
  same(received(), content);
});

test('a damaged chunk is an error and is not asked for again', async () => {
  const file = await manifestFile();
  file.chunks[1] = file.chunks[0]!;
  const asked = fakeFetch({ [URL_OF_MODEL]: () => new Response(body(0)) });
  await fails('integrity', 'Chunk 1', () => downloadFile(file, target().options));
  same(asked.length, 1);
});

test('a file longer than its manifest says is an error', async () => {
  const file = { ...(await manifestFile()), bytes: 2000 };
  fakeFetch({ [URL_OF_MODEL]: () => new Response(body(0)) });
  await fails('integrity', 'longer than the 2000 bytes', () =>
    downloadFile(file, target().options),
  );
});

test('an outline is put where its pieces lie, and the engine is told before the rest comes', async () => {
  const pieces: [number, number][] = [
    [0, 10],
    [700, 20],
    [2490, 10],
  ];
  const outline = Uint8Array.from(pieces.flatMap(([at, n]) => [...content.slice(at, at + n)]));
  const file = {
    ...(await manifestFile()),
    outline: {
      url: `${URL_OF_MODEL}-outline`,
      sha256: await sha256(outline),
      bytes: 40,
      pieces,
    },
  };
  let start = () => {};
  const mayStart = new Promise<void>((resolve) => (start = resolve));
  const slow = new ReadableStream({
    async start(controller) {
      await mayStart;
      controller.enqueue(content.slice());
      controller.close();
    },
  });
  const answers = {
    [URL_OF_MODEL]: () => new Response(slow),
    [`${URL_OF_MODEL}-outline`]: () => new Response(outline.slice()),
  };
  fakeFetch(answers);
  const { memory } = createMemory(false);
  const { signal } = new AbortController();
  let outlined = 0;
  const onOutline = () => {
    outlined++;
    const there = new Uint8Array(memory.buffer, ADDRESS, content.length);
    same(there.slice(700, 720), content.slice(700, 720));
    same(there.slice(720, 1000), new Uint8Array(280));
    start();
  };
  const placed = placeFiles({ model: file, data: [] });
  same(placed[0]!.address, ADDRESS);
  same(gapsOf(placed[0]!, true), [10, 690, 720, 1770]);
  await downloadFiles(placed, { memory, signal, onBytes: () => {}, onOutline });
  same(outlined, 1);
  same(new Uint8Array(memory.buffer, ADDRESS, content.length), content);

  // A damaged outline is not used; the file itself still comes.
  fakeFetch({
    [URL_OF_MODEL]: () => new Response(body(0)),
    [`${URL_OF_MODEL}-outline`]: () => new Response(outline.slice().fill(1)),
  });
  await downloadFiles(placed, { memory, signal, onBytes: () => {}, onOutline });
  same(outlined, 1);
});

test('a missing file says so', async () => {
  fakeFetch({ [URL_OF_MODEL]: () => new Response('', { status: 404 }) });
  await fails('notfound', URL_OF_MODEL, async () =>
    downloadFile(await manifestFile(), target().options),
  );
});

test('a plain URL needs no length', async () => {
  fakeFetch({ [URL_OF_MODEL]: () => new Response(body(0)) });
  const { options, received } = target();
  same(await downloadUrl(URL_OF_MODEL, options), content.length);
  same(received(), content);
});

test('an aborted download stops waiting for the network', async () => {
  fakeFetch({});
  const controller = new AbortController();
  const { options } = target();
  const download = downloadUrl(URL_OF_MODEL, { ...options, signal: controller.signal });
  setTimeout(() => controller.abort(), 5);
  let reason: unknown;
  await download.catch((error: unknown) => (reason = error));
  same((reason as Error).name, 'AbortError');
});

test('the access module reads, writes, moves and clears, unaligned', () => {
  const { memory } = createMemory(false);
  const access = accessTo(memory, false) as Record<string, (...values: number[]) => number>;
  access['putInt']!(1001, 0x01020304);
  same(access['getByte']!(1001), 4);
  same(access['getInt']!(1001), 0x01020304);
  access['putFloat']!(1003, 1.5);
  same(access['getFloat']!(1003), 1.5);
  access['putDouble']!(1003, -2.25);
  same(access['getDouble']!(1003), -2.25);
  access['move']!(1003, 1005, 8);
  same(access['getDouble']!(1005), -2.25);
  access['clear']!(1005, 8);
  same(access['getDouble']!(1005), 0);
  ensureMemory(memory, 65537);
  access['putByte']!(65536, -1);
  same(access['getByte']!(65536), -1);
});

test('memory that cannot grow is an error of its own', async () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  await fails('memory', 'refuses to grow', () => ensureMemory(memory, 65537));
});

test('a memory that finds no addresses is made once there are some; other failures are told at once', async () => {
  let asked = 0;
  let told = 0;
  const scarce = () => told++;
  const made = await whenThereIsRoom(() => {
    if (++asked < 3) throw new RangeError('could not allocate memory');
    return 'made';
  }, scarce);
  same([made, asked, told], ['made', 3, 2]);
  const broken = () => Promise.reject(new TypeError('not a module'));
  await whenThereIsRoom(broken, scarce).then(
    () => same('made', 'refused'),
    (error) => same(error.message, 'not a module'),
  );
});

test('a machine instantiates staged modules, keeps the reason of a failure, and calls exports', async () => {
  const { memory } = createMemory(false);
  const machine = await createMachine({
    memory,
    shared: false,
    workers: [],
    features: FEATURES,
    scarce: () => undefined,
  });
  // (func (export "add") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
  const module = [
    ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 0x60, 2, 0x7c, 0x7c, 1, 0x7c, 3, 2, 1, 0],
    ...[7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1, 7, 0, 0x20, 0, 0x20, 1, 0xa0, 0x0b],
  ];
  const stage = (bytes: number[]) => new Uint8Array(machine.stage.buffer).set(bytes);
  stage(module);
  same(machine.host.validate(module.length), 1);
  const handle = machine.host.load(module.length);
  new Float64Array(machine.stage.buffer).set([2, 3.5]);
  same(machine.host.call(handle, 'add', 2), 5.5);
  stage([1, 2, 3, 4]);
  same(machine.host.validate(4), 0);
  same(machine.host.install(4), -1);
  same(machine.host.failure().length > 0, true);
});

test('inputs are described by their bytes, outputs are copied out of memory', () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const stage = new WebAssembly.Memory({ initial: 1 });
  const ids = BigInt64Array.of(7n, -5n, 9n).subarray(1, 2);
  const { described, views } = describeInputs({
    a: { type: 'float32', dims: [3], data: Float32Array.of(1, 2, 3) },
    b: { type: 'int64', dims: [1], data: ids },
  });
  same(described, [
    { name: 'a', type: 'f32', dims: [3], bytes: 12 },
    { name: 'b', type: 'i64', dims: [1], bytes: 8 },
  ]);
  new Uint8Array(memory.buffer).set(views[0]!, 64);
  new Uint8Array(stage.buffer).set(views[1]!, 128);
  const taken = takeOutputs(
    [
      { ...described[0]!, address: 64, staged: false },
      { ...described[1]!, address: 128, staged: true },
    ],
    { memory, stage },
  ) as Record<string, { data: unknown }>;
  same(taken['a']!.data, Float32Array.of(1, 2, 3));
  same(taken['b']!.data, BigInt64Array.of(-5n));
});

test('an input without a typed array is refused', async () => {
  await fails('input', "'a'", () =>
    describeInputs({ a: { type: 'float32', dims: [1], data: [1] } }),
  );
});

test('threads and class follow what was probed', () => {
  same(threadCount(FEATURES, 0), 6);
  same(threadCount(FEATURES, 2), 2);
  same(threadCount({ ...FEATURES, shared: false }, 4), 1);
  same(classKey(FEATURES, 6), 'v8-simd-fma-t8');
  const alone = capabilities({ ...FEATURES, shared: false, isolated: false });
  same(alone.threads.count, 1);
  same(alone.threads.why.includes('cross-origin isolated'), true);
  same(capabilities({ ...FEATURES, simd: false }).device, 'reference');
});

test('numbers of a GPU are filed under its kind', () => {
  same(classOf({ vendor: 'nvidia', architecture: 'ampere' }, 'core'), 'gpu-nvidia-ampere');
  same(classOf({ vendor: 'Intel Inc.', architecture: 'gen-12lp' }, 'core'), 'gpu-intelinc-gen12lp');
  same(classOf({ vendor: '', architecture: '' }, 'compatibility'), 'gpu-unknown-compatibility');
  same(schedulesOf('gpu-nvidia-ampere', 'Chromium 156'), 'gpu-nvidia-ampere-chromium156');
});
