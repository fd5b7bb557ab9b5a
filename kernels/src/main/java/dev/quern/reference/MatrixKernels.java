package dev.quern.reference;

import dev.quern.graph.Node;
import dev.quern.graph.Products;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Matrix products and attention. Sums are accumulated in f64 and rounded once. */
final class MatrixKernels {
  private MatrixKernels() {}

  /**
   * {@code quern.MatMul}: A {@code [.., m, k]} times each of B_1 … B_parts, concatenated along n;
   * then the epilogue on the result and the extras.
   */
  static Tensor matMul(Interpreter.Call call) {
    Node node = call.node();
    int parts = Products.parts(node);
    boolean transposed = node.integer("transB", 0) != 0;
    Tensor a = call.input(0);
    long[] dims = call.dims();
    Tensor product = Tensor.zeros(a.type(), dims);
    int rank = dims.length;
    int n = (int) dims[rank - 1];
    int column = 0;
    for (int part = 0; part < parts; part++) {
      int at = Products.weights(node, part);
      Tensor b = call.input(at);
      if (Products.isBlocks(node)) {
        Tensor wide = QuantKernels.blocks(call);
        multiply(a, wide, true, product, 0, n, n);
        break;
      }
      int width = (int) b.dims()[b.rank() - (transposed ? 2 : 1)];
      if (!Products.isScaled(node)) {
        multiply(a, b, transposed, product, column, width, n);
      } else {
        Tensor scales = call.input(at + 1);
        Tensor zeros = node.has(at + 2) ? call.input(at + 2) : null;
        QuantKernels.Scaled weights = new QuantKernels.Scaled(b, scales, zeros, transposed);
        if (Products.isDynamic(node)) {
          weights.dynamic(a, product, column, n);
        } else {
          multiply(a, weights.numbers(), transposed, product, column, width, n);
        }
      }
      column += width;
    }
    if (!node.hasProgram()) {
      return product;
    }
    List<Tensor> operands = new ArrayList<>(List.of(product));
    for (int i = Products.extras(node); i < node.inputs().size(); i++) {
      operands.add(call.input(i));
    }
    return Elementwise.run(node.program("program"), operands, dims);
  }

  /** Writes columns {@code column} to {@code column + width - 1} of a product with n columns. */
  private static void multiply(
      Tensor a, Tensor b, boolean transposed, Tensor product, int column, int width, int n) {
    long[] dims = product.dims();
    int m = (int) dims[dims.length - 2];
    int k = (int) a.dims()[a.rank() - 1];
    long[] batch = Arrays.copyOf(dims, dims.length - 2);
    int[] stridesA = Strided.broadcast(Arrays.copyOf(a.dims(), a.rank() - 2), batch);
    int[] stridesB = Strided.broadcast(Arrays.copyOf(b.dims(), b.rank() - 2), batch);
    int[] indexA = new int[batch.length];
    int[] indexB = new int[batch.length];
    int matrixA = 0;
    int matrixB = 0;
    double[] row = new double[k];
    double[] sums = new double[width];
    for (int out = column; m > 0 && n > 0 && out < product.size(); out += m * n) {
      for (int i = 0; i < m; i++) {
        read(a, (matrixA * m + i) * k, row);
        Arrays.fill(sums, 0);
        if (b.array() instanceof float[] floats) {
          rowTimes(row, floats, matrixB * k * width, transposed, sums);
        } else {
          rowTimes(row, b.doubles(), matrixB * k * width, transposed, sums);
        }
        write(sums, product, out + i * n);
      }
      matrixA = Strided.advance(indexA, matrixA, stridesA, batch, batch.length - 1);
      matrixB = Strided.advance(indexB, matrixB, stridesB, batch, batch.length - 1);
    }
  }

  private static void rowTimes(
      double[] row, float[] b, int from, boolean transposed, double[] sums) {
    int width = sums.length;
    if (transposed) {
      for (int j = 0; j < width; j++) {
        double sum = 0;
        for (int p = 0; p < row.length; p++) {
          sum += row[p] * b[from + j * row.length + p];
        }
        sums[j] = sum;
      }
      return;
    }
    for (int p = 0; p < row.length; p++) {
      double factor = row[p];
      int at = from + p * width;
      for (int j = 0; j < width; j++) {
        sums[j] += factor * b[at + j];
      }
    }
  }

