package dev.quern.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.onnx.DataType;
import dev.quern.runtime.Control;
import dev.quern.runtime.JavetMachine;
import dev.quern.runtime.LinearMemory;
import dev.quern.schedule.ByteDot;
import dev.quern.schedule.Features;
import dev.quern.schedule.Schedule;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.WasmModule;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * Runs single kernels in V8: lays their operands out in memory, calls them through the table for
 * ranges of items as threads would claim them, and proves that they wrote nothing but their
 * outputs.
 */
final class KernelRig implements AutoCloseable {
  static final Features FMA = new Features(true, false);
  static final Features PLAIN = Features.BASELINE;

  static final int STEP = 4096;
  private static final int ARENA = 8192;
  private static final int SLOT = 7;
  private static final int GAP = 48;

  /** A signalling bit pattern that no kernel computes. */
  private static final byte GUARD = (byte) 0xb5;

  final JavetMachine machine = JavetMachine.create();
  final LinearMemory memory = machine.memory();

  private final int launcher = machine.load(launcher());
  private final int packer = machine.load(PackKernel.module(false).encode());
  private final int narrowPacker = machine.load(NarrowPacking.module(false).encode());
  private final int blockPacker = machine.load(BlockPacking.module(false).encode());
  private final List<Buffer> writable = new ArrayList<>();
  private final Random random = new Random(11);
  private int next;
  private String installed = "";

  /** A range of memory: its address and bytes. */
  record Buffer(int address, int bytes) {}

  KernelRig() {
    memory.ensure(1 << 20);
    reset();
  }

  private static byte[] launcher() {
    return WasmModule.build(
            module -> {
              module.importTable(Control.TABLE_SIZE);
              module.export(
                  module.function(
                      "launch",
                      FunctionType.of("iiiii:"),
                      code -> {
                        for (int i = 1; i < 5; i++) {
                          code.get(code.parameter(i));
                        }
                        code.get(code.parameter(0)).callIndirect(Kernels.TYPE);
                      }));
            })
        .encode();
  }

  /** Forgets all buffers. */
  void reset() {
    next = ARENA;
    writable.clear();
    memory.clear(STEP, StepRecord.SIZE);
    memory.clear(Control.FREE, STEP - Control.FREE);
    memory.putInt(Faults.ERROR, 0);
  }

  /** Reserves bytes between guards, at an address that is {@code skew} above a multiple of 16. */
  private Buffer reserve(int bytes, int skew) {
    int start = (next + GAP + 15) / 16 * 16 + skew;
    int end = start + bytes + GAP;
    // Kernels may read, never write, up to a vector beyond an operand.
    memory.ensure(end + 64L);
    byte[] guard = new byte[end - next];
    Arrays.fill(guard, GUARD);
    memory.write(next, guard, 0, guard.length);
    next = end;
    return new Buffer(start, bytes);
  }

  Buffer input(float... values) {
    return input(0, values);
  }

  /** An operand whose address is {@code skew} bytes off its alignment. */
  Buffer input(int skew, float[] values) {
    Buffer buffer = reserve(values.length * 4, skew);
    memory.writeFloats(buffer.address(), values, 0, values.length);
    return buffer;
  }

  Buffer bytes(int skew, byte[] values) {
    Buffer buffer = reserve(values.length, skew);
    memory.write(buffer.address(), values, 0, values.length);
    return buffer;
  }

  Buffer output(int bytes, int skew) {
    Buffer buffer = reserve(bytes, skew);
    writable.add(buffer);
    return buffer;
  }

  Buffer floats(int count) {
    return output(count * 4, 0);
  }

  /** Weights {@code [k, n]}, or {@code [n, k]} if transposed, packed by the packing kernel. */
  Buffer packed(float[] weights, int k, int n, boolean transposed, int skew) {
    Buffer raw = input(skew, weights);
    Buffer panels = output((int) WeightFormat.F32.bytes(k, n), 0);
    double[] arguments = {raw.address(), panels.address(), k, n};
    guarded(() -> machine.call(packer, transposed ? "pack_transposed" : "pack", arguments));
    writable.remove(panels);
    return panels;
  }

  /**
   * Weights of 8 bits, packed for products of whole numbers by the packing kernel; behind them the
   * sums of their columns.
   */
  Buffer packed(
      WeightFormat format, DataType type, byte[] raw, byte[] zeros, int k, int n, boolean turned) {
    Buffer source = bytes(random.nextInt(4), raw);
    Buffer points = bytes(random.nextInt(4), zeros);
    int size = (int) format.bytes(k, n);
    Buffer panels = output(size + (int) format.sumBytes(n), 0);
    double[] arguments = {
      source.address(), panels.address(), k, n, points.address(), panels.address() + size
    };
    String name = NarrowPacking.name(format, type, turned);
    guarded(() -> machine.call(narrowPacker, name, arguments));
    writable.remove(panels);
    return panels;
  }

