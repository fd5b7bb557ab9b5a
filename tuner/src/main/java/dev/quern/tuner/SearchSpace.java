package dev.quern.tuner;

import dev.quern.runtime.TunableModel;
import dev.quern.schedule.CostModel;
import dev.quern.schedule.Features;
import dev.quern.schedule.Heuristic;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The schedules worth trying for one kernel on one device. The raw space is every legal point of
 * the grid; the pruned one keeps the dozens that fill registers and caches and that the cost model
 * does not rule out, likeliest first.
 *
 * @param bucket the range of m
 */
public record SearchSpace(int k, int n, RowBucket bucket, DeviceProfile profile) {
  /** The fullest share of the SIMD registers that a tile must use, in percent. */
  private static final int REGISTER_FILL = 66;

  /** Tiles that the cost model sees this much behind the best are not tried. */
  private static final double SLOWEST = 1.3;

  /** Tiles that the cost model sees this much behind are tried before any variant of others. */
  private static final double LIKELY = 1.15;

  /** The most candidates that a search is given. */
  private static final int MOST = 48;

  private static final int[] UNROLL = {1, 2, 4, 8};
  private static final int[] DEPTHS = {64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048};
  private static final int[] BLOCKS = {4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512};
  private static final int[] WIDTHS = {
    32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096
  };

  /** A schedule and what orders it: the cost that the model expects over that of the best tile. */
  private record Candidate(Schedule schedule, double cost) {}

  /** The space of a model's kernel: its format may need registers of its own. */
  static SearchSpace of(TunableModel.Kernel kernel, RowBucket bucket, DeviceProfile profile) {
    int registers = kernel.format().registers(profile.registers());
    return new SearchSpace(kernel.steps(), kernel.n(), bucket, profile.withRegisters(registers));
  }

  /** How many legal schedules the whole grid holds. */
  public long rawSize() {
    long size = 0;
    for (int mr = 1; mr <= Math.min(16, bucket.most()); mr++) {
      for (int nr = 4; nr <= Math.min(32, roundUp(n, 4)); nr += 4) {
        if (mr * (nr / 4) > 64) {
          continue;
        }
        int blocks = multiples(BLOCKS, mr, bucket.most()).size();
        int widths = multiples(WIDTHS, nr, n).size();
        for (int unroll : UNROLL) {
          int depths = multiples(DEPTHS, unroll, k).size();
          size += (long) blocks * widths * depths * 2;
        }
      }
    }
    return profile.features().relaxedSimd() ? 2 * size : size;
  }

  /** What is tried, likeliest first; the heuristic's own choice is not among it. */
  public List<Schedule> pruned() {
    Features useful = profile.useful();
    Schedule heuristic = heuristic();
    List<Candidate> found = new ArrayList<>();
    double best = Double.MAX_VALUE;
    for (Schedule tile : tiles()) {
      best = Math.min(best, cost(tile));
    }
    for (Schedule tile : tiles()) {
      if (cost(tile) > SLOWEST * best) {
        continue;
      }
      int variant = 0;
      for (Schedule schedule : variants(tile)) {
        boolean legal = schedule.problems(useful).isEmpty();
        if (legal && !schedule.equals(heuristic) && !contains(found, schedule)) {
          // The first variant of each tile comes before the second of any, and the tiles that are
          // much worse than the best come last.
          double cost = cost(tile) / best * (1 + 0.03 * variant);
          found.add(new Candidate(schedule, variant == 0 && cost < LIKELY ? cost - 1 : cost));
        }
        variant++;
      }
    }
    found.sort(Comparator.comparingDouble(Candidate::cost));
    List<Schedule> list = new ArrayList<>();
    for (Candidate candidate : found) {
      if (list.size() < MOST) {
        list.add(candidate.schedule());
      }
    }
    return list;
  }

  /** What the first inference uses. */
  public Schedule heuristic() {
    return Heuristic.schedule(
        k, n, bucket, profile.useful(), profile.registers(), profile.l2Bytes(), profile.threads());
  }

  private double cost(Schedule tile) {
    return CostModel.cost(
        n, bucket, tile.mr(), tile.nr(), tile.unroll(), tile.fma(), profile.registers());
  }

