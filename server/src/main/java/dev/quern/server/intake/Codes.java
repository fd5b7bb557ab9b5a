package dev.quern.server.intake;

import dev.quern.onnx.DataType;
import dev.quern.onnx.Halves;
import java.util.Arrays;

/**
 * Weights in fewer bits. All methods take a matrix {@code [n, k]}, a row for each column of the
 * product, so that what shares a scale lies together.
 */
final class Codes {
  /** Numbers of a column that share a scale. */
  static final int BLOCK = 32;

  /**
   * Scales that are tried, as parts of the one that just reaches the largest number: a smaller one
   * clips that number and rounds all others more finely.
   */
  private static final float[] TRIED = {1, 0.96f, 0.92f, 0.88f, 0.84f, 0.8f, 0.75f, 0.7f};

  private Codes() {}

  /**
   * Whole numbers and what they are multiplied by.
   *
   * @param numbers i8 {@code [n, k]}, or u8 {@code [n, blocks, bytes]}
   * @param scales {@code [n]}, or {@code [n, blocks]}
   */
  record Whole(byte[] numbers, float[] scales) {}

  /** Numbers of 16 bits, rounded to the nearest; null if one is too large for them. */
  static byte[] halves(float[] weights) {
    byte[] result = new byte[2 * weights.length];
    for (int i = 0; i < weights.length; i++) {
      int bits = Halves.bits(DataType.FLOAT16, weights[i]);
      if ((bits & 0x7c00) == 0x7c00) {
        return null;
      }
      result[2 * i] = (byte) bits;
      result[2 * i + 1] = (byte) (bits >> 8);
    }
    return result;
  }

  /** Numbers from -127 to 127, a scale for each row. */
  static Whole rows(float[] weights, int n, int k) {
    byte[] numbers = new byte[weights.length];
    float[] scales = new float[n];
    for (int row = 0; row < n; row++) {
      float largest = 0;
      for (int i = row * k; i < (row + 1) * k; i++) {
        largest = Math.max(largest, Math.abs(weights[i]));
      }
      scales[row] = largest / 127;
      for (int i = row * k; i < (row + 1) * k && scales[row] > 0; i++) {
        numbers[i] = (byte) Math.clamp(Math.rint(weights[i] / scales[row]), -127, 127);
      }
    }
    return new Whole(numbers, scales);
  }

  /**
   * Numbers of 4 or 8 bits around a middle (8, or 128), a scale for each {@link #BLOCK} of a row,
   * as MatMulNBits has them: the first of two numbers in the low half of a byte, rows filled up
   * with what means 0.
   */
  static Whole blocks(float[] weights, int n, int k, int bits) {
    int blocks = (k + BLOCK - 1) / BLOCK;
    int middle = 1 << bits - 1;
    int bytes = BLOCK * bits / 8;
    byte[] numbers = new byte[Math.multiplyExact(n * blocks, bytes)];
    float[] scales = new float[n * blocks];
    float[] block = new float[BLOCK];
    for (int row = 0; row < n; row++) {
      for (int b = 0; b < blocks; b++) {
        int from = row * k + b * BLOCK;
        int length = Math.min(BLOCK, (row + 1) * k - from);
        Arrays.fill(block, 0);
        System.arraycopy(weights, from, block, 0, length);
        int at = row * blocks + b;
        float scale = scale(block, middle);
        scales[at] = scale;
        for (int i = 0; i < BLOCK; i++) {
          int number = code(block[i], scale, middle) + middle;
          int bit = i * bits;
          numbers[at * bytes + bit / 8] |= (byte) (number << bit % 8);
        }
      }
    }
    return new Whole(numbers, scales);
  }

  /** A whole number from -middle to middle - 1. */
  private static int code(float weight, float scale, int middle) {
    return scale == 0 ? 0 : (int) Math.clamp(Math.rint(weight / scale), -middle, middle - 1);
  }

  /**
   * The scale, of those tried, that loses least. The range has one number more on its negative
   * side, so that the largest weight goes there: the sign of the scale turns it.
   */
  private static float scale(float[] block, int middle) {
    float largest = 0;
    for (float weight : block) {
      largest = Math.abs(weight) > Math.abs(largest) ? weight : largest;
    }
    float best = largest / -middle;
    double least = Double.MAX_VALUE;
    for (float part : TRIED) {
      for (int sign = -1; sign <= 1; sign += 2) {
        float scale = largest * part / (sign * middle);
        double loss = 0;
        for (float weight : block) {
          double lost = weight - (double) scale * code(weight, scale, middle);
          loss += lost * lost;
        }
        if (loss < least) {
          least = loss;
          best = scale;
        }
      }
    }
    return best;
  }
}
