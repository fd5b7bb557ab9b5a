import type { Session } from '../session.js';
import type { Tensor } from '../tensor.js';

/* What networks that write text have in common, by the names that Hugging Face's Optimum gives. */

/** Inputs and outputs that runs leave for one another. */
export const PAST = 'past_key_values.';
const PRESENT = 'present.';

/** Says whether what came before is read: the condition of an If around two networks with the same weights. */
export const USE_CACHE = 'use_cache_branch';

export interface Step {
  /** Scores of all tokens for the next place; the caller's own. */
  logits: Float32Array;
  milliseconds: number;
}

/** One text that is being written. */
export interface Writing {
  /** The tokens that it begins with. */
  readonly first: readonly number[];
  /** Scores after these tokens, which follow those of the steps before. */
  step(tokens: readonly number[], signal: AbortSignal | undefined): Promise<Step>;
}

/** Networks of which one text after the other asks scores. */
export interface Network {
  begin(prompt: readonly number[]): Writing;
}

/** Names of the pasts among the inputs, with those of the outputs that become them. */
export function pairsOf(session: Session, which: (name: string) => boolean): [string, string][] {
  const pasts = session.inputNames.filter((name) => name.startsWith(PAST) && which(name));
  return pasts.map((name) => [name, presentOf(name)]);
}

export const presentOf = (past: string) => PRESENT + past.slice(PAST.length);

/** Sizes of a past of nothing: one text, no places. */
export function nothingOf(dims: readonly (number | string)[]): number[] {
  return dims.map((dim, axis) => (typeof dim === 'number' ? dim : axis === 0 ? 1 : 0));
}

/** The scores after the last token, of [1, seq, vocabulary]. */
export function last({ data, dims }: Tensor): Float32Array {
  return (data as Float32Array).slice(data.length - dims[dims.length - 1]!);
}
