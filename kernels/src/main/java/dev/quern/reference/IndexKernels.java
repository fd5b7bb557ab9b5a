package dev.quern.reference;

import dev.quern.graph.ArrangeRules;
import dev.quern.graph.Dim;
import java.util.List;

/** Kernels that read elements by indices, or by their place. */
final class IndexKernels {
  private IndexKernels() {}

  static Tensor gatherElements(Interpreter.Call call) {
    Tensor data = call.input(0);
    Tensor indices = call.input(1);
    int axis = (int) call.node().integer("axis", 0);
    Tensor result = Tensor.zeros(data.type(), call.dims());
    int[] strides = Strided.rowMajor(data.dims());
    int step = strides[axis];
    strides[axis] = 0;
    int[] index = new int[strides.length];
    int from = 0;
    for (int i = 0; i < result.size(); i++) {
      int at = Axes.checked(call, indices.integer(i), data.dims()[axis]);
      result.copy(i, data, from + at * step);
      from = Strided.advance(index, from, strides, call.dims(), strides.length - 1);
    }
    return result;
  }

  static Tensor gatherNd(Interpreter.Call call) {
    Tensor data = call.input(0);
    Tensor indices = call.input(1);
    int batch = (int) call.node().integer("batch_dims", 0);
    int depth = (int) indices.dims()[indices.rank() - 1];
    Tensor result = Tensor.zeros(data.type(), call.dims());
    int[] strides = Strided.rowMajor(data.dims());
    int batches = 1;
    for (int i = 0; i < batch; i++) {
      batches *= (int) data.dims()[i];
    }
    int width = strides[batch + depth - 1];
    int tuples = indices.size() / depth;
    for (int i = 0; i < tuples; i++) {
      int from = batch == 0 ? 0 : i / (tuples / batches) * strides[batch - 1];
      for (int j = 0; j < depth; j++) {
        int axis = batch + j;
        from +=
            Axes.checked(call, indices.integer(i * depth + j), data.dims()[axis]) * strides[axis];
      }
      System.arraycopy(data.array(), from, result.array(), i * width, width);
    }
    return result;
  }

  /** Indices, then the values where they do not point and where they do. */
  static Tensor oneHot(Interpreter.Call call) {
    Tensor indices = call.input(0);
    Tensor values = call.input(1);
    Tensor result = Tensor.zeros(values.type(), call.dims());
    Axes axes = Axes.of(call.dims(), (int) call.node().integer("axis", -1));
    for (int o = 0; o < axes.outer(); o++) {
      for (int i = 0; i < axes.inner(); i++) {
        long index = indices.integer(o * axes.inner() + i);
        long at = index < 0 ? index + axes.size() : index;
        for (int d = 0; d < axes.size(); d++) {
          result.copy(axes.at(o, d, i), values, d == at ? 1 : 0);
        }
      }
    }
    return result;
  }

  static Tensor reverseSequence(Interpreter.Call call) {
    Tensor x = call.input(0);
    Tensor lengths = call.input(1);
    int time = (int) call.node().integer("time_axis", 0);
    Tensor result = Tensor.zeros(x.type(), x.dims());
    int first = (int) x.dims()[0];
    int second = (int) x.dims()[1];
    int inner = Axes.of(x.dims(), 1).inner();
    for (int a = 0; a < first; a++) {
      for (int b = 0; b < second; b++) {
        int at = time == 0 ? a : b;
        int length = (int) lengths.integer(time == 0 ? b : a);
        if (length < 0 || length > x.dims()[time]) {
          throw new IllegalArgumentException(
              "ReverseSequence '" + call.node().name() + "': a sequence is " + length + " long");
        }
        int source = at < length ? length - 1 - at : at;
        int from = time == 0 ? source * second + b : a * second + source;
        System.arraycopy(x.array(), from * inner, result.array(), (a * second + b) * inner, inner);
      }
    }
    return result;
  }

  /** Pad by the tensor's own elements. */
  static Tensor padMode(Interpreter.Call call) {
    Tensor x = call.input(0);
    List<Dim> pads = call.node().dims("pads");
    String mode = call.node().text("mode", "");
    int rank = x.rank();
    Tensor result = Tensor.zeros(x.type(), call.dims());
    int[] strides = Strided.rowMajor(x.dims());
    int[][] places = new int[rank][];
    for (int axis = 0; axis < rank; axis++) {
      long before = pads.get(axis).evaluate(call.symbols());
      long size = x.dims()[axis];
      places[axis] = new int[(int) call.dims()[axis]];
      boolean far =
          mode.equals("reflect") && Math.max(before, places[axis].length - size - before) >= size;
      if (places[axis].length > size && (size == 0 || far)) {
        throw new IllegalArgumentException(
            "Pad '" + call.node().name() + "': an axis of " + size + " is too short for its pads");
      }
      for (int i = 0; i < places[axis].length; i++) {
        places[axis][i] = (int) ArrangeRules.paddedPlace(mode, i - before, size) * strides[axis];
      }
    }
    int[] index = new int[rank];
    for (int i = 0; i < result.size(); i++) {
      int from = 0;
      for (int axis = 0; axis < rank; axis++) {
        from += places[axis][index[axis]];
      }
      result.copy(i, x, from);
      Strided.advance(index, 0, strides, call.dims(), rank - 1);
    }
    return result;
  }

  static Tensor trilu(Interpreter.Call call) {
    Tensor x = call.input(0);
    long k = call.inputs().size() > 1 && call.input(1) != null ? call.input(1).integer(0) : 0;
    boolean upper = call.node().integer("upper", 1) != 0;
    Tensor result = Tensor.zeros(x.type(), x.dims());
    int rows = (int) x.dims()[x.rank() - 2];
    int columns = (int) x.dims()[x.rank() - 1];
    for (int i = 0; i < x.size(); i++) {
      long diagonal = (long) (i % columns) - i / columns % rows;
      if (upper ? diagonal >= k : diagonal <= k) {
        result.copy(i, x, i);
      }
    }
    return result;
  }

  /** {@code quern.Iota}: whole numbers from {@code start} on, {@code step} apart. */
  static Tensor iota(Interpreter.Call call) {
    long start = call.node().dims("start").getFirst().evaluate(call.symbols());
    long step = call.node().integer("step", 1);
    Tensor result = Tensor.zeros(call.type(), call.dims());
    for (int i = 0; i < result.size(); i++) {
      result.set(i, start + i * step);
    }
    return result;
  }
}
