package dev.quern.tuner;

import dev.quern.runtime.MachineException;
import dev.quern.runtime.TunableModel;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Holds a kernel against the reference on synthetic problems of its format: whole tiles, every tail
 * of rows, a block boundary, NaN and infinities in A and B, the columns at the edges of tiles and
 * blocks, and the memory behind the output. What is sampled is computed in double precision; the
 * tolerance is the bound that holds for any order of summation, {@code k·eps·Σ|a||b|}.
 */
public final class Check {
  private static final double EPSILON = 1.0 / (1 << 24);

  /**
   * What is asked of a kernel.
   *
   * @param hazards whether A and B hold NaN and infinities: WGSL leaves open what becomes of them
   * @param epilogue relative and absolute slack for an epilogue's own approximations
   */
  public record Demands(boolean hazards, double epilogue) {
    /** Of WebAssembly, where only our own polynomials approximate. */
    public static final Demands WASM = new Demands(true, 4e-6);

    /** Of WGSL, whose built-in functions differ from device to device. */
    public static final Demands WGSL = new Demands(false, 4e-5);
  }

  /** Rows with hazards: their outputs are not finite, and no other row may see that. */
  private static final int NAN_ROW = 2;

  private static final int INFINITE_ROW = 5;
  private static final int SPREAD = 12;

  private final TunableModel.Kernel kernel;
  private final Demands demands;
  private final int k;
  private final int n;
  private final float[] b;
  private float[] a = new float[0];
  private final List<float[]> extras = new ArrayList<>();
  private final Map<Integer, double[]> expected = new HashMap<>();
  private int random = 0x2545f491;

  /** Prepares the problem of one kernel: B holds {@code 4·k·n} bytes while this is alive. */
  public Check(TunableModel.Kernel kernel, Demands demands) {
    this.kernel = kernel;
    this.demands = demands;
    this.k = kernel.k();
    this.n = kernel.n();
    this.b = new float[k * n];
    // Sums of about 1, where an activation is neither saturated nor linear.
    float scale = (float) (2 / Math.sqrt(k));
    for (int i = 0; i < b.length; i++) {
      b[i] = kernel.whole() ? whole(3) : scale * next();
    }
    if (kernel.whole()) {
      b[(k / 2) * n + n / 3] = 127;
      b[(k / 3) * n + n - 1] = -128;
    } else if (demands.hazards() && n > 8) {
      b[(k / 2) * n + n / 3] = Float.NaN;
      b[(k / 3) * n + n - 2] = Float.POSITIVE_INFINITY;
    }
    for (int i = 0; i < kernel.extras().size(); i++) {
      extras.add(new float[0]);
    }
  }

  /** The check of one schedule, done in small pieces so that it fits idle slices. */
  public final class Run {
    /** What is checked. */
    private final Schedule schedule;

    /** What computes the last problem. */
    private final Schedule last;

    private final List<Integer> problems;
    private int next;
    private String reason;

    private Run(Schedule schedule, Schedule last, List<Integer> problems) {
      this.schedule = schedule;
      this.last = last;
      this.problems = problems;
    }

    /** Runs one problem on the CPU. */
    public void step(TunableModel model) {
      try {
        judge(model.evaluate(kernel, computing(), problem()));
      } catch (MachineException trap) {
        fail(trap.getMessage());
      }
    }

    private Schedule computing() {
      return next == problems.size() - 1 ? last : schedule;
    }

    /** The problem to be computed next. */
    public TunableModel.Problem problem() {
      int rows = problems.get(next);
      grow(rows);
      return new TunableModel.Problem(rows, a, b, List.copyOf(extras));
    }

    /** Takes what was computed: C and the row behind it. */
    public void judge(float[] got) {
      Schedule computed = computing();
      int rows = problems.get(next++);
      String wrong = compare(computed, rows, got);
      reason = wrong == null ? null : "m=" + rows + ": " + wrong;
    }

    /** The problem could not be computed. */
    public void fail(String why) {
      reason = "m=" + problems.get(next) + ": " + why;
    }

