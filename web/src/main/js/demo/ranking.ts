import { cosine } from '../quern.js';

/** Lines that the page ranks at most: more would make typing wait. */
export const MOST_LINES = 500;

export interface Ranked {
  text: string;
  score: number;
}

/** The lines of a text: trimmed, without empty ones and repetitions, in their order. */
export function linesOf(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  return [...new Set(lines.filter((line) => line !== ''))].slice(0, MOST_LINES);
}

/** Lines by their closeness to the query, the closest first; equal ones stay in their order. */
export function rank(
  query: Float32Array,
  lines: readonly { text: string; vector: Float32Array }[],
): Ranked[] {
  return lines
    .map(({ text, vector }) => ({ text, score: cosine(query, vector) }))
    .sort((a, b) => b.score - a.score);
}
