package dev.quern.server.intake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CodesTest {
  private static float[] noise(int count) {
    Random random = new Random(5);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  @Test
  void eachRowIsRoundedByAScaleOfItsOwn() {
    float[] weights = {1, -0.5f, 0.251f, 0, 0, 0, 254, -127, 1};
    Codes.Whole codes = Codes.rows(weights, 3, 3);
    assertThat(codes.numbers()).containsExactly(127, -64, 32, 0, 0, 0, 127, -64, 0);
    assertThat(codes.scales()).containsExactly(1f / 127, 0, 2);
  }

  @Test
  void halvesAreRoundedAndRefusedBeyondTheirRange() {
    assertThat(Codes.halves(new float[] {1, -2, 0.1f}))
        .containsExactly(0x00, 0x3c, 0x00, 0xc0, 0x66, 0x2e);
    assertThat(Codes.halves(new float[] {1, 65504})).isNotNull();
    assertThat(Codes.halves(new float[] {1, 65520})).isNull();
  }

  /** 70 numbers a row: two blocks and a part of one. */
  @ParameterizedTest
  @ValueSource(ints = {4, 8})
  void blocksKeepNumbersWithinHalfAStepOrClipThemKnowingly(int bits) {
    int n = 3;
    int k = 70;
    float[] weights = noise(n * k);
    Codes.Whole codes = Codes.blocks(weights, n, k, bits);
    assertThat(codes.scales()).hasSize(n * 3);
    assertThat(codes.numbers()).hasSize(n * 3 * 32 * bits / 8);
    double lost = 0;
    double plain = 0;
    for (int row = 0; row < n; row++) {
      for (int i = 0; i < 96; i++) {
        int block = row * 3 + i / 32;
        float value = value(codes, block * 32 + i % 32, bits) * codes.scales()[block];
        if (i >= k) {
          assertThat(value).as("the filling").isZero();
          continue;
        }
        float weight = weights[row * k + i];
        float reach = reach(weights, row * k + i / 32 * 32, Math.min(32, k - i / 32 * 32));
        double step = reach / (1 << bits - 1);
        // Clipped to 0.7 of the largest number at most.
        assertThat(Math.abs(value - weight)).isLessThanOrEqualTo(0.31f * reach);
        lost += Math.pow(value - weight, 2);
        plain += step * step / 12;
      }
    }
    // The noise of rounding without any clipping, evenly spread: what is tried must not be worse.
    assertThat(lost).isGreaterThan(0).isLessThan(1.1 * plain);
  }

  private static float reach(float[] weights, int from, int length) {
    float reach = 0;
    for (int i = from; i < from + length; i++) {
      reach = Math.max(reach, Math.abs(weights[i]));
    }
    return reach;
  }

  private static int value(Codes.Whole codes, int index, int bits) {
    int bit = index * bits;
    return (codes.numbers()[bit / 8] >> bit % 8 & (1 << bits) - 1) - (1 << bits - 1);
  }

  @Test
  void whatFitsABlockExactlyIsKept() {
    float[] weights = new float[32];
    for (int i = 0; i < 32; i++) {
      weights[i] = 0.25f * (i % 16 - 8);
    }
    Codes.Whole codes = Codes.blocks(weights, 1, 32, 4);
    for (int i = 0; i < 32; i++) {
      assertThat(value(codes, i, 4) * codes.scales()[0]).isCloseTo(weights[i], within(1e-7f));
    }
    // The first of two numbers lies in the low half.
    assertThat(codes.numbers()[0] & 15).isEqualTo(Math.round(weights[0] / codes.scales()[0]) + 8);
  }
}
