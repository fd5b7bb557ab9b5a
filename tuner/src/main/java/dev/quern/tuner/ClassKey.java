package dev.quern.tuner;

import dev.quern.schedule.Features;

/**
 * The class of devices that records are shared under, e.g. {@code v8-simd-fma-t2}. It holds only
 * what stays the same from visit to visit: the engine's family, probed features and a bucket of
 * threads; a measured cache or register count would split one device over several classes.
 */
public final class ClassKey {
  private ClassKey() {}

  /**
   * The key of a device.
   *
   * @param family of the engine, as the host's probes tell it: {@code v8}, {@code spidermonkey},
   *     {@code jsc} or {@code other}
   * @throws IllegalArgumentException if the family is anything but small letters and digits
   */
  public static String of(String family, Features features, int threads) {
    if (family.isEmpty() || family.length() > 16) {
      throw new IllegalArgumentException("engine family '" + family + "' needs 1 to 16 letters");
    }
    for (int i = 0; i < family.length(); i++) {
      char c = family.charAt(i);
      if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) {
        throw new IllegalArgumentException(
            "engine family '" + family + "' has more than small letters and digits");
      }
    }
    return family + "-simd" + (features.relaxedSimd() ? "-fma" : "") + "-t" + bucket(threads);
  }

  /** The most threads of the bucket: 1, 2, 4, 8, 16 or 32. */
  static int bucket(int threads) {
    int most = 1;
    while (most < threads && most < 32) {
      most *= 2;
    }
    return most;
  }
}
