package dev.quern.graph;

import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;

/** Small constants that importing and passes make. */
public final class Constants {
  private Constants() {}

  /** A scalar of a number, which is cut to the type as a cast would. */
  public static Constant scalar(String name, DataType type, double number) {
    long bits =
        switch (type) {
          case FLOAT -> Float.floatToRawIntBits((float) number);
          case DOUBLE -> Double.doubleToRawLongBits(number);
          default -> (long) number;
        };
    return ofBits(name, type, Shape.SCALAR, new long[] {bits});
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
