package dev.quern.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.kernel.KernelRig.Buffer;
import dev.quern.kernel.KernelSpec.Extra;
import dev.quern.kernel.KernelSpec.Layout;
import dev.quern.kernel.KernelSpec.Matmul;
import dev.quern.kernel.KernelSpec.Quantised;
import dev.quern.onnx.DataType;
import dev.quern.schedule.ByteDot;
import dev.quern.schedule.Features;
import dev.quern.schedule.Schedule;
import dev.quern.schedule.Schedule.Order;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Kernels on whole numbers against the definition, to the bit. */
class WholeKernelsTest {
  private static final KernelRig rig = new KernelRig();
  private static final List<WeightFormat> FORMATS =
      List.of(WeightFormat.I8, WeightFormat.I16, WeightFormat.BYTES, WeightFormat.DIGITS);
  private static final int[] SIZES = {1, 2, 3, 4, 5, 7, 8, 13, 16, 31, 33, 64, 127};

  @AfterAll
  static void close() {
    rig.close();
  }

  private static int pick(Random random, int... values) {
    return values[random.nextInt(values.length)];
  }

  private static byte[] bytes(Random random, int count) {
    byte[] result = new byte[count];
    random.nextBytes(result);
    return result;
  }

  private static int number(DataType type, byte value) {
    return type == DataType.INT8 ? value : value & 255;
  }

  /** Sums are exact for every schedule, tail, type, layout and zero point. */
  @Test
  void productsAreExact() {
    for (int seed = 0; seed < 600; seed++) {
      product(new Random(seed));
    }
  }

  private void product(Random random) {
    rig.reset();
    WeightFormat format =
        FORMATS.get(random.nextInt(rig.bytes() == ByteDot.NONE ? 2 : FORMATS.size()));
    // Where all bytes are below 128 it is the same to every machine.
    boolean small = format.isBytes() && random.nextBoolean();
    Features features =
        KernelRig.FMA.with(small && random.nextBoolean() ? ByteDot.SIGNED : rig.bytes());
    DataType type = random.nextBoolean() ? DataType.INT8 : DataType.UINT8;
    int m = pick(random, SIZES);
    int k = pick(random, SIZES);
    int n = pick(random, SIZES);
    byte[] b = bytes(random, k * n);
    byte[] zeros = bytes(random, n);
    if (format != WeightFormat.I16) {
      java.util.Arrays.fill(zeros, (byte) (type == DataType.INT8 ? 0 : 128));
    }
    boolean turned = random.nextBoolean();
    boolean signed = features.bytes() == ByteDot.SIGNED;
    int zero = small ? signed ? 128 : 0 : random.nextInt(256);
    int row = (int) format.rowBytes(k);
    byte[] a = bytes(random, m * row);
    int[] numbers = new int[m * k];
    for (int i = 0; i < numbers.length; i++) {
      int at = i / k * row;
      if (format == WeightFormat.BYTES) {
        int number = random.nextInt(small ? 128 : 256);
        a[at + i % k] = (byte) number;
        numbers[i] = number + (signed ? 128 : 0) - zero;
      } else if (format == WeightFormat.DIGITS) {
        int upper = random.nextInt(small ? 128 : 256);
        int lower = random.nextInt(small ? 128 : 256);
        a[at + i % k] = (byte) upper;
        a[at + row / 2 + i % k] = (byte) lower;
        numbers[i] = 256 * (upper - (signed ? 0 : 128)) + lower;
      } else {
        numbers[i] = random.nextInt(511) - 255;
        a[at + 2 * (i % k)] = (byte) numbers[i];
        a[at + 2 * (i % k) + 1] = (byte) (numbers[i] >> 8);
      }
    }
    for (int r = 0; r < m && !format.isBytes() && k % 2 > 0; r++) {
      a[r * row + 2 * k] = 0;
      a[r * row + 2 * k + 1] = 0;
    }
    int unroll = 1 + random.nextInt(4);
    int mr = 1 + random.nextInt(8);
    int nr = 4 * (1 + random.nextInt(4));
    Schedule schedule =
        new Schedule(
            mr,
            nr,
            mr * pick(random, 1, 3, 40),
            nr * pick(random, 1, 3, 40),
            unroll * pick(random, 1, 3, 16, 1000),
            unroll,
            random.nextBoolean(),
            random.nextBoolean() ? Order.M : Order.N);
    boolean scaled = random.nextBoolean();
    // Bytes have their scale, here 1, before all else.
    boolean bytes = format == WeightFormat.BYTES;
    List<Extra> extras = new ArrayList<>(bytes ? List.of(Extra.SPLAT) : List.of());
    if (scaled) {
      extras.add(Extra.VECTOR);
    }
    Matmul spec = new Matmul(k, n, Layout.PANELS, format, epilogue(bytes, scaled), extras);
    Buffer right = rig.packed(format, type, b, zeros, k, n, turned);
    Buffer left = rig.bytes(random.nextInt(4), a);
    Buffer out = rig.output(m * n * 4, 4 * random.nextInt(4));
    rig.arg(MatmulKernel.A, left);
    rig.arg(MatmulKernel.B, right);
    rig.arg(MatmulKernel.C, out);
    int mBlocks = MatmulKernel.blocks(m, schedule.mc());
    int nBlocks = MatmulKernel.blocks(n, schedule.nc());
    rig.args(MatmulKernel.M, m, -1, -1, 0, 0, 0, mBlocks, nBlocks, schedule.mc(), schedule.nc());
    rig.args(MatmulKernel.FACT, right.address() + (int) format.bytes(k, n));
    float[] bias = KernelRig.random(random, n);
    int next = MatmulKernel.EXTRAS;
    if (bytes) {
      rig.args(next, rig.input(1, zero).address(), 0, 0);
      next += 3;
    }
    rig.args(next, rig.input(bias).address(), 0, 0);
    rig.run(spec, schedule, features, mBlocks * nBlocks, 0);
    float[] found = rig.read(out);
    for (int i = 0; i < m * n; i++) {
      int sum = 0;
      int upper = 0;
      for (int p = 0; p < k; p++) {
        int column = i % n;
        byte weight = b[turned ? column * k + p : p * n + column];
        int factor = number(type, weight) - number(type, zeros[column]);
        sum += numbers[i / n * k + p] * factor;
        upper += (numbers[i / n * k + p] >> 8) * factor;
      }
      // Sums of digits are exact, each for itself.
      float whole =
          format == WeightFormat.DIGITS ? upper * 256f + (float) (sum - 256 * upper) : sum;
      float wanted = scaled ? whole + bias[i % n] : whole;
      assertThat(found[i])
          .as("%s m=%s %s row %s column %s", spec, m, schedule.text(), i / n, i % n)
          .isEqualTo(wanted);
    }
  }

