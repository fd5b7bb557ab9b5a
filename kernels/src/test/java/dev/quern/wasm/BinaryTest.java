package dev.quern.wasm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BinaryTest {
  private static byte[] written(Consumer<Binary> body) {
    Binary out = new Binary();
    body.accept(out);
    return out.toByteArray();
  }

  private static byte[] hex(String text) {
    return java.util.HexFormat.of().parseHex(text);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 00",
    "1, 01",
    "127, 7f",
    "128, 8001",
    "16383, ff7f",
    "16384, 808001",
    "2147483647, ffffffff07",
    "2147483648, 8080808008",
    "4294967295, ffffffff0f"
  })
  void writesUnsigned(long value, String bytes) {
    assertThat(written(out -> out.u32(value))).isEqualTo(hex(bytes));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 00",
    "-1, 7f",
    "63, 3f",
    "64, c000",
    "-64, 40",
    "-65, bf7f",
    "8191, ff3f",
    "8192, 80c000",
    "-8192, 8040",
    "-8193, ffbf7f",
    "2147483647, ffffffff07",
    "-2147483648, 8080808078",
    "9223372036854775807, ffffffffffffffffff00",
    "-9223372036854775808, 8080808080808080807f"
  })
  void writesSigned(long value, String bytes) {
    assertThat(written(out -> out.s64(value))).isEqualTo(hex(bytes));
  }

  @Test
  void readsBackWhatItWrites() {
    Random random = new Random(1);
    for (int i = 0; i < 10_000; i++) {
      long value = random.nextLong() >> random.nextInt(64);
      byte[] bytes = written(out -> out.s64(value));
      long read = 0;
      int shift = 0;
      for (byte b : bytes) {
        read |= (b & 0x7fL) << shift;
        shift += 7;
      }
      if (shift < 64 && (bytes[bytes.length - 1] & 0x40) != 0) {
        read |= -1L << shift;
      }
      assertThat(read).isEqualTo(value);
    }
  }

  @Test
  void growsAroundLargeParts() {
    byte[] large = new byte[100_000];
    new Random(2).nextBytes(large);
    byte[] bytes =
        written(out -> {
          Binary part = new Binary();
          part.bytes(large);
          out.u8(7);
          out.sized(part);
          out.fixed(0x0807060504030201L, 8);
        });
    assertThat(bytes).hasSize(1 + 3 + large.length + 8);
    assertThat(bytes).startsWith(7, 0xa0, 0x8d, 0x06).endsWith(1, 2, 3, 4, 5, 6, 7, 8);
    assertThat(java.util.Arrays.copyOfRange(bytes, 4, 4 + large.length)).isEqualTo(large);
  }
}
