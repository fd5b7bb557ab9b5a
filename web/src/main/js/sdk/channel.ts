import { QuernError, aborted, fromWire } from './errors.js';
import type { Notification, Reply, Requests } from './protocol.js';

/** The part of a Worker that a channel uses, so that tests can stand one in. */
export interface Port {
  postMessage(message: unknown, transfer: Transferable[]): void;
  terminate(): void;
  onmessage: ((event: MessageEvent) => void) | null;
  onmessageerror: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
}

/** Timers, so that tests decide when time passes. */
export interface Clock {
  after(milliseconds: number, action: () => void): unknown;
  cancel(handle: unknown): void;
}

export const PAGE_CLOCK: Clock = {
  after: (milliseconds, action) => setTimeout(action, milliseconds),
  cancel: (handle) => clearTimeout(handle as number),
};

export interface RequestOptions {
  transfer?: Transferable[];
  signal?: AbortSignal | null;
  /** Milliseconds of silence after which the worker counts as dead; 0 = for ever. */
  silence?: number;
  /** Called with the request's id before the cancel message is sent: writes the shared cancel word. */
  onAbort?: (id: number) => void;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: QuernError): void;
  silence: number;
  timer: unknown;
  done(): void;
}

/**
 * Requests and replies over a worker's messages. Any message from the worker shows that it lives; when a request
 * has waited through its allowed silence, or the worker fails, the worker is ended and every request fails with the reason.
 */
export class Channel {
  readonly #port: Port;
  readonly #clock: Clock;
  readonly #pending = new Map<number, Pending>();
  readonly #onNotification: (notification: Notification) => void;
  #next = 1;
  #closed: QuernError | null = null;

  constructor(
    port: Port,
    onNotification: (notification: Notification) => void,
    clock: Clock = PAGE_CLOCK,
  ) {
    this.#port = port;
    this.#clock = clock;
    this.#onNotification = onNotification;
    port.onmessage = (event) => this.#receive(event.data);
    port.onmessageerror = () =>
      this.close(
        new QuernError('engine', 'A message of the engine could not be read; reload the page.'),
      );
    port.onerror = (event) => {
      event.preventDefault?.();
      const detail = event.message ? `: ${event.message}` : '';
      this.close(
        new QuernError(
          'engine',
          `The engine's worker could not be loaded or has failed${detail}. Reload the page; if it stays, check that quern-worker.js and the engine folder are served beside quern.js.`,
        ),
      );
    };
  }

  get closed(): QuernError | null {
    return this.#closed;
  }

  request<T extends keyof Requests>(
    type: T,
    carries: Requests[T]['carries'],
    options: RequestOptions = {},
  ): Promise<Requests[T]['value']> {
    const { transfer = [], signal = null, silence = 0, onAbort } = options;
    if (this.#closed) {
      return Promise.reject(this.#closed);
    }
    if (signal?.aborted) {
      return Promise.reject(aborted(signal));
    }
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const abort = () => {
        onAbort?.(id);
        this.#port.postMessage({ type: 'cancel', target: id }, []);
      };
      signal?.addEventListener('abort', abort, { once: true });
      const pending: Pending = {
        resolve: resolve as (value: unknown) => void,
        reject: (error) => reject(error.code === 'aborted' ? aborted(signal) : error),
        silence,
        timer: null,
        done: () => signal?.removeEventListener('abort', abort),
      };
      this.#pending.set(id, pending);
      this.#watch(pending);
      try {
        this.#port.postMessage({ id, type, ...carries }, transfer);
      } catch (thrown) {
        this.#take(id);
        reject(
          new QuernError(
            'argument',
            `The request "${type}" cannot be sent to the engine: ${thrown}`,
            {
              cause: thrown,
            },
          ),
        );
      }
    });
  }

  /** Ends the worker; requests under way fail with the reason. */
  close(reason: QuernError): void {
    if (this.#closed) {
      return;
    }
    this.#closed = reason;
    this.#port.onmessage = null;
    this.#port.terminate();
    for (const id of [...this.#pending.keys()]) {
      this.#take(id)!.reject(reason);
    }
  }

  #receive(message: Reply | Notification): void {
    for (const pending of this.#pending.values()) {
      this.#watch(pending);
    }
    if (!('id' in message)) {
      this.#onNotification(message);
      return;
    }
    const pending = this.#take(message.id);
    if (!pending) {
      return; // answered after its caller gave up
    }
    if (message.ok) {
      pending.resolve(message.value);
    } else {
      pending.reject(fromWire(message.error));
    }
  }

  #watch(pending: Pending): void {
    this.#clock.cancel(pending.timer);
    if (pending.silence > 0) {
      pending.timer = this.#clock.after(pending.silence, () =>
        this.close(
          new QuernError(
            'timeout',
            `The engine has been silent for ${Math.round(pending.silence / 1000)} s and was stopped; create the session again.`,
          ),
        ),
      );
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending) {
      this.#pending.delete(id);
      this.#clock.cancel(pending.timer);
      pending.done();
    }
    return pending;
  }
}
