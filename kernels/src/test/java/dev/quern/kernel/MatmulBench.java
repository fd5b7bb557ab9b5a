package dev.quern.kernel;

import com.caoccao.javet.interop.options.V8RuntimeOptions;
import dev.quern.graph.ElementwiseOp;
import dev.quern.kernel.KernelSpec.Layout;
import dev.quern.kernel.KernelSpec.Matmul;
import dev.quern.onnx.DataType;
import dev.quern.runtime.Control;
import dev.quern.runtime.JavetMachine;
import dev.quern.runtime.LinearMemory;
import dev.quern.schedule.Features;
import dev.quern.schedule.Heuristic;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import dev.quern.wasm.Function;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Local;
import dev.quern.wasm.Opcode;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Shares of the peak that matmul kernels reach in V8. Each sample of a kernel stands between two of
 * a probe that multiplies and adds in registers only; the share is the median of the ratios,
 * because the peak itself moves on a machine that others use. Times are CPU times of the thread.
 * Results are checked.
 *
 * <p>{@code -Dformat=I8}, or {@code BYTES}, measures products of whole numbers against a probe of
 * {@code i32x4.dot_i16x8_s} and additions.
 *
 * <p>Arguments: {@code MxKxN} shapes and schedules' texts in any number, e.g. {@code 128x384x1536
 * "mr=6 nr=8 mc=48 nc=128 kc=384 unroll=2 fma=1 order=n"}; with none, those of the design.
 */
public final class MatmulBench {
  private static final int ACCUMULATORS = 12;
  private static final int STEP = 4096;
  private static final int ROUNDS = Integer.getInteger("rounds", 25);

  /** The format of the weights, and with it what the probe multiplies. */
  private static final WeightFormat FORMAT =
      Map.of("F32", WeightFormat.F32, "I8", WeightFormat.I8, "BYTES", WeightFormat.BYTES)
          .get(System.getProperty("format", "F32"));

  /** Floating-point or integer operations that one multiply-add of vectors does. */
  private static final double EACH = FORMAT.isWhole() ? 16 : 8;

  private record Shape(int m, int k, int n) {
    static Shape parse(String text) {
      String[] parts = text.split("x", -1);
      return new Shape(
          Integer.parseInt(parts[0]), Integer.parseInt(parts[1]), Integer.parseInt(parts[2]));
    }

    double flops() {
      return 2.0 * m * k * n;
    }
  }

  private final JavetMachine machine = JavetMachine.create();
  private final LinearMemory memory = machine.memory();
  private final int probe = machine.load(probe());
  private final int launcher = machine.load(launcher());
  private final int[] record = new int[StepRecord.SIZE / 4];

  private MatmulBench() {}

  /** Runs the benchmark. */
  public static void main(String[] arguments) {
    // Browsers let the hardware check bounds, with pages that trap around a memory; V8 in the JVM
    // would do it in code, at every load.
    V8RuntimeOptions.V8_FLAGS.setCustomFlags(
        System.getProperty("v8.flags", "--no-wasm-bounds-checks"));
    List<Shape> shapes = new ArrayList<>();
    List<Schedule> schedules = new ArrayList<>();
    for (String argument : arguments) {
      if (argument.indexOf('=') < 0) {
        shapes.add(Shape.parse(argument));
      } else {
        schedules.add(Schedule.parse(argument));
      }
    }
    if (shapes.isEmpty()) {
      shapes = List.of(new Shape(120, 768, 3072), new Shape(128, 384, 1536));
    }
    MatmulBench bench = new MatmulBench();
    for (Shape shape : shapes) {
      bench.run(shape, schedules.isEmpty() ? defaults(shape) : schedules);
    }
    bench.machine.close();
  }

  private static List<Schedule> defaults(Shape shape) {
    List<Schedule> all = new ArrayList<>();
    all.add(
        Heuristic.schedule(
            FORMAT.steps(shape.k),
            shape.n,
            RowBucket.of(shape.m),
            KernelRig.FMA,
            Heuristic.DEFAULT_REGISTERS,
            Heuristic.DEFAULT_L2_BYTES,
            1));
    int[][] tiles = {{6, 8}, {5, 8}, {4, 8}, {3, 12}, {2, 16}, {4, 12}};
    for (int[] tile : tiles) {
      for (Schedule.Order order : Schedule.Order.values()) {
        // B's block in L1 (order m) or A's rows there (order n).
        int mc = (shape.m + tile[0] - 1) / tile[0] * tile[0];
        int nc = tile[1] * 8;
        all.add(new Schedule(tile[0], tile[1], mc, nc, 384, 2, true, order));
      }
    }
    return all;
  }

