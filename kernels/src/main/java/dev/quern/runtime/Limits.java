package dev.quern.runtime;

import dev.quern.schedule.Heuristic;

/**
 * What the heuristic has to know of a device.
 *
 * @param registers SIMD registers that a kernel can use
 * @param l2Bytes second-level cache of a core
 */
public record Limits(int registers, int l2Bytes) {
  /** Cautious values for a device that was not measured. */
  public static final Limits DEFAULT =
      new Limits(Heuristic.DEFAULT_REGISTERS, Heuristic.DEFAULT_L2_BYTES);
}
