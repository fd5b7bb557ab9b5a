import { QuernError } from './errors.js';
import { fetchJson, fileOf, parseManifest, resolveReference } from './manifest.js';
import type { Manifest, Source } from './protocol.js';

/** Folder of this file on its server, where the worker and the API are too. */
const HOME = new URL('.', import.meta.url).href;

/** What a caller may give as a model. */
export type ModelInput = string | URL | ArrayBuffer | ArrayBufferView;

/** A model that has been found: what the engine loads, and its manifest if it has one. */
export interface Found {
  source: Source;
  manifest: Manifest | null;
  name: string;
}

/** The folder of the Quern server that an option names, by default this file's. */
export function serverOf(server: string | undefined): string {
  const base = new URL(server ?? HOME, globalThis.location?.href ?? HOME).href;
  return base.endsWith('/') ? base : `${base}/`;
}

/** The address that an option gives, or the server's own where it only says yes. */
export function addressOf(given: boolean | string, path: string, server: string): string {
  return typeof given === 'string'
    ? new URL(given, globalThis.location?.href ?? HOME).href
    : new URL(path, server).href;
}

/** Finds a model: refuses at once what can be none, and asks the server for the manifest of a name. */
export function findModel(
  model: ModelInput,
  server: string,
  signal: AbortSignal | undefined,
): Promise<Found> {
  if (model instanceof ArrayBuffer) {
    return found({ kind: 'bytes', bytes: model.slice(0) }, 'bytes');
  }
  if (ArrayBuffer.isView(model)) {
    const bytes = new Uint8Array(model.byteLength);
    bytes.set(new Uint8Array(model.buffer, model.byteOffset, model.byteLength));
    return found({ kind: 'bytes', bytes: bytes.buffer }, 'bytes');
  }
  if (typeof model !== 'string' && !(model instanceof URL)) {
    throw new QuernError(
      'argument',
      "A model is given by a name, an address, or its file's bytes in an ArrayBuffer or typed array.",
    );
  }
  const reference = resolveReference(String(model), server, globalThis.location?.href ?? server);
  return reference.kind === 'file'
    ? found({ kind: 'url', url: reference.url }, reference.name)
    : fetchManifest(reference.url, signal);
}

async function found(source: Source, name: string): Promise<Found> {
  return { source, manifest: null, name };
}

async function fetchManifest(url: string, signal: AbortSignal | undefined): Promise<Found> {
  const manifest = parseManifest(await fetchJson(url, signal), url);
  return {
    source: {
      kind: 'manifest',
      model: fileOf(manifest, 'model')!,
      data: manifest.files.filter((file) => file.role === 'data'),
    },
    manifest,
    name: manifest.name,
  };
}
