package dev.quern.tuner;

import dev.quern.kernel.StepRecord;
import dev.quern.runtime.Control;
import dev.quern.runtime.LinearMemory;
import dev.quern.runtime.Machine;
import dev.quern.schedule.Features;
import dev.quern.schedule.Heuristic;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Measures a device in less than {@link #BUDGET_MILLISECONDS}: what the engine validates, the
 * clock's step, peak arithmetic, SIMD registers, caches, and how many threads are worth using.
 * Disturbances only ever make a probe slower, so that the fastest of a few samples counts.
 *
 * <p>The work is cut into pieces of a few milliseconds, so that a session can measure between its
 * runs: no piece relies on what another one left in linear memory.
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
  private final Pieces pieces = new Pieces();
  private final double[] cacheTimes = new double[KILOBYTES.length];
  private final int[] caches = {Heuristic.DEFAULT_L1_BYTES, Heuristic.DEFAULT_L2_BYTES};

  /** Measuring takes part in several slices: their time without the present one, and its start. */
  private double spent;

  private double sliceStarted;
  private int base;
  private final List<String> notes = new ArrayList<>();
  private boolean relaxed;
  private boolean fma;
  private Features features;
  private double clock;
  private double peak;
  private int registers = Heuristic.DEFAULT_REGISTERS;
  private int threads;
  private int measuredCaches;

  /**
   * Prepares to measure a machine whose walker is installed.
   *
   * @param family of the engine, see {@link ClassKey}
   */
  public Profiler(Machine machine, String family) {
    this.machine = machine;
    this.family = family;
    this.threads = machine.threads();
    pieces.add(this::begin);
  }

  /**
   * Measures a machine at once.
   *
   * @param base address of {@link #SCRATCH_BYTES} that may be overwritten
   */
  public static DeviceProfile measure(Machine machine, String family, int base) {
    Profiler profiler = new Profiler(machine, family);
    while (profiler.slice(base, BUDGET_MILLISECONDS)) {
      // All of it.
    }
    return profiler.profile();
  }

  /**
   * Measures for about so many milliseconds, one piece at least.
   *
   * @param free address of {@link #SCRATCH_BYTES} that may be overwritten; each slice may have
   *     others
   * @return whether there is more to measure
   */
  public boolean slice(int free, double milliseconds) {
    base = (free + 4095) / 4096 * 4096;
    machine.memory().ensure((long) base + SCRATCH_BYTES);
    machine.memory().clear(tileOperands(), Probes.TILE_BYTES);
    sliceStarted = machine.now();
    boolean more = true;
    while (more && (machine.now() - sliceStarted < milliseconds)) {
      more = pieces.next();
    }
    spent += machine.now() - sliceStarted;
    sliceStarted = machine.now();
    return more;
  }

  /** What was measured, when there is no more to measure. */
  public DeviceProfile profile() {
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

  /** What an engine offers: relaxed SIMD by a probe module, threads as the machine has them. */
  public static Features features(Machine machine) {
    return new Features(machine.validate(Probes.relaxedSimd()), machine.features().threads());
  }

  private void begin() {
    features = features(machine);
    relaxed = features.relaxedSimd();
    clock = clockStep();
    fma = relaxed;
    // Engines optimise in the background: what is raced last was begun first.
    Chunk[] chains = new Chunk[relaxed ? 2 : 1];
    for (int i = 0; i < chains.length; i++) {
      int which = i;
      pieces.add(() -> begin(chains[which] = chains(which == 1)));
    }
    Chunk[] tiles = new Chunk[SMALL_TILES.length];
    if (clock <= FINE_MILLISECONDS) {
      addTiles(tiles, SMALL_TILES);
    }
    caches();
    pieces.add(() -> arithmetic(chains));
    pieces.add(this::threads);
    pieces.add(() -> registers(tiles));
  }

  private double elapsed() {
    return spent + machine.now() - sliceStarted;
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

  /** Calls a probe often enough that the engine begins to optimise it. */
  private void begin(Chunk probe) {
    double before = machine.now();
    for (int calls = 0; calls < 200 && machine.now() - before < BEGIN_MILLISECONDS; calls++) {
      probe.run();
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
   */
  private final class Race {
    private final Chunk[] probes;
    private final int[] calls;
    private final double[] best;
    private final double[] second;

    /**
     * Adds the pieces of a race.
     *
     * @param finish takes the result
     */
    Race(int rounds, Consumer<Race> finish, Chunk... probes) {
      this.probes = probes;
      this.calls = new int[probes.length];
      this.best = new double[probes.length];
      this.second = new double[probes.length];
      for (int i = 0; i < probes.length; i++) {
        int probe = i;
        best[i] = Double.MAX_VALUE;
        second[i] = Double.MAX_VALUE;
        pieces.add(() -> calls[probe] = calls(warm(probes[probe])));
      }
      for (int i = 0; i < rounds; i++) {
        int round = i;
        pieces.add(() -> round(round));
      }
      pieces.add(() -> finish.accept(this));
    }

    private void round(int round) {
      if (round >= 2 && elapsed() >= LATEST) {
        return;
      }
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

    /** The fastest call of each probe. */
    double[] times() {
      return best;
    }

    /** Whether every probe had two samples that agree, so that the fastest can be believed. */
    boolean agrees() {
      boolean agree = true;
      for (int i = 0; i < probes.length; i++) {
        agree &= second[i] <= 1.02 * best[i];
      }
      return agree;
    }
  }

  /** Peak rate, and whether fusing is worth it: an engine may have to emulate it. */
  private void arithmetic(Chunk[] chains) {
    new Race(clock > COARSE_MILLISECONDS ? 2 : 6, race -> peak(race.times()), chains);
  }

  private void peak(double[] times) {
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
  private void registers(Chunk[] prepared) {
    if (clock > FINE_MILLISECONDS) {
      notes.add("SIMD registers were not measured: the clock is too coarse.");
      return;
    }
    new Race(
        TILE_ROUNDS,
        small -> {
          int last = SMALL_TILES.length - 1;
          int cheapest = cheapest(small.times(), SMALL_TILES);
          double most = each(small.times(), SMALL_TILES, last);
          if (most > 1.04 * each(small.times(), SMALL_TILES, cheapest)) {
            decideRegisters(small.agrees(), SMALL_TILES[cheapest]);
            return;
          }
          // The largest does not spill: this device has more registers.
          Chunk[] large = new Chunk[LARGE_TILES.length];
          addTiles(large, LARGE_TILES);
          pieces.add(() ->
              new Race(
                  TILE_ROUNDS,
                  race -> {
                    int best = LARGE_TILES[cheapest(race.times(), LARGE_TILES)];
                    decideRegisters(small.agrees() && race.agrees(), best);
                  },
                  large));
        },
        prepared);
  }

  private void decideRegisters(boolean agree, int cheapest) {
    if (agree) {
      registers = cheapest;
    } else {
      notes.add("SIMD registers could not be told on a busy machine: the default is used.");
    }
  }

  /** Adds pieces that make and begin tiles with these numbers of registers. */
  private void addTiles(Chunk[] chunks, int[] registers) {
    for (int i = 0; i < registers.length; i++) {
      int which = i;
      pieces.add(() -> {
        boolean shared = machine.features().threads();
        int handle = machine.load(Probes.tile(shared, registers[which], fma));
        chunks[which] = () -> machine.call(handle, "tile", tileOperands(), 16);
        begin(chunks[which]);
      });
    }
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
  private void threads() {
    int most = machine.threads();
    if (most == 1) {
      return;
    }
    if (clock > COARSE_MILLISECONDS) {
      notes.add("The use of threads was not measured: the clock is too coarse.");
      return;
    }
    // About 40 µs an item, 48 items: divisible by the usual numbers of threads.
    int iterations = (int) Math.max(1, 40e-6 * peak * 1e9 / Probes.CHAIN_FLOPS);
    machine.install(Probes.burn(machine.features().threads(), SLOT, iterations, fma));
    threads(1, 2, Double.MAX_VALUE, true);
  }

  /** Tries a number of threads against the best so far, in turns: load comes and goes. */
  private void threads(int best, int count, double bestTime, boolean agree) {
    int most = machine.threads();
    if (count > most || elapsed() >= LATEST) {
      decideThreads(best, agree);
      return;
    }
    new Race(
        6,
        race -> {
          double fewer = Math.min(bestTime, race.times()[0]);
          double more = race.times()[1];
          boolean faster = more * WORTH < fewer;
          threads(
              faster ? count : best,
              following(count, most),
              faster ? more : fewer,
              agree && race.agrees());
        },
        () -> burn(best),
        () -> burn(count));
  }

  private void decideThreads(int best, boolean agree) {
    int most = machine.threads();
    if (best < most && !agree) {
      notes.add("The use of threads could not be told on a busy machine: all are used.");
      return;
    }
    threads = best;
    if (best < most) {
      notes.add(most + " threads are there, but more than " + best + " are not faster.");
    }
  }

  private static int following(int count, int most) {
    return count < most ? Math.min(2 * count, most) : most + 1;
  }

  private void burn(int count) {
    LinearMemory memory = machine.memory();
    memory.clear(base, StepRecord.SIZE);
    memory.putInt(base + StepRecord.SLOT, SLOT);
    memory.putInt(base + StepRecord.ITEMS, 48);
    memory.putInt(base + StepRecord.GRAIN, 1);
    int before = memory.getInt(Control.THREADS);
    memory.putInt(Control.THREADS, count);
    machine.run(base, 0, 1);
    memory.putInt(Control.THREADS, before);
  }

  /** L1 and L2 in bytes: where the time of a random walk through memory rises. */
  private void caches() {
    if (clock > COARSE_MILLISECONDS) {
      notes.add("Caches were not measured: the clock is too coarse.");
      return;
    }
    pieces.add(() -> {
      int handle = machine.load(Probes.chase(machine.features().threads()));
      machine.call(handle, "build", base, 256, 1);
      warm(() -> machine.call(handle, "chase", base, 4096));
      for (int kilobytes : KILOBYTES) {
        pieces.add(() -> {
          if (elapsed() < CACHES_LATEST) {
            cacheTimes[measuredCaches++] = chase(handle, kilobytes);
          }
        });
      }
      pieces.add(this::decideCaches);
    });
  }

  private void decideCaches() {
    double[] times = cacheTimes;
    int measured = measuredCaches;
    int first = last(times, 0, measured, L1_STEP * times[0]);
    // A walk through a little more than L1 still hits it often: the plateau begins at twice L1.
    int plateau = Math.min(measured - 1, first + 2);
    if (measured < 6 || plateau >= measured - 1) {
      notes.add("Caches could not be told in time: defaults are used.");
      return;
    }
    int second = last(times, plateau, measured, L2_STEP * times[plateau]);
    // Less than the default has not been built for long: something else was using the cache.
    caches[0] = Math.max(Heuristic.DEFAULT_L1_BYTES, KILOBYTES[first] << 10);
    caches[1] = KILOBYTES[second] << 10;
    if (second == measured - 1) {
      notes.add("L2 is at least what is said: larger ones were not measured.");
    }
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
