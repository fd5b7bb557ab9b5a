package dev.quern.tuner;

import dev.quern.runtime.MachineException;
import dev.quern.runtime.TunableModel;
import dev.quern.schedule.Schedule;

/**
 * What comes before a candidate is timed in the model: it is checked on synthetic problems, which
 * also makes the engine optimise it, and then run on a few rows of scratch memory until that has
 * happened. One that is far slower than the incumbent even then never gets into an inference.
 */
final class Preparation {
  private enum Phase {
    CHECK,
    COOK,
    READY,
    SLOW,
    WRONG
  }

  /** Milliseconds between two probes: optimising goes on in the background. */
  private static final double PAUSE = 4;

  private static final int MOST_PROBES = 8;

  /** Probes that have to be no faster than those before, for code that stays slow. */
  private static final int SETTLED = 3;

  /** Fresh code takes several times as long as the same code optimised. */
  private static final double AS_GOOD = 1.1;

  private static final double TOO_SLOW = 1.2;

  private final TunableModel model;
  private final TunableModel.Kernel kernel;
  private final Schedule schedule;
  private final Check.Run check;
  private Phase phase = Phase.CHECK;
  private String reason;
  private double next;
  private double best = Double.MAX_VALUE;
  private int probes;
  private int same;

  /** Begins with a candidate that is installed. */
  Preparation(TunableModel model, TunableModel.Kernel kernel, Schedule schedule, Check.Run check) {
    this.model = model;
    this.kernel = kernel;
    this.schedule = schedule;
    this.check = check;
  }

  Schedule schedule() {
    return schedule;
  }

  boolean ready() {
    return phase == Phase.READY;
  }

  boolean slow() {
    return phase == Phase.SLOW;
  }

  boolean checking() {
    return phase == Phase.CHECK;
  }

  /** Why it must not serve; null if nothing is known against it. */
  String reason() {
    return reason;
  }

  /** Whether there is something to do now; optimising takes its time. */
  boolean due(double now) {
    return phase == Phase.CHECK || (phase == Phase.COOK && now >= next);
  }

  /**
   * Does one piece of work.
   *
   * @param probe times schedules on scratch memory
   * @param incumbent what it is compared with
   */
  void step(Probe probe, Schedule incumbent) {
    try {
      if (phase == Phase.CHECK) {
        check.step(model);
        if (check.reason() != null) {
          fail(check.reason());
        } else if (check.done()) {
          phase = Phase.COOK;
        }
      } else {
        cook(probe, incumbent);
      }
    } catch (MachineException failed) {
      fail("fails on scratch memory: " + failed.getMessage());
    }
    next = model.now() + PAUSE;
  }

  private void fail(String why) {
    reason = why;
    phase = Phase.WRONG;
  }

  private void cook(Probe probe, Schedule incumbent) {
    double reference = probe.incumbent(model, kernel, incumbent);
    double seconds = probe.seconds(model, kernel, schedule);
    probes++;
    same = seconds > 0.9 * best ? same + 1 : 0;
    best = Math.min(best, seconds);
    if (best <= AS_GOOD * reference) {
      phase = Phase.READY;
    } else if (same >= SETTLED || probes >= MOST_PROBES) {
      phase = best > TOO_SLOW * reference ? Phase.SLOW : Phase.READY;
    }
  }

  /** Times schedules of one kernel on a few rows; the incumbent's time is kept for a while. */
  static final class Probe {
    private static final int ROWS = 24;

    /** Milliseconds for which the incumbent's time is believed. */
    private static final double KEPT = 60;

    private final int rows;
    private final double least;
    private Schedule known;
    private double knownSeconds;
    private double knownAt;

    /**
     * @param most rows of the bucket
     * @param least seconds that the clock needs
     */
    Probe(int most, double least) {
      this.rows = Math.min(ROWS, most);
      this.least = least;
    }

    double incumbent(TunableModel model, TunableModel.Kernel kernel, Schedule incumbent) {
      if (!incumbent.equals(known) || model.now() > knownAt + KEPT) {
        knownSeconds =
            Math.min(seconds(model, kernel, incumbent), seconds(model, kernel, incumbent));
        known = incumbent;
        knownAt = model.now();
      }
      return knownSeconds;
    }

    /** Seconds of one run, of as many as the clock needs. */
    double seconds(TunableModel model, TunableModel.Kernel kernel, Schedule schedule) {
      int times = 1;
      double total = model.probe(kernel, schedule, rows, times);
      while (total < least && times < 64) {
        times = total > 0 ? (int) Math.min(64, Math.ceil(1.2 * times * least / total)) : 2 * times;
        total = model.probe(kernel, schedule, rows, times);
      }
      return Math.max(total, 1e-7) / times;
    }
  }
}
