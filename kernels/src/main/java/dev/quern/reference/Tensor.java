package dev.quern.reference;

import dev.quern.graph.Constant;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import java.util.Arrays;

/**
 * A tensor in plain Java arrays, row-major; a constant of f16 becomes f32. Its array is a {@code
 * float[]} for f32, {@code double[]} for f64, {@code long[]} for i64, {@code int[]} for i32 and
 * {@code byte[]} for bool (0 or 1), u8 and i8; no other type is held.
 */
public final class Tensor {
  private final DataType type;
  private final long[] dims;
  private final Object data;

  private Tensor(DataType type, long[] dims, Object data, int length) {
    this.type = type;
    this.dims = dims;
    this.data = data;
    if (size(dims) != length) {
      throw new IllegalArgumentException(
          "a tensor of the shape "
              + Arrays.toString(dims)
              + " has "
              + size(dims)
              + " elements, not "
              + length);
    }
  }

  /** An f32 tensor; the arrays are kept, not copied. */
  public static Tensor of(float[] data, long... dims) {
    return new Tensor(DataType.FLOAT, dims, data, data.length);
  }

  /** An f64 tensor; the arrays are kept, not copied. */
  public static Tensor of(double[] data, long... dims) {
    return new Tensor(DataType.DOUBLE, dims, data, data.length);
  }

  /** An i64 tensor; the arrays are kept, not copied. */
  public static Tensor of(long[] data, long... dims) {
    return new Tensor(DataType.INT64, dims, data, data.length);
  }

  /** An i32 tensor; the arrays are kept, not copied. */
  public static Tensor of(int[] data, long... dims) {
    return new Tensor(DataType.INT32, dims, data, data.length);
  }

  /** A tensor of bool, u8 or i8; the arrays are kept, not copied. */
  public static Tensor of(DataType type, byte[] data, long... dims) {
    if (type != DataType.BOOL && type != DataType.UINT8 && type != DataType.INT8) {
      throw new IllegalArgumentException(type.label() + " does not have one byte an element");
    }
    return new Tensor(type, dims, data, data.length);
  }

  /** Whether tensors of a type can be held. */
  public static boolean holds(DataType type) {
    return switch (type) {
      case FLOAT, DOUBLE, INT64, INT32, BOOL, UINT8, INT8 -> true;
      default -> false;
    };
  }

