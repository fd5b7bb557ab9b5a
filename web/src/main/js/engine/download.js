import { EngineError } from './errors.js';
import { ensureMemory } from './memory.js';

const PAUSES = [300, 1000, 3000];
const GROWTH = 4 << 20; // of a download whose length the server does not say
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

/** The reader of a GET from a byte on; `from` falls back to 0 when the server sends everything. */
async function open(url, from, signal) {
  const headers = from > 0 ? { Range: `bytes=${from}-` } : {};
  const response = await fetch(url, { headers, signal });
  const refused = refusal(response, url);
  if (refused) throw refused;
  return { response, from: response.status === 206 ? from : 0, reader: response.body.getReader() };
}

/**
 * Streams a file of a manifest into memory at `address`, verifying each chunk's SHA-256; after a
 * broken connection it goes on at the last good chunk. One chunk is held outside the memory while
 * it fills and one while it is hashed, never the file.
 */
export async function downloadFile(file, { memory, address, signal, onBytes }) {
  const { url, bytes } = file;
  const chunkBytes = file.chunks?.length ? file.chunkBytes : GROWTH;
  const verifies = Boolean(globalThis.crypto?.subtle && file.chunks?.length);
  ensureMemory(memory, address + bytes);
  let done = 0; // bytes that are in memory and verified
  let before = 0;

  async function verify(chunk, index) {
    if (verifies && hex(await crypto.subtle.digest('SHA-256', chunk)) !== file.chunks[index]) {
      throw new EngineError(
        'integrity',
        `Chunk ${index} of ${url} does not have the SHA-256 that the manifest gives; the file is damaged or was replaced.`,
      );
    }
    done += chunk.length;
  }

  async function attempt() {
    before = done;
    const { reader, from } = await open(url, done, signal);
    done = from;
    let at = from;
    let chunk = null;
    let filled = 0;
    let hashing = Promise.resolve();
    try {
      for (;;) {
        const { done: ended, value } = await reader.read();
        if (ended) break;
        for (let taken = 0; taken < value.length; ) {
          if (at >= bytes) {
            throw new EngineError(
              'integrity',
              `${url} is longer than the ${bytes} bytes that the manifest gives.`,
            );
          }
          chunk ??= new Uint8Array(Math.min(chunkBytes, bytes - at));
          const part = value.subarray(taken, taken + chunk.length - filled);
          chunk.set(part, filled);
          taken += part.length;
          filled += part.length;
          at += part.length;
          if (filled === chunk.length) {
            await hashing;
            new Uint8Array(memory.buffer).set(chunk, address + at - filled);
            hashing = verify(chunk, Math.floor((at - 1) / chunkBytes));
            hashing.catch(() => {}); // awaited below; not an unhandled rejection before
            chunk = null;
            filled = 0;
          }
        }
        onBytes(at);
      }
    } finally {
      await hashing.finally(() => reader.cancel().catch(() => {}));
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
    const { response, reader } = await open(url, 0, signal);
    const encoded = response.headers.get('Content-Encoding');
    const total = encoded ? 0 : Number(response.headers.get('Content-Length') ?? 0);
    if (total > 0) ensureMemory(memory, address + total);
    let at = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const end = address + at + value.length;
      if (end > memory.buffer.byteLength) ensureMemory(memory, end + GROWTH);
      new Uint8Array(memory.buffer).set(value, address + at);
      at += value.length;
      onBytes(at, Math.max(total, at));
    }
    if (at < total) throw new Error('the connection ended early');
    onBytes(at, at);
    return at;
  }
  return persistently(attempt, () => false, url, signal);
}
