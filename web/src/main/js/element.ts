import {
  PROTOCOL,
  isHello,
  type Connect,
  type Result,
  type ToElement,
  type ToFrame,
} from './embed/messages.js';

/*
 * <quern-embed model="all-MiniLM-L6-v2" text="…"></quern-embed> in a page of any origin: an iframe from the server that this file came from, where
 * the model runs. Its page sends its own isolation headers, so that the host page needs none.
 */

const SERVER = new URL('.', import.meta.url);
const DEFAULT_MODEL = 'all-MiniLM-L6-v2';
const FIRST_HEIGHT = 320; // px, about what the iframe will ask for: the page around it does not jump
const HELLO_TIME = 20_000; // ms in which the server's page must say hello

/** An error of the element, with the codes of QuernError. */
class QuernEmbedError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'QuernError';
    this.code = code;
  }
}

interface Waiting {
  resolve(result: Result): void;
  reject(error: Error): void;
  done(): void;
}

export class QuernEmbed extends HTMLElement {
  static readonly observedAttributes = ['model', 'text', 'ui', 'label'];

  readonly #root: ShadowRoot;
  #frame: HTMLIFrameElement | null = null;
  #port: MessagePort | null = null;
  #unsent: { message: ToFrame; transfer: Transferable[] }[] = [];
  #waiting = new Map<number, Waiting>();
  #next = 1;
  #texts: string[] = [];
  #ready = false;
  #timer = 0;
  readonly #onMessage = (event: MessageEvent) => this.#hello(event);

  constructor() {
    super();
    this.#root = this.attachShadow({ mode: 'open' });
  }

  /** Name of a model on the server, or an address. */
  get model(): string {
    return this.getAttribute('model') ?? DEFAULT_MODEL;
  }

  set model(model: string) {
    this.setAttribute('model', model);
  }

  /** The one text to embed; setting it embeds it. */
  get text(): string {
    return this.#texts[0] ?? '';
  }

  set text(text: string) {
    this.setAttribute('text', text);
  }

  /** The texts to embed; setting them embeds them and ends in a `result` or `error` event. */
  get texts(): string[] {
    return [...this.#texts];
  }

  set texts(texts: string[]) {
    this.#texts = Array.from(texts, String);
    this.#embedTexts();
  }

  /** Whether the model is loaded. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Embeddings of texts; loads the model first where needed. */
  embed(
    texts: string | readonly string[],
    options: { signal?: AbortSignal } = {},
  ): Promise<Result> {
    const list = typeof texts === 'string' ? [texts] : Array.from(texts, String);
    const { signal } = options;
    return new Promise((resolve, reject) => {
      if (!this.isConnected) {
        reject(
          new QuernEmbedError('argument', 'Put the <quern-embed> element into the page first.'),
        );
        return;
      }
      const cancelled = () => new QuernEmbedError('aborted', 'The caller cancelled this.');
      if (signal?.aborted) {
        reject(cancelled());
        return;
      }
      const id = this.#next++;
      const abort = () => {
        this.#post({ type: 'cancel', id });
        this.#take(id)?.reject(cancelled());
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.set(id, {
        resolve,
        reject,
        done: () => signal?.removeEventListener('abort', abort),
      });
      this.#post({ type: 'embed', id, texts: list });
    });
  }

  connectedCallback(): void {
    const text = this.getAttribute('text');
    if (text !== null && this.#texts.length === 0) {
      this.#texts = [text];
    }
    this.#open();
  }

  disconnectedCallback(): void {
    this.#close(new QuernEmbedError('released', 'The element was taken out of the page.'));
  }

  attributeChangedCallback(name: string, before: string | null, value: string | null): void {
    if (before === value || !this.isConnected || !this.#frame) {
      return;
    }
    if (name === 'text') {
      this.texts = value === null ? [] : [value];
    } else if (name === 'label') {
      this.#frame.title = this.#title();
    } else {
      this.#close(new QuernEmbedError('aborted', `The attribute ${name} was changed.`));
      this.#open();
    }
  }

  get #shown(): boolean {
    return this.getAttribute('ui') !== 'none';
  }

  #title(): string {
    return this.getAttribute('label') ?? 'Text embeddings, computed on this device';
  }

