package dev.quern.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.kernel.KernelRig.Buffer;
import dev.quern.kernel.KernelSpec.LayerNorm;
import dev.quern.kernel.KernelSpec.Reduce;
import dev.quern.kernel.KernelSpec.Reduction;
import dev.quern.kernel.KernelSpec.Softmax;
import dev.quern.schedule.Features;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Softmax, layer normalisation and reductions. */
class RowKernelsTest {
  private static KernelRig rig;

  @BeforeAll
  static void start() {
    rig = new KernelRig();
  }

  @AfterAll
  static void stop() {
    rig.close();
  }

  static IntStream sizes() {
    return IntStream.of(1, 2, 3, 4, 5, 7, 8, 13, 17, 31, 33, 64, 127, 384, 4097);
  }

  // --- softmax ---

  private static float[] softmax(boolean log, Features features, float[] x, int rows) {
    rig.reset();
    Buffer in = rig.input(4, x);
    Buffer out = rig.output(x.length * 4, 8);
    rig.arg(SoftmaxKernel.X, in);
    rig.arg(SoftmaxKernel.Y, out);
    rig.arg(SoftmaxKernel.COLUMNS, rows == 0 ? 0 : x.length / rows);
    rig.run(new Softmax(log), features, rows);
    return rig.read(out);
  }

