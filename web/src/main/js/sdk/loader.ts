import { createMemory } from '../engine/memory.js';
import { probe } from '../engine/probe.js';
import { QuernError } from './errors.js';
import type { Source } from './protocol.js';

/** Memory that workers share, and how the engine hears of what comes into it. */
export interface LoaderEnd {
  memory: WebAssembly.Memory;
  /** Pages that the memory may grow to. */
  maximum: number;
  port: MessagePort;
}

/** After a download, before its worker is ended: that takes processor time, of which there is none to spare then. */
const REST = 1000;

/**
 * A worker that downloads a model into memory it shares with the engine. It starts beside the engine's worker and not after it, so
 * that bytes flow while that is still starting.
 */
export class Loader {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  /** What the engine's worker gets; the port is to be transferred. */
  readonly end: LoaderEnd;
  /** Rejects if the worker fails. */
  readonly failed: Promise<never>;

  private constructor(worker: Worker) {
    const { port1, port2 } = new MessageChannel();
    this.#worker = worker;
    this.#port = port1;
    this.end = { ...createMemory(true), port: port2 };
    this.failed = new Promise((_, reject) => {
      worker.onerror = (event) => {
        event.preventDefault?.();
        const detail = event.message ? `: ${event.message}` : '';
        reject(
          new QuernError(
            'engine',
            `The worker that downloads could not be loaded or has failed${detail}. Reload the page; if it stays, check that quern-loader.js is served beside quern.js.`,
          ),
        );
      };
    });
    this.failed.catch(() => undefined); // whoever waits for the engine hears of it
  }

  /** Starts a worker where memory can be shared; elsewhere the engine's worker downloads, and this is null. */
  static start(device: string): Loader | null {
    if (device === 'reference' || typeof MessageChannel === 'undefined' || !probe().shared) {
      return null;
    }
    return new Loader(
      new Worker(new URL('quern-loader.js', import.meta.url), {
        type: 'module',
        name: 'quern-loader',
      }),
    );
  }

  /** Makes the browser collect the memories of sessions that have ended: it does when it can reserve no other. */
  static makeRoom(): void {
    try {
      createMemory(true);
    } catch {
      // There is none to be had: the engine says so.
    }
  }

  /** Begins to download, unless the engine is given the bytes. */
  load(source: Source): void {
    if (source.kind !== 'bytes') {
      const { memory } = this.end;
      this.#worker.postMessage({ memory, port: this.#port, source }, [this.#port]);
    }
  }

  /** Ends the worker, now or when there is time. */
  close(soon: boolean): void {
    setTimeout(() => this.#worker.terminate(), soon ? 0 : REST);
  }
}
