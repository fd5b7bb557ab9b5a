package dev.quern.runtime;

import dev.quern.graph.ElementwiseProgram;
import dev.quern.kernel.KernelSpec;
import dev.quern.kernel.MatmulKernel;
import dev.quern.kernel.NarrowPacking;
import dev.quern.kernel.StepRecord;
import dev.quern.kernel.WeightFormat;
import dev.quern.onnx.DataType;
import dev.quern.plan.Arg;
import dev.quern.plan.Step;
import dev.quern.reference.Elementwise;
import dev.quern.reference.Tensor;
import dev.quern.runtime.KernelTable.Wanted;
import dev.quern.schedule.ByteDot;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A {@link ModelRunner} as the tuner sees it. */
public final class TunableRunner implements TunableModel {
  /** Of an A of bytes. */
  private static final int ZERO_POINT = 128;

  private final ModelRunner runner;
  private final Machine machine;
  private final List<Kernel> kernels = new ArrayList<>();
  private final Map<String, KernelSpec.Matmul> specs = new LinkedHashMap<>();

  private float[] packedFrom;
  private long packedAt;

  public TunableRunner(ModelRunner runner) {
    this.runner = runner;
    this.machine = runner.machine();
    Map<String, Integer> layers = new LinkedHashMap<>();
    Map<String, Step> first = new LinkedHashMap<>();
    for (Step step : runner.plan().steps()) {
      if (step.kernel() instanceof KernelSpec.Matmul matmul
          && matmul.layout() == KernelSpec.Layout.PANELS
          // Problems of these cannot be made yet: their kernels keep the heuristic's schedule.
          && !matmul.format().isNarrow()) {
        String signature = matmul.signature();
        specs.put(signature, matmul);
        layers.merge(signature, 1, Integer::sum);
        first.putIfAbsent(signature, step);
      }
    }
    specs.forEach((signature, spec) ->
        kernels.add(
            new Kernel(
                signature,
                spec.k(),
                spec.n(),
                extras(spec, first.get(signature)),
                epilogue(spec.epilogue()),
                layers.get(signature),
                spec.format())));
  }

  private static List<Extra> extras(KernelSpec.Matmul spec, Step step) {
    List<Extra> extras = new ArrayList<>();
    for (int e = 0; e < spec.extras().size(); e++) {
      Arg rowStride = step.args().get(MatmulKernel.EXTRAS + 3 * e + 1);
      extras.add(
          new Extra(!rowStride.value().is(0), spec.extras().get(e) == KernelSpec.Extra.VECTOR));
    }
    return extras;
  }

  private static Epilogue epilogue(ElementwiseProgram program) {
    if (program == null) {
      return (accumulator, extras) -> accumulator;
    }
    return (accumulator, extras) -> {
      List<Tensor> operands = new ArrayList<>();
      operands.add(Tensor.of(new float[] {accumulator}, 1));
      for (float extra : extras) {
        operands.add(Tensor.of(new float[] {extra}, 1));
      }
      return Elementwise.run(program, operands, new long[] {1}).floats()[0];
    };
  }

  private KernelSpec.Matmul spec(Kernel kernel) {
    return specs.get(kernel.signature());
  }

  @Override
  public List<Kernel> kernels() {
    return kernels;
  }

  @Override
  public List<Site> sites() {
    Program program = runner.current();
    if (program == null) {
      return List.of();
    }
    List<Site> sites = new ArrayList<>();
    for (Kernel kernel : kernels) {
      Map<RowBucket, List<Integer>> buckets = new LinkedHashMap<>();
      List<Step> steps = runner.plan().steps();
      for (int i = 0; i < steps.size(); i++) {
        if (program.rows()[i] > 0 && steps.get(i).kernel().equals(spec(kernel))) {
          buckets.computeIfAbsent(program.bucket(i), bucket -> new ArrayList<>()).add(i);
        }
      }
      buckets.forEach(
          (bucket, list) -> sites.add(new Site(kernel, bucket, program.rows()[list.get(0)], list)));
    }
    return sites;
  }

  @Override
  public Schedule schedule(Kernel kernel, RowBucket bucket) {
    Schedule adopted = runner.adopted(kernel.signature(), bucket);
    return adopted != null
        ? adopted
        : runner.heuristic(kernel.steps(), kernel.n(), bucket, spec(kernel).format());
  }

  @Override
  public void install(Kernel kernel, Schedule schedule) {
    runner.table().install(List.of(new Wanted(spec(kernel), kernel.signature(), schedule)));
  }

  @Override
  public void install(Kernel kernel, List<Schedule> schedules) {
    List<Wanted> wanted = new ArrayList<>();
    for (Schedule schedule : schedules) {
      wanted.add(new Wanted(spec(kernel), kernel.signature(), schedule));
    }
    runner.table().install(wanted);
  }

  @Override
  public void discard(Kernel kernel, Schedule schedule) {
    if (!runner.uses(kernel.signature(), schedule)) {
      runner.table().discard(kernel.signature(), schedule);
    }
  }

  @Override
  public void adopt(Kernel kernel, RowBucket bucket, Schedule schedule) {
    runner.adopt(spec(kernel), bucket, schedule);
  }

