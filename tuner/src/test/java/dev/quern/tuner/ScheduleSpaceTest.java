package dev.quern.tuner;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.runtime.JavetMachine;
import dev.quern.runtime.TunableModel;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Every schedule of the pruned space, and a seeded sample of all legal ones, computes the same as
 * the scalar reference: on sizes of 1, of primes and beyond powers of two, on denormal numbers, on
 * NaN and infinities, each output element compared, the row behind the output untouched. With
 * {@code quern.full} the sample is forty times as large.
 */
@Tag("slow")
class ScheduleSpaceTest {
  private static final double EPSILON = 1.0 / (1 << 24);

  /** Pruned schedules of a shape in an ordinary run, and raw ones in either. */
  private static final int SOME = 16;

  private static final int RAW = 10;
  private static final int RAW_FULL = 400;
  private static final int[] UNROLL = {1, 2, 4, 8};

  /** Beyond what the model's scratch needs for the largest shape. */
  private static final long MEMORY = 64 << 20;

  private static boolean full() {
    return Boolean.getBoolean("quern.full");
  }

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1",
    "1, 131, 97",
    "1, 4097, 5",
    "1, 61, 4097",
    "2, 17, 31",
    "3, 4097, 7",
    "5, 3, 4097",
    "7, 61, 97",
    "13, 131, 61",
    "31, 17, 131",
    "33, 129, 65",
    "127, 61, 31",
    "131, 97, 61",
    "257, 7, 13",
    "4097, 3, 5",
  })
  void everyScheduleIsRight(int m, int k, int n) {
    try (JavetMachine machine = JavetMachine.create()) {
      machine.memory().ensure(MEMORY);
      DeviceProfile profile = DeviceProfile.guess("v8", machine.features(), 1);
      RealModel model = new RealModel(machine, profile, k, n, Math.min(m, 8), 1);
      Problem problem = new Problem(new Random(31L * m + 7L * k + n), m, k, n);
      SearchSpace space = new SearchSpace(k, n, RowBucket.of(m), profile);
      List<Schedule> pruned = space.pruned();
      Random random = new Random(m + k + n);
      Set<Schedule> schedules = new LinkedHashSet<>();
      schedules.add(space.heuristic());
      while (!full() && pruned.size() > SOME) {
        pruned.remove(random.nextInt(pruned.size()));
      }
      schedules.addAll(pruned);
      int raw = full() ? RAW_FULL : RAW;
      for (int i = 0; i < raw; i++) {
        schedules.add(raw(random, k, n, profile));
      }
      assertThat(schedules.size()).isGreaterThan(RAW / 2);
      for (Schedule schedule : schedules) {
        model.install(model.kernel, schedule);
        float[] found = model.evaluate(model.kernel, schedule, problem.forModel());
        problem.compare(found, schedule);
        model.discard(model.kernel, schedule);
      }
    }
  }

  /** Any legal schedule, blocks of every size among them. */
  private static Schedule raw(Random random, int k, int n, DeviceProfile profile) {
    while (true) {
      int mr = 1 + random.nextInt(16);
      int nr = 4 * (1 + random.nextInt(8));
      int unroll = UNROLL[random.nextInt(UNROLL.length)];
      Schedule schedule =
          new Schedule(
              mr,
              nr,
              mr * (1 + random.nextInt(1 + 160 / mr)),
              nr * (1 + random.nextInt(1 + 2 * n / nr)),
              unroll * (1 + random.nextInt(1 + 2 * k / unroll)),
              unroll,
              random.nextBoolean(),
              random.nextBoolean() ? Schedule.Order.M : Schedule.Order.N);
      if (schedule.problems(profile.features()).isEmpty()) {
        return schedule;
      }
    }
  }

  /** {@code C[m, n] = A[m, k]·B[k, n] + bias[n]} with all kinds of numbers, and what is right. */
  private static final class Problem {
    final int m;
    final int k;
    final int n;
    final float[] a;
    final float[] b;
    final float[] bias;
    final double[] wanted;
    final double[] tolerance;

    Problem(Random random, int m, int k, int n) {
      this.m = m;
      this.k = k;
      this.n = n;
      a = numbers(random, m * k);
      b = numbers(random, k * n);
      bias = numbers(random, n);
      for (int column = 0; column < n; column += 2) {
        // Nothing hides what denormal sums become.
        bias[column] = 0;
      }
      for (int i = 0; i < k; i++) {
        // Sums that are denormal themselves: flushing them to zero would show.
        a[i] = (random.nextFloat() - 0.5f) * 1e-38f;
      }
      if (m > 3 && n > 3) {
        a[k + random.nextInt(k)] = Float.NaN;
        a[2 * k + random.nextInt(k)] = Float.NEGATIVE_INFINITY;
        b[random.nextInt(k) * n + 1] = Float.NaN;
        b[random.nextInt(k) * n + n - 1] = Float.POSITIVE_INFINITY;
      }
      wanted = new double[m * n];
      tolerance = new double[m * n];
      for (int row = 0; row < m; row++) {
        for (int column = 0; column < n; column++) {
          reference(row, column);
        }
      }
    }

    private static float[] numbers(Random random, int count) {
      float[] numbers = new float[count];
      for (int i = 0; i < count; i++) {
        float number = random.nextFloat() * 2 - 1;
        int kind = random.nextInt(40);
        numbers[i] = kind == 0 ? number * 1e-40f : kind == 1 ? -0f : number;
      }
      return numbers;
    }

    /** The sum in double precision, and how far any order of summation in f32 may be off it. */
    private void reference(int row, int column) {
      double sum = 0;
      double size = 0;
      for (int i = 0; i < k; i++) {
        double product = (double) a[row * k + i] * b[i * n + column];
        sum += product;
        size += Math.abs(product);
      }
      sum += bias[column];
      size += Math.abs(bias[column]);
      wanted[row * n + column] = sum;
      tolerance[row * n + column] = (k + 2) * (EPSILON * size + Float.MIN_VALUE);
    }

    TunableModel.Problem forModel() {
      return new TunableModel.Problem(m, a, b, List.of(bias));
    }

    void compare(float[] found, Schedule schedule) {
      List<String> wrong = new ArrayList<>();
      for (int i = 0; i < m * n && wrong.size() < 5; i++) {
        boolean right =
            Double.isNaN(wanted[i])
                ? Float.isNaN(found[i])
                : Double.isInfinite(wanted[i])
                    ? found[i] == wanted[i]
                    : Math.abs(found[i] - wanted[i]) <= tolerance[i];
        if (!right) {
          wrong.add("[%d, %d] is %s, not %s".formatted(i / n, i % n, found[i], wanted[i]));
        }
      }
      for (int i = m * n; i < (m + 1) * n && wrong.size() < 5; i++) {
        if (found[i] != TunableModel.GUARD) {
          wrong.add("writes behind its output, at column " + i % n);
        }
      }
      assertThat(wrong).as("%dx%dx%d with %s", m, n, k, schedule.text()).isEmpty();
    }
  }
}
