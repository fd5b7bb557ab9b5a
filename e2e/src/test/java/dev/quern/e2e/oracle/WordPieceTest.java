package dev.quern.e2e.oracle;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The expected ids are those of {@code @huggingface/tokenizers} 0.2.0 for the same tokenizer.json.
 */
class WordPieceTest {
  private static final WordPiece TOKENIZER = new WordPiece(MiniLm.tokenizer());

  static Stream<Arguments> sentences() {
    return Stream.of(
        Arguments.of("a cat sleeps", "101 1037 4937 25126 102"),
        Arguments.of(
            "H\u00e9llo, W\u00d6RLD! na\u00efve caf\u00e9 \u2014 don't stop.",
            "101 7592 1010 2088 999 15743 7668 1517 2123 1005 1056 2644 1012 102"),
        Arguments.of(
            "\u673a\u5668\u5b66\u4e60 is fun \u65e5\u672c\u8a9e\u30c6\u30b9\u30c8",
            "101 100 100 1817 100 2003 4569 1864 1876 1950 1713 30233 30240 102"),
        Arguments.of(
            "pneumonoultramicroscopicsilicovolcanoconiosis",
            "101 1052 2638 2819 17175 11314 6444 2594 7352 26461 27572 11261 6767 15472 6761 8663 10735 2483 102"),
        Arguments.of("x".repeat(101) + " ok", "101 100 7929 102"),
        Arguments.of(
            "Price: $3.50 (20% off) @home #1 a_b c^d ~e|f=g+h<i>",
            "101 3976 1024 1002 1017 1012 2753 1006 2322 1003 2125 1007 1030 2188 1001 1015 1037 1035 1038 1039 1034 1040 1066 1041 1064 1042 1027 1043 1009 1044 1026 1045 1028 102"),
        Arguments.of(
            "tab\tnew\nline\u00a0nbsp\u200bzero \0null",
            "101 21628 2047 2240 1050 5910 2361 6290 2080 19701 102"),
        Arguments.of(
            "\u0391\u03b8\u03ae\u03bd\u03b1 Stra\u00dfe \u0130stanbul",
            "101 1155 29725 24824 16177 14608 2358 27807 9960 102"),
        Arguments.of(
            "emoji \ud83d\ude00 and \u00bd \u2116 \u2026",
            "101 7861 29147 2072 100 1998 1092 1578 1529 102"),
        Arguments.of("", "101 102"),
        Arguments.of("  ", "101 102"),
        Arguments.of(
            "\ud55c\uad6d\uc5b4 \ubb38\uc7a5 e\u0301",
            "101 1469 30006 30021 29991 30014 30020 29999 30008 1459 30014 30021 30000 30006 30025 1041 102"),
        Arguments.of(
            "U.S.A. 3,14159 e-mail http://x.y/z?q=1",
            "101 1057 1012 1055 1012 1037 1012 1017 1010 15471 28154 1041 1011 5653 8299 1024 1013 1013 1060 1012 1061 1013 1062 1029 1053 1027 1015 102"));
  }

  @ParameterizedTest
  @MethodSource("sentences")
  void givesTheIdsOfTheReferenceTokenizer(String text, String ids) {
    assertThat(
            Arrays.stream(TOKENIZER.ids(text, 512))
                .mapToObj(String::valueOf)
                .collect(Collectors.joining(" ")))
        .isEqualTo(ids);
  }

  @Test
  void cutsLongTextsAndKeepsTheEnds() {
    long[] ids = TOKENIZER.ids("word ".repeat(1000), 512);
    assertThat(ids).hasSize(512).startsWith(101, 2773).endsWith(2773, 102);
  }
}
