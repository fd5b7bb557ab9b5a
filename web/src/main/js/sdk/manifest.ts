import { QuernError, aborted } from './errors.js';
import type { Manifest, ManifestFile, ManifestOutline } from './protocol.js';

/** What a caller's string means: the name of a model on the server, a manifest's address, or a model file's. */
export type Reference =
  | { kind: 'manifest'; url: string; name: string }
  | { kind: 'file'; url: string; name: string };

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/**
 * A bare name such as "all-MiniLM-L6-v2" is asked of the server; anything that looks like an address is resolved against the
 * page, and is a manifest when it ends in .json or is one of the server's model addresses.
 */
export function resolveReference(model: string, server: string, page: string): Reference {
  if (NAME.test(model) && !/\.(onnx|json)$/i.test(model)) {
    return {
      kind: 'manifest',
      url: new URL(`api/v1/models/${encodeURIComponent(model)}`, server).href,
      name: model,
    };
  }
  let url: URL;
  try {
    url = new URL(model, page);
  } catch (thrown) {
    throw new QuernError('argument', `"${model}" is neither a model's name nor an address.`, {
      cause: thrown,
    });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new QuernError(
      'argument',
      `A model is loaded over http or https, not from "${url.protocol}"; pass its bytes instead.`,
    );
  }
  const last = decodeURIComponent(url.pathname.split('/').pop() ?? '');
  const manifest = /\.json$/i.test(last) || /\/api\/v1\/models\/[^/]+$/.test(url.pathname);
  return {
    kind: manifest ? 'manifest' : 'file',
    url: url.href,
    name: last.replace(/\.(onnx|json)$/i, '') || 'model',
  };
}

/** Checks a manifest that came from outside and makes its files' addresses absolute; lists every problem. */
export function parseManifest(json: unknown, url: string): Manifest {
  const problems: string[] = [];
  const manifest = json as Manifest;
  if (manifest?.version !== 1) {
    problems.push(`version is ${JSON.stringify(manifest?.version)}, this library reads version 1`);
  }
  const files = Array.isArray(manifest?.files) ? manifest.files : [];
  if (!files.some((file) => file?.role === 'model')) {
    problems.push('files has no entry with the role "model"');
  }
  const parsed = files.map((file, i) => parseFile(file, i, url, problems));
  if (problems.length > 0) {
    throw new QuernError('model', `The manifest ${url} cannot be used: ${problems.join('; ')}.`, {
      problems,
    });
  }
  return { ...manifest, name: String(manifest.name ?? 'model'), files: parsed };
}

function parseFile(file: ManifestFile, at: number, url: string, problems: string[]): ManifestFile {
  const where = `files[${at}]`;
  const problem = (text: string) => problems.push(`${where} ${text}`);
  const hex = (text: unknown) => typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
  if (!Number.isSafeInteger(file?.bytes) || file.bytes < 0) {
    problem('has no whole number of bytes');
  }
  if (!hex(file?.sha256)) {
    problem('has no sha256 of 64 hex digits');
  }
  const chunks = Array.isArray(file?.chunks) ? file.chunks : [];
  if (!Number.isSafeInteger(file?.chunkBytes) || file.chunkBytes < 1) {
    problem('has no positive chunkBytes');
  } else if (chunks.length !== Math.ceil(file.bytes / file.chunkBytes)) {
    problem(`has ${chunks.length} chunks for ${file.bytes} bytes of ${file.chunkBytes} each`);
  }
  if (!chunks.every(hex)) {
    problem('has a chunk that is not a sha256 of 64 hex digits');
  }
  let absolute = '';
  try {
    absolute = new URL(file?.url ?? '', url).href;
  } catch {
    problem(`has no usable url`);
  }
  const outline = file?.outline && parseOutline(file.outline, file.bytes, url, problem);
  const parsed = { ...file, path: String(file?.path), url: absolute, chunks };
  return outline ? { ...parsed, outline } : parsed;
}

function parseOutline(
  outline: ManifestOutline,
  fileBytes: number,
  url: string,
  problem: (text: string) => void,
): ManifestOutline {
  let end = 0;
  let sum = 0;
  const fits = (piece: unknown) => {
    if (!Array.isArray(piece) || piece.length !== 2 || !piece.every(Number.isSafeInteger)) {
      return false;
    }
    const [from, length] = piece as [number, number];
    const ok = from >= end && length > 0 && from + length <= fileBytes;
    end = from + length;
    sum += length;
    return ok;
  };
  const whole = Array.isArray(outline.pieces) && outline.pieces.every(fits);
  if (!whole || sum !== outline.bytes || !/^[0-9a-f]{64}$/.test(String(outline.sha256))) {
    problem('has an outline whose pieces do not fit it');
  }
  try {
    return { ...outline, url: new URL(outline.url, url).href };
  } catch {
    problem('has an outline without a usable url');
    return outline;
  }
}

/** The one file of a role, or undefined. */
export function fileOf(manifest: Manifest, role: string): ManifestFile | undefined {
  return manifest.files.find((file) => file.role === role);
}

/** Fetches JSON; every failure is a QuernError that names the address. */
export async function fetchJson(url: string, signal?: AbortSignal | null): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(url, { signal: signal ?? null, credentials: 'omit' });
  } catch (thrown) {
    if (signal?.aborted) {
      throw aborted(signal);
    }
    throw new QuernError(
      'network',
      `${url} could not be reached; check the connection and that the server allows this page's origin.`,
      { cause: thrown },
    );
  }
  if (response.status === 404) {
    throw new QuernError(
      'notfound',
      `${url} does not exist on the server; check the model's name.`,
    );
  }
  if (!response.ok) {
    throw new QuernError('network', `${url} answered ${response.status}; try again later.`);
  }
  try {
    return await response.json();
  } catch (thrown) {
    if (signal?.aborted) {
      throw aborted(signal);
    }
    throw new QuernError('network', `${url} did not answer with whole JSON.`, { cause: thrown });
  }
}

/** Fetches a small file of a manifest whole and checks it; the weights themselves are the engine worker's work. */
export async function fetchFile(
  file: ManifestFile,
  signal?: AbortSignal | null,
): Promise<ArrayBuffer> {
  const bytes = await fetchBytes(file.url, signal, file.path);
  const digest = await sha256(bytes);
  if (bytes.byteLength !== file.bytes || (digest !== null && digest !== file.sha256)) {
    throw new QuernError(
      'integrity',
      `${file.path} from ${file.url} is not the published file; it was changed or cut on the way.`,
    );
  }
  return bytes;
}

/** Fetches a small file whole; every failure is a QuernError that names it. */
export async function fetchBytes(
  url: string,
  signal?: AbortSignal | null,
  name = 'The file',
): Promise<ArrayBuffer> {
  try {
    const response = await fetch(url, { signal: signal ?? null, credentials: 'omit' });
    if (!response.ok) {
      throw new QuernError(
        response.status === 404 ? 'notfound' : 'network',
        `${name} answered ${response.status} at ${url}.`,
      );
    }
    return await response.arrayBuffer();
  } catch (thrown) {
    if (signal?.aborted) {
      throw aborted(signal);
    }
    throw thrown instanceof QuernError
      ? thrown
      : new QuernError('network', `${name} could not be fetched from ${url}.`, { cause: thrown });
  }
}

/** Hex digits; null on insecure origins, where browsers have no crypto.subtle. */
async function sha256(bytes: ArrayBuffer): Promise<string | null> {
  if (!globalThis.crypto?.subtle) {
    return null;
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
