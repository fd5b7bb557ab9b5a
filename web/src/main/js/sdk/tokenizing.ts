import type { Tokenizer } from '../quern-tokenizer.js';
import { QuernError } from './errors.js';
import { fetchFile, fetchJson, fileOf } from './manifest.js';
import type { Manifest } from './protocol.js';

/** Loads the tokeniser's file, which only text models need. */
export type LoadTokenizer = () => Promise<{ Tokenizer: new (json: object) => Tokenizer }>;

/** Where a tokenizer comes from. */
export interface TokenizerSource {
  /** Address of tokenizer.json, or its parsed contents; default: the manifest's. */
  tokenizer?: string | object;
  signal?: AbortSignal;
}

/** The parsed tokenizer.json that a caller gave, or the manifest's; null if there is neither. */
export async function tokenizerJson(
  { tokenizer, signal }: TokenizerSource,
  manifest: Manifest | null,
): Promise<object | null> {
  if (typeof tokenizer === 'object') {
    return tokenizer;
  }
  if (typeof tokenizer === 'string') {
    const url = new URL(tokenizer, globalThis.location?.href).href;
    return (await fetchJson(url, signal)) as object;
  }
  const file = manifest && fileOf(manifest, 'tokenizer');
  if (!file) {
    return null;
  }
  const bytes = await fetchFile(file, signal);
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as object;
  } catch (thrown) {
    throw new QuernError('model', `${file.path} is not JSON.`, { cause: thrown });
  }
}

/** The error for a model that comes without one. */
export function noTokenizer(): QuernError {
  return new QuernError(
    'argument',
    'The model comes without a tokenizer; give the address of its tokenizer.json in options.tokenizer.',
  );
}
