package dev.quern.plan;

import dev.quern.graph.Dim;
import dev.quern.graph.Shape;
import java.util.ArrayList;
import java.util.List;

/**
 * One dimension of a loop nest over several operands.
 *
 * @param size how often it is run
 * @param strides for each operand, elements from one pass to the next; 0 broadcasts
 */
record Axis(Dim size, List<Dim> strides) {
  /** Row-major strides of a shape, in elements. */
  static List<Dim> contiguous(Shape shape) {
    List<Dim> strides = new ArrayList<>();
    for (int i = 0; i < shape.rank(); i++) {
      strides.add(shape.product(i + 1, shape.rank()));
    }
    return strides;
  }

  /** Strides with which an operand is read along the dimensions of what it broadcasts to. */
  static List<Dim> broadcast(Shape operand, Shape target) {
    List<Dim> own = contiguous(operand);
    List<Dim> strides = new ArrayList<>();
    int missing = target.rank() - operand.rank();
    for (int i = 0; i < target.rank(); i++) {
      int at = i - missing;
      boolean repeats = at < 0 || (operand.dim(at).is(1) && !target.dim(i).is(1));
      strides.add(repeats ? Dim.ZERO : own.get(at));
    }
    return strides;
  }

  /** One axis a dimension, from the operands' strides along it. */
  static List<Axis> of(Shape shape, List<List<Dim>> operands) {
    List<Axis> axes = new ArrayList<>();
    for (int i = 0; i < shape.rank(); i++) {
      List<Dim> strides = new ArrayList<>();
      for (List<Dim> operand : operands) {
        strides.add(operand.get(i));
      }
      axes.add(new Axis(shape.dim(i), strides));
    }
    return axes;
  }

  /**
   * The same loop with fewer dimensions: those of size 1 vanish, neighbours merge where every
   * operand walks through both as through one.
   */
  static List<Axis> merge(List<Axis> axes) {
    List<Axis> merged = new ArrayList<>();
    for (Axis axis : axes) {
      if (axis.size().is(1)) {
        continue;
      }
      Axis before = merged.isEmpty() ? null : merged.get(merged.size() - 1);
      if (before != null && before.continues(axis)) {
        merged.set(merged.size() - 1, new Axis(before.size.times(axis.size), axis.strides));
      } else {
        merged.add(axis);
      }
    }
    return merged;
  }

  private boolean continues(Axis inner) {
    for (int i = 0; i < strides.size(); i++) {
      if (!strides.get(i).equals(inner.strides.get(i).times(inner.size))) {
        return false;
      }
    }
    return true;
  }
}