  /** A tensor of zeros. */
  public static Tensor zeros(DataType type, long... dims) {
    long size = size(dims);
    if (size > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "a tensor of the shape " + Arrays.toString(dims) + " is too large for a Java array");
    }
    int n = (int) size;
    return switch (type) {
      case FLOAT -> of(new float[n], dims);
      case DOUBLE -> of(new double[n], dims);
      case INT64 -> of(new long[n], dims);
      case INT32 -> of(new int[n], dims);
      case BOOL, UINT8, INT8 -> of(type, new byte[n], dims);
      default ->
          throw new IllegalArgumentException("tensors of " + type.label() + " are not supported");
    };
  }

  /** A copy of a constant. */
  public static Tensor of(Constant constant) {
    long[] dims = new long[constant.shape().rank()];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = constant.shape().dim(i).constant();
    }
    return constant.type() == DataType.FLOAT16
        ? widened(constant.data(), dims)
        : fromBytes(constant.type(), constant.data(), dims);
  }

  /** The numbers of f16 as f32. */
  private static Tensor widened(Bytes bytes, long[] dims) {
    Tensor result = zeros(DataType.FLOAT, dims);
    float[] a = result.floats();
    for (int i = 0; i < a.length; i++) {
      int half = (bytes.get(2L * i) & 255) | bytes.get(2L * i + 1) << 8;
      // The exponent is corrected by a product, which is right for denormals, too.
      float value = Float.intBitsToFloat((half & 0x7fff) << 13) * 0x1p112f;
      int bits = Float.floatToRawIntBits(value) | (value >= 65536 ? 0x7f800000 : 0);
      a[i] = Float.intBitsToFloat(bits | half & 0x80000000);
    }
    return result;
  }

  /** A copy of little-endian elements, the inverse of {@link #toBytes}. */
  public static Tensor fromBytes(DataType type, Bytes bytes, long... dims) {
    Tensor result = zeros(type, dims);
    int n = result.size();
    switch (result.data) {
      case float[] a -> {
        for (int i = 0; i < n; i++) {
          a[i] = bytes.getFloat(4L * i);
        }
      }
      case double[] a -> {
        for (int i = 0; i < n; i++) {
          a[i] = bytes.getDouble(8L * i);
        }
      }
      case long[] a -> {
        for (int i = 0; i < n; i++) {
          a[i] = bytes.getLong(8L * i);
        }
      }
      case int[] a -> {
        for (int i = 0; i < n; i++) {
          a[i] = bytes.getInt(4L * i);
        }
      }
      default -> bytes.copyTo(0, result.bytes(), 0, n);
    }
    return result;
  }

  /** The elements as little-endian bytes. */
  public byte[] toBytes() {
    int width = type.bytes();
    byte[] result = new byte[size() * width];
    for (int i = 0; i < size(); i++) {
      long bits =
          switch (data) {
            case float[] a -> Float.floatToRawIntBits(a[i]);
            case double[] a -> Double.doubleToRawLongBits(a[i]);
            default -> integer(i);
          };
      for (int b = 0; b < width; b++) {
        result[i * width + b] = (byte) (bits >> 8 * b);
      }
    }
    return result;
  }

  /** The element type. */
  public DataType type() {
    return type;
  }

  /** The sizes of the axes; not to be changed. */
  public long[] dims() {
    return dims;
  }

  /** The number of axes. */
  public int rank() {
    return dims.length;
  }

  /** The number of elements. */
  public int size() {
    return (int) size(dims);
  }

  /** The same elements in another shape. */
  public Tensor reshaped(long... others) {
    return new Tensor(type, others, data, size());
  }

  /** The array of an f32 tensor. */
  public float[] floats() {
    if (data instanceof float[] array) {
      return array;
    }
    throw wrongType(DataType.FLOAT);
  }

  /** The array of an f64 tensor. */
  public double[] doubles() {
    if (data instanceof double[] array) {
      return array;
    }
    throw wrongType(DataType.DOUBLE);
  }

  /** The array of an i64 tensor. */
  public long[] longs() {
    if (data instanceof long[] array) {
      return array;
    }
    throw wrongType(DataType.INT64);
  }

  /** The array of an i32 tensor. */
  public int[] ints() {
    if (data instanceof int[] array) {
      return array;
    }
    throw wrongType(DataType.INT32);
  }

  /** The array of a tensor of bool, u8 or i8. */
  public byte[] bytes() {
    if (data instanceof byte[] array) {
      return array;
    }
    throw wrongType(DataType.UINT8);
  }

  /** The array, whichever it is, for copies that do not look at elements. */
  Object array() {
    return data;
  }

  /** An element as a real number; i64 may lose digits. */
  public double number(int index) {
    return switch (data) {
      case float[] a -> a[index];
      case double[] a -> a[index];
      default -> (double) integer(index);
    };
  }

  /** An element of an integer or bool tensor; a real one is cut towards 0. */
  public long integer(int index) {
    return switch (data) {
      case float[] a -> (long) a[index];
      case double[] a -> (long) a[index];
      case long[] a -> a[index];
      case int[] a -> a[index];
      default -> type == DataType.INT8 ? bytes()[index] : bytes()[index] & 255;
    };
  }

  private static long size(long[] dims) {
    long size = 1;
    for (long dim : dims) {
      if (dim < 0) {
        throw new IllegalArgumentException("a negative size in " + Arrays.toString(dims));
      }
      size = Math.multiplyExact(size, dim);
    }
    return size;
  }

  private IllegalStateException wrongType(DataType wanted) {
    return new IllegalStateException(
        "the tensor holds " + type.label() + ", not " + wanted.label());
  }

  /** {@code f32 [2, 3]}. */
  @Override
  public String toString() {
    return type.label() + " " + Arrays.toString(dims);
  }
}