  private static void rowTimes(
      double[] row, double[] b, int from, boolean transposed, double[] sums) {
    int width = sums.length;
    for (int p = 0; p < row.length; p++) {
      for (int j = 0; j < width; j++) {
        sums[j] += row[p] * b[from + (transposed ? j * row.length + p : p * width + j)];
      }
    }
  }

  /** Reads numbers from a position of a tensor. */
  static void read(Tensor source, int from, double[] target) {
    switch (source.array()) {
      case float[] array -> {
        for (int i = 0; i < target.length; i++) {
          target[i] = array[from + i];
        }
      }
      case double[] array -> System.arraycopy(array, from, target, 0, target.length);
      default -> {
        for (int i = 0; i < target.length; i++) {
          target[i] = source.number(from + i);
        }
      }
    }
  }

  /** Writes numbers to a position of a tensor; whole ones where that is its type. */
  static void write(double[] source, Tensor target, int at) {
    if (target.type() == DataType.DOUBLE) {
      System.arraycopy(source, 0, target.doubles(), at, source.length);
      return;
    }
    boolean real = target.type().isFloating();
    for (int i = 0; i < source.length; i++) {
      if (real) {
        target.set(at + i, source[i]);
      } else {
        target.set(at + i, (long) source[i]);
      }
    }
  }

  /**
   * {@code quern.Attention}: for each head, {@code softmax(scale · Q·Kᵀ + mask) · V}. Q is {@code
   * [b, sq, heads·d]}, K {@code [b, sk, heads·d]}, V {@code [b, sk, heads·dv]}, the mask broadcasts
   * to {@code [b, heads, sq, sk]}. The result is {@code [b, sq, heads·dv]}. Of the operands whose
   * bits {@code apart} has, the heads lie apart: {@code [b, heads, s, d]}; one of K and V may then
   * stand for a {@code group} of heads.
   */
  static Tensor attention(Interpreter.Call call) {
    Node node = call.node();
    Tensor q = call.input(0);
    Tensor k = call.input(1);
    Tensor v = call.input(2);
    int heads = (int) node.integer("heads", 1);
    double scale = node.real("scale", 1);
    int batch = (int) q.dims()[0];
    long apart = node.integer("apart", 0);
    boolean qApart = (apart & 1) != 0;
    boolean kApart = (apart & 2) != 0;
    boolean vApart = (apart & 4) != 0;
    int group = (int) node.integer("group", 1);
    int shared = heads / group;
    int rows = (int) q.dims()[qApart ? 2 : 1];
    int keys = (int) k.dims()[kApart ? 2 : 1];
    int depth = qApart ? (int) q.dims()[3] : (int) q.dims()[2] / heads;
    int width = vApart ? (int) v.dims()[3] : (int) v.dims()[2] / heads;
    int[] strides = new int[4];
    if (node.has(3)) {
      strides = Strided.broadcast(call.input(3).dims(), new long[] {batch, heads, rows, keys});
    }
    Tensor result = Tensor.zeros(q.type(), batch, rows, (long) heads * width);
    double[] query = new double[depth];
    double[] key = new double[depth];
    double[] value = new double[width];
    double[] scores = new double[keys];
    double[] sums = new double[width];
    for (int b = 0; b < batch; b++) {
      for (int h = 0; h < heads; h++) {
        for (int i = 0; i < rows; i++) {
          read(q, row(qApart, b, h, i, heads, rows) * depth, query);
          for (int j = 0; j < keys; j++) {
            read(k, row(kApart, b, h / group, j, shared, keys) * depth, key);
            double sum = 0;
            for (int p = 0; p < depth; p++) {
              sum += query[p] * key[p];
            }
            scores[j] = sum * scale;
            if (node.has(3)) {
              int at = b * strides[0] + h * strides[1] + i * strides[2] + j * strides[3];
              scores[j] += call.input(3).number(at);
            }
          }
          RowKernels.softmax(scores);
          Arrays.fill(sums, 0);
          for (int j = 0; j < keys; j++) {
            read(v, row(vApart, b, h / group, j, shared, keys) * width, value);
            for (int p = 0; p < width; p++) {
              sums[p] += scores[j] * value[p];
            }
          }
          write(sums, result, ((b * rows + i) * heads + h) * width);
        }
      }
    }
    return result;
  }

  /** The number of a head's row, of heads apart or side by side. */
  private static int row(boolean apart, int batch, int head, int at, int heads, int rows) {
    return apart ? (batch * heads + head) * rows + at : (batch * rows + at) * heads + head;
  }
}
