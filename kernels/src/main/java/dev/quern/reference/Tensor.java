package dev.quern.reference;

import dev.quern.graph.Constant;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.Halves;
import java.util.Arrays;

/**
 * A tensor in plain Java arrays, row-major. Its array is a {@code float[]} for f32, f16 and bf16
 * (numbers that the type has), {@code double[]} for f64, {@code long[]} for i64 and u64, {@code
 * int[]} for i32, u32, i16 and u16 (the last two as the numbers that they are), {@code byte[]} for
 * bool (0 or 1), u8 and i8; no other type is held.
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

  /** A tensor of f32, f16 or bf16; the numbers are rounded in place, the arrays are kept. */
  public static Tensor of(DataType type, float[] data, long... dims) {
    Halves.round(type, data);
    return new Tensor(type, dims, data, data.length);
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
    return type.isFloating() || type.isInteger() || type == DataType.BOOL;
  }

  /** A tensor of zeros. */
  public static Tensor zeros(DataType type, long... dims) {
    long size = size(dims);
    if (size > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "a tensor of the shape " + Arrays.toString(dims) + " is too large for a Java array");
    }
    int n = (int) size;
    // Arrays of several types never meet in one variable: TeaVM 0.15 would give it the type
    // Object[],
    // and the module would not validate.
    return switch (type) {
      case FLOAT, FLOAT16, BFLOAT16 -> new Tensor(type, dims, new float[n], n);
      case DOUBLE -> new Tensor(type, dims, new double[n], n);
      case INT64, UINT64 -> new Tensor(type, dims, new long[n], n);
      case INT32, UINT32, INT16, UINT16 -> new Tensor(type, dims, new int[n], n);
      case BOOL, UINT8, INT8 -> new Tensor(type, dims, new byte[n], n);
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
    return fromBytes(constant.type(), constant.data(), dims);
  }

  /** A copy of little-endian elements, the inverse of {@link #toBytes}. */
  public static Tensor fromBytes(DataType type, Bytes bytes, long... dims) {
    Tensor result = zeros(type, dims);
    int n = result.size();
    switch (result.data) {
      case float[] a -> {
        for (int i = 0; i < n; i++) {
          a[i] =
              type == DataType.FLOAT
                  ? bytes.getFloat(4L * i)
                  : Halves.toFloat(type, twoBytes(bytes, i));
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
          a[i] =
              switch (type) {
                case INT16 -> (short) twoBytes(bytes, i);
                case UINT16 -> twoBytes(bytes, i);
                default -> bytes.getInt(4L * i);
              };
        }
      }
      default -> bytes.copyTo(0, result.bytes(), 0, n);
    }
    return result;
  }

  private static int twoBytes(Bytes bytes, int index) {
    return (bytes.get(2L * index) & 255) | (bytes.get(2L * index + 1) & 255) << 8;
  }

  /** The elements as little-endian bytes. */
  public byte[] toBytes() {
    int width = type.bytes();
    byte[] result = new byte[size() * width];
    for (int i = 0; i < size(); i++) {
      long bits =
          switch (data) {
            case float[] a -> Halves.bits(type, a[i]);
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

  /** The numbers of f32, f16 or bf16 as another one of them that has them. */
  Tensor relabelled(DataType other) {
    if (!(data instanceof float[]) || !other.isFloating() || other == DataType.DOUBLE) {
      throw new IllegalArgumentException(type.label() + " is not kept as " + other.label());
    }
    return new Tensor(other, dims, data, size());
  }

  /** The array of a tensor of f32, f16 or bf16. */
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

  /** The array of a tensor of i64 or u64. */
  public long[] longs() {
    if (data instanceof long[] array) {
      return array;
    }
    throw wrongType(DataType.INT64);
  }

  /** The array of a tensor of i32, u32, i16 or u16. */
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

  /** An element as a real number; 64-bit integers may lose digits. */
  public double number(int index) {
    return switch (data) {
      case float[] a -> a[index];
      case double[] a -> a[index];
      default -> Scalars.toReal(type, integer(index));
    };
  }

  /** An element of an integer or bool tensor, u64 as its bits; a real one is cut towards 0. */
  public long integer(int index) {
    return switch (data) {
      case float[] a -> (long) a[index];
      case double[] a -> (long) a[index];
      case long[] a -> a[index];
      case int[] a -> type == DataType.UINT32 ? a[index] & 0xFFFFFFFFL : a[index];
      default -> type == DataType.INT8 ? bytes()[index] : bytes()[index] & 255;
    };
  }

  /** Writes an element of a real type, rounded to it. */
  void set(int index, double value) {
    switch (data) {
      case float[] a -> a[index] = Halves.round(type, (float) value);
      case double[] a -> a[index] = value;
      default -> throw wrongType(DataType.FLOAT);
    }
  }

  /** Writes an element of an integer or bool type; high bits are dropped. */
  void set(int index, long value) {
    switch (data) {
      case long[] a -> a[index] = value;
      case int[] a -> a[index] = (int) Scalars.wrap(type, value);
      case byte[] a -> a[index] = (byte) value;
      default -> throw wrongType(DataType.INT64);
    }
  }

  /** Copies an element of a tensor of the same type. */
  void copy(int index, Tensor source, int from) {
    System.arraycopy(source.data, from, data, index, 1);
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