  /** Register tiles that fill the registers and do not spill, each with the heuristic's blocks. */
  private List<Schedule> tiles() {
    List<Schedule> tiles = new ArrayList<>();
    int registers = profile.registers();
    boolean fma = profile.useful().relaxedSimd();
    for (int mr = 1; mr <= Math.min(16, bucket.most()); mr++) {
      for (int nr = 4; nr <= Math.min(32, roundUp(n, 4)); nr += 4) {
        int used = CostModel.registers(mr, nr);
        // One row shares nothing of B between rows, so that its tile never fills many registers.
        boolean fills = 100 * used >= REGISTER_FILL * registers || mr == bucket.most();
        if (used <= registers && fills && used >= Math.min(9, registers)) {
          tiles.add(blocked(mr, nr, Heuristic.UNROLL, fma));
        }
      }
    }
    return tiles;
  }

  private Schedule blocked(int mr, int nr, int unroll, boolean fma) {
    return Heuristic.blocked(
        k, n, bucket, mr, nr, unroll, fma, profile.l2Bytes(), profile.threads());
  }

  /** The tile with other blocks, orders and unrolls, likeliest first. */
  private List<Schedule> variants(Schedule tile) {
    List<Schedule> list = new ArrayList<>();
    list.add(tile);
    Schedule.Order other = tile.order() == Schedule.Order.M ? Schedule.Order.N : Schedule.Order.M;
    if (tile.mc() > tile.mr()) {
      list.add(with(tile, tile.mc(), tile.nc(), tile.kc(), tile.unroll(), other));
    }
    int whole = roundUp(k, tile.unroll());
    if (tile.kc() < whole) {
      list.add(with(tile, tile.mc(), tile.nc(), whole, tile.unroll(), tile.order()));
    } else if (k >= 256) {
      int half = roundUp((k + 1) / 2, tile.unroll());
      list.add(with(tile, tile.mc(), tile.nc(), half, tile.unroll(), tile.order()));
    }
    for (int unroll : UNROLL) {
      boolean small = tile.mr() * (tile.nr() / 4) * unroll <= 64;
      if (unroll != tile.unroll() && small) {
        int kc = roundUp(tile.kc(), unroll);
        list.add(with(tile, tile.mc(), tile.nc(), kc, unroll, tile.order()));
      }
    }
    int half = roundUp((tile.nc() + 1) / 2, tile.nr());
    if (half < tile.nc()) {
      list.add(with(tile, tile.mc(), half, tile.kc(), tile.unroll(), tile.order()));
    }
    int twice = Math.min(roundUp(n, tile.nr()), 2 * tile.nc());
    if (twice > tile.nc() && 4L * twice * tile.kc() <= profile.l2Bytes()) {
      list.add(with(tile, tile.mc(), twice, tile.kc(), tile.unroll(), tile.order()));
    }
    int lower = roundUp((tile.mc() + 1) / 2, tile.mr());
    if (lower < tile.mc()) {
      list.add(with(tile, lower, tile.nc(), tile.kc(), tile.unroll(), tile.order()));
    }
    return list;
  }

  private static Schedule with(
      Schedule tile, int mc, int nc, int kc, int unroll, Schedule.Order order) {
    return new Schedule(tile.mr(), tile.nr(), mc, nc, kc, unroll, tile.fma(), order);
  }

  private static boolean contains(List<Candidate> found, Schedule schedule) {
    for (Candidate candidate : found) {
      if (candidate.schedule().equals(schedule)) {
        return true;
      }
    }
    return false;
  }

  /** The distinct multiples of {@code step} nearest above the grid's points, up to all of it. */
  private static List<Integer> multiples(int[] grid, int step, int all) {
    List<Integer> list = new ArrayList<>();
    for (int point : grid) {
      int multiple = roundUp(point, step);
      if (point < all && !list.contains(multiple)) {
        list.add(multiple);
      }
    }
    int whole = roundUp(all, step);
    if (!list.contains(whole)) {
      list.add(whole);
    }
    return list;
  }

  private static int roundUp(int value, int multiple) {
    return (value + multiple - 1) / multiple * multiple;
  }
}
