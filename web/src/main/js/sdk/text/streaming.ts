/* From tokens to pieces of text that can be shown at once. */

/** What a character becomes whose bytes are not all there yet. */
const INCOMPLETE = '\uFFFD';

/** Text that grows token by token. A token may hold a part of a character: it waits for the rest. */
export class GrowingText {
  readonly #decode: (ids: number[]) => string;
  readonly #ids: number[] = [];
  /** Tokens before `#from` are text already; those before `#shown` too, but the next ones are decoded together with them, for their spaces. */
  #from = 0;
  #shown = 0;

  constructor(decode: (ids: number[]) => string) {
    this.#decode = decode;
  }

  /** What a token adds. */
  push(id: number): string {
    this.#ids.push(id);
    const all = this.#decode(this.#ids.slice(this.#from));
    return all.endsWith(INCOMPLETE) ? '' : this.#take(all);
  }

  /** What still waits. */
  end(): string {
    return this.#take(this.#decode(this.#ids.slice(this.#from)));
  }

  #take(all: string): string {
    const before = this.#decode(this.#ids.slice(this.#from, this.#shown));
    this.#from = this.#shown;
    this.#shown = this.#ids.length;
    return all.slice(before.length);
  }
}

/** Ends a text before the first of some sequences, and holds back what may be the beginning of one. */
export class Stops {
  readonly #sequences: readonly string[];
  #held = '';
  #found = false;

  constructor(sequences: readonly string[]) {
    this.#sequences = sequences;
  }

  /** Whether a sequence was found: nothing comes after it. */
  get found(): boolean {
    return this.#found;
  }

  /** What may be shown now that some text has come. */
  push(text: string): string {
    if (this.#found) {
      return '';
    }
    const all = this.#held + text;
    const places = this.#sequences.map((stop) => all.indexOf(stop)).filter((at) => at >= 0);
    if (places.length > 0) {
      this.#found = true;
      this.#held = '';
      return all.slice(0, Math.min(...places));
    }
    let held = 0;
    for (const stop of this.#sequences) {
      for (let length = Math.min(stop.length - 1, all.length); length > held; length--) {
        if (all.endsWith(stop.slice(0, length))) {
          held = length;
        }
      }
    }
    this.#held = all.slice(all.length - held);
    return all.slice(0, all.length - held);
  }

  /** What was held back, since nothing more comes. */
  end(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }
}
