import { Sampler, likeliest, type SamplingOptions } from '../../main/js/sdk/text/sampling.js';
import { GrowingText, Stops } from '../../main/js/sdk/text/streaming.js';
import { Tokenizer } from '../../main/js/quern-tokenizer.js';
import { close, same, test } from './harness.js';

const sampler = (options: Partial<SamplingOptions>) =>
  new Sampler({ temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1, seed: 1, ...options });

const NONE: ReadonlySet<number> = new Set();

/** How often each token is drawn, of 20,000 times. */
function shares(logits: number[], options: Partial<SamplingOptions>): number[] {
  const drawn = sampler(options);
  const counts = logits.map(() => 0);
  for (let i = 0; i < 20_000; i++) {
    counts[drawn.next(Float32Array.from(logits), NONE)]!++;
  }
  return counts.map((count) => count / 20_000);
}

const LOGITS = [0.5, 0.25, 0.125, 0.0625, 0.0625].map(Math.log);

test('without temperature the likeliest token is taken, the first of equal ones', () => {
  same(sampler({ temperature: 0 }).next(Float32Array.of(1, 3, 3, 2), NONE), 1);
  same(likeliest(Float32Array.of(-2, -1, -3)), 1);
});

test('tokens are drawn as often as they are likely', () => {
  shares(LOGITS, {}).forEach((share, i) => close(share, Math.exp(LOGITS[i]!), 0.015));
  // Probabilities to the power of a half, scaled to one.
  const roots = LOGITS.map((logit) => Math.exp(logit / 2));
  const sum = roots.reduce((a, b) => a + b);
  shares(LOGITS, { temperature: 2 }).forEach((share, i) => close(share, roots[i]! / sum, 0.015));
});

test('topK and topP leave the likeliest tokens', () => {
  const two = shares(LOGITS, { topK: 2 });
  close(two[0]!, 2 / 3, 0.015);
  same(two.slice(2), [0, 0, 0]);
  same(shares(LOGITS, { topK: 1 })[0], 1);
  const nucleus = shares([...LOGITS].reverse(), { topP: 0.8 });
  same(nucleus.slice(0, 2), [0, 0]);
  close(nucleus[2]!, 1 / 7, 0.015);
  same(shares(LOGITS, { topP: 0.4 })[0], 1);
  same(shares(LOGITS, { topK: 3, topP: 0.7 }).slice(2), [0, 0, 0]);
  // Of equal ones so many as were asked for.
  same(shares([0, 0, 0, 0], { topK: 2 }).filter((share) => share > 0).length, 2);
});

test('the k likeliest are found in any order', () => {
  const logits = Float32Array.from({ length: 1000 }, (_, i) => ((i * 7919) % 1000) / 100);
  const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!);
  const drawn = sampler({ temperature: 1000, topK: 40 });
  const found = new Set<number>();
  for (let i = 0; i < 3000; i++) {
    found.add(drawn.next(logits.slice(), NONE));
  }
  same([...found].sort(), order.slice(0, 40).sort());
});

test('the same seed draws the same tokens', () => {
  const draw = (seed: number) => {
    const drawn = sampler({ seed });
    return Array.from({ length: 50 }, () => drawn.next(Float32Array.from(LOGITS), NONE));
  };
  same(draw(7), draw(7));
  same(draw(7).join() === draw(8).join(), false);
});

test('tokens that are there already are less likely', () => {
  const next = (logits: number[], seen: number[]) =>
    sampler({ temperature: 0, repetitionPenalty: 2 }).next(
      Float32Array.from(logits),
      new Set(seen),
    );
  same(next([3, 2, 1], [0]), 1);
  same(next([3, 2, 1], [0, 1]), 0);
  same(next([-1, -1.5, -3], [0]), 1);
});

test('a stop sequence ends the text before it, wherever it is cut', () => {
  const stop = (parts: string[], ...sequences: string[]) => {
    const stops = new Stops(sequences);
    return [...parts.map((part) => stops.push(part)), stops.end(), stops.found];
  };
  same(stop(['ab', 'c\n', '\nd', 'e'], '\n\n'), ['ab', 'c', '', '', '', true]);
  same(stop(['ab', 'c\n', 'd'], '\n\n'), ['ab', 'c', '\nd', '', false]);
  same(stop(['xEN', 'D'], 'END', 'Z'), ['x', '', '', true]);
  same(stop(['xEN', 'D'], 'END', 'N'), ['xE', '', '', true]);
  same(stop(['xE', 'N'], 'END'), ['x', '', 'EN', false]);
  same(stop(['aab'], 'ab'), ['a', '', true]);
  same(stop(['any'], ...[]), ['any', '', false]);
});

/* Letters of byte-level BPE: Ġ is a space, Ã© the two bytes of é. */
const BPE = {
  version: '1.0',
  added_tokens: [
    {
      id: 0,
      content: '<|endoftext|>',
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    },
  ],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true },
  post_processor: null,
  decoder: { type: 'ByteLevel' },
  model: {
    type: 'BPE',
    vocab: Object.fromEntries(
      ['<|endoftext|>', ...'abcĠÃ©', 'ab', 'Ġab', 'Ġa', 'bc'].map((token, i) => [token, i]),
    ),
    merges: ['a b', 'Ġ ab', 'Ġ a', 'b c'],
  },
};

test('byte-level pairs are joined by their rank, and taken apart again', () => {
  const tokenizer = new Tokenizer(BPE);
  same(tokenizer.encodeWhole('ab abc é'), [7, 8, 3, 4, 5, 6]);
  same(tokenizer.encodeWhole('acbc<|endoftext|>'), [1, 3, 10, 0]);
  same(tokenizer.decode([7, 8, 3, 4, 5, 6, 0]), 'ab abc é');
  same(tokenizer.decode([]), '');
  same(tokenizer.endIds, [0]);
});

test('a character is shown when all of its bytes are there', () => {
  const tokenizer = new Tokenizer(BPE);
  const growing = new GrowingText((ids) => tokenizer.decode(ids));
  same(
    [1, 5, 6, 8, 5].map((id) => growing.push(id)),
    ['a', '', 'é', ' ab', ''],
  );
  same(growing.end(), '\uFFFD');
});
