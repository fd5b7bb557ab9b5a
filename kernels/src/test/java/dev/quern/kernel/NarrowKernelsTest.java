package dev.quern.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.kernel.KernelRig.Buffer;
import dev.quern.kernel.KernelSpec.Extra;
import dev.quern.kernel.KernelSpec.Layout;
import dev.quern.kernel.KernelSpec.Matmul;
import dev.quern.onnx.DataType;
import dev.quern.schedule.ByteDot;
import dev.quern.schedule.Features;
import dev.quern.schedule.Schedule;
import dev.quern.schedule.Schedule.Order;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Products with weights of f16 and of few bits in blocks against the definition, for schedules of
 * every kind: those that widen in registers, in scratch, and those that quantise A.
 */
class NarrowKernelsTest {
  private static final KernelRig rig = new KernelRig();
  private static final double EPSILON = 1.0 / (1 << 24);
  private static final int[] ROWS = {1, 1, 1, 2, 3, 4, 5, 7, 8, 13, 33};
  private static final int[] DEPTHS = {1, 2, 3, 15, 16, 17, 31, 32, 33, 64, 97, 128, 300, 513, 600};
  private static final int[] WIDTHS = {1, 2, 3, 4, 5, 8, 13, 16, 31, 33, 67};

  @AfterAll
  static void close() {
    rig.close();
  }

  private static int pick(Random random, int... values) {
    return values[random.nextInt(values.length)];
  }

  private static Schedule schedule(Random random, boolean fma) {
    int unroll = pick(random, 1, 2, 3, 4, 8);
    int mr = pick(random, 1, 1, 2, 3, 4, 5, 6, 8);
    int nr = 4 * (1 + random.nextInt(8));
    return new Schedule(
        mr,
        nr,
        mr * pick(random, 1, 3, 40),
        nr * pick(random, 1, 3, 40),
        unroll * pick(random, 1, 3, 16, 1000),
        unroll,
        fma,
        random.nextBoolean() ? Order.M : Order.N);
  }

  /** A product, the weights that it stands for, and where its operands lie. */
  private record Product(WeightFormat format, int m, int k, int n, float[] a, float[] b) {
    /** Runs a schedule; {@code fact} says where the kernel finds what its format wants there. */
    float[] run(Random random, Schedule schedule, Features features, Buffer right, int fact) {
      boolean biased = random.nextBoolean();
      Matmul spec =
          new Matmul(
              k,
              n,
              Layout.PANELS,
              format,
              biased ? Programs.bias() : null,
              biased ? List.of(Extra.VECTOR) : List.of());
      Buffer left = rig.input(4 * random.nextInt(4), a);
      Buffer out = rig.output(m * n * 4, 4 * random.nextInt(4));
      rig.arg(MatmulKernel.A, left);
      rig.arg(MatmulKernel.B, right);
      rig.arg(MatmulKernel.C, out);
      int mBlocks = MatmulKernel.blocks(m, schedule.mc());
      int nBlocks = MatmulKernel.blocks(n, schedule.nc());
      rig.args(
          MatmulKernel.M, m, fact, -1, 0, 0, 0, mBlocks, nBlocks, schedule.mc(), schedule.nc());
      rig.args(MatmulKernel.EXTRAS, rig.input(new float[n]).address(), 0, 0);
      int scratch = MatmulKernel.scratch(format, k);
      rig.run(spec, schedule, features, mBlocks * nBlocks, scratch);
      return rig.read(out);
    }

    /** Holds a result against sums in double precision, off by {@code slack} a row and column. */
    void check(float[] found, double slack, String what) {
      for (int i = 0; i < m * n; i++) {
        double sum = 0;
        double size = 0;
        for (int p = 0; p < k; p++) {
          double product = (double) a[i / n * k + p] * b[p * n + i % n];
          sum += product;
          size += Math.abs(product);
        }
        double bound = (k + 3) * (EPSILON * size + Float.MIN_VALUE) + slack;
        if (slack > 0 && (Double.isNaN(sum) || Double.isInfinite(sum))) {
          assertThat(Float.isFinite(found[i])).as("%s [%s]", what, i).isFalse();
        } else {
          KernelRig.close(found[i], sum, bound, what + " row " + i / n + " column " + i % n);
        }
      }
    }
  }

