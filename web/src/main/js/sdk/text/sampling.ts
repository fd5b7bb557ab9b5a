/* From the scores of all tokens to the next token. */

export interface SamplingOptions {
  /** 0: the likeliest token. More: a random one, the more evenly spread the higher it is. */
  temperature: number;
  /** Only so many of the likeliest tokens may be drawn; 0: all. */
  topK: number;
  /** Only the likeliest tokens that together have this probability may be drawn. */
  topP: number;
  /** Scores of tokens that are there already are divided by it, or multiplied if they are negative: https://arxiv.org/abs/1909.05858 */
  repetitionPenalty: number;
  seed: number;
}

/** Draws tokens; the same seed gives the same draws. */
export class Sampler {
  readonly #options: SamplingOptions;
  readonly #random: () => number;

  constructor(options: SamplingOptions) {
    this.#options = options;
    this.#random = randomFrom(options.seed);
  }

  /** The next token; `logits` are changed. */
  next(logits: Float32Array, seen: ReadonlySet<number>): number {
    const { temperature, topK, topP, repetitionPenalty } = this.#options;
    if (repetitionPenalty !== 1) {
      for (const token of seen) {
        const logit = logits[token]!;
        logits[token] = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty;
      }
    }
    if (temperature === 0) {
      return likeliest(logits);
    }
    const most = logits[likeliest(logits)]!;
    const least = topK > 0 && topK < logits.length ? kth(logits, topK) : -Infinity;
    const tokens: number[] = [];
    const weights: number[] = [];
    let sum = 0;
    logits.forEach((logit, token) => {
      if (logit >= least && (topK === 0 || logit > least || tokens.length < topK)) {
        const weight = Math.exp((logit - most) / temperature);
        tokens.push(token);
        weights.push(weight);
        sum += weight;
      }
    });
    return topP < 1
      ? this.#drawNucleus(tokens, weights, sum, topP)
      : draw(tokens, weights, sum * this.#random());
  }

  #drawNucleus(tokens: number[], weights: number[], sum: number, topP: number): number {
    // All tokens less likely than this have less than 1 - topP together, so none of them is needed: few are left to sort.
    const least = (sum * (1 - topP)) / tokens.length;
    const places = weights.flatMap((weight, i) => (weight >= least ? [i] : []));
    places.sort((a, b) => weights[b]! - weights[a]!);
    let kept = 0;
    let mass = 0;
    while (kept < places.length && mass < topP * sum) {
      mass += weights[places[kept++]!]!;
    }
    const nucleus = places.slice(0, Math.max(1, kept));
    return draw(
      nucleus.map((i) => tokens[i]!),
      nucleus.map((i) => weights[i]!),
      mass * this.#random(),
    );
  }
}

/** The token of the highest score; of equal ones the first. */
export function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) {
    if (logits[i]! > logits[best]!) {
      best = i;
    }
  }
  return best;
}

/** The k-th highest score, by a heap of the k highest whose root is the lowest of them. */
function kth(logits: Float32Array, k: number): number {
  const heap = logits.slice(0, k).sort();
  for (let i = k; i < logits.length; i++) {
    const logit = logits[i]!;
    if (!(logit > heap[0]!)) {
      continue;
    }
    let at = 0;
    for (let child = 1; child < k; child = 2 * at + 1) {
      if (child + 1 < k && heap[child + 1]! < heap[child]!) {
        child++;
      }
      if (heap[child]! >= logit) {
        break;
      }
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = logit;
  }
  return heap[0]!;
}

/** The token at a height of the stacked weights. */
function draw(tokens: number[], weights: number[], height: number): number {
  let left = height;
  for (let i = 0; i < tokens.length; i++) {
    left -= weights[i]!;
    if (left < 0) {
      return tokens[i]!;
    }
  }
  return tokens[tokens.length - 1]!; // rounding left something over
}

/** Numbers from 0 below 1: a counter whose bits are mixed (SplitMix with 32 bits). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let bits = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
    return ((bits ^ (bits >>> 15)) >>> 0) / 2 ** 32;
  };
}