  /** Weights of few bits in blocks, in ONNX Runtime's order, packed by the packing kernel. */
  Buffer packed(WeightFormat format, byte[] numbers, float[] scales, byte[] zeros, int k, int n) {
    Buffer source = bytes(random.nextInt(4), numbers);
    Buffer factors = input(4 * random.nextInt(4), scales);
    Buffer points = bytes(random.nextInt(4), zeros);
    Buffer panels = output((int) format.bytes(k, n), 0);
    int words = format.block() * format.bits() / 32;
    double[] arguments = {
      source.address(),
      factors.address(),
      points.address(),
      panels.address(),
      MatmulKernel.blocks(k, format.block()),
      n,
      words
    };
    guarded(() -> machine.call(blockPacker, BlockPacking.name(format), arguments));
    writable.remove(panels);
    return panels;
  }

  /** How this machine sums bytes. */
  ByteDot bytes() {
    return machine.features().bytes();
  }

  void arg(int index, int value) {
    memory.putInt(STEP + StepRecord.arg(index), value);
  }

  void arg(int index, Buffer buffer) {
    arg(index, buffer.address());
  }

  void args(int first, int... values) {
    for (int i = 0; i < values.length; i++) {
      arg(first + i, values[i]);
    }
  }

  void install(KernelSpec spec, Schedule schedule, Features features) {
    String key = spec.signature() + "|" + schedule + "|" + features + "|" + spec.hashCode();
    if (!key.equals(installed)) {
      machine.load(
          Kernels.module(
                  List.of(new Kernels.Placed(spec, schedule, SLOT)), features, Control.TABLE_SIZE)
              .encode());
      installed = key;
    }
  }

  void run(KernelSpec spec, Features features, int items) {
    run(spec, null, features, items, 0);
  }

  /** Runs all items, in ranges of random lengths and in random order, and checks the guards. */
  void run(KernelSpec spec, Schedule schedule, Features features, int items, int scratchBytes) {
    install(spec, schedule, features);
    Buffer scratch = output(scratchBytes, 0);
    List<int[]> ranges = new ArrayList<>();
    for (int begin = 0; begin < items; ) {
      int end = Math.min(items, begin + 1 + random.nextInt(random.nextBoolean() ? 3 : items));
      ranges.add(new int[] {begin, end});
      begin = end;
    }
    // A thread may find nothing left.
    ranges.add(new int[] {items, items});
    java.util.Collections.shuffle(ranges, random);
    guarded(() -> {
      for (int[] range : ranges) {
        launch(range[0], range[1], scratch.address());
      }
    });
  }

  void launch(int begin, int end, int scratch) {
    machine.call(launcher, "launch", SLOT, STEP, begin, end, scratch);
  }

  private void guarded(Runnable action) {
    byte[] before = snapshot();
    action.run();
    byte[] after = snapshot();
    for (Buffer buffer : writable) {
      int from = buffer.address() - STEP;
      System.arraycopy(after, from, before, from, buffer.bytes());
    }
    int wrong = Arrays.mismatch(before, after);
    assertThat(wrong).as("the first byte written outside the outputs %s", writable).isEqualTo(-1);
  }

  private byte[] snapshot() {
    byte[] all = new byte[next + 64 - STEP];
    memory.view(STEP, all.length).copyTo(0, all, 0, all.length);
    return all;
  }

  float[] read(Buffer buffer) {
    float[] values = new float[buffer.bytes() / 4];
    memory.readFloats(buffer.address(), values, 0, values.length);
    return values;
  }

  byte[] readBytes(Buffer buffer) {
    byte[] values = new byte[buffer.bytes()];
    memory.view(buffer.address(), values.length).copyTo(0, values, 0, values.length);
    return values;
  }

  @Override
  public void close() {
    machine.close();
  }

  // --- numbers ---

  static float[] random(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextFloat() * 2 - 1;
    }
    return values;
  }

  /** Whether the test run is the long one. */
  static boolean full() {
    return Boolean.getBoolean("quern.full");
  }

  /**
   * The same number within a tolerance; NaN and the infinities must be met exactly.
   *
   * @param what of the failure message
   */
  static void close(float found, double wanted, double tolerance, Object what) {
    boolean good =
        Double.isNaN(wanted)
            ? Float.isNaN(found)
            : (float) wanted == found || Math.abs(found - wanted) <= tolerance;
    if (!good) {
      throw new AssertionError(
          what + ": found " + found + ", wanted " + wanted + " within " + tolerance);
    }
  }
}
