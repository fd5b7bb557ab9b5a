package dev.quern.graph;

import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.Halves;

/**
 * A tensor that is known before the first run, such as a weight.
 *
 * @param name the value's name
 * @param type the element type
 * @param shape the shape, without symbols
 * @param data the elements in little-endian row-major order: a view of the model's file, or a small
 *     array that folding made
 */
public record Constant(String name, DataType type, Shape shape, Bytes data) {
  public Constant {
    if (!shape.isConstant()) {
      throw new IllegalArgumentException("the constant " + name + " has the shape " + shape);
    }
  }

  /** The number of elements. */
  public long size() {
    return shape.size().constant();
  }

  /** An element as a number. Types other than reals, bool and integers throw. */
  public double number(long index) {
    return switch (type) {
      case FLOAT -> data.getFloat(4 * index);
      case DOUBLE -> data.getDouble(8 * index);
      case FLOAT16, BFLOAT16 -> Halves.toFloat(type, unsignedShort(index));
      default -> (double) integer(index);
    };
  }

  /** An element of a bool or integer type; u64 wraps. Other types throw. */
  public long integer(long index) {
    return switch (type) {
      case INT64, UINT64 -> data.getLong(8 * index);
      case INT32 -> data.getInt(4 * index);
      case UINT32 -> data.getInt(4 * index) & 0xFFFFFFFFL;
      case INT16 -> (short) unsignedShort(index);
      case UINT16 -> unsignedShort(index);
      case INT8 -> data.get(index);
      case UINT8, BOOL -> data.get(index) & 255;
      default -> throw new IllegalStateException("the constant " + name + " holds " + type.label());
    };
  }

  private int unsignedShort(long index) {
    return (data.get(2 * index) & 255) | (data.get(2 * index + 1) & 255) << 8;
  }

  /** The value that this constant has. */
  public Value value() {
    return new Value(name, type, shape);
  }

  /** {@code w f32 [384, 384]}. */
  @Override
  public String toString() {
    return value().toString();
  }
}