    /** Whether nothing is left to do: all problems passed, or one failed. */
    public boolean done() {
      return reason != null || next == problems.size();
    }

    /** What is wrong; null if nothing was so far. */
    public String reason() {
      return reason;
    }
  }

  /** Starts the check of a schedule that is installed on the CPU. */
  public Run start(Schedule schedule) {
    int mr = schedule.mr();
    // The same code on blocks of one tile: what is compiled does not hold the blocks.
    Schedule blocks =
        new Schedule(
            mr,
            schedule.nr(),
            mr,
            schedule.nr(),
            schedule.kc(),
            schedule.unroll(),
            schedule.fma(),
            schedule.order());
    List<Integer> problems = new ArrayList<>();
    if (mr > 1) {
      problems.add(1);
    }
    // Behind whole rows of tiles each number of rows that is left over.
    for (int tail = 0; tail < mr; tail++) {
      problems.add(mr + tail);
    }
    problems.add(2 * mr + 1);
    return new Run(schedule, blocks, problems);
  }

  /**
   * Starts the check of a shader, whose tails end in one comparison for each row: one row, whole
   * workgroups, and a part of one behind a whole one.
   */
  public Run startOnGpu(Schedule schedule) {
    int mc = schedule.mc();
    return new Run(schedule, schedule, List.of(1, mc, mc + schedule.mr() + 1));
  }

  /**
   * Checks a schedule that is installed in one go.
   *
   * @return what is wrong, or null
   */
  public String run(TunableModel model, Schedule schedule) {
    Run run = start(schedule);
    while (!run.done()) {
      run.step(model);
    }
    return run.reason();
  }

  private String compare(Schedule schedule, int rows, float[] got) {
    if (got.length < (rows + 1) * n) {
      return "the output holds " + got.length + " numbers, not " + (rows + 1) * n;
    }
    for (int column = 0; column < n; column++) {
      if (got[rows * n + column] != TunableModel.GUARD) {
        return "writes past the last row, at column " + column;
      }
    }
    for (int i = 0; i < rows * n; i++) {
      if (got[i] == TunableModel.GUARD) {
        return "does not write row " + i / n + ", column " + i % n;
      }
    }
    List<Integer> columns = columns(schedule);
    for (int row = 0; row < rows; row++) {
      if (rows > 2 * schedule.mr() && !edge(row, rows, schedule)) {
        continue;
      }
      for (int column : columns) {
        String wrong = compare(row, column, rows, got[row * n + column]);
        if (wrong != null) {
          return wrong;
        }
      }
    }
    return null;
  }

  /** In a large problem only the rows around the edges of tiles and blocks are compared. */
  private static boolean edge(int row, int rows, Schedule schedule) {
    int mr = schedule.mr();
    int mc = schedule.mc();
    return row <= NAN_ROW
        || row == mr - 1
        || row == mr
        || (row >= mc - 1 && row <= mc + 1)
        || row == rows - 1;
  }

  private List<Integer> columns(Schedule schedule) {
    List<Integer> list = new ArrayList<>();
    for (int i = 0; i < Math.min(n, schedule.nr() + 1); i++) {
      include(list, i);
    }
    for (int i = n - 1; i >= Math.max(0, n - n % schedule.nr() - 2); i--) {
      include(list, i);
    }
    int last = (n - 1) / schedule.nc() * schedule.nc();
    for (int at : new int[] {schedule.nc(), last}) {
      if (at > 0 && at < n) {
        include(list, at - 1);
        include(list, at);
      }
    }
    include(list, n / 3);
    include(list, Math.max(0, n - 2));
    for (int i = 0; i < SPREAD; i++) {
      include(list, (int) ((long) n * (2 * i + 1) / (2 * SPREAD)));
    }
    return list;
  }

  private static void include(List<Integer> list, int column) {
    if (!list.contains(column)) {
      list.add(column);
    }
  }

