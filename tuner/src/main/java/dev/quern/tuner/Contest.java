package dev.quern.tuner;

import dev.quern.schedule.Schedule;

/**
 * A candidate against the incumbent: paired samples come in one by one, and as soon as they leave
 * no doubt the candidate is dropped or wins. Small gains have to be shown twice, by samples of
 * their own; a candidate that is merely as good is dropped early.
 */
final class Contest {
  /** What the samples so far say. */
  enum Verdict {
    OPEN,
    /** So slow that other variants of its tile need not be tried. */
    HOPELESS,
    DROPPED,
    WON
  }

  /** Samples after which a very much faster candidate wins, and one after which others do. */
  private static final int HUGE = 2;

  private static final int FAST = 3;

  /** Samples after which a slow one is dropped: two in a row are disturbed now and then. */
  private static final int SLOW = 3;

  private static final int HALFWAY = 4;
  private static final int ENOUGH = 7;
  private static final int MOST = 14;

  /** A gain below this (as a logarithm, like all here) is not worth a swap. */
  private static final double LEAST_GAIN = 0.015;

  /** A gain that is believed at once if every sample shows it. */
  private static final double LARGE_GAIN = 0.1;

  /** One that is believed even sooner: what serves is far too slow. */
  private static final double HUGE_GAIN = 0.5;

  private static final double LOSS = 0.05;
  private static final double HOPELESS_LOSS = 0.12;

  /** In standard errors of the median: a dozen candidates are tried, each twice. */
  private static final double SURE = 3;

  private final Schedule schedule;
  private final Samples ratios = new Samples(MOST);
  private final Samples seconds = new Samples(2 * ENOUGH);
  private final Pairing pair = new Pairing();
  private boolean confirming;

  Contest(Schedule schedule) {
    this.schedule = schedule;
  }

  Schedule schedule() {
    return schedule;
  }

  /** Median wall seconds of a step. */
  double seconds() {
    return seconds.median();
  }

  /** Old time over new time. */
  double gain() {
    return Math.exp(-ratios.median());
  }

  /** Forgets its samples, because what it is compared with has changed. */
  void restart() {
    ratios.clear();
    seconds.clear();
    pair.clear();
    confirming = false;
  }

  /** Forgets a pair that is not long enough yet, because the shapes have changed. */
  void interrupt() {
    pair.clear();
  }

  /**
   * Takes the times of both sides from one round.
   *
   * @param least seconds that a sample lasts
   * @return whether that made a sample, so that {@link #judge} may be asked
   */
  boolean add(double own, double incumbents, int runs, double least) {
    pair.add(own, incumbents, runs);
    if (!pair.lasted(least)) {
      return false;
    }
    ratios.add(pair.logRatio());
    seconds.add(pair.firstSeconds());
    pair.clear();
    return true;
  }

  /**
   * What the samples say.
   *
   * @param noise logarithms of ratios of the incumbent to itself
   * @param coarse whether the clock is so coarse that only large gains can be told
   */
  Verdict judge(Samples noise, boolean coarse) {
    double leastGain = coarse ? LARGE_GAIN : LEAST_GAIN;
    double largeGain = coarse ? 2 * LARGE_GAIN : LARGE_GAIN;
    int count = ratios.count();
    double one = noise.noise(1);
    if (count >= SLOW && ratios.least() > Math.max(LOSS, 1.5 * one)) {
      return ratios.least() > HOPELESS_LOSS ? Verdict.HOPELESS : Verdict.DROPPED;
    }
    if (count >= HUGE && ratios.most() < -HUGE_GAIN) {
      return Verdict.WON;
    }
    if (count >= FAST && ratios.most() < -Math.max(largeGain, 2 * one)) {
      return Verdict.WON;
    }
    if (count == HALFWAY && ratios.median() > 0) {
      return Verdict.DROPPED;
    }
    if (count < ENOUGH) {
      return Verdict.OPEN;
    }
    if (ratios.median() >= -Math.max(leastGain, SURE * noise.noise(count))) {
      // What may be a gain gets as many samples again before it is given up.
      return ratios.median() < -leastGain && count < MOST ? Verdict.OPEN : Verdict.DROPPED;
    }
    if (confirming) {
      return Verdict.WON;
    }
    ratios.clear();
    confirming = true;
    return Verdict.OPEN;
  }
}
