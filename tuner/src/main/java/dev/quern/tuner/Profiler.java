package dev.quern.tuner;

import dev.quern.kernel.StepRecord;
import dev.quern.runtime.Control;
import dev.quern.runtime.LinearMemory;
import dev.quern.runtime.Machine;
import dev.quern.schedule.Features;
import dev.quern.schedule.Heuristic;
import java.util.ArrayList;
import java.util.List;

/**
 * Measures a device in less than {@link #BUDGET_MILLISECONDS}: what the engine validates, the
 * clock's step, peak arithmetic, SIMD registers, caches, and how many threads are worth using.
 * Disturbances only ever make a probe slower, so that the fastest of a few samples counts.
 */
public final class Profiler {
  /** What a whole profile may take. */
  public static final double BUDGET_MILLISECONDS = 300;

  /** Bytes of linear memory that {@link #measure} overwrites. */
  public static final int SCRATCH_BYTES = (4 << 20) + Probes.TILE_BYTES + 4096;

  /** The table entry that the thread probe uses: the last. */
  private static final int SLOT = Control.TABLE_SIZE - 1;

  /** Probes that could take long are not begun after this share of the budget. */
  private static final double LATEST = 0.85 * BUDGET_MILLISECONDS;

  /** Caches have to leave time for arithmetic, threads and registers. */
  private static final double CACHES_LATEST = 0.5 * BUDGET_MILLISECONDS;

  /** A clock coarser than this cannot tell caches or registers apart in time. */
  private static final double COARSE_MILLISECONDS = 0.15;

  private static final double BEGIN_MILLISECONDS = 2;
  private static final double WARM_MILLISECONDS = 1.5;
  private static final double WARM_MOST_MILLISECONDS = 6;

  /** Only a finer clock tells tiles apart that differ by a hundredth. */
  private static final double FINE_MILLISECONDS = 0.03;

  private static final int WALK_BYTES = 4 << 20;
  private static final int TILE_ROUNDS = 10;
  private static final int CHAIN_ITERATIONS = 2000;

  /** Registers that tiles are tried with; the last small one tells whether there are many more. */
  private static final int[] SMALL_TILES = {11, 13, 15, 17, 19};

  private static final int[] LARGE_TILES = {19, 23, 27, 29, 31, 33};
  private static final int[] KILOBYTES = {
    16, 32, 48, 64, 96, 128, 192, 256, 512, 768, 1024, 1536, 2048, 3072, 4096
  };

  /** Latencies rise this much where a cache ends: L1 to L2 threefold, L2 to L3 at least so. */
  private static final double L1_STEP = 1.5;

  private static final double L2_STEP = 1.9;

  /** More threads have to be this much faster. */
  private static final double WORTH = 1.15;

  private final Machine machine;
  private final String family;
  private final int base;
  private final double started;
  private final List<String> notes = new ArrayList<>();
  private boolean relaxed;
  private boolean fma;
  private double clock;
  private double peak;

  private Profiler(Machine machine, String family, int base) {
    this.machine = machine;
    this.family = family;
    this.base = (base + 4095) / 4096 * 4096;
    this.started = machine.now();
  }

  /**
   * Measures a machine whose walker is installed and which holds no model yet.
   *
   * @param family of the engine, see {@link ClassKey}
   * @param base address of {@link #SCRATCH_BYTES} that may be overwritten
   */
  public static DeviceProfile measure(Machine machine, String family, int base) {
    return new Profiler(machine, family, base).profile();
  }

  /** What an engine offers: relaxed SIMD by a probe module, threads as the machine has them. */
  public static Features features(Machine machine) {
    return new Features(machine.validate(Probes.relaxedSimd()), machine.features().threads());
  }

