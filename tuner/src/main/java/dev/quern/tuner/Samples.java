package dev.quern.tuner;

import java.util.Arrays;

/**
 * A window of the newest numbers, described by medians: one descheduled thread makes a sample many
 * times too long, and must not count for more than any other.
 */
final class Samples {
  /** Makes the median absolute deviation of a normal distribution its standard deviation. */
  private static final double MAD = 1.4826;

  /** The standard error of a median in units of that of a mean. */
  private static final double MEDIAN = 1.2533;

  /** A quieter measurement than this is not believed. */
  private static final double QUIETEST = 0.002;

  private final double[] window;
  private int count;

  Samples(int size) {
    window = new double[size];
  }

  void add(double value) {
    window[count % window.length] = value;
    count++;
  }

  /** How many were ever added. */
  int count() {
    return count;
  }

  void clear() {
    count = 0;
  }

  /** The median; 0 if there is nothing. */
  double median() {
    return median(Arrays.copyOf(window, Math.min(count, window.length)));
  }

  /** The least of the window. */
  double least() {
    double least = Double.MAX_VALUE;
    for (int i = 0; i < Math.min(count, window.length); i++) {
      least = Math.min(least, window[i]);
    }
    return least;
  }

  /** The most of the window. */
  double most() {
    double most = -Double.MAX_VALUE;
    for (int i = 0; i < Math.min(count, window.length); i++) {
      most = Math.max(most, window[i]);
    }
    return most;
  }

  /**
   * For logarithms of ratios that should be 0: the standard error that the median of {@code size}
   * of them has.
   */
  double noise(int size) {
    double[] off = Arrays.copyOf(window, Math.min(count, window.length));
    for (int i = 0; i < off.length; i++) {
      off[i] = Math.abs(off[i]);
    }
    return MEDIAN * Math.max(QUIETEST, MAD * median(off)) / Math.sqrt(size);
  }

  private static double median(double[] values) {
    if (values.length == 0) {
      return 0;
    }
    Arrays.sort(values);
    int middle = values.length / 2;
    return values.length % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  }
}