  @Override
  public void setSchedule(int step, Schedule schedule) {
    runner.setSchedule(runner.current(), step, schedule);
  }

  @Override
  public void timeSteps(boolean on) {
    runner.timeSteps(on);
  }

  @Override
  public double stepSeconds(int step) {
    double milliseconds = runner.stepMilliseconds(step);
    return milliseconds < 0 ? Double.NaN : milliseconds / 1000;
  }

  @Override
  public double runStep(int step, int times) {
    int program = runner.current().address();
    double start = machine.now();
    for (int i = 0; i < times; i++) {
      int status = machine.run(program, step, step + 1);
      if (status != Control.OK) {
        throw new MachineException("step " + step + " ended with status " + status);
      }
    }
    return (machine.now() - start) / 1000;
  }

  /**
   * A synthetic problem in memory, behind everything that a run touches.
   *
   * @param end the first address behind it
   */
  public record Laid(
      KernelSpec.Matmul spec, int rows, Place a, Place b, Place c, List<Place> extras, long end) {
    /**
     * An operand.
     *
     * @param stride bytes from row to row, 0 where all rows share it; of extras only
     */
    public record Place(long address, long bytes, long stride) {
      private long next() {
        return Arena.align(address + bytes + 64);
      }
    }

    /**
     * The place of a step's argument.
     *
     * @throws IllegalArgumentException if it is no address of a product's operand
     */
    public Place place(int arg) {
      int extra = arg - MatmulKernel.EXTRAS;
      if (extra >= 0 && extra % 3 == 0) {
        return extras.get(extra / 3);
      }
      return switch (arg) {
        case MatmulKernel.A -> a;
        case MatmulKernel.B -> b;
        case MatmulKernel.C -> c;
        default -> throw new IllegalArgumentException("argument " + arg + " is no address");
      };
    }

    /** Where the sums of B's columns lie. */
    long sums() {
      return b.address() + spec.format().bytes(spec.k(), spec.n());
    }

    /** A step's argument where each operand has a buffer of its own. */
    public long arg(int arg) {
      int extra = arg - MatmulKernel.EXTRAS;
      if (extra >= 0 && extra % 3 == 1 && extra / 3 < extras.size()) {
        return extras.get(extra / 3).stride();
      }
      return switch (arg) {
        case MatmulKernel.M -> rows;
        case MatmulKernel.K -> spec.k();
        case MatmulKernel.N -> spec.n();
        default -> 0;
      };
    }
  }

  private Laid place(Kernel kernel, int rows) {
    int k = kernel.k();
    int n = kernel.n();
    KernelSpec.Matmul spec = spec(kernel);
    // Behind B are the sums of its columns, behind the scale of an A of bytes its zero point.
    Laid.Place b =
        new Laid.Place(runner.end(), spec.format().bytes(k, n) + spec.format().sumBytes(n), 0);
    Laid.Place a = new Laid.Place(b.next(), rows * spec.format().rowBytes(k), 0);
    // One row more: what is behind C is guarded.
    Laid.Place c = new Laid.Place(a.next(), 4L * (rows + 1) * n, 0);
    long next = c.next();
    List<Laid.Place> extras = new ArrayList<>();
    for (Extra extra : kernel.extras()) {
      long stride = extra.rows() ? extra.columns() ? 4L * n : 4 : 0;
      long zero = extras.isEmpty() && spec.format().kind() == WeightFormat.Kind.BYTES ? 4 : 0;
      extras.add(new Laid.Place(next, 4L * extra.size(rows, n) + zero, stride));
      next = extras.getLast().next();
    }
    machine.memory().ensure(next + StepRecord.SIZE);
    return new Laid(spec, rows, a, b, c, extras, next);
  }

  /**
   * Writes a problem into memory, for a kernel that runs elsewhere; C holds {@link #GUARD}.
   *
   * @param way how the kernel reads bytes of A
   */
  public Laid lay(Kernel kernel, Problem problem, ByteDot way) {
    int k = kernel.k();
    int n = kernel.n();
    int rows = problem.rows();
    Laid laid = place(kernel, rows);
    // First, because packing lays B over all that is behind its place.
    packed(kernel, problem.b(), laid.b().address(), laid.a().address());
    LinearMemory memory = machine.memory();
    for (int e = 0; e < kernel.extras().size(); e++) {
      int size = kernel.extras().get(e).size(rows, n);
      memory.writeFloats(laid.extras().get(e).address(), problem.extras().get(e), 0, size);
    }
    if (kernel.format().isBytes()) {
      byte[] left = bytes(problem.a(), rows, kernel, way == ByteDot.SIGNED);
      memory.write(laid.a().address(), left, 0, left.length);
      if (kernel.format().digits() == 1) {
        float[] zero = {ZERO_POINT};
        memory.writeFloats(laid.extras().getFirst().address() + 4, zero, 0, 1);
      }
    } else if (kernel.whole()) {
      byte[] left = whole(problem.a(), rows, k, (k + 1) / 2 * 2, 2);
      memory.write(laid.a().address(), left, 0, left.length);
    } else {
      memory.writeFloats(laid.a().address(), problem.a(), 0, rows * k);
    }
    float[] c = new float[(rows + 1) * n];
    Arrays.fill(c, GUARD);
    memory.writeFloats(laid.c().address(), c, 0, c.length);
    return laid;
  }

