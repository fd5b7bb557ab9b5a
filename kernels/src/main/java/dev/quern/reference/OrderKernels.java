package dev.quern.reference;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;

/** Kernels that compare the elements of an axis, add them up, or count them. */
final class OrderKernels {
  private OrderKernels() {}

  /** Less than 0 if an element is before another: reals with NaN as the largest. */
  static int compare(Tensor x, int a, int b) {
    if (x.type().isFloating()) {
      double left = x.number(a);
      double right = x.number(b);
      return left == right ? 0 : Double.compare(left, right);
    }
    long left = x.integer(a);
    long right = x.integer(b);
    return Scalars.less(x.type(), left, right) ? -1 : left == right ? 0 : 1;
  }

  /** The places of the k largest or least of each row, in order; the first of equal ones first. */
  static Tensor topK(Interpreter.Call call) {
    Tensor x = call.input(0);
    int axis = (int) call.node().integer("axis", -1);
    boolean largest = call.node().integer("largest", 1) != 0;
    Axes axes = Axes.of(x.dims(), axis);
    Axes target = Axes.of(call.dims(), axis);
    if (target.size() > axes.size()) {
      throw new IllegalArgumentException(
          "TopK '"
              + call.node().name()
              + "': "
              + target.size()
              + " elements of an axis of "
              + axes.size());
    }
    Tensor result = Tensor.zeros(DataType.INT64, call.dims());
    Integer[] order = new Integer[axes.size()];
    for (int o = 0; o < axes.outer(); o++) {
      for (int i = 0; i < axes.inner(); i++) {
        int before = o;
        int behind = i;
        for (int j = 0; j < order.length; j++) {
          order[j] = j;
        }
        java.util.Arrays.sort(
            order,
            (a, b) -> {
              int way = compare(x, axes.at(before, a, behind), axes.at(before, b, behind));
              return way == 0 ? Integer.compare(a, b) : largest ? -way : way;
            });
        for (int j = 0; j < target.size(); j++) {
          result.longs()[target.at(o, j, i)] = order[j];
        }
      }
    }
    return result;
  }

  static Tensor arg(Interpreter.Call call, boolean largest) {
    Tensor x = call.input(0);
    boolean last = call.node().integer("last", 0) != 0;
    Axes axes = Axes.of(x.dims(), (int) call.node().integer("axis", 0));
    long[] result = new long[axes.outer() * axes.inner()];
    for (int o = 0; o < axes.outer(); o++) {
      for (int i = 0; i < axes.inner(); i++) {
        result[o * axes.inner() + i] = best(x, axes, o, i, largest, last);
      }
    }
    return Tensor.of(result, call.dims());
  }

  private static int best(Tensor x, Axes axes, int o, int i, boolean largest, boolean last) {
    int best = 0;
    for (int j = 1; j < axes.size(); j++) {
      int way = compare(x, axes.at(o, j, i), axes.at(o, best, i));
      way = largest ? way : -way;
      if (way > 0 || (way == 0 && last)) {
        best = j;
      }
    }
    return best;
  }

  static Tensor hardmax(Interpreter.Call call) {
    Tensor x = call.input(0);
    Axes axes = Axes.of(x.dims(), (int) call.node().integer("axis", -1));
    Tensor result = Tensor.zeros(x.type(), x.dims());
    for (int o = 0; o < axes.outer(); o++) {
      for (int i = 0; i < axes.inner() && axes.size() > 0; i++) {
        result.set(axes.at(o, best(x, axes, o, i, true, false), i), 1.0);
      }
    }
    return result;
  }

  static Tensor cumSum(Interpreter.Call call) {
    Tensor x = call.input(0);
    boolean exclusive = call.node().integer("exclusive", 0) != 0;
    boolean reverse = call.node().integer("reverse", 0) != 0;
    Axes axes = Axes.of(x.dims(), (int) call.node().integer("axis", 0));
    Tensor result = Tensor.zeros(x.type(), x.dims());
    for (int o = 0; o < axes.outer(); o++) {
      for (int i = 0; i < axes.inner(); i++) {
        double real = 0;
        long whole = 0;
        for (int j = 0; j < axes.size(); j++) {
          int at = axes.at(o, reverse ? axes.size() - 1 - j : j, i);
          if (x.type().isFloating()) {
            double next = real + x.number(at);
            result.set(at, exclusive ? real : next);
            real = next;
          } else {
            long next = whole + x.integer(at);
            result.set(at, exclusive ? whole : next);
            whole = next;
          }
        }
      }
    }
    return result;
  }

  // Results whose size is counted.

  /** The indices of elements that are not 0, {@code [rank, count]}. */
  static Tensor nonZero(Interpreter.Call call) {
    Tensor x = call.input(0);
    List<Integer> places = new ArrayList<>();
    for (int i = 0; i < x.size(); i++) {
      if (x.number(i) != 0) {
        places.add(i);
      }
    }
    int rank = x.rank();
    Tensor result = Tensor.zeros(DataType.INT64, rank, places.size());
    for (int j = 0; j < places.size(); j++) {
      int rest = places.get(j);
      for (int axis = rank - 1; axis >= 0; axis--) {
        result.longs()[axis * places.size() + j] = rest % (int) x.dims()[axis];
        rest /= (int) x.dims()[axis];
      }
    }
    return result;
  }

  static Tensor compress(Interpreter.Call call) {
    Tensor x = call.input(0);
    Tensor condition = call.input(1);
    int axis = (int) call.node().integer("axis", -1);
    Axes axes = axis < 0 ? new Axes(1, x.size(), 1) : Axes.of(x.dims(), axis);
    List<Integer> places = new ArrayList<>();
    for (int i = 0; i < Math.min(condition.size(), axes.size()); i++) {
      if (condition.integer(i) != 0) {
        places.add(i);
      }
    }
    long[] dims = axis < 0 ? new long[1] : java.util.Arrays.copyOf(x.dims(), x.rank());
    dims[Math.max(axis, 0)] = places.size();
    Tensor result = Tensor.zeros(x.type(), dims);
    for (int o = 0; o < axes.outer(); o++) {
      for (int j = 0; j < places.size(); j++) {
        System.arraycopy(
            x.array(),
            axes.at(o, places.get(j), 0),
            result.array(),
            (o * places.size() + j) * axes.inner(),
            axes.inner());
      }
    }
    return result;
  }
}
