/* Text out of a recogniser's probabilities: connectionist temporal classification, the likeliest symbol of each place. */

export interface Decoded {
  text: string;
  /** The mean probability of what was read; 0 for nothing. */
  score: number;
}

/** The symbols of a recogniser with so many classes: the first is "nothing here", the last, unless the list holds it, a space. */
export function alphabet(keys: readonly string[], classes: number): string[] | null {
  const symbols = ['', ...keys];
  if (symbols.length === classes - 1) {
    symbols.push(' ');
  }
  return symbols.length === classes ? symbols : null;
}

/** Reads one line of `places` places out of `scores`, from `at` on. A symbol counts once until another or nothing follows. */
export function decode(
  scores: Float32Array,
  at: number,
  places: number,
  symbols: readonly string[],
): Decoded {
  let text = '';
  let [sum, count, before] = [0, 0, 0];
  for (let place = 0; place < places; place++) {
    const from = at + place * symbols.length;
    let best = 0;
    for (let i = 1; i < symbols.length; i++) {
      if (scores[from + i]! > scores[from + best]!) {
        best = i;
      }
    }
    if (best !== 0 && best !== before) {
      text += symbols[best]!;
      sum += scores[from + best]!;
      count++;
    }
    before = best;
  }
  return { text, score: count === 0 ? 0 : sum / count };
}