  /**
   * Infinities and NaN of either side, denormal numbers of either side, and numbers of A so large
   * that they cannot be scaled with the bias of f16.
   */
  @Test
  void productsWithHalvesAreRight() {
    for (int seed = 0; seed < 400; seed++) {
      Random random = new Random(seed);
      rig.reset();
      int m = pick(random, ROWS);
      int k = pick(random, DEPTHS);
      int n = pick(random, WIDTHS);
      float[] a = KernelRig.random(random, m * k);
      float[] b = KernelRig.random(random, k * n);
      byte[] halves = new byte[2 * b.length];
      boolean special = seed % 4 == 1;
      for (int i = 0; i < b.length; i++) {
        int kind = random.nextInt(special ? 60 : 1000000);
        b[i] = random.nextInt(10) == 0 ? b[i] * 1e-7f : b[i];
        b[i] =
            kind == 0 ? Float.NaN : kind == 1 ? Float.NEGATIVE_INFINITY : kind == 2 ? 65504 : b[i];
        short half = Float.floatToFloat16(b[i]);
        b[i] = Float.float16ToFloat(half);
        halves[2 * i] = (byte) half;
        halves[2 * i + 1] = (byte) (half >> 8);
      }
      if (seed % 4 == 2) {
        a[random.nextInt(a.length)] = pick(random, 0, 1) == 0 ? 3e38f : -65536;
        a[random.nextInt(a.length)] = 1e-40f;
        a[random.nextInt(a.length)] = Float.NaN;
      } else if (seed % 4 == 3) {
        a[random.nextInt(a.length)] = Float.POSITIVE_INFINITY;
        for (int i = 0; i < k; i++) {
          a[i] *= 1e-38f;
        }
      }
      Product product = new Product(WeightFormat.F16, m, k, n, a, b);
      boolean fma = random.nextBoolean();
      Schedule schedule = schedule(random, fma);
      Buffer right =
          rig.packed(WeightFormat.F16, DataType.FLOAT16, halves, new byte[0], k, n, false);
      float[] found =
          product.run(
              random, schedule, fma ? KernelRig.FMA : KernelRig.PLAIN, right, special ? 1 : 0);
      product.check(found, 0, "seed " + seed + " " + m + "x" + k + "x" + n + schedule.text());
    }
  }

  private static byte[] bytes(Random random, int count) {
    byte[] result = new byte[count];
    random.nextBytes(result);
    return result;
  }

  private static int number(byte[] data, int bits, int index) {
    int whole = data[bits == 4 ? index / 2 : index] & 255;
    return bits == 8 ? whole : index % 2 == 0 ? whole & 15 : whole >> 4;
  }

  /**
   * Weights in blocks of every size: exact with A as it is; with A quantised off by no more than
   * half a step of each of its numbers, times its weight.
   */
  @ParameterizedTest
  @CsvSource({"4, false", "4, true", "8, false"})
  void productsWithBlocksAreRight(int bits, boolean quantised) {
    for (int seed = 0; seed < 300; seed++) {
      blocks(new Random(seed), seed, bits, quantised);
    }
  }