  private static byte[] launcher() {
    return WasmModule.build(
            module -> {
              module.importTable(Control.TABLE_SIZE);
              module.export(
                  module.function(
                      "launch",
                      FunctionType.of("iii:"),
                      code ->
                          code.get(code.parameter(1))
                              .i32(0)
                              .get(code.parameter(2))
                              .i32(0)
                              .get(code.parameter(0))
                              .callIndirect(Kernels.TYPE)));
            })
        .encode();
  }

  /**
   * {@code peak(n, a, b)}: n times 12 multiply-adds of vectors that do not wait for one another.
   */
  private static byte[] probe() {
    return WasmModule.build(
            module -> {
              Function peak =
                  module.function(
                      "peak",
                      FunctionType.of("iff:f"),
                      code -> {
                        List<Local> sums = new ArrayList<>();
                        for (int i = 0; i < ACCUMULATORS; i++) {
                          sums.add(code.local(ValueType.V128, "c" + i));
                        }
                        Local a = code.local(ValueType.V128, "a");
                        Local b = code.local(ValueType.V128, "b");
                        // Parameters, because a compiler may make constants anew at each use.
                        code.get(code.parameter(1)).op(Opcode.F32X4_SPLAT).set(a);
                        code.get(code.parameter(2)).op(Opcode.F32X4_SPLAT).set(b);
                        Local left = code.parameter(0);
                        code.loop(again -> {
                          for (Local sum : sums) {
                            if (FORMAT.isWhole()) {
                              // Of a sum, or a compiler would take the product out of the loop.
                              code.get(sum).get(b).op(Opcode.I32X4_DOT_I16X8_S);
                              code.get(sum).op(Opcode.I32X4_ADD).set(sum);
                            } else {
                              code.get(a).get(b).get(sum);
                              code.op(Opcode.F32X4_RELAXED_MADD).set(sum);
                            }
                          }
                          code.get(left).i32(1).op(Opcode.I32_SUB).tee(left).brIf(again);
                        });
                        code.get(sums.get(0));
                        for (int i = 1; i < ACCUMULATORS; i++) {
                          code.get(sums.get(i)).op(Opcode.F32X4_ADD);
                        }
                        code.lane(Opcode.F32X4_EXTRACT_LANE, 0);
                      });
              module.export(peak);
            })
        .encode();
  }