  private static ElementwiseProgram epilogue(boolean bytes, boolean biased) {
    if (bytes) {
      return biased ? Programs.scaledBias() : Programs.binary(ElementwiseOp.MUL);
    }
    return biased ? Programs.bias() : null;
  }

  /** Every f16, infinities, NaN and denormals included, is widened to what it stands for. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void everyHalfIsWidenedExactly(boolean turned) {
    rig.reset();
    int n = 1 << 16;
    byte[] halves = new byte[2 * n];
    for (int i = 0; i < n; i++) {
      halves[2 * i] = (byte) i;
      halves[2 * i + 1] = (byte) (i >> 8);
    }
    Schedule schedule = new Schedule(1, 16, 1, 256, 1, 1, true, Order.N);
    Matmul spec = new Matmul(1, n, Layout.PANELS, WeightFormat.F16, null, List.of());
    Buffer right =
        rig.packed(WeightFormat.F16, DataType.FLOAT16, halves, new byte[0], 1, n, turned);
    Buffer out = rig.output(n * 4, 0);
    rig.arg(MatmulKernel.A, rig.input(1));
    rig.arg(MatmulKernel.B, right);
    rig.arg(MatmulKernel.C, out);
    rig.args(MatmulKernel.M, 1, -1, -1, 0, 0, 0, 1, 256, 1, 256);
    rig.run(spec, schedule, KernelRig.FMA, 256, 0);
    float[] found = rig.read(out);
    for (int i = 0; i < n; i++) {
      KernelRig.close(found[i], Float.float16ToFloat((short) i), 0, i);
    }
  }

  /** As ONNX defines it, with NaN passed over when the range is taken. */
  @ParameterizedTest
  @EnumSource(names = {"U8", "I16", "BYTES"})
  void quantisesByTheRangeOfTheTensor(Quantised to) {
    for (int seed = 0; seed < 60; seed++) {
      Random random = new Random(seed);
      boolean signed = to == Quantised.BYTES && seed % 2 == 0;
      Features features = KernelRig.PLAIN.with(signed ? ByteDot.SIGNED : ByteDot.UNSIGNED);
      rig.reset();
      int rows = pick(random, SIZES);
      int columns = pick(random, 1, 2, 3, 7, 8, 9, 31, 384);
      float[] x = KernelRig.random(random, rows * columns);
      float shift = pick(random, -2, 0, 0, 0, 2);
      for (int i = 0; i < x.length; i++) {
        x[i] = seed % 10 == 3 ? 0 : x[i] * pick(random, 1, 1, 1, 5) + shift;
      }
      if (seed % 10 == 4) {
        x[x.length / 2] = Float.NaN;
      }
      int pieces = (x.length + QuantizeKernel.PIECE - 1) / QuantizeKernel.PIECE;
      int even =
          switch (to) {
            case U8 -> columns;
            case BYTES -> (columns + 3) / 4 * 4;
            default -> (columns + 1) / 2 * 2;
          };
      Buffer in = rig.input(4 * random.nextInt(4), x);
      Buffer extremes = rig.output(8 * pieces, 0);
      Buffer out = rig.output(rows * even * (to == Quantised.I16 ? 2 : 1), 0);
      Buffer facts = rig.output(8, 0);
      rig.args(0, in.address(), extremes.address(), x.length);
      rig.run(new KernelSpec.Range(), KernelRig.PLAIN, pieces);
      rig.args(
          0, in.address(), extremes.address(), pieces, out.address(), facts.address(), columns, 0);
      rig.run(new KernelSpec.Quantize(to), features, rows);
      float least = 0;
      float most = 0;
      for (float v : x) {
        least = v < least ? v : least;
        most = v > most ? v : most;
      }
      float scale = least == most ? 1 : (most - least) / 255;
      float zero = (float) Math.rint(Math.max(0, Math.min(255, -least / scale)));
      assertThat(rig.read(facts)).as("seed %s", seed).containsExactly(scale, zero);
      byte[] found = rig.readBytes(out);
      for (int i = 0; i < rows * even; i++) {
        float v = i % even < columns ? x[i / even * columns + i % even] : 0;
        if (to == Quantised.BYTES && i % even >= columns) {
          // Weights are 0 there.
          continue;
        }
        int wanted =
            i % even >= columns
                ? 0
                : Float.isNaN(v)
                    ? (int) -zero
                    : (int) Math.max(-zero, Math.min(255 - zero, Math.rint(v / scale)));
        int got =
            to != Quantised.I16
                ? (signed ? found[i] + 128 : found[i] & 255) - (int) zero
                : (found[2 * i] & 255) + 256 * found[2 * i + 1];
        assertThat(got).as("seed %s: %s", seed, v).isEqualTo(wanted);
      }
    }
  }

