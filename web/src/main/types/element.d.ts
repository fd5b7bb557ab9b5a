import type { Capabilities, Embeddings, Progress } from './quern.js';

/**
 * `<quern-embed model="all-MiniLM-L6-v2" text="…">`: text to vectors in a page of any origin. The model runs in an iframe from
 * the server that element.js came from; the page around needs no headers.
 *
 * Attributes: `model` (a name on the server or an address), `text`, `ui="none"` (shows nothing), `label` (the iframe's title for
 * screen readers). Events, each a CustomEvent: `ready`, `progress`, `result`, `error`.
 */
export interface QuernEmbedElement extends HTMLElement {
  model: string;
  /** The one text to embed; setting it embeds it and ends in a `result` or `error` event. */
  text: string;
  /** The same for several texts. */
  texts: string[];
  /** Whether the model is loaded. */
  readonly ready: boolean;
  /** Embeds texts, loading the model first where needed; rejects with an error that has a `code`. */
  embed(
    texts: string | readonly string[],
    options?: { signal?: AbortSignal },
  ): Promise<QuernEmbedResult>;
}

export interface QuernEmbedResult extends Embeddings {
  texts: string[];
}

/** What each event holds in `detail`. */
export interface QuernEmbedEvents {
  ready: { model: string; capabilities: Capabilities };
  progress: Progress;
  result: QuernEmbedResult;
  error: { code: string; message: string };
}

declare global {
  interface HTMLElementTagNameMap {
    'quern-embed': QuernEmbedElement;
  }
}
