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

  /** Steps of k that one pass takes at most. */
  private static final int DEEPEST = 2048;

  /** Rows of a block at most. */
  private static final int MOST_ROWS = 72;

  /** So many that the thread that ends last ends hardly later than the others. */
  private static final int BLOCKS_A_THREAD = 12;

  /** Steps of k in a pass of the loop: fewer leave the loop's own work visible. */
  public static final int UNROLL = 4;

  private Heuristic() {}

  /**
   * The schedule for {@code [m, k] · [k, n]}.
   *
   * @param bucket the range of m
   * @param registers usable SIMD registers, e.g. {@link #DEFAULT_REGISTERS}
   * @param l2Bytes second-level cache of a core
   * @param threads threads that will share the work
   */
  public static Schedule schedule(
      int k, int n, RowBucket bucket, Features features, int registers, int l2Bytes, int threads) {
    boolean fma = features.relaxedSimd();
    int bestRows = 1;
    int bestColumns = 4;
    double best = Double.MAX_VALUE;
    for (int mr = 1; mr <= Math.min(8, bucket.most()); mr++) {
      for (int nr = 4; nr <= 32; nr += 4) {
        if (CostModel.registers(mr, nr) > registers || nr > roundUp(n, 4)) {
          continue;
        }
        double cost = CostModel.cost(n, bucket, mr, nr, UNROLL, fma, registers);
        if (cost < best) {
          best = cost;
          bestRows = mr;
          bestColumns = nr;
        }
      }
    }
    return blocked(k, n, bucket, bestRows, bestColumns, UNROLL, fma, l2Bytes, threads);
  }

  /**
   * The schedule for few rows that are quantised: a row reads many panels at once, since streams
   * that are read side by side fill the bandwidth of memory (8: 1.1 times 4; Zen 3, 2026-11-25).
   */
  public static Schedule few(
      int k, int n, RowBucket bucket, Features features, int l2Bytes, int threads) {
    int mr = Math.min(4, bucket.most());
    int nr = Math.min(mr == 1 ? 32 : 8, roundUp(n, 4));
    return blocked(k, n, bucket, mr, nr, UNROLL, features.relaxedSimd(), l2Bytes, threads);
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
      int l2Bytes,
      int threads) {
    int kc = depth(k, unroll);
    int mc = rows(bucket, mr, kc, l2Bytes);
    int nc = columns(n, nr, kc, bucket, mc, l2Bytes, threads);
    Schedule.Order order = mc == mr ? Schedule.Order.N : Schedule.Order.M;
    return new Schedule(mr, nr, mc, nc, kc, unroll, fma, order);
  }

  /**
   * The depth of a block: all of k, since the accumulators then never leave their registers (kc = k
   * = 1536: 0.95 of the peak; kc = 512: 0.91; Chromium 156 on Zen 3, 2026-11-25). Only a k so large
   * that a tile's operands fill a second-level cache is cut into equal shares.
   */
  public static int depth(int k, int unroll) {
    int passes = (k + DEEPEST - 1) / DEEPEST;
    return roundUp((k + passes - 1) / passes, unroll);
  }

  /** The rows of a block: equal shares of the bucket's that stay in most of L2 with all of kc. */
  private static int rows(RowBucket bucket, int mr, int kc, int l2Bytes) {
    int fitting = l2Bytes / 4 * 3 / (4 * kc);
    int most = Math.max(4 * mr, Math.min(fitting, MOST_ROWS));
    int blocks = (bucket.most() + most - 1) / most;
    return Math.min(roundUp((bucket.most() + blocks - 1) / blocks, mr), 4096 / mr * mr);
  }

  /** The width of a block: within half of L2, and narrow enough that threads end together. */
  private static int columns(
      int n, int nr, int kc, RowBucket bucket, int mc, int l2Bytes, int threads) {
    int panels = (n + nr - 1) / nr;
    int fitting = Math.max(1, l2Bytes / 2 / (4 * kc * nr));
    int rowBlocks = (bucket.most() + mc - 1) / mc;
    int wanted = threads <= 1 ? 1 : BLOCKS_A_THREAD * threads;
    int blocks = Math.max((panels + fitting - 1) / fitting, (wanted + rowBlocks - 1) / rowBlocks);
    int width = Math.max(1, (panels + blocks - 1) / blocks);
    return Math.min(width * nr, 65536 / nr * nr);
  }

  private static int roundUp(int value, int multiple) {
    return (value + multiple - 1) / multiple * multiple;
  }
}
