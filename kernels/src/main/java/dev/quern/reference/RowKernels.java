package dev.quern.reference;

import dev.quern.graph.Node;
import dev.quern.onnx.DataType;
import java.util.List;

/** Kernels that normalise rows, and reductions. Sums are accumulated in f64 and rounded once. */
final class RowKernels {
  private RowKernels() {}

  /** {@code Softmax} over the last axis. */
  static Tensor softmax(Interpreter.Call call) {
    Tensor x = call.input(0);
    Tensor result = Tensor.zeros(x.type(), call.dims());
    double[] row = new double[(int) x.dims()[x.rank() - 1]];
    for (int at = 0; at < x.size(); at += row.length) {
      MatrixKernels.read(x, at, row);
      softmax(row);
      MatrixKernels.write(row, result, at);
    }
    return result;
  }

  /** {@code LogSoftmax} over the last axis. */
  static Tensor logSoftmax(Interpreter.Call call) {
    Tensor x = call.input(0);
    Tensor result = Tensor.zeros(x.type(), call.dims());
    double[] row = new double[(int) x.dims()[x.rank() - 1]];
    for (int at = 0; at < x.size(); at += row.length) {
      MatrixKernels.read(x, at, row);
      double most = most(row);
      double sum = 0;
      for (double value : row) {
        sum += Math.exp(value - most);
      }
      double log = Math.log(sum);
      for (int i = 0; i < row.length; i++) {
        row[i] = row[i] - most - log;
      }
      MatrixKernels.write(row, result, at);
    }
    return result;
  }

  /** Replaces a row by its softmax; a row of which all are -∞ becomes NaN. */
  static void softmax(double[] row) {
    double most = most(row);
    double sum = 0;
    for (int i = 0; i < row.length; i++) {
      row[i] = Math.exp(row[i] - most);
      sum += row[i];
    }
    for (int i = 0; i < row.length; i++) {
      row[i] /= sum;
    }
  }

  private static double most(double[] row) {
    double most = Double.NEGATIVE_INFINITY;
    for (double value : row) {
      most = Math.max(most, value);
    }
    return most;
  }

  /**
   * {@code LayerNormalization} of the last axis: {@code (x - mean) / √(variance + ε) · scale +
   * bias}.
   */
  static Tensor layerNormalization(Interpreter.Call call) {
    Tensor x = call.input(0);
    Tensor scale = call.input(1);
    boolean hasBias = call.node().has(2);
    double epsilon = call.node().real("epsilon", 1e-5f);
    Tensor result = Tensor.zeros(x.type(), call.dims());
    double[] row = new double[(int) x.dims()[x.rank() - 1]];
    for (int at = 0; at < x.size(); at += row.length) {
      MatrixKernels.read(x, at, row);
      double mean = 0;
      for (double value : row) {
        mean += value;
      }
      mean /= row.length;
      double variance = 0;
      for (double value : row) {
        variance += (value - mean) * (value - mean);
      }
      double factor = 1 / Math.sqrt(variance / row.length + epsilon);
      for (int i = 0; i < row.length; i++) {
        row[i] =
            (row[i] - mean) * factor * scale.number(i) + (hasBias ? call.input(2).number(i) : 0);
      }
      MatrixKernels.write(row, result, at);
    }
    return result;
  }

  /**
   * {@code ReduceMean}, {@code ReduceSum}, {@code ReduceMax}, {@code ReduceMin}, {@code
   * ReduceProd}.
   */
  static Tensor reduce(Interpreter.Call call) {
    Node node = call.node();
    Tensor x = call.input(0);
    Tensor result = Tensor.zeros(x.type(), call.dims());
    // Each element's place in the result: reduced axes have the stride 0.
    boolean[] reduced = new boolean[x.rank()];
    for (long axis : node.ints("axes")) {
      reduced[(int) axis] = true;
    }
    int[] strides = new int[x.rank()];
    int next = 1;
    int count = 1;
    for (int i = x.rank() - 1; i >= 0; i--) {
      strides[i] = reduced[i] ? 0 : next;
      next *= reduced[i] ? 1 : (int) x.dims()[i];
      count *= reduced[i] ? (int) x.dims()[i] : 1;
    }
    if (x.type().isFloating()) {
      reals(node.op(), x, strides, count, result);
    } else {
      wholes(node.op(), x, strides, count, result);
    }
    return result;
  }

  private static void reals(String op, Tensor x, int[] strides, int count, Tensor result) {
    double[] sums = new double[result.size()];
    java.util.Arrays.fill(
        sums,
        switch (op) {
          case "ReduceMax" -> Double.NEGATIVE_INFINITY;
          case "ReduceMin" -> Double.POSITIVE_INFINITY;
          case "ReduceProd" -> 1;
          default -> 0;
        });
    int[] index = new int[x.rank()];
    int at = 0;
    for (int i = 0; i < x.size(); i++) {
      double value = x.number(i);
      sums[at] =
          switch (op) {
            case "ReduceMax" -> Math.max(sums[at], value);
            case "ReduceMin" -> Math.min(sums[at], value);
            case "ReduceProd" -> sums[at] * value;
            default -> sums[at] + value;
          };
      at = Strided.advance(index, at, strides, x.dims(), x.rank() - 1);
    }
    if (op.equals("ReduceMean")) {
      for (int i = 0; i < sums.length; i++) {
        sums[i] /= count;
      }
    }
    MatrixKernels.write(sums, result, 0);
  }

  private static void wholes(String op, Tensor x, int[] strides, int count, Tensor result) {
    DataType type = x.type();
    long[] sums = new long[result.size()];
    java.util.Arrays.fill(
        sums,
        switch (op) {
          case "ReduceMax" -> least(type);
          case "ReduceMin" -> Scalars.wrap(type, type == DataType.BOOL ? 1 : ~least(type));
          case "ReduceProd" -> 1;
          default -> 0;
        });
    int[] index = new int[x.rank()];
    int at = 0;
    for (int i = 0; i < x.size(); i++) {
      long value = x.integer(i);
      sums[at] =
          switch (op) {
            case "ReduceMax" -> Scalars.less(type, value, sums[at]) ? sums[at] : value;
            case "ReduceMin" -> Scalars.less(type, value, sums[at]) ? value : sums[at];
            case "ReduceProd" -> sums[at] * value;
            default -> sums[at] + value;
          };
      at = Strided.advance(index, at, strides, x.dims(), x.rank() - 1);
    }
    for (int i = 0; i < sums.length; i++) {
      // A mean of whole numbers is cut towards 0, as numpy's cast does.
      result.set(i, op.equals("ReduceMean") && count > 0 ? sums[i] / count : sums[i]);
    }
  }

  /** The least number of an integer type, or of bool. */
  private static long least(DataType type) {
    return type.isUnsigned() || type == DataType.BOOL ? 0 : -1L << type.bits() - 1;
  }

  /** The operators that {@link #reduce} computes. */
  static final List<String> REDUCTIONS =
      List.of("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd");
}
