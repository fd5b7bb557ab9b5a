package dev.quern.tuner;

import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.kernel.KernelSpec;
import dev.quern.kernel.Kernels;
import dev.quern.kernel.MatmulKernel;
import dev.quern.kernel.StepRecord;
import dev.quern.kernel.WeightFormat;
import dev.quern.onnx.DataType;
import dev.quern.runtime.Control;
import dev.quern.runtime.LinearMemory;
import dev.quern.runtime.Machine;
import dev.quern.runtime.MachineException;
import dev.quern.runtime.TunableModel;
import dev.quern.runtime.Walker;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;

/** Several layers of one real matmul with a bias, emitted and run on a machine. */
final class RealModel implements TunableModel {
  private static final int PROGRAM = 4096;

  final Kernel kernel;
  final int rows;
  private final Machine machine;
  private final DeviceProfile profile;
  private final KernelSpec.Matmul spec;
  private final int layers;
  private final int trialRecord;
  private final long trial;
  private final long output;
  private final Map<Schedule, Integer> slots = new HashMap<>();
  private final Map<RowBucket, Schedule> adopted = new HashMap<>();
  private final Deque<Integer> free = new ArrayDeque<>();
  private final long[] weights;
  private final long[] inputs;
  private final long bias;
  private float[] packed;

  /** Changes the rows of a block behind the schedule's back, to plant work that is not done. */
  UnaryOperator<Schedule> saboteur = schedule -> schedule;

  RealModel(Machine machine, DeviceProfile profile, int k, int n, int rows, int layers) {
    this.machine = machine;
    this.profile = profile;
    this.rows = rows;
    this.layers = layers;
    ElementwiseProgram add =
        new ElementwiseProgram(
            List.of(DataType.FLOAT, DataType.FLOAT),
            List.of(
                new ElementwiseProgram.Instruction(
                    ElementwiseOp.ADD, DataType.FLOAT, List.of(0, 1), 0)));
    spec =
        new KernelSpec.Matmul(
            k,
            n,
            KernelSpec.Layout.PANELS,
            WeightFormat.F32,
            add,
            List.of(KernelSpec.Extra.VECTOR));
    kernel =
        new Kernel(
            spec.signature(),
            k,
            n,
            List.of(new Extra(false, true)),
            (sum, extras) -> sum + extras[0],
            layers);
    for (int i = 1; i < 200; i++) {
      free.add(i);
    }
    trialRecord = PROGRAM + layers * StepRecord.SIZE;
    int panels = (n + 3) / 4;
    long at = 65536;
    bias = at;
    at += 4L * n + 64;
    weights = new long[layers];
    inputs = new long[layers];
    for (int i = 0; i < layers; i++) {
      weights[i] = at;
      at += align(16L * panels * k);
      inputs[i] = at;
      at += align(4L * rows * k + 1024);
    }
    output = at;
    at += align(4L * rows * n);
    trial = at;
    LinearMemory memory = machine.memory();
    memory.ensure(at + 4L * (16L * panels * k + 400L * (k + 2L * n)));
    machine.install(Walker.module(machine.features().threads()).encode());
    memory.putInt(Control.THREADS, 1);
    memory.putInt(Control.SCRATCH, 32768);
    Random random = new Random(5);
    for (int i = 0; i < layers; i++) {
      memory.writeFloats(weights[i], randoms(random, 4 * panels * k), 0, 4 * panels * k);
      memory.writeFloats(inputs[i], randoms(random, rows * k), 0, rows * k);
    }
    adopt(kernel, RowBucket.of(rows), schedule(kernel, RowBucket.of(rows)));
  }

  private static long align(long bytes) {
    return (bytes + 4095) / 4096 * 4096;
  }

  private static float[] randoms(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    return values;
  }

  private void record(
      int at, Schedule schedule, long a, long b, long c, long extra, int m, int slot) {
    int[] words = new int[StepRecord.SIZE / 4];
    words[StepRecord.SLOT / 4] = slot;
    words[StepRecord.ITEMS / 4] = MatmulKernel.cut(words, m, kernel.n(), schedule);
    words[StepRecord.arg(MatmulKernel.M_BLOCK) / 4] = saboteur.apply(schedule).mc();
    words[StepRecord.GRAIN / 4] = 1;
    words[StepRecord.FLAGS / 4] = StepRecord.TIMED;
    int[] values = {(int) a, (int) b, (int) c, m, kernel.k(), kernel.n(), 0, 0, 0};
    System.arraycopy(values, 0, words, StepRecord.arg(0) / 4, values.length);
    words[StepRecord.arg(MatmulKernel.EXTRAS) / 4] = (int) extra;
    machine.memory().writeInts(at, words, 0, words.length);
  }

  /** Runs all layers once. */
  void infer() {
    run(0, layers);
  }

