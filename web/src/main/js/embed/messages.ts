import type { Capabilities, Phase } from '../sdk/protocol.js';

/*
 * What the element in a foreign page and its iframe from Quern's server say to each other. The iframe says `hello` to its parent; the
 * element, which checks that it comes from its own iframe and from the server's origin, answers that origin with `connect` and one end of a message
 * channel. Everything after that goes through the channel, which no one else in either page has.
 */

export const PROTOCOL = 1;

export interface Hello {
  quern: 'hello';
  version: number;
}

export interface Connect {
  quern: 'connect';
  version: number;
  model: string;
  /** Whether the iframe shows anything. */
  shown: boolean;
  /** Texts to begin with. */
  texts: string[];
}

/** Element to iframe. */
export type ToFrame =
  | { type: 'embed'; id: number; texts: string[] }
  | { type: 'cancel'; id: number }
  | { type: 'retry' };

export interface Result {
  texts: string[];
  vectors: Float32Array[];
  tokens: number[];
  truncated: boolean[];
  width: number;
  milliseconds: number;
}

/** Iframe to element; `id` is null for what the visitor did in the iframe. */
export type ToElement =
  | { type: 'ready'; model: string; capabilities: Capabilities }
  | { type: 'progress'; phase: Phase; loaded: number; total: number }
  | { type: 'result'; id: number | null; result: Result }
  | { type: 'error'; id: number | null; code: string; message: string }
  | { type: 'height'; pixels: number };

/** Whether a window message is the iframe's first word. */
export function isHello(data: unknown): data is Hello {
  return isMessage(data, 'hello');
}

/** Whether a window message is the element's answer to it, with everything in it of the right kind. */
export function isConnect(data: unknown): data is Connect {
  if (!isMessage(data, 'connect')) {
    return false;
  }
  const connect = data as Partial<Connect>;
  return (
    typeof connect.model === 'string' &&
    typeof connect.shown === 'boolean' &&
    isTexts(connect.texts)
  );
}

export function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

function isMessage(data: unknown, quern: string): boolean {
  const message = data as { quern?: unknown; version?: unknown } | null;
  return typeof message === 'object' && message?.quern === quern && message.version === PROTOCOL;
}
