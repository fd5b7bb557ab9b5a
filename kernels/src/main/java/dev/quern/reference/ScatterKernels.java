package dev.quern.reference;

import dev.quern.graph.Dim;
import java.util.List;

/** Kernels that write elements by indices. */
final class ScatterKernels {
  private ScatterKernels() {}

  private static Tensor copy(Tensor x) {
    Tensor result = Tensor.zeros(x.type(), x.dims());
    System.arraycopy(x.array(), 0, result.array(), 0, x.size());
    return result;
  }

  /** Writes an element, or what the reduction makes of it and the one that is there. */
  private static void put(String reduction, Tensor target, int at, Tensor updates, int from) {
    if (reduction.equals("none")) {
      target.copy(at, updates, from);
    } else if (target.type().isFloating()) {
      double a = target.number(at);
      double b = updates.number(from);
      target.set(
          at,
          switch (reduction) {
            case "add" -> a + b;
            case "mul" -> a * b;
            case "max" -> Math.max(a, b);
            default -> Math.min(a, b);
          });
    } else {
      long a = target.integer(at);
      long b = updates.integer(from);
      boolean less = Scalars.less(target.type(), a, b);
      target.set(
          at,
          switch (reduction) {
            case "add" -> a + b;
            case "mul" -> a * b;
            case "max" -> less ? b : a;
            default -> less ? a : b;
          });
    }
  }

  static Tensor scatterElements(Interpreter.Call call) {
    Tensor indices = call.input(1);
    int axis = (int) call.node().integer("axis", 0);
    String reduction = call.node().text("reduction", "none");
    Tensor result = copy(call.input(0));
    int[] strides = Strided.rowMajor(result.dims());
    int step = strides[axis];
    strides[axis] = 0;
    for (int i = 0; i < result.rank(); i++) {
      if (i != axis && indices.dims()[i] > result.dims()[i]) {
        throw new IllegalArgumentException(
            "ScatterElements '"
                + call.node().name()
                + "': the indices "
                + indices
                + " are larger than "
                + result);
      }
    }
    int[] index = new int[strides.length];
    int to = 0;
    for (int i = 0; i < indices.size(); i++) {
      int at = Axes.checked(call, indices.integer(i), result.dims()[axis]);
      put(reduction, result, to + at * step, call.input(2), i);
      to = Strided.advance(index, to, strides, indices.dims(), strides.length - 1);
    }
    return result;
  }

  static Tensor scatterNd(Interpreter.Call call) {
    Tensor indices = call.input(1);
    String reduction = call.node().text("reduction", "none");
    Tensor result = copy(call.input(0));
    int depth = (int) indices.dims()[indices.rank() - 1];
    int[] strides = Strided.rowMajor(result.dims());
    int width = strides[depth - 1];
    for (int i = 0; i < indices.size() / depth; i++) {
      int to = 0;
      for (int axis = 0; axis < depth; axis++) {
        long at = indices.integer(i * depth + axis);
        to += Axes.checked(call, at, result.dims()[axis]) * strides[axis];
      }
      for (int j = 0; j < width; j++) {
        put(reduction, result, to + j, call.input(2), i * width + j);
      }
    }
    return result;
  }

  /** Indices count in the natural shape, which stands at the beginning of the result. */
  static Tensor maxUnpool(Interpreter.Call call) {
    Tensor x = call.input(0);
    Tensor indices = call.input(1);
    List<Dim> natural = call.node().dims("natural");
    Tensor result = Tensor.zeros(x.type(), call.dims());
    int[] strides = Strided.rowMajor(call.dims());
    for (int i = 0; i < x.size(); i++) {
      long rest = indices.integer(i);
      int to = 0;
      for (int axis = natural.size() - 1; axis >= 0; axis--) {
        long size = natural.get(axis).evaluate(call.symbols());
        int at =
            Axes.checked(call, axis == 0 ? rest : Math.floorMod(rest, size), call.dims()[axis]);
        to += at * strides[axis];
        rest = Math.floorDiv(rest, size);
      }
      result.copy(to, x, i);
    }
    return result;
  }
}
