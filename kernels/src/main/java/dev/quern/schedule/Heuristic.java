package dev.quern.schedule;

/**
 * The schedule a matmul runs with before anything was measured for it. A pure function of sizes and
 * device limits, so that every visitor of a class starts from the same one.
 */
public final class Heuristic {
  /** Registers that V8 leaves to a kernel on x86-64, and least of what any engine leaves. */
  public static final int DEFAULT_REGISTERS = 15;

  public static final int DEFAULT_L1_BYTES = 32 << 10;
  public static final int DEFAULT_L2_BYTES = 512 << 10;

  private Heuristic() {}

  /**
   * The schedule for {@code [m, k] · [k, n]}.
   *
   * @param bucket the range of m
   * @param registers usable SIMD registers, e.g. {@link #DEFAULT_REGISTERS}
   * @param l1Bytes first-level data cache of a core
   * @param l2Bytes second-level cache of a core
   * @param threads threads that will share the work
   */
  public static Schedule schedule(
      int k,
      int n,
      RowBucket bucket,
      Features features,
      int registers,
      int l1Bytes,
      int l2Bytes,
      int threads) {
    boolean fma = features.relaxedSimd();
    int bestRows = 1;
    int bestColumns = 4;
    double best = Double.MAX_VALUE;
    for (int mr = 1; mr <= Math.min(8, bucket.most()); mr++) {
      for (int nr = 4; nr <= 32; nr += 4) {
        if (CostModel.registers(mr, nr) > registers || nr > roundUp(n, 4)) {
          continue;
        }
        double cost = CostModel.cost(n, bucket, mr, nr, unroll(mr, nr), fma, registers);
        if (cost < best) {
          best = cost;
          bestRows = mr;
          bestColumns = nr;
        }
      }
    }
    return blocked(
        k,
        n,
        bucket,
        bestRows,
        bestColumns,
        unroll(bestRows, bestColumns),
        fma,
        l1Bytes,
        l2Bytes,
        threads);
  }

  /** Steps of k in a pass of the loop: small tiles leave the loop's own work visible. */
  public static int unroll(int mr, int nr) {
    return mr * (nr / 4) > 10 ? 2 : 4;
  }

  /** A tile with the blocks that suit the caches. */
  public static Schedule blocked(
      int k,
      int n,
      RowBucket bucket,
      int mr,
      int nr,
      int unroll,
      boolean fma,
      int l1Bytes,
      int l2Bytes,
      int threads) {
    int kc = depth(k, mr, nr, unroll, l1Bytes);
    int rows = Math.min(bucket.most(), 128);
    int mc = Math.min(roundUp(rows, mr), 4096 / mr * mr);
    int nc = columns(n, nr, kc, bucket, mc, l2Bytes, threads);
    Schedule.Order order = mc == mr ? Schedule.Order.N : Schedule.Order.M;
    return new Schedule(mr, nr, mc, nc, kc, unroll, fma, order);
  }

  /**
   * The depth of a block: all of k where a panel of B and the rows of A together fit L1, else the
   * largest equal share of k that does.
   */
  public static int depth(int k, int mr, int nr, int unroll, int l1Bytes) {
    int most = Math.max(64, l1Bytes / (4 * (mr + nr)));
    int passes = (k + most - 1) / most;
    return roundUp((k + passes - 1) / passes, unroll);
  }

  /** The width of a block: within half of L2, and narrow enough that every thread has several. */
  private static int columns(
      int n, int nr, int kc, RowBucket bucket, int mc, int l2Bytes, int threads) {
    int panels = (n + nr - 1) / nr;
    int fitting = Math.max(1, l2Bytes / 2 / (4 * kc * nr));
    int rowBlocks = (bucket.most() + mc - 1) / mc;
    int wanted = threads <= 1 ? 1 : 4 * threads;
    int blocks = Math.max((panels + fitting - 1) / fitting, (wanted + rowBlocks - 1) / rowBlocks);
    int width = Math.max(1, (panels + blocks - 1) / blocks);
    return Math.min(width * nr, 65536 / nr * nr);
  }

  private static int roundUp(int value, int multiple) {
    return (value + multiple - 1) / multiple * multiple;
  }
}
