import { FREE, downloadFiles, downloadUrl, gapsOf, placeFiles } from './download.js';
import { EngineError } from './errors.js';
import { ensureMemory } from './memory.js';

/**
 * A model on its way into memory. `files` resolves to its files `{path, address, bytes}` once all are there and verified;
 * `outlined` before that to whether everything but their large tensors is there: then `outline` holds the files with their gaps.
 */
export class Arriving {
  /** `loader` is the port of a worker that downloads the source, or null: then this thread does. */
  constructor(source, { memory, loader, signal, onBytes }) {
    this.ended = false;
    this.outline = null;
    this.outlined = new Promise((resolve) => {
      this.resolveOutlined = resolve;
    });
    this.files = this.bring(source, { memory, loader, signal, onBytes }).finally(() => {
      this.ended = true;
      this.resolveOutlined(false);
    });
  }

  async bring(source, { memory, loader, signal, onBytes }) {
    const address = FREE;
    if (source.kind === 'bytes') {
      const bytes = new Uint8Array(source.bytes);
      ensureMemory(memory, address + bytes.length);
      new Uint8Array(memory.buffer).set(bytes, address);
      onBytes(bytes.length, bytes.length);
      return [{ path: '', address, bytes: bytes.length }];
    }
    if (source.kind === 'url') {
      const bytes = loader
        ? await this.hear(loader, signal, onBytes)
        : await downloadUrl(source.url, { memory, address, signal, onBytes });
      return [{ path: '', address, bytes }];
    }
    const placed = placeFiles(source);
    const files = placed.map(({ file: { path, bytes }, address }) => ({ path, address, bytes }));
    this.outline = files.map((file, i) => ({ ...file, gaps: gapsOf(placed[i], i === 0) }));
    const onOutline = () => this.resolveOutlined(true);
    if (loader) await this.hear(loader, signal, onBytes);
    else await downloadFiles(placed, { memory, signal, onBytes, onOutline });
    return files;
  }

  /** Waits for the worker that downloads; the page sees whether it lives. */
  hear(loader, signal, onBytes) {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      loader.onmessage = ({ data }) => {
        if (data.outlined) this.resolveOutlined(true);
        else if (data.done) resolve(data.bytes);
        else if (data.error) {
          const { code, message, problems } = data.error;
          reject(new EngineError(code, message, problems));
        } else onBytes(data.loaded, data.total);
      };
    });
  }
}