  @ParameterizedTest
  @MethodSource("sizes")
  void softmaxSumsToOneAndAgrees(int columns) {
    Random random = new Random(columns);
    int rows = 5;
    float[] x = KernelRig.random(random, rows * columns);
    for (int i = 0; i < x.length; i++) {
      x[i] *= i / columns * 20;
    }
    for (boolean log : new boolean[] {false, true}) {
      for (Features features : List.of(KernelRig.PLAIN, KernelRig.FMA)) {
        float[] y = softmax(log, features, x, rows);
        for (int r = 0; r < rows; r++) {
          double top = Double.NEGATIVE_INFINITY;
          double sum = 0;
          for (int c = 0; c < columns; c++) {
            top = Math.max(top, x[r * columns + c]);
          }
          for (int c = 0; c < columns; c++) {
            sum += Math.exp(x[r * columns + c] - top);
          }
          for (int c = 0; c < columns; c++) {
            double share = x[r * columns + c] - top - Math.log(sum);
            KernelRig.close(
                y[r * columns + c],
                log ? share : Math.exp(share),
                log ? 2e-5 : 1e-6,
                "softmax row " + r + " column " + c);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 4, 6, 9})
  void softmaxHandlesExtremes(int columns) {
    int middle = columns / 2;
    for (Features features : List.of(KernelRig.PLAIN, KernelRig.FMA)) {
      // A masked entry has no share, however far below it lies.
      float[] masked = new float[columns];
      masked[middle] = Float.NEGATIVE_INFINITY;
      float[] y = softmax(false, features, masked, 1);
      for (int c = 0; c < columns && columns > 1; c++) {
        KernelRig.close(y[c], c == middle ? 0 : 1.0 / (columns - 1), 1e-7, "masked " + c);
      }
      // The largest and the smallest numbers do not overflow.
      float[] large = new float[columns];
      java.util.Arrays.fill(large, -3e38f);
      large[middle] = 3e38f;
      y = softmax(false, features, large, 1);
      assertThat(y[middle]).isEqualTo(1f);
      assertThat(y[0]).isEqualTo(columns == 1 ? 1f : 0f);
      // NaN spreads over its own row and no further.
      float[] broken = new float[2 * columns];
      broken[middle] = Float.NaN;
      y = softmax(false, features, broken, 2);
      for (int c = 0; c < columns; c++) {
        assertThat(y[c]).as("column %s of %s", c, columns).isNaN();
        KernelRig.close(y[columns + c], 1.0 / columns, 1e-7, "beside NaN " + c);
      }
      // Nothing but minus infinity is no distribution.
      float[] empty = new float[columns];
      java.util.Arrays.fill(empty, Float.NEGATIVE_INFINITY);
      assertThat(softmax(false, features, empty, 1)).containsOnly(Float.NaN);
    }
  }

  @Test
  void softmaxOfNoRowsDoesNothing() {
    assertThat(softmax(false, KernelRig.FMA, new float[0], 0)).isEmpty();
  }

  // --- layer normalisation ---

  private static float[] layerNorm(
      LayerNorm spec, Features features, float[] x, float[] scale, float[] bias, int rows) {
    rig.reset();
    Buffer in = rig.input(8, x);
    Buffer out = rig.output(x.length * 4, 4);
    rig.arg(LayerNormKernel.X, in);
    rig.arg(LayerNormKernel.SCALE, rig.input(4, scale));
    rig.arg(LayerNormKernel.BIAS, spec.bias() ? rig.input(12, bias).address() : -1);
    rig.arg(LayerNormKernel.Y, out);
    rig.arg(LayerNormKernel.COLUMNS, scale.length);
    rig.run(spec, features, rows);
    return rig.read(out);
  }

  @ParameterizedTest
  @MethodSource("sizes")
  void layerNormAgrees(int columns) {
    Random random = new Random(columns);
    int rows = 4;
    float[] x = KernelRig.random(random, rows * columns);
    for (int i = 0; i < x.length; i++) {
      // Row 2 lies far from 0, row 3 is constant.
      int row = i / columns;
      x[i] = row == 2 ? 1000 + x[i] : row == 3 ? 7 : x[i];
    }
    float[] scale = KernelRig.random(random, columns);
    float[] bias = KernelRig.random(random, columns);
    for (boolean biased : new boolean[] {false, true}) {
      for (Features features : List.of(KernelRig.PLAIN, KernelRig.FMA)) {
        LayerNorm spec = new LayerNorm(1e-5f, biased);
        float[] y = layerNorm(spec, features, x, scale, bias, rows);
        for (int r = 0; r < rows; r++) {
          double mean = 0;
          for (int c = 0; c < columns; c++) {
            mean += x[r * columns + c] / (double) columns;
          }
          double variance = 0;
          for (int c = 0; c < columns; c++) {
            variance += Math.pow(x[r * columns + c] - mean, 2) / columns;
          }
          for (int c = 0; c < columns; c++) {
            double wanted =
                (x[r * columns + c] - mean) / Math.sqrt(variance + 1e-5f) * scale[c]
                    + (biased ? bias[c] : 0);
            double tolerance = r == 2 ? 2e-3 : 1e-5;
            KernelRig.close(y[r * columns + c], wanted, tolerance, "row " + r + " column " + c);
          }
        }
      }
    }
  }

  @Test
  void layerNormKeepsNaNInItsRow() {
    float[] x = new float[22];
    x[5] = Float.NaN;
    float[] ones = new float[11];
    java.util.Arrays.fill(ones, 1);
    float[] y = layerNorm(new LayerNorm(1e-12f, true), KernelRig.FMA, x, ones, ones, 2);
    for (int i = 0; i < 22; i++) {
      KernelRig.close(y[i], i < 11 ? Double.NaN : 1, 0, "element " + i);
    }
  }

  // --- reductions ---

  private static float[] reduce(Reduction reduction, float[] x, int outer, int middle, int inner) {
    rig.reset();
    boolean columns = inner != 1;
    Buffer in = rig.input(4, x);
    Buffer out = rig.output(outer * inner * 4, 8);
    rig.arg(ReduceKernel.X, in);
    rig.arg(ReduceKernel.Y, out);
    rig.arg(ReduceKernel.MIDDLE, middle);
    rig.arg(ReduceKernel.INNER, columns ? inner : -1);
    rig.run(new Reduce(reduction, columns), KernelRig.FMA, outer);
    return rig.read(out);
  }

  private static double reference(
      Reduction reduction, float[] x, int start, int middle, int inner) {
    double result =
        switch (reduction) {
          case MEAN, SUM -> 0;
          case PROD -> 1;
          case MAX -> Double.NEGATIVE_INFINITY;
          case MIN -> Double.POSITIVE_INFINITY;
        };
    for (int i = 0; i < middle; i++) {
      double value = x[start + i * inner];
      result =
          switch (reduction) {
            case MEAN, SUM -> result + value;
            case PROD -> result * value;
            case MAX -> Math.max(result, value);
            case MIN -> Math.min(result, value);
          };
    }
    return reduction == Reduction.MEAN ? result / middle : result;
  }

  @ParameterizedTest
  @EnumSource
  void reducesAnyShape(Reduction reduction) {
    Random random = new Random(9);
    for (int middle : new int[] {0, 1, 2, 3, 5, 7, 8, 13, 33, 127, 4097}) {
      for (int inner : new int[] {1, 2, 3, 4, 5, 8, 13, 31}) {
        int outer = 1 + random.nextInt(4);
        float[] x = KernelRig.random(random, outer * middle * inner);
        for (int i = 0; i < x.length; i++) {
          // Products stay near 1.
          x[i] = reduction == Reduction.PROD ? 1 + x[i] / 64 : x[i];
        }
        float[] y = reduce(reduction, x, outer, middle, inner);
        for (int i = 0; i < y.length; i++) {
          double wanted =
              reference(reduction, x, i / inner * middle * inner + i % inner, middle, inner);
          // Rounding after each of the operations, one after the other.
          double tolerance = (1 + Math.abs(wanted)) * (1e-6 + 5e-8 * middle);
          KernelRig.close(y[i], wanted, tolerance, reduction + " " + middle + "x" + inner);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void reductionsPassNaNOn(Reduction reduction) {
    for (int inner : new int[] {1, 6}) {
      for (int at = 0; at < 9 * inner; at += inner) {
        float[] x = new float[9 * inner];
        java.util.Arrays.fill(x, 1);
        x[at] = Float.NaN;
        float[] y = reduce(reduction, x, 1, 9, inner);
        assertThat(y[0]).as("%s, NaN at %s of %s", reduction, at, x.length).isNaN();
        if (inner > 1) {
          KernelRig.close(y[1], reference(reduction, x, 1, 9, inner), 0, "beside NaN");
        }
      }
    }
  }
}
