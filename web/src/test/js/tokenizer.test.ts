import { Tokenizer } from '../../main/js/quern-tokenizer.js';
import { fails, same, test } from './harness.js';

declare const TOKENIZER_JSON: string; // the real model's file; the run puts it here

const tokenizer = () => new Tokenizer(JSON.parse(TOKENIZER_JSON));

test('the ids are those of the model’s own tokenizer', () => {
  same(tokenizer().encode('Hello, world!', 512), {
    ids: [101, 7592, 1010, 2088, 999, 102],
    dropped: 0,
  });
  same(tokenizer().encode('', 512).ids, [101, 102]);
  same(tokenizer().encode('embeddings', 512).ids, [101, 7861, 8270, 4667, 2015, 102]);
});

test('a long text is cut between the special tokens, and the answer says so', () => {
  const encoded = tokenizer().encode('world '.repeat(600), 512);
  same(encoded.ids.length, 512);
  same(
    [encoded.ids[0], encoded.ids[1], encoded.ids[510], encoded.ids[511]],
    [101, 2088, 2088, 102],
  );
  same(encoded.dropped, 90);
});

test('padding takes the tokenizer’s own id', () => {
  same(tokenizer().padId, 0);
});

test('a file that is no tokenizer is told as such', async () => {
  await fails('model', 'tokenizer cannot be used', () => new Tokenizer({}));
});