  /** C and the row behind it. */
  public float[] result(Laid laid) {
    float[] c = new float[(laid.rows() + 1) * laid.spec().n()];
    machine.memory().readFloats(laid.c().address(), c, 0, c.length);
    return c;
  }

  /** Writes the record of a step that runs a kernel on a problem. */
  private void record(Kernel kernel, Schedule schedule, Laid laid) {
    int[] words = new int[StepRecord.SIZE / 4];
    for (int e = 0; e < laid.extras().size(); e++) {
      int word = StepRecord.arg(MatmulKernel.EXTRAS + 3 * e) / 4;
      words[word] = (int) laid.extras().get(e).address();
      words[word + 1] = (int) laid.extras().get(e).stride();
    }
    words[StepRecord.SLOT / 4] = runner.table().slot(kernel.signature(), schedule);
    words[StepRecord.ITEMS / 4] = MatmulKernel.cut(words, laid.rows(), kernel.n(), schedule);
    words[StepRecord.GRAIN / 4] = 1;
    words[StepRecord.arg(MatmulKernel.A) / 4] = (int) laid.a().address();
    words[StepRecord.arg(MatmulKernel.B) / 4] = (int) laid.b().address();
    words[StepRecord.arg(MatmulKernel.C) / 4] = (int) laid.c().address();
    words[StepRecord.arg(MatmulKernel.M) / 4] = laid.rows();
    words[StepRecord.arg(MatmulKernel.FACT) / 4] = (int) laid.sums();
    machine.memory().writeInts(laid.end(), words, 0, words.length);
  }

  private void run(Laid laid) {
    int status = machine.run((int) laid.end(), 0, 1);
    if (status != Control.OK) {
      throw new MachineException("the kernel ended with status " + status);
    }
  }

  @Override
  public float[] evaluate(Kernel kernel, Schedule schedule, Problem problem) {
    Laid laid = lay(kernel, problem, machine.features().bytes());
    record(kernel, schedule, laid);
    run(laid);
    return result(laid);
  }

  @Override
  public double probe(Kernel kernel, Schedule schedule, int rows, int times) {
    Laid laid = place(kernel, rows);
    record(kernel, schedule, laid);
    double start = machine.now();
    for (int i = 0; i < times; i++) {
      // The counter of claimed work is set anew by each run.
      run(laid);
    }
    return (machine.now() - start) / 1000;
  }

  /** Packs B unless the same array was packed to the same place the last time. */
  @SuppressWarnings("ReferenceEquality") // The caller passes the same array again on purpose.
  private void packed(Kernel kernel, float[] b, long at, long behind) {
    int k = kernel.k();
    int n = kernel.n();
    if (b == packedFrom && at == packedAt) {
      return;
    }
    machine.memory().ensure(behind + 4L * k * n + 16);
    if (kernel.whole()) {
      // Zero points of 0 lie behind the numbers.
      byte[] right = Arrays.copyOf(whole(b, k, n, n, 1), k * n + n);
      machine.memory().write(behind, right, 0, right.length);
      String name = NarrowPacking.name(spec(kernel).format(), DataType.INT8, false);
      int sums = (int) (at + spec(kernel).format().bytes(k, n));
      int packer = runner.space().narrowPacker();
      machine.call(packer, name, (int) behind, (int) at, k, n, (int) behind + k * n, sums);
    } else {
      machine.memory().writeFloats(behind, b, 0, k * n);
      machine.call(runner.space().packer(), "pack", (int) behind, (int) at, k, n);
    }
    packedFrom = b;
    packedAt = at;
  }

  /** A of bytes. */
  private static byte[] bytes(float[] numbers, int rows, Kernel kernel, boolean signed) {
    int k = kernel.k();
    int row = (int) kernel.format().rowBytes(k);
    byte[] result = new byte[rows * row];
    for (int i = 0; i < rows * k; i++) {
      int at = i / k * row + i % k;
      int number = (int) numbers[i];
      if (kernel.format().digits() == 1) {
        result[at] = (byte) (number + (signed ? 0 : ZERO_POINT));
      } else {
        result[at] = (byte) (signed ? number + 128 >> 8 : number + 0x8000 >> 8);
        result[at + row / 2] = (byte) number;
      }
    }
    return result;
  }

  /** Rows of whole numbers, filled up with zeros, in so many bytes each. */
  private static byte[] whole(float[] numbers, int rows, int columns, int wide, int bytes) {
    byte[] result = new byte[rows * wide * bytes];
    for (int i = 0; i < rows * columns; i++) {
      int at = (i / columns * wide + i % columns) * bytes;
      result[at] = (byte) (int) numbers[i];
      if (bytes == 2) {
        result[at + 1] = (byte) ((int) numbers[i] >> 8);
      }
    }
    return result;
  }

  @Override
  public double now() {
    return machine.now();
  }
}
