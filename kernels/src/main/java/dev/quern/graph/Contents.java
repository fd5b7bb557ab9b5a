package dev.quern.graph;

import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The elements of small tensors of integers and bools, known while importing. */
final class Contents {
  /** Elements of the largest tensor whose contents are followed; shapes have a few. */
  static final int MOST = 256;

  private Contents() {}

  /** The elements of a constant, if it is small and whole. */
  static Optional<List<Dim>> of(Constant constant) {
    DataType type = constant.type();
    if (!isFollowed(type) || constant.shape().rank() > 1 || constant.size() > MOST) {
      return Optional.empty();
    }
    List<Dim> elements = new ArrayList<>();
    for (long i = 0; i < constant.size(); i++) {
      elements.add(Dim.of(constant.integer(i)));
    }
    return Optional.of(elements);
  }

  /** Whether contents of a type are followed. */
  static boolean isFollowed(DataType type) {
    return type == DataType.INT64 || type == DataType.INT32 || type == DataType.BOOL;
  }

  /** A constant of known numbers. */
  static Constant toConstant(String name, Value value, List<Dim> contents) {
    int width = value.type().bytes();
    byte[] data = new byte[contents.size() * width];
    for (int i = 0; i < contents.size(); i++) {
      long number = contents.get(i).constant();
      for (int b = 0; b < width; b++) {
        data[i * width + b] = (byte) (number >> 8 * b);
      }
    }
    return new Constant(name, value.type(), value.shape(), Bytes.of(data));
  }

  /** What an operation gives for elements; empty if it is not provable or not whole. */
  static Optional<Dim> apply(ElementwiseOp op, List<Dim> in) {
    Dim a = in.getFirst();
    Dim b = in.getLast();
    return switch (op) {
      case ADD -> Optional.of(a.plus(b));
      case SUB -> Optional.of(a.minus(b));
      case MUL -> Optional.of(a.times(b));
      case DIV -> divide(a, b);
      case MOD, FMOD -> remainder(a, b);
      case MIN -> Optional.of(a.min(b));
      case MAX -> Optional.of(a.max(b));
      case NEG -> Optional.of(Dim.ZERO.minus(a));
      case ABS, RELU ->
          a.isAtLeast(Dim.ZERO)
              ? Optional.of(a)
              : Dim.ZERO.isAtLeast(a)
                  ? Optional.of(op == ElementwiseOp.ABS ? Dim.ZERO.minus(a) : Dim.ZERO)
                  : Optional.empty();
      case EQUAL -> truth(a.equals(b), a.differsFrom(b));
      case LESS -> truth(b.isAtLeast(a.plus(Dim.ONE)), a.isAtLeast(b));
      case LESS_EQUAL -> truth(b.isAtLeast(a), a.isAtLeast(b.plus(Dim.ONE)));
      case GREATER -> truth(a.isAtLeast(b.plus(Dim.ONE)), b.isAtLeast(a));
      case GREATER_EQUAL -> truth(a.isAtLeast(b), b.isAtLeast(a.plus(Dim.ONE)));
      case AND -> truth(a.is(1) && b.is(1), a.is(0) || b.is(0));
      case OR -> truth(a.is(1) || b.is(1), a.is(0) && b.is(0));
      case XOR -> truth(a.differsFrom(b), a.equals(b));
      case NOT -> truth(a.is(0), a.is(1));
      case WHERE ->
          a.isConstant()
              ? Optional.of(a.is(0) ? in.get(2) : in.get(1))
              : in.get(1).equals(in.get(2)) ? Optional.of(b) : Optional.empty();
      default -> Optional.empty();
    };
  }

  private static Optional<Dim> truth(boolean isTrue, boolean isFalse) {
    return isTrue ? Optional.of(Dim.ONE) : isFalse ? Optional.of(Dim.ZERO) : Optional.empty();
  }

  /** ONNX rounds towards 0, {@link Dim} rounds down: the same unless a sign is negative. */
  private static Optional<Dim> divide(Dim a, Dim b) {
    if (a.isConstant() && b.isConstant() && !b.is(0)) {
      return Optional.of(Dim.of(a.constant() / b.constant()));
    }
    return a.isAtLeast(Dim.ZERO) && b.isAtLeast(Dim.ONE)
        ? Optional.of(a.dividedBy(b))
        : Optional.empty();
  }

  private static Optional<Dim> remainder(Dim a, Dim b) {
    return a.isAtLeast(Dim.ZERO) && b.isAtLeast(Dim.ONE)
        ? Optional.of(a.minus(a.dividedBy(b).times(b)))
        : Optional.empty();
  }
}
