package dev.quern.wgsl;

import dev.quern.kernel.KernelException;
import dev.quern.onnx.DataType;

/** How elements of ONNX's types lie in buffers, which hold words of 32 bits. */
final class Cells {
  private Cells() {}

  /** The type that an element has in a shader. */
  static Type type(DataType type) {
    return switch (type) {
      case FLOAT, FLOAT16 -> Type.F32;
      case BOOL -> Type.BOOL;
      case INT32, INT8, INT16 -> Type.I32;
      case UINT32, UINT8, UINT16 -> Type.U32;
      case INT64, UINT64 -> Type.VEC2U;
      default -> throw new KernelException("no shader computes in " + type.label());
    };
  }

  /** The type of the array that a buffer of these elements is. */
  static Type stored(DataType type) {
    return type.bytes() < 4 ? Type.U32 : type(type);
  }

  /** Elements of a word: those that one invocation has to write together. */
  static int perWord(DataType type) {
    return type.bytes() < 4 ? 4 / type.bytes() : 1;
  }

  /** Reads an element by its index in elements. */
  static Expr load(Array array, DataType type, Expr index) {
    int each = perWord(type);
    if (each == 1) {
      return array.at(index);
    }
    int bits = 8 * type.bytes();
    Expr word = array.at(index.over(each));
    Expr from = index.rem(each).times(bits);
    Expr value = word.shift(">>", from);
    return switch (type) {
      case BOOL -> value.bits("&", Expr.u32(255)).ne(Expr.u32(0));
      case FLOAT16 -> value.halves().lane(0);
      case UINT8, UINT16 -> value.bits("&", Expr.u32((1L << bits) - 1));
      default -> value.shift("<<", 32 - bits).bitcast(Type.I32).shift(">>", 32 - bits);
    };
  }

  /** An element's bits, to be joined to a word with its neighbours'. */
  static Expr bits(Expr value, DataType type) {
    if (type == DataType.BOOL) {
      return Expr.select(value, Expr.u32(1), Expr.u32(0));
    }
    if (type == DataType.FLOAT16) {
      return Expr.half(value);
    }
    Expr word = value.type() == Type.I32 ? value.bitcast(Type.U32) : value;
    return word.bits("&", Expr.u32((1L << 8 * type.bytes()) - 1));
  }
}
