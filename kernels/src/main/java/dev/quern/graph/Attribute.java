package dev.quern.graph;

import java.util.List;

/** What a node's attribute holds. */
public sealed interface Attribute {
  /** A whole number. */
  record Int(long value) implements Attribute {}

  /** A real number. */
  record Real(double value) implements Attribute {}

  /** A text. */
  record Text(String value) implements Attribute {}

  /** Whole numbers. */
  record Ints(List<Long> value) implements Attribute {
    public Ints {
      value = List.copyOf(value);
    }
  }

  /** Real numbers. */
  record Reals(List<Double> value) implements Attribute {
    public Reals {
      value = List.copyOf(value);
    }
  }

  /** Sizes, which may hold symbols. */
  record Dims(List<Dim> value) implements Attribute {
    public Dims {
      value = List.copyOf(value);
    }
  }

  /** A tensor. */
  record Tensor(Constant value) implements Attribute {}

  /** An element-wise program. */
  record Program(ElementwiseProgram value) implements Attribute {}

  /** The body of a loop or branch. */
  record Body(Graph value) implements Attribute {}
}
