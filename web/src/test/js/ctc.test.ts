import { alphabet, decode } from '../../main/js/sdk/vision/ctc.js';
import { close, same, test } from './harness.js';

const SYMBOLS = ['', 'a', 'b', ' '];

/** A line whose likeliest symbols are given, '-' for none, each with 0.7 and the rest shared by the others. */
function scores(line: string, best = 0.7): Float32Array {
  const rest = (1 - best) / (SYMBOLS.length - 1);
  return Float32Array.from(
    [...line].flatMap((letter) => {
      const wanted = letter === '-' ? 0 : SYMBOLS.indexOf(letter);
      return SYMBOLS.map((_, i) => (i === wanted ? best : rest));
    }),
  );
}

const read = (line: string) => decode(scores(line), 0, line.length, SYMBOLS).text;

test('ctc: a symbol counts once until another or nothing follows', () => {
  same(read('aaabbb'), 'ab', 'repeated symbols');
  same(read('aa-aa'), 'aa', 'a symbol twice');
  same(read('-a--b-'), 'ab', 'nothing around them');
  same(read('ab a'), 'ab a', 'a space');
  same(read('aba'), 'aba', 'another between');
});

test('ctc: a line of nothing, and no line', () => {
  same(decode(scores('---'), 0, 3, SYMBOLS), { text: '', score: 0 }, 'nothing');
  same(decode(new Float32Array(0), 0, 0, SYMBOLS), { text: '', score: 0 }, 'no places');
  // Where all are equally likely there is nothing.
  same(decode(new Float32Array(4).fill(0.25), 0, 1, SYMBOLS).text, '', 'a draw');
});

test('ctc: the score is the mean of the places where a symbol begins', () => {
  const line = new Float32Array([...scores('a', 0.9), ...scores('a', 0.3), ...scores('b', 0.5)]);
  const { text, score } = decode(line, 0, 3, SYMBOLS);
  same(text, 'ab', 'text');
  close(score, (0.9 + 0.5) / 2, 1e-6);
});

test('ctc: a line of a batch is read from its place on, and not beyond its end', () => {
  const batch = new Float32Array([...scores('aabb'), ...scores('b-a-')]);
  same(decode(batch, 4 * SYMBOLS.length, 4, SYMBOLS).text, 'ba', 'the second line');
  same(decode(batch, 0, 2, SYMBOLS).text, 'a', 'half of the first line');
});

test('ctc: the alphabet fits the classes, with a space if one is missing', () => {
  same(alphabet(['x', 'y'], 3), ['', 'x', 'y'], 'symbols');
  same(alphabet(['x', 'y'], 4), ['', 'x', 'y', ' '], 'symbols and a space');
  same(alphabet(['x', 'y'], 5), null, 'too few keys');
  same(alphabet(['x', 'y'], 2), null, 'too many keys');
});
