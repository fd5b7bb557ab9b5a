import { Tokenizer as Huggingface } from '@huggingface/tokenizers';
import { QuernError } from './sdk/errors.js';

export interface Encoded {
  ids: number[];
  /** Tokens that did not fit and were left out. */
  dropped: number;
}

/** How tokenizers name the token that ends a text, or an answer. */
const ENDS = [
  '<|endoftext|>',
  '</s>',
  '<eos>',
  '<|im_end|>',
  '<|eot_id|>',
  '<|end_of_text|>',
  '<end_of_turn>',
  '<|end|>',
];

/**
 * A model's tokenizer with truncation that keeps the special tokens around the text ([CLS] … [SEP]). A file of its own, because only text
 * models need it.
 */
export class Tokenizer {
  readonly #tokenizer: Huggingface;
  readonly #before: number[];
  readonly #after: number[];
  readonly padId: number;

  constructor(tokenizerJson: object, configJson: object = {}) {
    try {
      this.#tokenizer = new Huggingface(tokenizerJson, configJson);
      const withSpecial = this.#tokenizer.encode('a').ids;
      const plain = this.#tokenizer.encode('a', { add_special_tokens: false }).ids;
      const at = withSpecial.indexOf(plain[0]!);
      this.#before = withSpecial.slice(0, at);
      this.#after = withSpecial.slice(at + plain.length);
      const padding = (tokenizerJson as { padding?: { pad_id?: number } }).padding;
      this.padId = padding?.pad_id ?? this.#tokenizer.token_to_id('[PAD]') ?? 0;
    } catch (thrown) {
      throw new QuernError('model', `The model's tokenizer cannot be used: ${thrown}`, {
        cause: thrown,
      });
    }
  }

  /** Ids of one text, at most `maxLength` with the special tokens. */
  encode(text: string, maxLength: number): Encoded {
    const ids = this.#tokenizer.encode(text, { add_special_tokens: false }).ids;
    const room = Math.max(0, maxLength - this.#before.length - this.#after.length);
    const kept = ids.length > room ? ids.slice(0, room) : ids;
    return {
      ids: [...this.#before, ...kept, ...this.#after],
      dropped: ids.length - kept.length,
    };
  }

  /** All ids of a text, with the special tokens around it. */
  encodeWhole(text: string): number[] {
    return this.#tokenizer.encode(text).ids;
  }

  /** The text of ids, without special tokens; what is no whole character becomes U+FFFD. */
  decode(ids: number[]): string {
    return ids.length === 0
      ? ''
      : this.#tokenizer.decode(ids, {
          skip_special_tokens: true,
          clean_up_tokenization_spaces: false,
        });
  }

  /** The id of a token, if there is one of that name. */
  idOf(name: string): number | undefined {
    return this.#tokenizer.token_to_id(name);
  }

  /** Tokens that end a text. */
  get endIds(): number[] {
    return ENDS.flatMap((name) => this.#tokenizer.token_to_id(name) ?? []);
  }
}
