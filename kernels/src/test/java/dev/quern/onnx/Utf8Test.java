package dev.quern.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;

class Utf8Test {
  private static void agrees(byte[] bytes) {
    assertThat(Utf8.text(Bytes.of(bytes))).isEqualTo(new String(bytes, StandardCharsets.UTF_8));
  }

  @Test
  void everyCharacterReadsAsTheClassLibraryReadsIt() {
    StringBuilder all = new StringBuilder();
    for (int code = 0; code <= Character.MAX_CODE_POINT; code++) {
      if (code < Character.MIN_SURROGATE || code > Character.MAX_SURROGATE) {
        all.appendCodePoint(code);
      }
    }
    agrees(all.toString().getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void damagedBytesAreReplaced() {
    Random random = new Random(11);
    for (int i = 0; i < 20_000; i++) {
      byte[] bytes = new byte[1 + random.nextInt(6)];
      random.nextBytes(bytes);
      for (int j = 0; j < bytes.length; j++) {
        // Mostly lead and continuation bytes, where mistakes would be.
        bytes[j] |= random.nextInt(4) == 0 ? 0 : (byte) 0x80;
      }
      // By how many marks is a matter of taste: Java writes one for a surrogate, browsers three.
      assertThat(Utf8.text(Bytes.of(bytes)).replaceAll("\uFFFD+", "\uFFFD"))
          .isEqualTo(new String(bytes, StandardCharsets.UTF_8).replaceAll("\uFFFD+", "\uFFFD"));
    }
  }
}
