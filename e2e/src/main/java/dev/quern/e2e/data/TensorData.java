package dev.quern.e2e.data;

import dev.quern.onnx.DataType;
import dev.quern.reference.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;

/**
 * A tensor: element type, shape, and the elements in little endian and C order. A shape without
 * dimensions is a scalar.
 *
 * @param bytes shape × element size; the array is not copied and must not be changed
 */
public record TensorData(DataType type, List<Long> shape, byte[] bytes) {
  /** Checks that the bytes are as many as type and shape say. */
  public TensorData {
    shape = List.copyOf(shape);
    long expected = size(shape, type);
    if (expected != bytes.length) {
      throw new DataException(
          "a tensor "
              + type.label()
              + shape
              + " needs "
              + expected
              + " bytes, found "
              + bytes.length);
    }
  }

  /** Bytes of a tensor. */
  static long size(List<Long> shape, DataType type) {
    long size = type.bytes();
    for (long dim : shape) {
      if (dim < 0) {
        throw new DataException("a tensor cannot have the shape " + shape);
      }
      try {
        size = Math.multiplyExact(size, dim);
      } catch (ArithmeticException e) {
        throw new DataException("a tensor of the shape " + shape + " is too large", e);
      }
    }
    return size;
  }

  /** A tensor of 32-bit floats. */
  public static TensorData of(float[] values, long... shape) {
    byte[] bytes = new byte[4 * values.length];
    littleEndian(bytes).asFloatBuffer().put(values);
    return new TensorData(DataType.FLOAT, Arrays.stream(shape).boxed().toList(), bytes);
  }

  /** A tensor of 64-bit integers. */
  public static TensorData of(long[] values, long... shape) {
    byte[] bytes = new byte[8 * values.length];
    littleEndian(bytes).asLongBuffer().put(values);
    return new TensorData(DataType.INT64, Arrays.stream(shape).boxed().toList(), bytes);
  }

  /** What a tensor of the reference kernels holds. */
  public static TensorData of(Tensor tensor) {
    List<Long> shape = Arrays.stream(tensor.dims()).boxed().toList();
    return new TensorData(tensor.type(), shape, tensor.toBytes());
  }

  private static ByteBuffer littleEndian(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** The bytes for typed access, little endian. */
  public ByteBuffer buffer() {
    return littleEndian(bytes);
  }

  /** The elements of a tensor of 32-bit floats. */
  public float[] floats() {
    if (type != DataType.FLOAT) {
      throw new DataException("the tensor holds " + type.label() + ", not f32");
    }
    float[] values = new float[bytes.length / 4];
    buffer().asFloatBuffer().get(values);
    return values;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TensorData that
        && type == that.type
        && shape.equals(that.shape)
        && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bytes) * 31 + shape.hashCode();
  }

  @Override
  public String toString() {
    return type.label() + shape;
  }
}
