import { segmentsOf } from '../../main/js/sdk/audio/segments.js';
import { same, test } from './harness.js';

/* Frames of a tenth of a second. */

const OPTIONS = { threshold: 0.5, minSpeech: 0.2, minSilence: 0.2, pad: 0 };

const of = (text: string, options: Partial<typeof OPTIONS> = {}) => {
  const probabilities = Array.from(text, (digit) => Number(digit) / 10);
  const seconds = text.length / 10;
  return segmentsOf(probabilities, 0.1, seconds, { ...OPTIONS, ...options }).map(
    ({ start, end }) => `${start.toFixed(2)}-${end.toFixed(2)}`,
  );
};

test('speech begins at the threshold and ends well below it', () => {
  same(of('0049988440000'), ['0.30-0.90']);
  same(of('00999000'), ['0.20-0.50']);
  same(of('0'), []);
  same(of(''), []);
});

test('short silences belong to speech, short speech does not count', () => {
  same(of('0999099900'), ['0.10-0.80']);
  same(of('0999009990'), ['0.10-0.40', '0.60-0.90']);
  same(of('0900000999'), ['0.70-1.00']);
});

test('what goes on at the end ends there, or where the silence began', () => {
  same(of('00999'), ['0.20-0.50']);
  same(of('009990'), ['0.20-0.50']);
});

test('padding stays inside of the sound, and neighbours share what is between them', () => {
  same(of('99900099900000', { pad: 0.1 }), ['0.00-0.40', '0.50-1.00']);
  same(of('99900999', { pad: 0.4 }), ['0.00-0.40', '0.40-0.80']);
});
