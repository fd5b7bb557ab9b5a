package dev.quern.tuner;

import dev.quern.runtime.TunableModel;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * A schedule on its way into service on a GPU: it is held against the reference, then timed beside
 * the one in use, pair by pair. Whoever plays recordings carries this out, one piece at a time, and
 * tells what came of it; a schedule of a stored record is not timed again.
 */
public final class GpuTrial {
  /** What a pair of times has decided. */
  public enum Verdict {
    MORE,
    WON,
    LOST
  }

  /** Pairs that a verdict needs, where nothing is clear before. */
  private static final int PAIRS = 7;

  /** Pairs in a row that end a trial early, all of them behind by so much. */
  private static final int CLEAR = 2;

  private static final double BEHIND = 1.1;

  /** A new schedule has to be faster by this, in the median. */
  private static final double FASTER = 0.97;

  private final GpuSearch search;
  private final Schedule schedule;
  private final Check.Run check;

  /** What it comes from; null for a candidate of the search space. */
  private final RecordBook.Entry entry;

  private final List<Double> ratios = new ArrayList<>();
  private final List<Double> seconds = new ArrayList<>();
  private final List<Double> before = new ArrayList<>();
  private boolean ended;

  GpuTrial(GpuSearch search, Schedule schedule, Check.Run check, RecordBook.Entry entry) {
    this.search = search;
    this.schedule = schedule;
    this.check = check;
    this.entry = entry;
  }

  public TunableModel.Kernel kernel() {
    return search.kernel();
  }

  public RowBucket bucket() {
    return search.bucket();
  }

  public Schedule schedule() {
    return schedule;
  }

  /** The schedule that it is timed against. */
  public Schedule incumbent() {
    return search.incumbent();
  }

  /** Its check, to be played to its end before anything is timed. */
  public Check.Run check() {
    return check;
  }

  RecordBook.Entry entry() {
    return entry;
  }

  /** Whether it has been decided. */
  public boolean ended() {
    return ended;
  }

  /** Its kernel does not run at present: it begins anew when it does. */
  void putOff() {
    ended = true;
    search.putOff(this);
  }

  /** It cannot be compiled, or computes something wrong. */
  public void refuse(String reason) {
    ended = true;
    search.refused(this, reason);
  }

  /**
   * Its check has ended well.
   *
   * @return whether it serves from now on without being timed
   */
  public boolean passed() {
    if (entry == null) {
      return false;
    }
    ended = true;
    search.adopted(this);
    return true;
  }

  /**
   * Takes the seconds that one step took with both schedules, one right after the other.
   *
   * @throws IllegalArgumentException if they are no positive numbers
   */
  public Verdict timed(double incumbent, double candidate) {
    if (!(incumbent > 0) || !(candidate > 0)) {
      throw new IllegalArgumentException(
          "steps take " + incumbent + " and " + candidate + " seconds");
    }
    ratios.add(candidate / incumbent);
    seconds.add(candidate);
    before.add(incumbent);
    int behind = 0;
    for (double ratio : ratios) {
      behind += ratio > BEHIND ? 1 : 0;
    }
    if (behind == ratios.size() && behind >= CLEAR) {
      ended = true;
      search.lost(this, median(before));
      return Verdict.LOST;
    }
    if (ratios.size() < PAIRS) {
      return Verdict.MORE;
    }
    ended = true;
    if (median(ratios) < FASTER) {
      search.won(this, median(seconds), 1 / median(ratios), ratios.size());
      return Verdict.WON;
    }
    search.lost(this, median(before));
    return Verdict.LOST;
  }

  private static double median(List<Double> values) {
    List<Double> sorted = new ArrayList<>(values);
    Collections.sort(sorted);
    return sorted.get(sorted.size() / 2);
  }
}
