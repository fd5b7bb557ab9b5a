package dev.quern.e2e.oracle;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * BERT's uncased WordPiece, from the vocabulary of a {@code tokenizer.json}: clean, space out CJK,
 * strip accents, lower case, split at spaces and punctuation, then the longest pieces first.
 */
final class WordPiece {
  private static final int LONGEST_WORD = 100;

  private final Map<String, Integer> vocabulary = new HashMap<>();

  WordPiece(byte[] tokenizerJson) {
    JsonNode vocab = JsonMapper.shared().readTree(tokenizerJson).get("model").get("vocab");
    vocab.properties().forEach(entry -> vocabulary.put(entry.getKey(), entry.getValue().asInt()));
  }

  /** The ids of a text with [CLS] before and [SEP] behind, cut to {@code limit} ids in all. */
  long[] ids(String text, int limit) {
    List<Integer> ids = new ArrayList<>();
    for (String word : words(normalise(text))) {
      pieces(word, ids);
    }
    List<Integer> kept = ids.subList(0, Math.min(ids.size(), limit - 2));
    long[] result = new long[kept.size() + 2];
    result[0] = id("[CLS]");
    for (int i = 0; i < kept.size(); i++) {
      result[i + 1] = kept.get(i);
    }
    result[result.length - 1] = id("[SEP]");
    return result;
  }

  private int id(String token) {
    return vocabulary.get(token);
  }

  private static String normalise(String text) {
    StringBuilder clean = new StringBuilder();
    text.codePoints()
        .forEach(c -> {
          if (isSpace(c)) {
            clean.append(' ');
          } else if (c == 0 || c == 0xfffd || isControl(c)) {
            return;
          } else if (isCjk(c)) {
            clean.append(' ').appendCodePoint(c).append(' ');
          } else {
            clean.appendCodePoint(c);
          }
        });
    StringBuilder lower = new StringBuilder();
    Normalizer.normalize(clean, Normalizer.Form.NFD)
        .codePoints()
        .filter(c -> Character.getType(c) != Character.NON_SPACING_MARK)
        // One code point at a time: no rule of context, such as that of the final sigma, applies.
        .forEach(c -> lower.append(Character.toString(c).toLowerCase(Locale.ROOT)));
    return lower.toString();
  }

  private static boolean isSpace(int c) {
    return c == '\t'
        || c == '\n'
        || c == '\r'
        || Character.isSpaceChar(c)
        || (c >= 0x0b && c <= 0x0c)
        || c == 0x85;
  }

  private static boolean isControl(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.SURROGATE ->
          true;
      default -> false;
    };
  }

  private static boolean isCjk(int c) {
    return (c >= 0x4e00 && c <= 0x9fff)
        || (c >= 0x3400 && c <= 0x4dbf)
        || (c >= 0x20000 && c <= 0x2a6df)
        || (c >= 0x2a700 && c <= 0x2b73f)
        || (c >= 0x2b740 && c <= 0x2b81f)
        || (c >= 0x2b820 && c <= 0x2ceaf)
        || (c >= 0xf900 && c <= 0xfaff)
        || (c >= 0x2f800 && c <= 0x2fa1f);
  }

  private static boolean isPunctuation(int c) {
    if (c < 128) {
      return c > ' ' && c < 127 && !Character.isLetterOrDigit(c);
    }
    return switch (Character.getType(c)) {
      case Character.CONNECTOR_PUNCTUATION,
          Character.DASH_PUNCTUATION,
          Character.START_PUNCTUATION,
          Character.END_PUNCTUATION,
          Character.INITIAL_QUOTE_PUNCTUATION,
          Character.FINAL_QUOTE_PUNCTUATION,
          Character.OTHER_PUNCTUATION ->
          true;
      default -> false;
    };
  }

  private static List<String> words(String text) {
    List<String> words = new ArrayList<>();
    StringBuilder word = new StringBuilder();
    text.codePoints()
        .forEach(c -> {
          boolean alone = isPunctuation(c);
          if ((alone || isSpace(c)) && !word.isEmpty()) {
            words.add(word.toString());
            word.setLength(0);
          }
          if (alone) {
            words.add(Character.toString(c));
          } else if (!isSpace(c)) {
            word.appendCodePoint(c);
          }
        });
    if (!word.isEmpty()) {
      words.add(word.toString());
    }
    return words;
  }

  private void pieces(String word, List<Integer> ids) {
    int[] letters = word.codePoints().toArray();
    if (letters.length > LONGEST_WORD) {
      ids.add(id("[UNK]"));
      return;
    }
    List<Integer> found = new ArrayList<>();
    int start = 0;
    while (start < letters.length) {
      int end = letters.length;
      Integer piece = null;
      while (end > start && piece == null) {
        String text = (start > 0 ? "##" : "") + new String(letters, start, end - start);
        piece = vocabulary.get(text);
        end -= piece == null ? 1 : 0;
      }
      if (piece == null) {
        // A word with a part that is not in the vocabulary is unknown as a whole.
        ids.add(id("[UNK]"));
        return;
      }
      found.add(piece);
      start = end;
    }
    ids.addAll(found);
  }
}
