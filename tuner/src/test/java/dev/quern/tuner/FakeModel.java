package dev.quern.tuner;

import dev.quern.kernel.MatmulKernel;
import dev.quern.runtime.MachineException;
import dev.quern.runtime.TunableModel;
import dev.quern.schedule.Features;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.ToDoubleFunction;

/**
 * A model on a simulated device: real arithmetic on small matrices, times from a function of the
 * schedule with seeded noise, and a clock as coarse as wanted.
 */
final class FakeModel implements TunableModel {
  static final Features FEATURES = new Features(true, true);

  /** How a planted kernel goes wrong. */
  enum Fault {
    NONE,
    /** One element of the last, partial tile is off by the smallest product. */
    TAIL,
    /** A NaN of one row reaches the next. */
    LEAK,
    /** Writes a row too many. */
    OVERRUN,
    /** Leaves the last column alone. */
    UNWRITTEN,
    TRAP
  }

  final Kernel kernel;
  final int layers;
  final Map<Schedule, Fault> faults = new HashMap<>();
  final Set<Schedule> installed = new HashSet<>();
  final Set<Schedule> everRun = new HashSet<>();
  final Set<Schedule> probed = new HashSet<>();
  final List<Schedule> adoptions = new ArrayList<>();
  ToDoubleFunction<Schedule> cost = schedule -> 1;
  double noise = 0.03;
  double clockMilliseconds = 0.005;
  int rows = 32;

  /** Rows of the later half of the layers, where they are others than of the first. */
  int laterRows;

  private final Schedule[] perStep;
  private final double[] seconds;
  private final double[] layerFactor;
  private final Map<RowBucket, Schedule> adopted = new HashMap<>();
  private final Random random;
  private final DeviceProfile profile;
  private boolean timed;
  private double time;

  FakeModel(int layers, long seed) {
    this.layers = layers;
    this.random = new Random(seed);
    this.profile = DeviceProfile.guess("v8", FEATURES, 2);
    Epilogue epilogue = (sum, extras) -> Math.max(sum + extras[0], 0) + extras[1];
    kernel =
        new Kernel(
            "matmul k=24 n=44 relu",
            24,
            44,
            List.of(new Extra(false, true), new Extra(true, true)),
            epilogue,
            layers);
    perStep = new Schedule[layers];
    seconds = new double[layers];
    layerFactor = new double[layers];
    Arrays.fill(seconds, Double.NaN);
    for (int i = 0; i < layers; i++) {
      layerFactor[i] = 1 + 0.08 * random.nextDouble();
    }
  }

  DeviceProfile profile() {
    return new DeviceProfile(
        profile.device(),
        FEATURES,
        clockMilliseconds,
        15,
        true,
        50,
        32 << 10,
        1 << 20,
        2,
        List.of());
  }

  /** Runs one inference of all layers. */
  void infer() {
    for (int i = 0; i < layers; i++) {
      if (perStep[i] == null) {
        perStep[i] = schedule(kernel, bucket(i));
      }
      double before = now();
      advance(i, 1);
      seconds[i] = timed ? (now() - before) / 1000 : Double.NaN;
    }
  }

  private boolean isLater(int step) {
    return laterRows > 0 && step >= layers / 2;
  }

  RowBucket bucket(int step) {
    return RowBucket.of(isLater(step) ? laterRows : rows);
  }

  /** Demands that a schedule's code is there: those that differ in blocks only share it. */
  private void demandInstalled(Schedule schedule) {
    Set<Schedule> present = new HashSet<>(installed);
    present.add(heuristic(bucket(0)));
    present.add(heuristic(bucket(layers - 1)));
    String code = MatmulKernel.compiled(schedule);
    if (present.stream().noneMatch(other -> MatmulKernel.compiled(other).equals(code))) {
      throw new IllegalStateException("not installed: " + schedule.text());
    }
  }

  private void advance(int step, int times) {
    Schedule schedule = perStep[step];
    demandInstalled(schedule);
    everRun.add(schedule);
    for (int i = 0; i < times; i++) {
      double milliseconds = 0.5 * cost.applyAsDouble(schedule) * layerFactor[step];
      milliseconds *= Math.exp(noise * random.nextGaussian());
      // Now and then the thread is descheduled.
      time += random.nextInt(20) == 0 ? 3 * milliseconds : milliseconds;
    }
  }

  Schedule heuristic() {
    return heuristic(RowBucket.of(rows));
  }

