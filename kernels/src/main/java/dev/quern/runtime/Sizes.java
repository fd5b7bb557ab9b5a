package dev.quern.runtime;

import dev.quern.graph.Check;
import dev.quern.graph.Dim;
import dev.quern.graph.Shape;
import dev.quern.graph.Value;
import dev.quern.plan.Plan;
import dev.quern.runtime.RunException.Reason;
import java.util.Map;
import java.util.TreeMap;

/** From the dimensions of a run's inputs to the values of the model's symbols. */
public final class Sizes {
  private Sizes() {}

  /**
   * Finds the symbols' values and checks that everything fits.
   *
   * @throws RunException naming the input and both sizes
   */
  static Map<String, Long> bind(Plan plan, Map<String, long[]> inputs) {
    Map<String, Long> symbols = new TreeMap<>();
    for (Value input : plan.inputs()) {
      long[] dims = inputs.get(input.name());
      if (dims == null) {
        throw new RunException(
            Reason.INPUT,
            "the input '" + input.name() + "' is missing; the model needs " + names(plan));
      }
      Shape shape = input.shape();
      if (dims.length != shape.rank()) {
        throw new RunException(
            Reason.INPUT,
            "the input '"
                + input.name()
                + "' has "
                + dims.length
                + " dimensions, the model expects "
                + shape);
      }
      for (int i = 0; i < dims.length; i++) {
        Dim dim = shape.dim(i);
        if (dims[i] < 0) {
          throw mismatch(input, i, dims[i], "a size is never negative");
        }
        if (dim.isSymbol()) {
          Long before = symbols.put(dim.toString(), dims[i]);
          if (before != null && before != dims[i]) {
            throw mismatch(input, i, dims[i], "but " + dim + " is " + before + " in another input");
          }
        }
      }
    }
    for (String name : inputs.keySet()) {
      if (!plan.places().containsKey(name)) {
        throw new RunException(
            Reason.INPUT, "the model has no input '" + name + "'; it has " + names(plan));
      }
    }
    verify(plan, inputs, symbols);
    return symbols;
  }

  private static void verify(Plan plan, Map<String, long[]> inputs, Map<String, Long> symbols) {
    for (Value input : plan.inputs()) {
      long[] dims = inputs.get(input.name());
      for (int i = 0; i < dims.length; i++) {
        long expected = input.shape().dim(i).evaluate(symbols);
        if (expected != dims[i]) {
          throw mismatch(input, i, dims[i], "the model expects " + expected);
        }
      }
    }
    for (Check check : plan.checks()) {
      long left = check.left().evaluate(symbols);
      long right = check.right().evaluate(symbols);
      if (left != right) {
        throw new RunException(Reason.INPUT, check.message(left, right));
      }
    }
  }

  private static RunException mismatch(Value input, int axis, long size, String why) {
    return new RunException(
        Reason.INPUT,
        "the input '" + input.name() + "' has " + size + " in dimension " + axis + ": " + why);
  }

  private static String names(Plan plan) {
    StringBuilder text = new StringBuilder();
    for (Value input : plan.inputs()) {
      text.append(text.length() == 0 ? "" : ", ").append(input);
    }
    return text.toString();
  }

  /** Plausible dimensions of an input: one sample, 32 of whatever else is not known. */
  static long[] guess(Shape shape) {
    long[] dims = new long[shape.rank()];
    for (int i = 0; i < dims.length; i++) {
      Dim dim = shape.dim(i);
      dims[i] = dim.isConstant() ? dim.constant() : i == 0 ? 1 : 32;
    }
    return dims;
  }

  /** Bytes of a value for given sizes. */
  static long bytes(Value value, Map<String, Long> symbols) {
    return value.shape().size().evaluate(symbols) * value.type().bytes();
  }
}
