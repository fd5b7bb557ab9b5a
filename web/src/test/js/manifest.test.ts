import {
  fetchFile,
  fetchJson,
  fileOf,
  parseManifest,
  resolveReference,
} from '../../main/js/sdk/manifest.js';
import { fails, fakeFetch, same, test } from './harness.js';

const SERVER = 'https://quern.example/sub/';
const PAGE = 'https://site.example/shop/page.html';
const HASH = 'a'.repeat(64);
const FILE = {
  path: 'model.onnx',
  role: 'model',
  bytes: 10,
  sha256: HASH,
  url: '/weights/x',
  chunkBytes: 4,
  chunks: [HASH, HASH, HASH],
};

test('a bare name is asked of the server', () => {
  same(resolveReference('all-MiniLM-L6-v2', SERVER, PAGE), {
    kind: 'manifest',
    url: 'https://quern.example/sub/api/v1/models/all-MiniLM-L6-v2',
    name: 'all-MiniLM-L6-v2',
  });
});

test('addresses are resolved against the page', () => {
  same(resolveReference('models/a.onnx', SERVER, PAGE), {
    kind: 'file',
    url: 'https://site.example/shop/models/a.onnx',
    name: 'a',
  });
  same(resolveReference('a.onnx', SERVER, PAGE).url, 'https://site.example/shop/a.onnx');
  same(resolveReference('https://m.example/x.json?v=2', SERVER, PAGE).kind, 'manifest');
  same(resolveReference('https://m.example/api/v1/models/x', SERVER, PAGE).kind, 'manifest');
  same(resolveReference('/download/', SERVER, PAGE).name, 'model');
});

test('other kinds of addresses are refused', async () => {
  await fails('argument', 'not from "javascript:"', () =>
    resolveReference('javascript:alert(1)', SERVER, PAGE),
  );
  await fails('argument', 'not from "blob:"', () =>
    resolveReference('blob:https://x/1', SERVER, PAGE),
  );
  await fails('argument', 'neither', () => resolveReference('http://[', SERVER, PAGE));
});

test('a manifest gets absolute addresses', () => {
  const manifest = parseManifest(
    { version: 1, name: 'm', files: [FILE] },
    `${SERVER}api/v1/models/m`,
  );
  same(fileOf(manifest, 'model')!.url, 'https://quern.example/weights/x');
  same(fileOf(manifest, 'tokenizer'), undefined);
});

test('an outline has to fit its file', async () => {
  const parse = (outline: unknown) =>
    parseManifest({ version: 1, name: 'm', files: [{ ...FILE, outline }] }, `${SERVER}m.json`);
  const pieces = [
    [0, 2],
    [5, 3],
  ];
  const good = { url: '/weights/o', sha256: HASH, bytes: 5, pieces };
  same(fileOf(parse(good), 'model')!.outline!.url, 'https://quern.example/weights/o');
  const bad = [
    { ...good, bytes: 6 },
    { ...good, sha256: 'x' },
    { ...good, pieces: [[0, 5], [4, 1]], bytes: 6 }, // prettier-ignore
    { ...good, pieces: [[8, 5]] },
    { ...good, pieces: 'all' },
  ];
  for (const outline of bad) {
    await fails('model', 'outline whose pieces do not fit', () => parse(outline));
  }
  await fails('model', 'outline without a usable url', () => parse({ ...good, url: 'http://[' }));
});

test('a broken manifest is told with all its problems', async () => {
  const broken = {
    version: 2,
    files: [{ ...FILE, role: 'tokenizer', sha256: 'short', chunks: [HASH] }],
  };
  const error = await fails('model', 'cannot be used', () => parseManifest(broken, SERVER));
  same(error.problems?.length, 4);
  for (const nothing of [null, 3, 'text', [], { version: 1, files: 'x' }]) {
    await fails('model', 'no entry with the role "model"', () => parseManifest(nothing, SERVER));
  }
});

test('what the server says becomes a code and a sentence', async () => {
  fakeFetch({
    'https://a/missing': () => new Response('', { status: 404 }),
    'https://a/ill': () => new Response('', { status: 503 }),
    'https://a/html': () => new Response('<html>'),
    'https://a/good': () => new Response('{"x":1}'),
  });
  await fails('notfound', 'does not exist', () => fetchJson('https://a/missing'));
  await fails('network', 'answered 503', () => fetchJson('https://a/ill'));
  await fails('network', 'whole JSON', () => fetchJson('https://a/html'));
  await fails('network', 'could not be reached', () => fetchJson('https://a/gone'));
  same(await fetchJson('https://a/good'), { x: 1 });
});

test('a file is taken only when it is the published one', async () => {
  const sha256 = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'; // of "hello"
  const file = { ...FILE, path: 'tokenizer.json', url: 'https://a/t', bytes: 5, sha256 };
  fakeFetch({ 'https://a/t': () => new Response('hello') });
  same((await fetchFile(file)).byteLength, 5);
  fakeFetch({ 'https://a/t': () => new Response('hellO') });
  await fails('integrity', 'tokenizer.json', () => fetchFile(file));
  fakeFetch({ 'https://a/t': () => new Response('', { status: 404 }) });
  await fails('notfound', 'answered 404', () => fetchFile(file));
});

test('a signal that has fired ends as aborted', async () => {
  const controller = new AbortController();
  controller.abort();
  fakeFetch({
    'https://a/t': () => {
      throw new DOMException('', 'AbortError');
    },
  });
  await fails('aborted', 'cancelled', () => fetchJson('https://a/t', controller.signal));
});
