package dev.quern.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.kernel.KernelRig.Buffer;
import dev.quern.kernel.KernelSpec.Extra;
import dev.quern.kernel.KernelSpec.Layout;
import dev.quern.kernel.KernelSpec.Matmul;
import dev.quern.schedule.Features;
import dev.quern.schedule.Schedule;
import dev.quern.schedule.Schedule.Order;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MatmulKernelTest {
  private static final int[] SIZES = {1, 2, 3, 4, 5, 7, 8, 13, 17, 31, 33, 64, 127};

  private static KernelRig rig;

  @BeforeAll
  static void start() {
    rig = new KernelRig();
  }

  @AfterAll
  static void stop() {
    rig.close();
  }

  /** A product to compute: shapes, operands, epilogue. */
  private static final class Case {
    final Random random;
    final Layout layout;
    final int batch;
    final int m;
    final int k;
    final int n;
    final boolean sharedB;
    ElementwiseProgram epilogue;
    List<Extra> extras = List.of();
    Schedule schedule;
    Features features;
    float[] a;
    float[] b;

    Case(Random random, Layout layout, int batch, int m, int k, int n) {
      this.random = random;
      this.layout = layout;
      this.batch = batch;
      this.m = m;
      this.k = k;
      this.n = n;
      sharedB = layout == Layout.PANELS || random.nextInt(4) == 0;
      a = KernelRig.random(random, batch * m * k);
      b = KernelRig.random(random, (sharedB ? 1 : batch) * k * n);
    }

    @Override
    public String toString() {
      return layout
          + " batch="
          + batch
          + " m="
          + m
          + " k="
          + k
          + " n="
          + n
          + " "
          + schedule.text()
          + " extras="
          + extras
          + " epilogue="
          + epilogue;
    }

    void run() {
      rig.reset();
      boolean packed = layout == Layout.PANELS;
      Matmul spec =
          new Matmul(packed ? k : 0, packed ? n : 0, layout, WeightFormat.F32, epilogue, extras);
      Buffer left = rig.input(4 * random.nextInt(4), a);
      boolean transposed = random.nextBoolean();
      Buffer right =
          packed
              ? rig.packed(transposed ? transpose(b, k, n) : b, k, n, transposed, random.nextInt(4))
              : rig.input(4 * random.nextInt(4), b);
      Buffer out = rig.output(batch * m * n * 4, 4 * random.nextInt(4));
      rig.arg(MatmulKernel.A, left);
      rig.arg(MatmulKernel.B, right);
      rig.arg(MatmulKernel.C, out);
      int mBlocks = MatmulKernel.blocks(m, schedule.mc());
      int nBlocks = MatmulKernel.blocks(n, schedule.nc());
      rig.args(
          MatmulKernel.M,
          m,
          packed ? -1 : k,
          packed ? -1 : n,
          m * k * 4,
          sharedB ? 0 : k * n * 4,
          m * n * 4,
          mBlocks,
          nBlocks,
          schedule.mc(),
          schedule.nc());
      List<double[]> wantedExtras = extras();
      rig.run(spec, schedule, features, batch * mBlocks * nBlocks, 0);
      check(rig.read(out), wantedExtras);
    }

    /** Lays the extras out, each with its own broadcast; leaves a value for each element of C. */
    private List<double[]> extras() {
      List<double[]> all = new ArrayList<>();
      for (int e = 0; e < extras.size(); e++) {
        boolean vector = extras.get(e) == Extra.VECTOR;
        boolean rows = random.nextBoolean();
        boolean batches = random.nextBoolean();
        int row = vector ? n : 1;
        int matrix = rows ? row * m : row;
        float[] data = KernelRig.random(random, batches ? matrix * batch : matrix);
        Buffer buffer = rig.input(4 * random.nextInt(4), data);
        rig.args(
            MatmulKernel.EXTRAS + 3 * e,
            buffer.address(),
            rows ? row * 4 : 0,
            batches ? matrix * 4 : 0);
        double[] values = new double[batch * m * n];
        for (int i = 0; i < values.length; i++) {
          int at = (vector ? i % n : 0) + (rows ? i / n % m * row : 0);
          values[i] = data[at + (batches ? i / n / m * matrix : 0)];
        }
        all.add(values);
      }
      return all;
    }

    private void check(float[] found, List<double[]> extraValues) {
      for (int i = 0; i < found.length; i++) {
        int matrix = i / n / m;
        double sum = 0;
        double size = 0;
        for (int p = 0; p < k; p++) {
          double product =
              (double) a[i / n * k + p] * b[(sharedB ? 0 : matrix * k * n) + p * n + i % n];
          sum += product;
          size += Math.abs(product);
        }
        double wanted = sum;
        if (epilogue != null) {
          double[] inputs = new double[1 + extras.size()];
          inputs[0] = sum;
          for (int e = 0; e < extras.size(); e++) {
            inputs[e + 1] = extraValues.get(e)[i];
          }
          wanted = Programs.apply(epilogue, inputs);
        }
        double tolerance = 1.3e-6 + 2e-7 * size * Math.sqrt(k);
        if (!(Math.abs(found[i] - wanted) <= tolerance)) {
          KernelRig.close(
              found[i],
              wanted,
              tolerance,
              this + " at row " + i / n + " of " + m + ", column " + i % n);
        }
      }
    }
  }

  private static float[] transpose(float[] b, int k, int n) {
    float[] t = new float[b.length];
    for (int i = 0; i < k; i++) {
      for (int j = 0; j < n; j++) {
        t[j * k + i] = b[i * n + j];
      }
    }
    return t;
  }

  private static int pick(Random random, int... values) {
    return values[random.nextInt(values.length)];
  }

  private static Schedule schedule(Random random, int mr, int nr) {
    int unroll = 1 + random.nextInt(4);
    return new Schedule(
        mr,
        nr,
        mr * pick(random, 1, 2, 3, 5, 40),
        nr * pick(random, 1, 2, 3, 7, 40),
        unroll * pick(random, 1, 3, 5, 16, 1000),
        unroll,
        random.nextBoolean(),
        random.nextBoolean() ? Order.M : Order.N);
  }

  private static Case arbitrary(long seed) {
    Random random = new Random(seed);
    Layout layout = random.nextInt(3) == 0 ? Layout.ROWS : Layout.PANELS;
    Case c =
        new Case(
            random,
            layout,
            random.nextInt(3) == 0 ? 1 + random.nextInt(3) : 1,
            pick(random, SIZES),
            pick(random, SIZES),
            pick(random, SIZES));
    c.schedule = schedule(random, 1 + random.nextInt(8), 4 * (1 + random.nextInt(4)));
    c.features = new Features(c.schedule.fma() || random.nextBoolean(), false);
    switch (random.nextInt(8)) {
      case 0 -> c.epilogue = Programs.bias();
      case 1 -> c.epilogue = Programs.biasResidual();
      case 2 -> c.epilogue = Programs.biasGelu();
      case 3 -> c.epilogue = Programs.unary(ElementwiseOp.TANH);
      case 4 -> c.epilogue = Programs.tanhOfPower();
      case 5 -> c.epilogue = Programs.known();
      default -> {}
    }
    if (c.epilogue != null) {
      c.extras = new ArrayList<>();
      for (int i = 1; i < c.epilogue.inputs().size(); i++) {
        c.extras.add(random.nextInt(3) == 0 ? Extra.SPLAT : Extra.VECTOR);
      }
    }
    return c;
  }

  @Test
  void agreesWithTheDefinitionForAnySchedule() {
    long stop = System.nanoTime() + (KernelRig.full() ? 120_000_000_000L : 8_000_000_000L);
    int count = KernelRig.full() ? 20_000 : 1500;
    int done = 0;
    for (int seed = 0; seed < count && (System.nanoTime() < stop || seed < 60); seed++) {
      arbitrary(seed).run();
      done++;
    }
    assertThat(done).isGreaterThanOrEqualTo(60);
  }

  /** Every register tile, at a size that leaves tails of rows, columns and depth. */
  @ParameterizedTest
  @EnumSource
  void agreesForEveryTile(Layout layout) {
    Random random = new Random(5);
    for (int mr = 1; mr <= 8; mr++) {
      for (int nr = 4; nr <= 16; nr += 4) {
        Case c = new Case(random, layout, 1, 2 * mr + mr / 2 + 1, 19, nr + nr / 2 + 1);
        c.schedule = new Schedule(mr, nr, 2 * mr, 2 * nr, 12, 1 + mr % 4, mr % 2 == 0, Order.N);
        if (c.schedule.kc() % c.schedule.unroll() == 0) {
          c.features = KernelRig.FMA;
          c.run();
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void spreadsNaNAndInfinityToTheirRowsAndColumnsOnly(Layout layout) {
    Case c = new Case(new Random(6), layout, 1, 13, 17, 15);
    c.schedule = new Schedule(4, 8, 8, 8, 8, 2, true, Order.N);
    c.features = KernelRig.FMA;
    c.a[3 * 17 + 2] = Float.NaN;
    c.a[5 * 17] = Float.POSITIVE_INFINITY;
    c.a[12 * 17 + 16] = Float.MIN_VALUE;
    c.b[4 * 15 + 14] = Float.NEGATIVE_INFINITY;
    c.b[9 * 15 + 3] = Float.NaN;
    c.run();
  }

  @ParameterizedTest
  @EnumSource
  void doesNothingForNoRows(Layout layout) {
    Case c = new Case(new Random(7), layout, 1, 0, 5, 9);
    c.schedule = new Schedule(6, 8, 12, 16, 8, 2, true, Order.M);
    c.features = KernelRig.FMA;
    c.run();
  }

  @Test
  void givesZeroForNoDepth() {
    Case c = new Case(new Random(7), Layout.ROWS, 2, 5, 0, 9);
    c.schedule = new Schedule(6, 8, 12, 16, 8, 2, true, Order.M);
    c.features = KernelRig.FMA;
    c.run();
  }

  @Test
  void walksALongRowAndALongColumn() {
    for (int[] shape : new int[][] {{1, 8, 4097}, {4097, 8, 1}, {3, 4097, 5}}) {
      Case c = new Case(new Random(8), Layout.PANELS, 1, shape[0], shape[1], shape[2]);
      c.schedule = new Schedule(6, 8, 48, 128, 384, 2, true, Order.N);
      c.features = KernelRig.FMA;
      c.run();
    }
  }

  @Test
  void refusesAScheduleThatIsNotLegal() {
    Schedule schedule = new Schedule(6, 8, 13, 16, 8, 2, true, Order.M);
    Matmul spec = new Matmul(8, 8, Layout.PANELS, WeightFormat.F32, null, List.of());
    assertThatThrownBy(() -> rig.install(spec, schedule, KernelRig.FMA))
        .isInstanceOf(KernelException.class)
        .hasMessageContaining("mc=13 is not a multiple of mr=6")
        .hasMessageContaining("k=8 n=8");
    Schedule fused = new Schedule(6, 8, 12, 16, 8, 2, true, Order.M);
    assertThatThrownBy(() -> rig.install(spec, fused, KernelRig.PLAIN))
        .hasMessageContaining("relaxed SIMD");
  }
}