  private String compare(int row, int column, int rows, float got) {
    double[] known = expected.get(row * n + column);
    if (known == null) {
      known = reference(row, column);
      expected.put(row * n + column, known);
    }
    double want = known[0];
    boolean same =
        Double.isNaN(want)
            ? Float.isNaN(got)
            : Double.isInfinite(want) ? got == want : near(row, column, known, got);
    if (!same && !finite(want) && !finite(got) && !plain()) {
      // Which kind of not-finite an activation makes of an infinity is not the schedule's doing.
      same = true;
    }
    if (same) {
      return null;
    }
    return "row "
        + row
        + " of "
        + rows
        + ", column "
        + column
        + " is "
        + show(got)
        + " where the reference has "
        + show(want);
  }

  private boolean plain() {
    return kernel.extras().isEmpty();
  }

  private static boolean finite(double value) {
    return !Double.isNaN(value) && !Double.isInfinite(value);
  }

  /** Also what is no number: messages are made where no printing of floats is at hand. */
  private static String show(double value) {
    if (Double.isNaN(value)) {
      return "NaN";
    }
    return Double.isInfinite(value) ? (value < 0 ? "-infinity" : "infinity") : Json.number(value);
  }

  /** Whether an output is within the tolerance, which costs more to know than most need. */
  private boolean near(int row, int column, double[] known, float got) {
    double want = known[0];
    double slack = demands.epilogue() * (1 + Math.abs(want));
    double off = Math.abs(got - want);
    if (off <= slack) {
      return true;
    }
    double sum = known[1];
    double bound = known[2];
    float[] operands = operands(row, column);
    double below = kernel.epilogue().apply((float) (sum - bound), operands);
    double above = kernel.epilogue().apply((float) (sum + bound), operands);
    return off
        <= slack
            + bound * demands.epilogue()
            + Math.max(Math.abs(below - want), Math.abs(above - want));
  }

  /** The expected output, the sum that it is made from, and how far a kernel's sum may be off. */
  private double[] reference(int row, int column) {
    double sum = 0;
    double size = 0;
    for (int i = 0; i < k; i++) {
      double product = (double) a[row * k + i] * b[i * n + column];
      sum += product;
      size += Math.abs(product);
    }
    double want = kernel.epilogue().apply((float) sum, operands(row, column));
    return new double[] {want, sum, (k + 2) * EPSILON * size};
  }

  private float[] operands(int row, int column) {
    float[] operands = new float[extras.size()];
    for (int i = 0; i < operands.length; i++) {
      operands[i] = extras.get(i)[kernel.extras().get(i).index(row, column, n)];
    }
    return operands;
  }

  /** Makes A and the extras large enough; rows that exist keep their numbers. */
  private void grow(int rows) {
    int had = a.length / k;
    if (rows <= had) {
      return;
    }
    float[] larger = new float[rows * k];
    System.arraycopy(a, 0, larger, 0, a.length);
    for (int i = a.length; i < larger.length; i++) {
      larger[i] = kernel.whole() ? whole(5) : next();
    }
    if (kernel.whole()) {
      larger[larger.length - 1] = -kernel.format().magnitude();
      larger[larger.length - k] = kernel.format().magnitude();
    } else if (demands.hazards() && had <= NAN_ROW && rows > NAN_ROW) {
      larger[NAN_ROW * k + k / 4] = Float.NaN;
    }
    boolean infinite = demands.hazards() && !kernel.whole();
    if (infinite && had <= INFINITE_ROW && rows > INFINITE_ROW) {
      larger[INFINITE_ROW * k + k - 1] = Float.NEGATIVE_INFINITY;
    }
    a = larger;
    for (int i = 0; i < extras.size(); i++) {
      float[] old = extras.get(i);
      float[] wider = new float[kernel.extras().get(i).size(rows, n)];
      System.arraycopy(old, 0, wider, 0, Math.min(old.length, wider.length));
      for (int j = old.length; j < wider.length; j++) {
        wider[j] = next();
      }
      extras.set(i, wider);
    }
  }

  /** A whole number of that magnitude at most. */
  private float whole(int most) {
    return (int) ((most + 1) * next());
  }

  /** Marsaglia's xorshift, the same on every platform: a number of [-1, 1). */
  private float next() {
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    return (random >> 8) * (1f / (1 << 23));
  }
}
