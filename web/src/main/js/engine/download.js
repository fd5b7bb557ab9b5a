import { EngineError } from './errors.js';
import { ensureMemory } from './memory.js';

const PAUSES = [300, 1000, 3000];
const PIECE = 1 << 20; // bytes that are read at once
const GROWTH = 4 << 20; // of a download whose length the server does not say
/** Address of a model's first file: dev.quern.runtime.Control.FREE. */
export const FREE = 1024;
const align = (at) => (at + 63) & ~63;
const hex = (buffer) =>
  [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, '0')).join('');

const pause = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });

/** A response's status as an error, or null if its body is wanted. */
function refusal(response, url) {
  if (response.ok) return null;
  if (response.status === 404 || response.status === 410) {
    return new EngineError('notfound', `The server has no ${url} (status ${response.status}).`);
  }
  const error = new EngineError('network', `The server answered ${response.status} for ${url}.`);
  error.retry = response.status >= 500 || response.status === 408 || response.status === 429;
  return error;
}

/** Runs `attempt` again after a broken connection; `progressed` tells whether it got anywhere. */
async function persistently(attempt, progressed, url, signal) {
  for (let failures = 0; ; ) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof EngineError && !error.retry) throw error;
      if (progressed()) failures = 0;
      if (failures === PAUSES.length) {
        throw new EngineError(
          'network',
          `The connection broke while loading ${url} and did not come back; check the network and try again.`,
        );
      }
      await pause(PAUSES[failures++], signal);
    }
  }
}

/** A GET from a byte on; `from` falls back to 0 when the server sends everything. */
async function open(url, from, signal) {
  const headers = from > 0 ? { Range: `bytes=${from}-` } : {};
  const response = await fetch(url, { headers, signal });
  const refused = refusal(response, url);
  if (refused) throw refused;
  return { response, from: response.status === 206 ? from : 0 };
}

/**
 * Reads a body into views that the caller brings: where the browser can, it writes into their buffers itself, which saves
 * a copy and a new buffer for each piece.
 */
function readerOf(body) {
  let reader;
  let rest = null;
  try {
    reader = body.getReader({ mode: 'byob' });
  } catch {
    // A stream of whatever pieces come.
    const pieces = body.getReader();
    return {
      async read(view, at) {
        if (!rest) {
          const { done, value } = await pieces.read();
          if (done) return { view, at, ended: true };
          rest = value;
        }
        const part = rest.subarray(0, view.length - at);
        view.set(part, at);
        rest = part.length < rest.length ? rest.subarray(part.length) : null;
        return { view, at: at + part.length, ended: false };
      },
      cancel: () => pieces.cancel().catch(() => {}),
    };
  }
  return {
    /** Fills a view from `at` on with what is there: the view again, in a buffer that has moved, and where it is filled to. */
    async read(view, at) {
      const { length } = view;
      const { done, value } = await reader.read(view.subarray(at));
      if (!value) return { view: null, at, ended: true }; // cancelled
      return {
        view: new Uint8Array(value.buffer, 0, length),
        at: at + value.length,
        ended: done,
      };
    },
    cancel: () => reader.cancel().catch(() => {}),
  };
}

const digestOf = async (bytes) => hex(await crypto.subtle.digest('SHA-256', bytes));
const canVerify = () => Boolean(globalThis.crypto?.subtle); // not on insecure origins

/**
 * Streams a file of a manifest into memory at `address`, verifying each chunk's SHA-256; after a
 * broken connection it goes on at the last good chunk. One chunk is held outside the memory while
 * it fills and one while it is hashed, never the file.
 */
