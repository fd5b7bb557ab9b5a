package dev.quern.schedule;

/**
 * A rough throughput model of a register tile on an out-of-order core: it only has to put likely
 * schedules first, the device decides. Two vector multiply-adds and two loads a cycle, four
 * micro-operations a cycle, a multiply-add takes four cycles and a little: true of x86-64 since
 * 2013 and near enough to larger Arm cores.
 */
public final class CostModel {
  private static final double PER_CYCLE = 2;
  private static final double ISSUE = 4;
  private static final double LATENCY = 4;

  /** Loop counter, compare, branch and the pointer of each operand, once in a pass. */
  private static final double LOOP = 5;

  /** What spilling costs, as a factor (V8 on x86-64, 2026-11-22: 4x12 1.18, 8x8 1.14 of 6x8). */
  private static final double SPILL = 1.25;

  private CostModel() {}

  /** Registers of a tile: accumulators, a row of B, the splat of A. One row holds one of B. */
  public static int registers(int mr, int nr) {
    return mr == 1 ? nr / 4 + 2 : mr * (nr / 4) + nr / 4 + 1;
  }

  /** Cycles of one step of k of a tile of {@code mr} rows and {@code nr} columns. */
  public static double tileCycles(int mr, int nr, int unroll, boolean fma, int registers) {
    int panels = (nr + 3) / 4;
    double sums = mr * panels;
    double loads = mr + panels;
    double arithmetic = fma ? sums : 2 * sums;
    // A tile whose sums barely hide the latency of a multiply-add is slowed by both.
    double cycles = Math.sqrt(Math.hypot(square(arithmetic / PER_CYCLE), square(LATENCY)));
    cycles = Math.max(cycles, loads / PER_CYCLE);
    cycles = Math.max(cycles, (arithmetic + loads + LOOP / unroll) / ISSUE);
    // Nothing overlaps perfectly: a little of each bound shows.
    cycles += 0.1 * LATENCY + 0.02 * (arithmetic + loads) + 0.05 * LOOP / unroll;
    return registers(mr, 4 * panels) > registers ? cycles * SPILL : cycles;
  }

  /**
   * Cycles for each vector multiply-add of useful work, over the row counts of a bucket; lower is
   * better, a perfect core needs 0.5. Tails of rows and columns run as smaller tiles.
   */
  public static double cost(
      int n, RowBucket bucket, int mr, int nr, int unroll, boolean fma, int registers) {
    int least = bucket.least();
    int most = bucket.most();
    int stride = Math.max(1, (most - least) / 24);
    double cycles = 0;
    double useful = 0;
    int panels = (n + 3) / 4;
    for (int rows = most; rows >= least; rows -= stride) {
      // The most rows of a bucket are the usual ones: inputs are padded to powers of two.
      double weight = rows == most ? 4 : 1;
      cycles += weight * columns(n, rows, mr, nr, unroll, fma, registers);
      useful += weight * rows * panels;
    }
    return cycles / useful;
  }

  private static double square(double value) {
    return value * value;
  }

  private static double columns(
      int n, int rows, int mr, int nr, int unroll, boolean fma, int registers) {
    int tiles = n / nr;
    double whole = tiles * rows(rows, mr, nr, unroll, fma, registers);
    return n % nr == 0 ? whole : whole + rows(rows, mr, n % nr, unroll, fma, registers);
  }

  private static double rows(int rows, int mr, int nr, int unroll, boolean fma, int registers) {
    int tiles = rows / mr;
    double cycles = tiles * tileCycles(mr, nr, unroll, fma, registers);
    int rest = rows % mr;
    // The last rows are covered by tiles of powers of two.
    while (rest > 0) {
      int tail = Integer.highestOneBit(rest);
      cycles += tileCycles(tail, nr, unroll, fma, registers);
      rest -= tail;
    }
    return cycles;
  }
}
