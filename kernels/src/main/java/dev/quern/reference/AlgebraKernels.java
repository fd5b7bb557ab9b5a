package dev.quern.reference;

import dev.quern.graph.Attribute;
import dev.quern.graph.Node;
import java.util.List;

/** Losses, determinants, sums of products by a formula, counts of n-grams. */
final class AlgebraKernels {
  private AlgebraKernels() {}

  /** Scores {@code [n, classes, …]}, classes {@code [n, …]}, and perhaps weights of the classes. */
  static Tensor negativeLogLikelihood(Interpreter.Call call) {
    Tensor scores = call.input(0);
    Tensor targets = call.input(1);
    Tensor weights = call.inputs().size() > 2 ? call.input(2) : null;
    Node node = call.node();
    boolean ignores = node.attributes().containsKey("ignore_index");
    long ignored = node.integer("ignore_index", 0);
    String reduction = node.text("reduction", "mean");
    Axes axes = Axes.of(scores.dims(), 1);
    Tensor result = Tensor.zeros(call.type(), call.dims());
    double sum = 0;
    double all = 0;
    for (int i = 0; i < targets.size(); i++) {
      long target = targets.integer(i);
      double loss = 0;
      if (!ignores || target != ignored) {
        int at = Axes.checked(call, target, axes.size());
        double weight = weights == null ? 1 : weights.number(at);
        loss = -weight * scores.number(axes.at(i / axes.inner(), at, i % axes.inner()));
        all += weight;
      }
      if (reduction.equals("none")) {
        result.set(i, loss);
      }
      sum += loss;
    }
    if (!reduction.equals("none")) {
      result.set(0, reduction.equals("sum") ? sum : sum / all);
    }
    return result;
  }

  /** By elimination with row exchanges. */
  static Tensor det(Interpreter.Call call) {
    Tensor x = call.input(0);
    int n = (int) x.dims()[x.rank() - 1];
    Tensor result = Tensor.zeros(x.type(), call.dims());
    double[] a = new double[n * n];
    for (int m = 0; m < result.size(); m++) {
      MatrixKernels.read(x, m * n * n, a);
      double det = 1;
      for (int column = 0; column < n && det != 0; column++) {
        int pivot = column;
        for (int row = column + 1; row < n; row++) {
          if (Math.abs(a[row * n + column]) > Math.abs(a[pivot * n + column])) {
            pivot = row;
          }
        }
        det *= (pivot == column ? 1 : -1) * a[pivot * n + column];
        for (int j = 0; j < n; j++) {
          double swapped = a[pivot * n + j];
          a[pivot * n + j] = a[column * n + j];
          a[column * n + j] = swapped;
        }
        for (int row = column + 1; row < n && det != 0; row++) {
          double factor = a[row * n + column] / a[column * n + column];
          for (int j = column; j < n; j++) {
            a[row * n + j] -= factor * a[column * n + j];
          }
        }
      }
      result.set(m, det);
    }
    return result;
  }

  /** A formula with an arrow; each letter is an axis, of size 1 where it broadcasts. */
  static Tensor einsum(Interpreter.Call call) {
    String equation = call.node().text("equation", "");
    int arrow = equation.indexOf("->");
    String output = equation.substring(arrow + 2);
    StringBuilder letters = new StringBuilder(output);
    for (int i = 0; i < arrow; i++) {
      char letter = equation.charAt(i);
      if (letter != ',' && letters.indexOf(String.valueOf(letter)) < 0) {
        letters.append(letter);
      }
    }
    int count = call.inputs().size();
    long[] sizes = new long[letters.length()];
    int[][] strides = new int[count][letters.length()];
    int at = 0;
    for (int i = 0; i < count; i++) {
      int[] own = Strided.rowMajor(call.input(i).dims());
      for (int axis = 0; axis < own.length; axis++) {
        int letter = letters.indexOf(String.valueOf(equation.charAt(at++)));
        long size = call.input(i).dims()[axis];
        strides[i][letter] += size == 1 ? 0 : own[axis];
        sizes[letter] = sizes[letter] == 0 || sizes[letter] == 1 ? size : sizes[letter];
      }
      at++;
    }
    Tensor result = Tensor.zeros(call.type(), call.dims());
    int inner = 1;
    for (int i = output.length(); i < sizes.length; i++) {
      inner *= (int) sizes[i];
    }
    int[][] index = new int[count][sizes.length];
    int[] positions = new int[count];
    for (int i = 0; i < result.size(); i++) {
      sum(call, result, i, inner, positions, index, strides, sizes);
    }
    return result;
  }

  private static void sum(
      Interpreter.Call call,
      Tensor result,
      int at,
      int inner,
      int[] positions,
      int[][] index,
      int[][] strides,
      long[] sizes) {
    boolean real = result.type().isFloating();
    double sum = 0;
    long whole = 0;
    for (int j = 0; j < inner; j++) {
      double product = 1;
      long wholeProduct = 1;
      for (int k = 0; k < positions.length; k++) {
        if (real) {
          product *= call.input(k).number(positions[k]);
        } else {
          wholeProduct *= call.input(k).integer(positions[k]);
        }
        positions[k] = Strided.advance(index[k], positions[k], strides[k], sizes, sizes.length - 1);
      }
      sum += product;
      whole += wholeProduct;
    }
    if (real) {
      result.set(at, sum);
    } else {
      result.set(at, whole);
    }
  }

  /** How often each n-gram of the pool occurs in each row, with gaps of up to {@code skips}. */
  static Tensor tfIdf(Interpreter.Call call) {
    Tensor x = call.input(0);
    Node node = call.node();
    List<Long> counts = node.ints("counts");
    List<Long> indexes = node.ints("indexes");
    List<Long> pool = node.ints("pool");
    int columns = (int) x.dims()[x.rank() - 1];
    int rows = columns == 0 ? 0 : x.size() / columns;
    int width = (int) call.dims()[x.rank() - 1];
    Tensor result = Tensor.zeros(call.type(), call.dims());
    int gram = 0;
    for (int n = 1; n <= counts.size(); n++) {
      int end = n < counts.size() ? counts.get(n).intValue() : pool.size();
      boolean wanted = n >= node.integer("least", 1) && n <= node.integer("most", 1);
      for (int from = counts.get(n - 1).intValue(); from < end; from += n, gram++) {
        for (int row = 0; row < rows && wanted; row++) {
          int found = 0;
          // A single number has no gaps.
          for (int gap = 1; gap <= (n == 1 ? 1 : node.integer("skips", 0) + 1); gap++) {
            found += occurrences(x, row * columns, columns, pool, from, n, gap);
          }
          result.set(row * width + indexes.get(gram).intValue(), weighted(node, gram, found));
        }
      }
    }
    return result;
  }

  private static int occurrences(
      Tensor x, int first, int columns, List<Long> pool, int from, int n, int gap) {
    int found = 0;
    for (int start = 0; start + (n - 1) * gap < columns; start++) {
      boolean same = true;
      for (int j = 0; j < n; j++) {
        same &= x.integer(first + start + j * gap) == pool.get(from + j);
      }
      found += same ? 1 : 0;
    }
    return found;
  }

  private static double weighted(Node node, int gram, int found) {
    List<Double> weights =
        node.attributes().get("weights") instanceof Attribute.Reals a ? a.value() : List.of();
    double weight = weights.isEmpty() ? 1 : weights.get(gram);
    return switch (node.text("mode", "TF")) {
      case "TF" -> found;
      case "IDF" -> found > 0 ? weight : 0;
      default -> found * weight;
    };
  }
}