export async function downloadFile(file, { memory, address, signal, onBytes }) {
  const { url, bytes } = file;
  const chunkBytes = file.chunks?.length ? file.chunkBytes : PIECE;
  const verifies = canVerify() && Boolean(file.chunks?.length);
  const spare = []; // buffers of chunks that have been verified
  ensureMemory(memory, address + bytes);
  let done = 0; // bytes that are in memory and verified
  let before = 0;

  async function verify(chunk, index) {
    if (verifies && (await digestOf(chunk)) !== file.chunks[index]) {
      throw new EngineError(
        'integrity',
        `Chunk ${index} of ${url} does not have the SHA-256 that the manifest gives; the file is damaged or was replaced.`,
      );
    }
    done += chunk.length;
    spare.push(chunk.buffer);
  }

  /** An empty chunk for the bytes from `at` on; behind the end one for a byte that should not come. */
  function chunkFor(at) {
    if (at >= bytes) return new Uint8Array(1);
    const buffer = spare.pop() ?? new ArrayBuffer(Math.min(chunkBytes, bytes));
    return new Uint8Array(buffer, 0, Math.min(chunkBytes, bytes - at));
  }

  async function attempt() {
    before = done;
    const { response, from } = await open(url, done, signal);
    const reader = readerOf(response.body);
    done = from;
    let at = from;
    let chunk = chunkFor(at);
    let filled = 0;
    let hashing = Promise.resolve();
    try {
      for (;;) {
        const { view, at: to, ended } = await reader.read(chunk, filled);
        if (ended) break;
        if (at + to - filled > bytes) {
          throw new EngineError(
            'integrity',
            `${url} is longer than the ${bytes} bytes that the manifest gives.`,
          );
        }
        at += to - filled;
        [chunk, filled] = [view, to];
        if (filled === chunk.length) {
          await hashing;
          new Uint8Array(memory.buffer).set(chunk, address + at - filled);
          hashing = verify(chunk, Math.floor((at - 1) / chunkBytes));
          hashing.catch(() => {}); // awaited below; not an unhandled rejection before
          chunk = chunkFor(at);
          filled = 0;
        }
        onBytes(at);
      }
    } finally {
      await hashing.finally(() => reader.cancel());
    }
    if (at < bytes) throw new Error('the connection ended early');
  }

  await persistently(attempt, () => done > before, url, signal);
  onBytes(bytes);
  return bytes;
}

/** Streams a plain URL of unknown length; a broken connection starts again. */
export async function downloadUrl(url, { memory, address, signal, onBytes }) {
  async function attempt() {
    const { response } = await open(url, 0, signal);
    const reader = readerOf(response.body);
    const encoded = response.headers.get('Content-Encoding');
    const total = encoded ? 0 : Number(response.headers.get('Content-Length') ?? 0);
    if (total > 0) ensureMemory(memory, address + total);
    let piece = new Uint8Array(PIECE);
    let at = 0;
    for (;;) {
      const { view, at: length, ended } = await reader.read(piece, 0);
      if (ended) break;
      piece = view;
      const end = address + at + length;
      if (end > memory.buffer.byteLength) ensureMemory(memory, end + GROWTH);
      new Uint8Array(memory.buffer).set(piece.subarray(0, length), address + at);
      at += length;
      onBytes(at, Math.max(total, at));
    }
    if (at < total) throw new Error('the connection ended early');
    onBytes(at, at);
    return at;
  }
  return persistently(attempt, () => false, url, signal);
}

/** Puts the pieces of a file's outline where they lie in the file, which is at `address`: whether it was had. */
async function downloadOutline({ outline }, { memory, address, signal }) {
  try {
    const { response } = await open(outline.url, 0, signal);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const verified = !canVerify() || (await digestOf(bytes)) === outline.sha256;
    if (bytes.length !== outline.bytes || !verified) return false;
    let at = 0;
    for (const [from, length] of outline.pieces) {
      new Uint8Array(memory.buffer).set(bytes.subarray(at, (at += length)), address + from);
    }
    return true;
  } catch {
    signal.throwIfAborted();
    return false; // the file itself has the same bytes, later
  }
}

/** Where the files of a manifest come to lie, one after the other; the model is the first. */
export function placeFiles({ model, data }) {
  const files = [];
  let address = FREE;
  for (const file of [model, ...(data ?? [])]) {
    files.push({ file, address });
    address = align(address + file.bytes);
  }
  return files;
}

/**
 * Brings placed files of a manifest into memory. `onOutline` is called once, as soon as all of the model but its large tensors is
 * there, if that can be told before all is there.
 */
export async function downloadFiles(placed, { memory, signal, onBytes, onOutline }) {
  const total = placed.reduce((sum, { file }) => sum + file.bytes, 0);
  const last = placed.at(-1);
  ensureMemory(memory, last.address + last.file.bytes);
  const [{ file: model, address }] = placed;
  const outlining = model.outline
    ? downloadOutline(model, { memory, address, signal }).then((had) => had && onOutline())
    : null;
  outlining?.catch(() => {}); // aborted, as the files are
  let before = 0;
  for (const { file, address } of placed) {
    await downloadFile(file, {
      memory,
      address,
      signal,
      onBytes: (loaded) => onBytes(before + loaded, total),
    });
    before += file.bytes;
    if (file === model && !outlining && placed.length > 1) onOutline();
  }
}

/** What is not in a model's outline, `[from, length, from, …]`; all of its other files. */
export function gapsOf({ file }, isModel) {
  if (!isModel) return [0, file.bytes];
  if (!file.outline) return [];
  const gaps = [];
  let at = 0;
  for (const [from, length] of file.outline.pieces) {
    if (from > at) gaps.push(at, from - at);
    at = from + length;
  }
  if (file.bytes > at) gaps.push(at, file.bytes - at);
  return gaps;
}
