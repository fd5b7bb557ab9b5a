package dev.quern.reference;

import dev.quern.graph.QuantRules;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Numbers of 8 bits. */
final class QuantKernels {
  private QuantKernels() {}

  /** How a tensor of f32 is quantised to u8, so that its range and 0 are covered. */
  private record Range(float scale, int zero) {
    static Range of(float[] x) {
      float least = 0;
      float most = 0;
      for (float v : x) {
        // Comparisons, so that NaN is passed over.
        least = v < least ? v : least;
        most = v > most ? v : most;
      }
      float scale = least == most ? 1 : (most - least) / 255;
      float zero = (0 - least) / scale;
      return new Range(scale, (int) Scalars.round(zero > 255 ? 255 : zero < 0 ? 0 : zero));
    }

    /** A number less the zero point; NaN gives the smallest. */
    int centred(float x) {
      double whole = Scalars.round(x / scale);
      return whole > 255 - zero ? 255 - zero : whole > -zero ? (int) whole : -zero;
    }
  }

  static Tensor dynamicQuantize(Interpreter.Call call) {
    float[] x = call.input(0).floats();
    Range range = Range.of(x);
    int part = (int) call.node().integer("part", 0);
    if (part == 1) {
      return Tensor.of(new float[] {range.scale});
    }
    if (part == 2) {
      return Tensor.of(DataType.UINT8, new byte[] {(byte) range.zero});
    }
    byte[] y = new byte[x.length];
    for (int i = 0; i < y.length; i++) {
      y[i] = (byte) (range.centred(x[i]) + range.zero);
    }
    return Tensor.of(DataType.UINT8, y, call.dims());
  }

  static Tensor dequantize(Interpreter.Call call) {
    List<Tensor> operands = new ArrayList<>(call.inputs());
    return Elementwise.run(
        QuantRules.dequantize(operands.get(0).type(), operands.size() == 3), operands, call.dims());
  }

  /** {@code [.., m, k]} times {@code [.., k, n]} less their zero points; sums wrap at 32 bits. */
  static Tensor matMulInteger(Interpreter.Call call) {
    Tensor a = call.input(0);
    Tensor b = call.input(1);
    long[] dims = call.dims();
    Tensor product = Tensor.zeros(DataType.INT32, dims);
    int m = (int) dims[dims.length - 2];
    int n = (int) dims[dims.length - 1];
    int k = (int) a.dims()[a.rank() - 1];
    int aZero = call.node().has(2) ? (int) call.input(2).integer(0) : 0;
    Tensor bZero = call.node().has(3) ? call.input(3) : null;
    long[] batch = Arrays.copyOf(dims, dims.length - 2);
    int[] stridesA = Strided.broadcast(Arrays.copyOf(a.dims(), a.rank() - 2), batch);
    int[] stridesB = Strided.broadcast(Arrays.copyOf(b.dims(), b.rank() - 2), batch);
    int[] indexA = new int[batch.length];
    int[] indexB = new int[batch.length];
    int matrixA = 0;
    int matrixB = 0;
    for (int out = 0; m > 0 && n > 0 && out < product.size(); out += m * n) {
      for (int i = 0; i < m * n; i++) {
        int column = i % n;
        long zero = bZero == null ? 0 : bZero.integer(bZero.size() == 1 ? 0 : column);
        int sum = 0;
        for (int p = 0; p < k; p++) {
          long left = a.integer((matrixA * m + i / n) * k + p) - aZero;
          sum += (int) (left * (b.integer((matrixB * k + p) * n + column) - zero));
        }
        product.ints()[out + i] = sum;
      }
      matrixA = Strided.advance(indexA, matrixA, stridesA, batch, batch.length - 1);
      matrixB = Strided.advance(indexB, matrixB, stridesB, batch, batch.length - 1);
    }
    return product;
  }

  /** Weights in blocks (see {@code Products}) as f32 {@code [n, k]}. */
  static Tensor blocks(Interpreter.Call call) {
    byte[] numbers = call.input(1).bytes();
    float[] scales = call.input(2).floats();
    byte[] zeros = call.node().has(3) ? call.input(3).bytes() : null;
    int bits = (int) call.node().integer("bits", 4);
    int block = (int) call.node().integer("block", 0);
    int n = (int) call.input(1).dims()[0];
    int blocks = (int) call.input(1).dims()[1];
    long k = call.input(0).dims()[call.input(0).rank() - 1];
    Tensor result = Tensor.zeros(DataType.FLOAT, n, k);
    for (int i = 0; i < result.size(); i++) {
      int column = i / (int) k;
      int row = i % (int) k;
      int at = column * blocks + row / block;
      int zero = 1 << bits - 1;
      if (zeros != null) {
        zero = bits(zeros, bits, (blocks * bits + 7) / 8 * 8 / bits * column + row / block);
      }
      int number = bits(numbers, bits, at * block + row % block);
      result.floats()[i] = (number - zero) * scales[at];
    }
    return result;
  }

  /** A number of 4 or 8 bits; the first of a byte's two lies in its lower half. */
  private static int bits(byte[] data, int bits, int index) {
    int whole = data[bits == 4 ? index / 2 : index] & 255;
    return bits == 8 ? whole : index % 2 == 0 ? whole & 15 : whole >> 4;
  }

  /** Weights {@code [k, n]}, or {@code [n, k]} if transposed, as {@code quern.MatMul} has them. */
  record Scaled(Tensor weights, Tensor scales, Tensor zeros, boolean transposed) {
    private int columns() {
      return (int) weights.dims()[transposed ? 0 : 1];
    }

    private int whole(int index, int column) {
      long zero = zeros == null ? 0 : zeros.integer(zeros.size() == 1 ? 0 : column);
      return (int) (weights.integer(index) - zero);
    }

    private float scale(int column) {
      return scales.floats()[scales.size() == 1 ? 0 : column];
    }

    /** The weights as f32. */
    Tensor numbers() {
      int n = columns();
      float[] numbers = new float[weights.size()];
      int k = n == 0 ? 0 : numbers.length / n;
      for (int i = 0; i < numbers.length; i++) {
        int column = transposed ? i / k : i % n;
        numbers[i] = whole(i, column) * scale(column);
      }
      return Tensor.of(numbers, weights.dims());
    }

    /**
     * Writes the product with a quantised A to columns {@code column} and following of {@code c}.
     */
    void dynamic(Tensor a, Tensor c, int column, int width) {
      float[] x = a.floats();
      Range range = Range.of(x);
      int n = columns();
      int k = (int) a.dims()[a.rank() - 1];
      int[] row = new int[k];
      int[] sums = new int[n];
      for (int i = 0; k > 0 && i < x.length / k; i++) {
        Arrays.fill(sums, 0);
        for (int p = 0; p < k; p++) {
          row[p] = range.centred(x[i * k + p]);
        }
        for (int p = 0; p < k; p++) {
          for (int j = 0; j < n; j++) {
            sums[j] += row[p] * whole(transposed ? j * k + p : p * n + j, j);
          }
        }
        for (int j = 0; j < n; j++) {
          c.floats()[i * width + column + j] = sums[j] * (range.scale * scale(j));
        }
      }
    }
  }
}
