package dev.quern.e2e.conformance;

import dev.quern.e2e.data.TensorData;
import dev.quern.onnx.DataType;
import java.nio.ByteBuffer;
import java.util.Optional;

/** How near results must be: as near as ONNX's own runner of these tests asks for. */
final class Tolerance {
  /** Relative and absolute, as in {@code onnx.backend.test.runner}. */
  private static final double RELATIVE = 1e-3;

  private static final double ABSOLUTE = 1e-7;

  /** The last bit of bf16: cases of ONNX 1.12 cut numbers to it, later ones and engines round. */
  private static final double RELATIVE_BF16 = 1 / 128.0;

  private Tolerance() {}

  /**
   * Compares a result with what is expected: numbers of real types by the tolerance, NaN equal to
   * NaN, all others exactly.
   *
   * @param random whether the numbers are drawn, so that only type and shape say anything
   * @return what is wrong, if anything
   */
  static Optional<String> compare(TensorData expected, TensorData actual, boolean random) {
    if (expected.type() != actual.type() || !expected.shape().equals(actual.shape())) {
      return Optional.of("it is " + actual + ", not " + expected);
    }
    if (random) {
      return Optional.empty();
    }
    int width = expected.type().bytes();
    int count = expected.bytes().length / Math.max(1, width);
    int wrong = 0;
    int first = -1;
    for (int i = 0; i < count; i++) {
      if (!isNear(expected.type(), expected.buffer(), actual.buffer(), i)) {
        first = wrong++ == 0 ? i : first;
      }
    }
    if (wrong == 0) {
      return Optional.empty();
    }
    return Optional.of(
        wrong
            + " of "
            + count
            + " elements differ; element "
            + first
            + " is "
            + text(actual, first)
            + ", not "
            + text(expected, first));
  }

  private static boolean isNear(DataType type, ByteBuffer expected, ByteBuffer actual, int at) {
    if (isReal(type)) {
      double want = real(type, expected, at);
      double is = real(type, actual, at);
      return want == is
          || (Double.isNaN(want) && Double.isNaN(is))
          || Math.abs(want - is) <= ABSOLUTE + relative(type) * Math.abs(want);
    }
    int width = type.bytes();
    for (int b = 0; b < width; b++) {
      if (expected.get(at * width + b) != actual.get(at * width + b)) {
        return false;
      }
    }
    return true;
  }

  private static double relative(DataType type) {
    return type == DataType.BFLOAT16 ? RELATIVE_BF16 : RELATIVE;
  }

  private static boolean isReal(DataType type) {
    return switch (type) {
      case FLOAT, DOUBLE, FLOAT16, BFLOAT16 -> true;
      default -> false;
    };
  }

  private static double real(DataType type, ByteBuffer data, int at) {
    return switch (type) {
      case FLOAT -> data.getFloat(4 * at);
      case DOUBLE -> data.getDouble(8 * at);
      case FLOAT16 -> Float.float16ToFloat(data.getShort(2 * at));
      default -> Float.intBitsToFloat(data.getShort(2 * at) << 16);
    };
  }

  private static String text(TensorData tensor, int at) {
    ByteBuffer data = tensor.buffer();
    if (isReal(tensor.type())) {
      return Double.toString(real(tensor.type(), data, at));
    }
    return switch (tensor.type().bytes()) {
      case 1 -> Integer.toString(data.get(at));
      case 2 -> Integer.toString(data.getShort(2 * at));
      case 4 -> Integer.toString(data.getInt(4 * at));
      default -> Long.toString(data.getLong(8 * at));
    };
  }
}