  private Schedule heuristic(RowBucket bucket) {
    return new SearchSpace(kernel.k(), kernel.n(), bucket, profile).heuristic();
  }

  @Override
  public List<Kernel> kernels() {
    return List.of(kernel);
  }

  @Override
  public List<Site> sites() {
    List<Integer> steps = new ArrayList<>();
    List<Integer> later = new ArrayList<>();
    for (int i = 0; i < layers; i++) {
      (isLater(i) ? later : steps).add(i);
    }
    Site site = new Site(kernel, RowBucket.of(rows), rows, steps);
    return later.isEmpty()
        ? List.of(site)
        : List.of(site, new Site(kernel, RowBucket.of(laterRows), laterRows, later));
  }

  @Override
  public Schedule schedule(Kernel asked, RowBucket bucket) {
    return adopted.getOrDefault(bucket, heuristic(bucket));
  }

  @Override
  public void install(Kernel asked, Schedule schedule) {
    time += 0.5;
    if (installed.size() > 40) {
      throw new MachineException("the function table is full");
    }
    installed.add(schedule);
  }

  @Override
  public void discard(Kernel asked, Schedule schedule) {
    String code = MatmulKernel.compiled(schedule);
    if (adopted.values().stream().noneMatch(other -> MatmulKernel.compiled(other).equals(code))) {
      installed.removeIf(other -> MatmulKernel.compiled(other).equals(code));
    }
  }

  @Override
  public void adopt(Kernel asked, RowBucket bucket, Schedule schedule) {
    installed.add(schedule);
    adopted.put(bucket, schedule);
    adoptions.add(schedule);
    for (int i = 0; i < layers; i++) {
      if (bucket(i).equals(bucket)) {
        perStep[i] = schedule;
      }
    }
  }

  @Override
  public void setSchedule(int step, Schedule schedule) {
    perStep[step] = schedule;
  }

  /** What a step would run with now. */
  Schedule at(int step) {
    return perStep[step];
  }

  @Override
  public void timeSteps(boolean on) {
    timed = on;
  }

  @Override
  public double stepSeconds(int step) {
    return seconds[step];
  }

  @Override
  public double runStep(int step, int times) {
    double before = now();
    advance(step, times);
    return (now() - before) / 1000;
  }

  @Override
  public double probe(Kernel asked, Schedule schedule, int probeRows, int times) {
    double before = now();
    demandInstalled(schedule);
    probed.add(schedule);
    for (int i = 0; i < times; i++) {
      double share = (double) probeRows / rows;
      time += 0.5 * share * cost.applyAsDouble(schedule) * Math.exp(noise * random.nextGaussian());
    }
    return (now() - before) / 1000;
  }

  @Override
  public float[] evaluate(Kernel asked, Schedule schedule, Problem problem) {
    time += 0.2;
    demandInstalled(schedule);
    int k = kernel.k();
    int n = kernel.n();
    int m = problem.rows();
    Fault fault = faults.getOrDefault(schedule, Fault.NONE);
    if (fault == Fault.TRAP && m > schedule.mr()) {
      throw new MachineException("memory access out of bounds");
    }
    float[] c = new float[(m + 1) * n];
    Arrays.fill(c, GUARD);
    for (int row = 0; row < m; row++) {
      for (int column = 0; column < n; column++) {
        float sum = 0;
        for (int i = 0; i < k; i++) {
          sum += problem.a()[row * k + i] * problem.b()[i * n + column];
        }
        if (fault == Fault.TAIL && row == m - 1 && m % schedule.mr() == 1 && column == n - 1) {
          sum += 0.01f;
        }
        if (fault == Fault.LEAK && row > 0) {
          sum += 0 * problem.a()[(row - 1) * k + k / 4];
        }
        float[] operands = new float[problem.extras().size()];
        for (int i = 0; i < operands.length; i++) {
          operands[i] = problem.extras().get(i)[kernel.extras().get(i).index(row, column, n)];
        }
        if (fault != Fault.UNWRITTEN || column < n - 1) {
          c[row * n + column] = kernel.epilogue().apply(sum, operands);
        }
      }
    }
    if (fault == Fault.OVERRUN && m % schedule.mr() != 0) {
      c[m * n] = 0;
    }
    return c;
  }

  @Override
  public double now() {
    return Math.floor(time / clockMilliseconds) * clockMilliseconds;
  }
}
