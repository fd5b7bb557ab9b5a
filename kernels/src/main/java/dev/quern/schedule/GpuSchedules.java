package dev.quern.schedule;

import dev.quern.schedule.Schedule.Order;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Schedules of tiled products on a GPU. Tiles mean what they mean on a CPU: {@code mr} by {@code
 * nr} sums in the registers of an invocation, {@code mc} by {@code nc} of a workgroup, {@code kc}
 * steps in its memory; unroll, fma and order do not count.
 */
public final class GpuSchedules {
  /** Invocations of a workgroup that every adapter allows, one of the compatibility mode too. */
  public static final int INVOCATIONS = 128;

  /** The same of a workgroup's memory. */
  public static final int WORKGROUP_BYTES = 16384;

  private static final int MOST_SUMS = 64;

  /**
   * The grid: rows and columns of an invocation, invocations below and beside each other, depth.
   */
  private static final int[] ROWS = {1, 2, 4, 8};

  private static final int[] COLUMNS = {4, 8};
  private static final int[] GRID = {4, 8, 16, 32};
  private static final int[] DEPTHS = {8, 16, 32};

  /** A workgroup of fewer leaves lanes of a subgroup idle on most GPUs. */
  private static final int FEWEST_INVOCATIONS = 32;

  /** Invocations that a GPU needs at the same time to hide what it waits for. */
  private static final double BUSY = 4096;

  /** What of the space a search is given. */
  private static final int MOST = 24;

  /** What was chosen by measurement. */
  public interface Chosen {
    /** Nothing was. */
    Chosen NONE = (signature, bucket) -> null;

    /** The schedule of a kernel for so many rows; null for the rule's. */
    Schedule schedule(String signature, RowBucket bucket);
  }

  private record Candidate(Schedule schedule, double cost) {}

  private GpuSchedules() {}

  /** A schedule of so many rows and columns for each invocation and workgroup. */
  static Schedule of(int mr, int nr, int mc, int nc, int kc) {
    return new Schedule(mr, nr, mc, nc, kc, 1, true, Order.M);
  }

  /**
   * Why no adapter may be asked to run a schedule; empty if it may. The limits are those that every
   * adapter has, one of the compatibility mode too.
   */
  public static List<String> problems(Schedule schedule) {
    List<String> found = new ArrayList<>();
    if (schedule.mc() % schedule.mr() != 0
        || schedule.nc() % schedule.nr() != 0
        || schedule.nr() % 4 != 0
        || schedule.kc() % 4 != 0) {
      found.add(schedule.text() + " does not divide into tiles");
      return found;
    }
    int sums = schedule.mr() * schedule.nr();
    if (sums > MOST_SUMS) {
      found.add("a tile keeps " + sums + " sums, more than " + MOST_SUMS);
    }
    int invocations = schedule.mc() / schedule.mr() * (schedule.nc() / schedule.nr());
    if (invocations > INVOCATIONS) {
      found.add("a workgroup has " + invocations + " invocations");
    }
    int bytes = 4 * schedule.kc() * (schedule.mc() + schedule.nc());
    if (bytes > WORKGROUP_BYTES) {
      found.add("tiles take " + bytes + " bytes of workgroup memory");
    }
    return found;
  }

  /**
   * A schedule by rule, for where nothing has been measured: big tiles for big products, and small
   * ones where big ones would leave most of a GPU idle.
   */
  public static Schedule choose(long m, long n) {
    if (m <= 16) {
      return of(2, 4, 16, 32, 32);
    }
    long tiles = (m + 63) / 64 * ((n + 63) / 64);
    if (m <= 48 || tiles < 32) {
      return of(4, 4, 32, 32, 32);
    }
    return of(8, 8, 64, 64, 16);
  }

  /** Every legal schedule of the grid. */
  public static List<Schedule> grid() {
    List<Schedule> found = new ArrayList<>();
    for (int mr : ROWS) {
      for (int nr : COLUMNS) {
        for (int down : GRID) {
          for (int across : GRID) {
            for (int kc : DEPTHS) {
              Schedule schedule = of(mr, nr, mr * down, nr * across, kc);
              if (down * across >= FEWEST_INVOCATIONS && problems(schedule).isEmpty()) {
                found.add(schedule);
              }
            }
          }
        }
      }
    }
    return found;
  }

  /** What a search tries for products of that size, likeliest first; the rule's is not among it. */
  public static List<Schedule> space(long m, long n) {
    Schedule rule = choose(m, n);
    List<Candidate> candidates = new ArrayList<>();
    for (Schedule schedule : grid()) {
      if (!schedule.equals(rule)) {
        candidates.add(new Candidate(schedule, cost(schedule, m, n)));
      }
    }
    candidates.sort(Comparator.comparingDouble(Candidate::cost));
    List<Schedule> list = new ArrayList<>();
    for (Candidate candidate : candidates.subList(0, Math.min(MOST, candidates.size()))) {
      list.add(candidate.schedule());
    }
    return list;
  }

  /**
   * What orders the candidates, and nothing else: steps of multiplication, those that fall outside
   * of the product among them, each with what it reads from workgroup memory and, dearer by far,
   * from the device's; the barriers of a stage; and how much of a GPU so few invocations leave
   * idle.
   */
  private static double cost(Schedule schedule, long m, long n) {
    long down = (m + schedule.mc() - 1) / schedule.mc();
    long across = (n + schedule.nc() - 1) / schedule.nc();
    double steps = (double) down * schedule.mc() * across * schedule.nc();
    double near = (double) (schedule.mr() + schedule.nr()) / (schedule.mr() * schedule.nr());
    double far = (double) (schedule.mc() + schedule.nc()) / (schedule.mc() * schedule.nc());
    double perInvocation = schedule.mr() * schedule.nr();
    double idle = Math.max(1, BUSY / (steps / perInvocation));
    return steps * (1 + near + 8 * far + 2.0 / schedule.kc()) * Math.sqrt(idle);
  }
}