  private DeviceProfile profile() {
    machine.memory().ensure((long) base + SCRATCH_BYTES);
    Features features = features(machine);
    relaxed = features.relaxedSimd();
    clock = clockStep();
    fma = relaxed;
    // Engines optimise in the background: what is raced last was begun first.
    Chunk[] chains =
        relaxed ? new Chunk[] {chains(false), chains(true)} : new Chunk[] {chains(false)};
    Chunk[] tiles = clock > FINE_MILLISECONDS ? new Chunk[0] : tiles(SMALL_TILES);
    begin(chains);
    begin(tiles);
    int[] caches = caches();
    arithmetic(chains);
    int threads = threads();
    int registers = registers(tiles);
    return new DeviceProfile(
        ClassKey.of(family, features, machine.threads()),
        features,
        clock,
        registers,
        fma,
        peak,
        caches[0],
        caches[1],
        threads,
        notes);
  }

  private double elapsed() {
    return machine.now() - started;
  }

  /** The median of the first steps that the clock makes, in milliseconds. */
  private double clockStep() {
    Samples steps = new Samples(9);
    double last = machine.now();
    double begin = last;
    long polls = 0;
    while (steps.count() < 9 && last - begin < 20 && polls++ < 50_000_000) {
      double now = machine.now();
      if (now > last) {
        steps.add(now - last);
        last = now;
      }
    }
    // A clock finer than a call of it shows the call; nothing shorter is of use.
    return Math.max(0.001, steps.median());
  }

  /** How long a sample of a probe has to be, in milliseconds. */
  private double sample() {
    return clock > COARSE_MILLISECONDS ? 20 * clock : Math.max(0.2, 40 * clock);
  }

  /** One call of a probe. */
  private interface Chunk {
    void run();
  }

  /** Calls probes often enough that the engine begins to optimise them. */
  private void begin(Chunk... probes) {
    for (Chunk probe : probes) {
      double before = machine.now();
      for (int calls = 0; calls < 200 && machine.now() - before < BEGIN_MILLISECONDS; calls++) {
        probe.run();
      }
    }
  }

  /** Milliseconds of one call, after as many as the engine needed to optimise the probe. */
  private double warm(Chunk chunk) {
    double warmed = 0;
    double best = Double.MAX_VALUE;
    boolean settled = false;
    while (!settled) {
      double before = machine.now();
      int calls = 0;
      double spent = 0;
      // One call may be shorter than the clock's step.
      while (spent < Math.max(0.5, clock) && calls < 1000) {
        chunk.run();
        calls++;
        spent = machine.now() - before;
      }
      warmed += spent;
      double each = spent / calls;
      settled =
          warmed >= WARM_MOST_MILLISECONDS || (warmed >= WARM_MILLISECONDS && each > 0.9 * best);
      best = Math.min(best, each);
    }
    return best;
  }

  /** Calls that make up a sample. */
  private int calls(double each) {
    return (int) Math.max(1, Math.min(100_000, sample() / Math.max(each, 1e-6)));
  }

  /**
   * The fastest call of each of several probes, in milliseconds. They run in turns, so that a
   * disturbance does not meet all samples of one.
   *
   * @param best where the result goes
   * @return whether every probe had two samples that agree, so that the fastest can be believed
   */
  private boolean race(int rounds, double[] best, Chunk... probes) {
    int[] calls = new int[probes.length];
    double[] second = new double[probes.length];
    for (int i = 0; i < probes.length; i++) {
      calls[i] = calls(warm(probes[i]));
      best[i] = Double.MAX_VALUE;
      second[i] = Double.MAX_VALUE;
    }
    for (int round = 0; round < rounds && (round < 2 || elapsed() < LATEST); round++) {
      for (int i = 0; i < probes.length; i++) {
        double before = machine.now();
        for (int call = 0; call < calls[i]; call++) {
          probes[i].run();
        }
        double each = Math.max(machine.now() - before, clock / 2) / calls[i];
        second[i] = Math.min(second[i], Math.max(each, best[i]));
        best[i] = Math.min(best[i], each);
      }
    }
    boolean agree = true;
    for (int i = 0; i < probes.length; i++) {
      agree &= second[i] <= 1.02 * best[i];
    }
    return agree;
  }