  /** Rows of numbers, the first of zeros, and what became of them. */
  private record Rounded(int columns, int most, float[] x, byte[] found, float[] scales) {
    int row() {
      return found.length / scales.length;
    }

    /** Holds the number that stands for one of a row, which may be behind its end. */
    void check(int row, int column, int got) {
      float v = column < columns ? x[row * columns + column] : 0;
      float scale = scales[row];
      assertThat(got * scale).isBetween(v - 0.51f * scale, v + 0.51f * scale);
      assertThat(Math.abs(got)).isLessThanOrEqualTo(most);
    }
  }

  private static Rounded rounded(int seed, Quantised to, ByteDot way) {
    Random random = new Random(seed);
    rig.reset();
    int rows = pick(random, SIZES);
    int columns = pick(random, 1, 2, 3, 7, 8, 9, 31, 384);
    float[] x = KernelRig.random(random, rows * columns);
    java.util.Arrays.fill(x, 0, columns, 0);
    boolean digits = to == Quantised.DIGITS;
    int row = digits ? (columns + 3) / 4 * 8 : (columns + 1) / 2 * 4;
    int most = digits ? QuantizeKernel.TWO_DIGITS : QuantizeKernel.magnitude(columns);
    Buffer in = rig.input(4 * random.nextInt(4), x);
    Buffer out = rig.output(rows * row, 0);
    Buffer facts = rig.output(4 * rows, 0);
    rig.args(0, in.address(), 0, 0, out.address(), facts.address(), columns, most);
    rig.run(new KernelSpec.Quantize(to), KernelRig.PLAIN.with(way), rows);
    Rounded rounded = new Rounded(columns, most, x, rig.readBytes(out), rig.read(facts));
    assertThat(rounded.scales[0]).isEqualTo(1);
    return rounded;
  }

  @ParameterizedTest
  @EnumSource(
      value = ByteDot.class,
      names = {"SIGNED", "UNSIGNED"})
  void quantisesByRowsToTwoDigits(ByteDot way) {
    for (int seed = 0; seed < 40; seed++) {
      Rounded rounded = rounded(seed, Quantised.DIGITS, way);
      for (int i = 0; i < rounded.x.length; i++) {
        int row = i / rounded.columns;
        int column = i % rounded.columns;
        int at = row * rounded.row() + column;
        byte upper = rounded.found[at];
        byte lower = rounded.found[at + rounded.row() / 2];
        int got =
            way == ByteDot.SIGNED
                ? 256 * upper + lower
                : 256 * ((upper & 255) - 128) + (lower & 255);
        rounded.check(row, column, got);
      }
    }
  }

  @Test
  void quantisesByRows() {
    for (int seed = 0; seed < 40; seed++) {
      Rounded rounded = rounded(seed, Quantised.ROWS, ByteDot.NONE);
      for (int at = 0; at < rounded.found.length; at += 2) {
        int got = (rounded.found[at] & 255) + 256 * rounded.found[at + 1];
        rounded.check(at / rounded.row(), at % rounded.row() / 2, got);
      }
    }
  }
}
