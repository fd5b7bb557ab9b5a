package dev.quern.graph;

import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.Halves;
import java.util.List;

/** Small constants that importing and passes make. */
public final class Constants {
  private Constants() {}

  /** A scalar of a number, which is cut to the type as a cast would. */
  public static Constant scalar(String name, DataType type, double number) {
    return ofBits(name, type, Shape.SCALAR, new long[] {bits(type, number)});
  }

  /** The bits of a number in a type, to which it is cut or rounded. */
  static long bits(DataType type, double number) {
    return switch (type) {
      case FLOAT, FLOAT16, BFLOAT16 -> Halves.bits(type, (float) number);
      case DOUBLE -> Double.doubleToRawLongBits(number);
      default -> (long) number;
    };
  }

  /** A vector of i64. */
  static Constant indices(String name, List<Long> values) {
    long[] bits = new long[values.size()];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = values.get(i);
    }
    return ofBits(name, DataType.INT64, Shape.of(bits.length), bits);
  }

  /** Numbers in row-major order. */
  static Constant numbers(String name, DataType type, Shape shape, double[] values) {
    long[] bits = new long[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = bits(type, values[i]);
    }
    return ofBits(name, type, shape, bits);
  }

  /** A constant whose elements' bits are given. */
  static Constant ofBits(String name, DataType type, Shape shape, long[] bits) {
    int width = type.bytes();
    byte[] data = new byte[bits.length * width];
    for (int i = 0; i < bits.length; i++) {
      for (int b = 0; b < width; b++) {
        data[i * width + b] = (byte) (bits[i] >> 8 * b);
      }
    }
    return new Constant(name, type, shape, Bytes.of(data));
  }
}