  /** Peak rate, and whether fusing is worth it: an engine may have to emulate it. */
  private void arithmetic(Chunk[] chains) {
    double[] times = new double[chains.length];
    race(clock > COARSE_MILLISECONDS ? 2 : 6, times, chains);
    fma = relaxed && times[1] <= 1.1 * times[0];
    double fastest = relaxed ? Math.min(times[0], times[1]) : times[0];
    peak = Probes.CHAIN_FLOPS * (double) CHAIN_ITERATIONS / fastest / 1e6;
    if (relaxed && !fma) {
      notes.add("Fused multiply-add is slower here than multiply and add: it is not used.");
    }
  }

  private Chunk chains(boolean fused) {
    int handle = machine.load(Probes.arithmetic(fused));
    String name = fused ? "fma" : "mul_add";
    return () -> machine.call(handle, name, CHAIN_ITERATIONS);
  }

  /**
   * The registers of the tile with the cheapest multiply-add: each row more saves a share of the
   * loads of B, until accumulators that have to be spilled cost more than that. (V8 on x86-64,
   * 2026-11-22, ns a multiply-add: 11 registers 0.271, 13 0.250, 15 0.237, 17 0.251, 19 0.270.)
   */
  private int registers(Chunk[] prepared) {
    if (clock > FINE_MILLISECONDS) {
      notes.add("SIMD registers were not measured: the clock is too coarse.");
      return Heuristic.DEFAULT_REGISTERS;
    }
    double[] small = new double[SMALL_TILES.length];
    boolean agree = race(TILE_ROUNDS, small, prepared);
    int[] tiles = SMALL_TILES;
    double[] times = small;
    int last = SMALL_TILES.length - 1;
    int cheapest = cheapest(small, SMALL_TILES);
    if (each(small, SMALL_TILES, last) <= 1.04 * each(small, SMALL_TILES, cheapest)) {
      // The largest does not spill: this device has more registers.
      tiles = LARGE_TILES;
      times = new double[tiles.length];
      agree &= race(TILE_ROUNDS, times, tiles(tiles));
      cheapest = cheapest(times, tiles);
    }
    if (!agree) {
      notes.add("SIMD registers could not be told on a busy machine: the default is used.");
      return Heuristic.DEFAULT_REGISTERS;
    }
    return tiles[cheapest];
  }

  private Chunk[] tiles(int[] registers) {
    machine.memory().clear(tileOperands(), Probes.TILE_BYTES);
    Chunk[] chunks = new Chunk[registers.length];
    for (int i = 0; i < registers.length; i++) {
      int handle = machine.load(Probes.tile(machine.features().threads(), registers[i], fma));
      chunks[i] = () -> machine.call(handle, "tile", tileOperands(), 16);
    }
    return chunks;
  }

  /** Beyond what the walks through memory overwrite. */
  private int tileOperands() {
    return base + WALK_BYTES;
  }

  private static int cheapest(double[] times, int[] tiles) {
    int cheapest = 0;
    for (int i = 1; i < tiles.length; i++) {
      cheapest = each(times, tiles, i) < each(times, tiles, cheapest) ? i : cheapest;
    }
    return cheapest;
  }

  /** The time of one row of a tile. */
  private static double each(double[] times, int[] tiles, int index) {
    return times[index] / Probes.rows(tiles[index]);
  }