  private void run(Shape shape, List<Schedule> schedules) {
    Random random = new Random(1);
    float[] a = KernelRig.random(random, shape.m * shape.k);
    float[] b = KernelRig.random(random, shape.k * shape.n);
    int left = 8192;
    int raw = left + a.length * 4 + 64;
    int right = raw + b.length * 4 + 64;
    int sums = right + (int) FORMAT.bytes(shape.k, shape.n);
    int out = sums + (int) FORMAT.sumBytes(shape.n) + 64;
    memory.ensure(out + 4L * shape.m * shape.n + 64);
    if (FORMAT.isWhole()) {
      byte[] left16 = new byte[FORMAT.isBytes() ? a.length : 2 * a.length];
      for (int i = 0; i < a.length; i++) {
        if (FORMAT.isBytes()) {
          // A multiple of 4 as depth, and 100 as zero point.
          a[i] = random.nextInt(256) - 100;
          left16[i] = (byte) ((int) a[i] + 100);
          continue;
        }
        a[i] = random.nextInt(511) - 255;
        left16[2 * i] = (byte) (int) a[i];
        left16[2 * i + 1] = (byte) ((int) a[i] >> 8);
      }
      memory.writeFloats(4096 + StepRecord.SIZE + 64, new float[] {1, 100}, 0, 2);
      record[StepRecord.arg(MatmulKernel.EXTRAS) / 4] = 4096 + StepRecord.SIZE + 64;
      record[StepRecord.arg(MatmulKernel.FACT) / 4] = sums;
      byte[] right8 = new byte[b.length + shape.n];
      for (int i = 0; i < b.length; i++) {
        b[i] = right8[i] = (byte) random.nextInt(256);
      }
      memory.write(left, left16, 0, left16.length);
      memory.write(raw, right8, 0, right8.length);
      String name = NarrowPacking.name(FORMAT, DataType.INT8, false);
      int packer = machine.load(NarrowPacking.module(false).encode());
      machine.call(packer, name, raw, right, shape.k, shape.n, raw + b.length, sums);
    } else {
      memory.writeFloats(left, a, 0, a.length);
      memory.writeFloats(raw, b, 0, b.length);
      int packer = machine.load(PackKernel.module(false).encode());
      machine.call(packer, "pack", raw, right, shape.k, shape.n);
    }

    boolean scaled = FORMAT == WeightFormat.BYTES;
    Matmul spec =
        new Matmul(
            shape.k,
            shape.n,
            Layout.PANELS,
            FORMAT,
            scaled ? Programs.binary(ElementwiseOp.MUL) : null,
            scaled ? List.of(KernelSpec.Extra.SPLAT) : List.of());
    List<Kernels.Placed> placed = new ArrayList<>();
    for (int i = 0; i < schedules.size(); i++) {
      placed.add(new Kernels.Placed(spec, schedules.get(i), i + 1));
    }
    Features features = KernelRig.FMA.with(machine.features().bytes());
    machine.load(Kernels.module(placed, features, Control.TABLE_SIZE).encode());
    int[] words = {left, right, out, shape.m};
    System.arraycopy(words, 0, record, StepRecord.arg(MatmulKernel.A) / 4, words.length);
    System.out.println("[" + shape.m + " x " + shape.k + "] · [" + shape.k + " x " + shape.n + "]");

    // Samples of some milliseconds, probes of half that on either side.
    int times = (int) Math.ceil(2e8 / shape.flops());
    int loops = (int) (shape.flops() * times / (ACCUMULATORS * EACH) / 2);
    double[][] ratios = new double[schedules.size()][ROUNDS];
    double[][] speeds = new double[schedules.size()][ROUNDS];
    for (int round = -1; round < ROUNDS; round++) {
      for (int s = 0; s < schedules.size(); s++) {
        Schedule schedule = schedules.get(s);
        if (round < 0) {
          warm(shape, schedule, s + 1);
          check(shape, schedule, a, b, out);
          continue;
        }
        double before = peak(loops);
        double speed = shape.flops() / seconds(shape, schedule, s + 1, times);
        double after = peak(loops);
        speeds[s][round] = speed / 1e9;
        ratios[s][round] = speed * (1 / before + 1 / after) / 2;
      }
    }
    for (int s = 0; s < schedules.size(); s++) {
      Arrays.sort(ratios[s]);
      Arrays.sort(speeds[s]);
      System.out.println(
          String.format(
              "%.3f of peak (%.3f-%.3f)  %.1f GFLOP/s  %s",
              ratios[s][ROUNDS / 2],
              ratios[s][ROUNDS / 4],
              ratios[s][ROUNDS * 3 / 4],
              speeds[s][ROUNDS / 2],
              schedules.get(s).text()));
    }
  }

  private static double cpuSeconds() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() / 1e9;
  }

  private void warm(Shape shape, Schedule schedule, int slot) {
    double stop = cpuSeconds() + 0.25;
    while (cpuSeconds() < stop) {
      seconds(shape, schedule, slot, 1);
      peak(20_000);
    }
  }

  private double seconds(Shape shape, Schedule schedule, int slot, int times) {
    int items = MatmulKernel.cut(record, shape.m, shape.n, schedule);
    memory.writeInts(STEP, record, 0, record.length);
    double start = cpuSeconds();
    for (int i = 0; i < times; i++) {
      machine.call(launcher, "launch", slot, STEP, items);
    }
    return (cpuSeconds() - start) / times;
  }

  private double peak(int loops) {
    double start = cpuSeconds();
    machine.call(probe, "peak", loops, 1.000001, 1e-9);
    return loops * (ACCUMULATORS * EACH) / (cpuSeconds() - start);
  }

  private void check(Shape shape, Schedule schedule, float[] a, float[] b, int out) {
    Random random = new Random(2);
    for (int i = 0; i < 200; i++) {
      int row = random.nextInt(shape.m);
      int column = random.nextInt(shape.n);
      double wanted = 0;
      for (int p = 0; p < shape.k; p++) {
        wanted += (double) a[row * shape.k + p] * b[p * shape.n + column];
      }
      float found = memory.getFloat(out + 4L * (row * shape.n + column));
      KernelRig.close(found, wanted, FORMAT.isWhole() ? 16 : 1e-3, schedule.text());
    }
  }
}
