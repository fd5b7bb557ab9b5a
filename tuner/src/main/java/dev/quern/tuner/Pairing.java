package dev.quern.tuner;

/**
 * Collects times of two sides that ran in turns until both are long enough for the clock; gives
 * their ratio as one sample.
 */
final class Pairing {
  private double first;
  private double second;
  private int runs;

  /** Adds seconds of both sides, for the same number of runs. */
  void add(double firstSeconds, double secondSeconds, int newRuns) {
    first += firstSeconds;
    second += secondSeconds;
    runs += newRuns;
  }

  /** Whether both sides have lasted {@code seconds}. */
  boolean lasted(double seconds) {
    return first > 0 && second > 0 && first >= seconds && second >= seconds;
  }

  /** The logarithm of first over second: below 0 where the first side is faster. */
  double logRatio() {
    return Math.log(first / second);
  }

  /** Mean seconds of one run of the first side. */
  double firstSeconds() {
    return first / runs;
  }

  double secondSeconds() {
    return second / runs;
  }

  void clear() {
    first = 0;
    second = 0;
    runs = 0;
  }
}