  private void blocks(Random random, int seed, int bits, boolean quantised) {
    rig.reset();
    int m = pick(random, ROWS);
    int k = pick(random, DEPTHS);
    int n = pick(random, WIDTHS);
    int block = pick(random, 16, 32, 64, 128, 256);
    boolean zeros = random.nextBoolean();
    WeightFormat format = WeightFormat.blocks(bits, block, zeros, quantised);
    int blocks = MatmulKernel.blocks(k, block);
    byte[] numbers = bytes(random, n * blocks * block * bits / 8);
    byte[] points = bytes(random, n * ((blocks * bits + 7) / 8));
    float[] scales = KernelRig.random(random, n * blocks);
    if (seed % 7 == 3) {
      scales[random.nextInt(scales.length)] = 1e-41f;
      scales[random.nextInt(scales.length)] = 0;
    }
    float[] b = new float[k * n];
    for (int i = 0; i < b.length; i++) {
      int at = i % n * blocks + i / n / block;
      int zero = 1 << bits - 1;
      if (zeros) {
        int row = (blocks * bits + 7) / 8 * 8 / bits;
        zero = number(points, bits, i % n * row + i / n / block);
      }
      b[i] = (number(numbers, bits, at * block + i / n % block) - zero) * scales[at];
    }
    float[] a = KernelRig.random(random, m * k);
    if (seed % 7 == 4) {
      a[random.nextInt(a.length)] = Float.NaN;
      a[random.nextInt(a.length)] = Float.NEGATIVE_INFINITY;
    } else if (seed % 7 == 5) {
      a[random.nextInt(a.length)] = 1e30f;
      a[random.nextInt(a.length)] = 1e-40f;
    } else if (seed % 7 == 6) {
      java.util.Arrays.fill(a, 0, k, 0);
    }
    boolean fma = random.nextBoolean();
    // Numbers of 4 bits are summed alike by all machines.
    Features relaxed = random.nextBoolean() ? KernelRig.FMA : KernelRig.FMA.with(ByteDot.UNSIGNED);
    Features features = fma ? relaxed : KernelRig.PLAIN;
    Schedule schedule = schedule(random, fma);
    Buffer right = rig.packed(format, numbers, scales, points, k, n);
    int fact = 0;
    float[] rounded = a;
    if (quantised) {
      Buffer left = quantise(a, m, k, block, features);
      fact = left.address();
      rounded = format.isDirect(schedule.mr()) ? rounded(left, m, k, block, fma) : a;
    }
    String what = "seed " + seed + " " + format + m + "x" + k + "x" + n + schedule.text();
    float[] found = new Product(format, m, k, n, a, b).run(random, schedule, features, right, fact);
    // Of whole numbers sums are exact; which kind of not-finite a block becomes is not said.
    new Product(format, m, k, n, rounded, b).check(found, quantised ? 1e-40 : 0, what);
  }

  private Buffer quantise(float[] a, int m, int k, int block, Features features) {
    Buffer in = rig.input(a);
    Buffer out = rig.output(m * (int) BlockQuantizeKernel.rowBytes(k, block), 0);
    rig.args(0, in.address(), out.address());
    KernelSpec spec = new KernelSpec.QuantizeBlocks(k, block);
    int items = m * MatmulKernel.blocks(k, block);
    rig.run(spec, null, features, items, BlockQuantizeKernel.scratch(block));
    return out;
  }

  /** The numbers that quantised ones stand for. */
  private static float[] rounded(Buffer left, int m, int k, int block, boolean bytes) {
    byte[] data = rig.readBytes(left);
    java.nio.ByteBuffer all =
        java.nio.ByteBuffer.wrap(data).order(java.nio.ByteOrder.LITTLE_ENDIAN);
    int blocks = MatmulKernel.blocks(k, block);
    float[] result = new float[m * k];
    int[] order = bytes ? new int[] {0, 4, 1, 5, 2, 6, 3, 7} : new int[] {0, 2, 4, 6, 1, 3, 5, 7};
    for (int i = 0; i < result.length; i++) {
      int at = (i / k * blocks + i % k / block) * BlockCode.leftBytes(block);
      int place = i % k % block / 8 * 8 + order[i % k % 8];
      int whole = bytes ? data[at + 8 + place] : all.getShort(at + 8 + 2 * place);
      result[i] = whole * all.getFloat(at);
    }
    return result;
  }

  /** Half a step of a block at most, with or without relaxed SIMD the same numbers. */
  @Test
  void roundsAByBlocks() {
    for (int seed = 0; seed < 60; seed++) {
      Random random = new Random(seed);
      rig.reset();
      int m = pick(random, ROWS);
      int k = pick(random, DEPTHS);
      int block = pick(random, 16, 32, 64, 128, 256);
      float[] a = KernelRig.random(random, m * k);
      float[] wide = rounded(quantise(a, m, k, block, KernelRig.FMA), m, k, block, true);
      float[] plain = rounded(quantise(a, m, k, block, KernelRig.PLAIN), m, k, block, false);
      assertThat(plain).isEqualTo(wide);
      for (int i = 0; i < a.length; i++) {
        float most = 0;
        int start = i - i % k % block;
        for (int j = start; j < start + block && j < i - i % k + k; j++) {
          most = Math.max(most, Math.abs(a[j]));
        }
        assertThat(wide[i]).isBetween(a[i] - most / 253, a[i] + most / 253);
      }
    }
  }
}