  private void run(int first, int last) {
    int status = machine.run(PROGRAM, first, last);
    if (status != Control.OK) {
      throw new MachineException("the run ended with status " + status);
    }
  }

  @Override
  public List<Kernel> kernels() {
    return List.of(kernel);
  }

  @Override
  public List<Site> sites() {
    List<Integer> steps = new ArrayList<>();
    for (int i = 0; i < layers; i++) {
      steps.add(i);
    }
    return List.of(new Site(kernel, RowBucket.of(rows), rows, steps));
  }

  @Override
  public Schedule schedule(Kernel asked, RowBucket bucket) {
    Schedule schedule = adopted.get(bucket);
    return schedule != null
        ? schedule
        : new SearchSpace(kernel.k(), kernel.n(), bucket, profile).heuristic();
  }

  @Override
  public void install(Kernel asked, Schedule schedule) {
    if (!slots.containsKey(schedule)) {
      int slot = free.remove();
      machine.install(
          Kernels.module(
                  List.of(new Kernels.Placed(spec, schedule, slot)),
                  machine.features(),
                  Control.TABLE_SIZE)
              .encode());
      slots.put(schedule, slot);
    }
  }

  @Override
  public void discard(Kernel asked, Schedule schedule) {
    if (!adopted.containsValue(schedule) && slots.containsKey(schedule)) {
      free.add(slots.remove(schedule));
    }
  }

  @Override
  public void adopt(Kernel asked, RowBucket bucket, Schedule schedule) {
    install(asked, schedule);
    adopted.put(bucket, schedule);
    for (int i = 0; i < layers; i++) {
      setSchedule(i, schedule);
    }
  }

  @Override
  public void setSchedule(int step, Schedule schedule) {
    record(
        PROGRAM + step * StepRecord.SIZE,
        schedule,
        inputs[step],
        weights[step],
        output,
        bias,
        rows,
        slot(schedule));
  }

  @Override
  public void timeSteps(boolean on) {}

  @Override
  public double stepSeconds(int step) {
    int at = PROGRAM + step * StepRecord.SIZE;
    LinearMemory memory = machine.memory();
    double start = memory.getDouble(at + StepRecord.START);
    return start == 0 ? Double.NaN : (memory.getDouble(at + StepRecord.END) - start) / 1000;
  }

  @Override
  public double runStep(int step, int times) {
    double before = now();
    for (int i = 0; i < times; i++) {
      run(step, step + 1);
    }
    return (now() - before) / 1000;
  }

  /** Of the schedule, or of one with other blocks: its code is the same. */
  private int slot(Schedule schedule) {
    Integer slot = slots.get(schedule);
    if (slot == null) {
      String code = MatmulKernel.compiled(schedule);
      for (Schedule other : slots.keySet()) {
        slot = MatmulKernel.compiled(other).equals(code) ? slots.get(other) : slot;
      }
    }
    return slot;
  }

  @Override
  public double probe(Kernel asked, Schedule schedule, int probeRows, int times) {
    int panels = (kernel.n() + 3) / 4;
    long a = trial + 16L * panels * kernel.k();
    long extra = a + 4L * probeRows * kernel.k();
    long c = extra + 4L * kernel.n() + 16;
    record(trialRecord, schedule, a, trial, c, extra, probeRows, slot(schedule));
    double before = now();
    for (int i = 0; i < times; i++) {
      run(layers, layers + 1);
    }
    return (now() - before) / 1000;
  }

  @Override
  public float[] evaluate(Kernel asked, Schedule schedule, Problem problem) {
    LinearMemory memory = machine.memory();
    int k = kernel.k();
    int n = kernel.n();
    int m = problem.rows();
    int panels = (n + 3) / 4;
    long a = trial + 16L * panels * k;
    long extra = a + 4L * m * k;
    long c = extra + 4L * n + 16;
    if (packed != problem.b()) {
      packed = problem.b();
      float[] panel = new float[4 * panels * k];
      for (int i = 0; i < k; i++) {
        for (int j = 0; j < n; j++) {
          panel[(j / 4 * k + i) * 4 + j % 4] = packed[i * n + j];
        }
      }
      memory.writeFloats(trial, panel, 0, panel.length);
    }
    memory.writeFloats(a, problem.a(), 0, m * k);
    memory.writeFloats(extra, problem.extras().get(0), 0, n);
    float[] result = new float[(m + 1) * n];
    Arrays.fill(result, GUARD);
    memory.writeFloats(c, result, 0, result.length);
    record(trialRecord, schedule, a, trial, c, extra, m, slot(schedule));
    run(layers, layers + 1);
    memory.readFloats(c, result, 0, result.length);
    return result;
  }

  @Override
  public double now() {
    return machine.now();
  }
}
