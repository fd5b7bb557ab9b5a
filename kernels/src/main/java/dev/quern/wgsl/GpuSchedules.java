package dev.quern.wgsl;

import dev.quern.schedule.Schedule;
import dev.quern.schedule.Schedule.Order;
import java.util.ArrayList;
import java.util.List;

/**
 * Schedules of tiled products on a GPU. Tiles mean what they mean on a CPU: {@code mr} by {@code
 * nr} sums in the registers of an invocation, {@code mc} by {@code nc} of a workgroup, {@code kc}
 * steps in its memory; unroll, fma and order do not count.
 */
public final class GpuSchedules {
  private static final int MOST_SUMS = 64;

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
    if (invocations > Shader.Limits.INVOCATIONS) {
      found.add("a workgroup has " + invocations + " invocations");
    }
    int bytes = 4 * schedule.kc() * (schedule.mc() + schedule.nc());
    if (bytes > Shader.Limits.WORKGROUP_BYTES) {
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
}