  #open(): void {
    const frame = document.createElement('iframe');
    frame.title = this.#title();
    // Passed on where the host page is isolated itself; elsewhere the iframe's own headers do it.
    frame.allow = 'cross-origin-isolated';
    frame.src = new URL('embed/', SERVER).href;
    // Set through the object model, which a page's style-src does not forbid.
    Object.assign(this.style, { display: this.style.display || 'block' });
    Object.assign(frame.style, {
      border: '0',
      width: '100%',
      height: `${FIRST_HEIGHT}px`,
      colorScheme: 'normal',
    });
    if (!this.#shown) {
      // Not display:none, which would let browsers throttle it.
      frame.tabIndex = -1;
      frame.ariaHidden = 'true';
      Object.assign(frame.style, {
        position: 'absolute',
        width: '1px',
        height: '1px',
        opacity: '0',
      });
      frame.style.pointerEvents = 'none';
    }
    this.#frame = frame;
    window.addEventListener('message', this.#onMessage);
    this.#timer = window.setTimeout(
      () =>
        this.#fail(
          'network',
          `The server ${SERVER.origin} did not answer; check the connection and that this page's Content-Security-Policy allows frames from it.`,
        ),
      HELLO_TIME,
    );
    this.#root.replaceChildren(frame);
  }

  #hello(event: MessageEvent): void {
    const frame = this.#frame;
    if (
      !frame?.contentWindow ||
      event.source !== frame.contentWindow ||
      event.origin !== SERVER.origin ||
      !isHello(event.data)
    ) {
      return;
    }
    clearTimeout(this.#timer);
    const channel = new MessageChannel();
    this.#port?.close(); // the iframe was loaded anew
    this.#port = channel.port1;
    channel.port1.onmessage = (message) => this.#receive(message.data as ToElement);
    const connect: Connect = {
      quern: 'connect',
      version: PROTOCOL,
      model: this.model,
      shown: this.#shown,
      texts: this.#texts,
    };
    frame.contentWindow.postMessage(connect, SERVER.origin, [channel.port2]);
    const unsent = this.#unsent;
    this.#unsent = [];
    unsent.forEach(({ message, transfer }) => this.#post(message, transfer));
  }

  #receive(message: ToElement): void {
    switch (message.type) {
      case 'ready':
        this.#ready = true;
        this.#emit('ready', { model: message.model, capabilities: message.capabilities });
        break;
      case 'progress':
        this.#emit('progress', {
          phase: message.phase,
          loaded: message.loaded,
          total: message.total,
        });
        break;
      case 'height':
        if (this.#frame && this.#shown && message.pixels > 0 && message.pixels < 10_000) {
          this.#frame.style.height = `${Math.ceil(message.pixels)}px`;
        }
        break;
      case 'result':
        if (message.id !== null) {
          this.#take(message.id)?.resolve(message.result);
        } else {
          this.#texts = [...message.result.texts];
          this.#emit('result', message.result);
        }
        break;
      case 'error':
        if (message.id !== null) {
          this.#take(message.id)?.reject(new QuernEmbedError(message.code, message.message));
        } else {
          this.#fail(message.code, message.message);
        }
        break;
    }
  }

  #embedTexts(): void {
    if (!this.#port || this.#texts.length === 0) {
      return; // `connect` will carry them
    }
    this.embed(this.#texts).then(
      (result) => this.#emit('result', result),
      (error: QuernEmbedError) => this.#emit('error', { code: error.code, message: error.message }),
    );
  }

  /** The model cannot be had: whoever waits is told, and the page too. */
  #fail(code: string, message: string): void {
    this.#rejectAll(new QuernEmbedError(code, message));
    this.#emit('error', { code, message });
  }

  #close(reason: QuernEmbedError): void {
    clearTimeout(this.#timer);
    window.removeEventListener('message', this.#onMessage);
    this.#port?.close();
    this.#port = null;
    this.#frame?.remove();
    this.#frame = null;
    this.#ready = false;
    this.#unsent = [];
    this.#rejectAll(reason);
  }

  #rejectAll(reason: Error): void {
    for (const id of [...this.#waiting.keys()]) {
      this.#take(id)!.reject(reason);
    }
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.done();
    return waiting;
  }

  #post(message: ToFrame, transfer: Transferable[] = []): void {
    if (this.#port) {
      this.#port.postMessage(message, transfer);
    } else {
      this.#unsent.push({ message, transfer });
    }
  }

  #emit(type: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

if (!customElements.get('quern-embed')) {
  customElements.define('quern-embed', QuernEmbed);
}
