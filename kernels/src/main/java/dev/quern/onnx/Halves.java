package dev.quern.onnx;

/**
 * Reals of 16 bits: IEEE 754's half precision (f16) and the upper half of an f32 (bf16). They are
 * computed in f32 and rounded to the nearest, halves to even.
 */
public final class Halves {
  private Halves() {}

  /** The number that the bits of f16 or bf16 mean. */
  public static float toFloat(DataType type, int bits) {
    if (type == DataType.BFLOAT16) {
      return Float.intBitsToFloat(bits << 16);
    }
    // The exponent is corrected by a product, which is right for denormals, too.
    float value = Float.intBitsToFloat((bits & 0x7fff) << 13) * 0x1p112f;
    int pattern = Float.floatToRawIntBits(value) | (value >= 65536 ? 0x7f800000 : 0);
    return Float.intBitsToFloat(pattern | (bits & 0x8000) << 16);
  }

  /** The bits of a number in f32, f16 or bf16, rounded. */
  public static int bits(DataType type, float value) {
    int bits = Float.floatToRawIntBits(value);
    return switch (type) {
      case FLOAT16 -> half(bits);
      case BFLOAT16 -> {
        boolean isNan = (bits & 0x7fffffff) > 0x7f800000;
        yield (isNan ? bits | 0x400000 : bits + 0x7fff + (bits >> 16 & 1)) >>> 16;
      }
      default -> bits;
    };
  }

  private static int half(int bits) {
    int sign = bits >>> 16 & 0x8000;
    int rest = bits & 0x7fffffff;
    if (rest > 0x7f800000) {
      return sign | 0x7e00;
    }
    if (rest >= 0x477ff000) {
      // 65520 and more round to infinity.
      return sign | 0x7c00;
    }
    if (rest < 0x38800000) {
      // Denormals: adding 0.5 brings the last bit of the half to the last bit of the float.
      float shifted = Float.intBitsToFloat(rest) + 0.5f;
      return sign | Float.floatToRawIntBits(shifted) - 0x3f000000;
    }
    return sign | rest - 0x38000000 + 0xfff + (rest >> 13 & 1) >> 13;
  }

  /** The nearest number that a type has. */
  public static float round(DataType type, float value) {
    return type == DataType.FLOAT ? value : toFloat(type, bits(type, value));
  }

  /** Rounds numbers in place. */
  public static void round(DataType type, float[] values) {
    for (int i = 0; type != DataType.FLOAT && i < values.length; i++) {
      values[i] = round(type, values[i]);
    }
  }
}