  /** The least number of threads from which more do not help. */
  private int threads() {
    int most = machine.threads();
    if (most == 1) {
      return 1;
    }
    if (clock > COARSE_MILLISECONDS) {
      notes.add("The use of threads was not measured: the clock is too coarse.");
      return most;
    }
    // About 40 µs an item, 48 items: divisible by the usual numbers of threads.
    int iterations = (int) Math.max(1, 40e-6 * peak * 1e9 / Probes.CHAIN_FLOPS);
    machine.install(Probes.burn(machine.features().threads(), SLOT, iterations, fma));
    LinearMemory memory = machine.memory();
    memory.clear(base, StepRecord.SIZE);
    memory.putInt(base + StepRecord.SLOT, SLOT);
    memory.putInt(base + StepRecord.ITEMS, 48);
    memory.putInt(base + StepRecord.GRAIN, 1);
    int before = memory.getInt(Control.THREADS);
    int best = 1;
    boolean agree = true;
    double bestTime = Double.MAX_VALUE;
    for (int count = 2; count <= most && elapsed() < LATEST; count = following(count, most)) {
      double[] times = new double[2];
      int fewer = best;
      int more = count;
      // In turns: load on the machine comes and goes.
      agree &= race(6, times, () -> burn(fewer), () -> burn(more));
      bestTime = Math.min(bestTime, times[0]);
      if (times[1] * WORTH < bestTime) {
        best = count;
        bestTime = times[1];
      }
    }
    memory.putInt(Control.THREADS, before);
    if (best < most && !agree) {
      notes.add("The use of threads could not be told on a busy machine: all are used.");
      return most;
    }
    if (best < most) {
      notes.add(most + " threads are there, but more than " + best + " are not faster.");
    }
    return best;
  }

  private static int following(int count, int most) {
    return count < most ? Math.min(2 * count, most) : most + 1;
  }

  private void burn(int threads) {
    machine.memory().putInt(Control.THREADS, threads);
    machine.run(base, 0, 1);
  }

  /** L1 and L2 in bytes: where the time of a random walk through memory rises. */
  private int[] caches() {
    int[] sizes = {Heuristic.DEFAULT_L1_BYTES, Heuristic.DEFAULT_L2_BYTES};
    if (clock > COARSE_MILLISECONDS) {
      notes.add("Caches were not measured: the clock is too coarse.");
      return sizes;
    }
    int handle = machine.load(Probes.chase(machine.features().threads()));
    machine.call(handle, "build", base, 256, 1);
    warm(() -> machine.call(handle, "chase", base, 4096));
    double[] times = new double[KILOBYTES.length];
    int measured = 0;
    while (measured < times.length && elapsed() < CACHES_LATEST) {
      times[measured] = chase(handle, KILOBYTES[measured]);
      measured++;
    }
    int first = last(times, 0, measured, L1_STEP * times[0]);
    // A walk through a little more than L1 still hits it often: the plateau begins at twice L1.
    int plateau = Math.min(measured - 1, first + 2);
    if (measured < 6 || plateau >= measured - 1) {
      notes.add("Caches could not be told in time: defaults are used.");
      return sizes;
    }
    int second = last(times, plateau, measured, L2_STEP * times[plateau]);
    // Less than the default has not been built for long: something else was using the cache.
    sizes[0] = Math.max(Heuristic.DEFAULT_L1_BYTES, KILOBYTES[first] << 10);
    sizes[1] = KILOBYTES[second] << 10;
    if (second == measured - 1) {
      notes.add("L2 is at least what is said: larger ones were not measured.");
    }
    return sizes;
  }

  /** The last index from {@code from} on up to which all times stay below a limit. */
  private static int last(double[] times, int from, int end, double limit) {
    int index = from;
    while (index + 1 < end && times[index + 1] <= limit) {
      index++;
    }
    return index;
  }

  /** Milliseconds of one step of a random walk through so many kilobytes. */
  private double chase(int handle, int kilobytes) {
    int lines = kilobytes * 1024 / Probes.LINE;
    machine.call(handle, "build", base, lines, 12345 + kilobytes);
    machine.call(handle, "chase", base, lines);
    double fastest = Double.MAX_VALUE;
    int steps = Math.max(lines, 4096);
    for (int i = 0; i < 3; i++) {
      double before = machine.now();
      int calls = 0;
      double spent = 0;
      while (spent < sample() / 2 && calls < 1000) {
        machine.call(handle, "chase", base, steps);
        calls++;
        spent = machine.now() - before;
      }
      fastest = Math.min(fastest, spent / calls / steps);
    }
    return fastest;
  }
}
