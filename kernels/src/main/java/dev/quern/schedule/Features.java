package dev.quern.schedule;

/**
 * What a device's WebAssembly engine offers, found by validating tiny probe modules, never by
 * sniffing a user agent.
 *
 * @param relaxedSimd {@code f32x4.relaxed_madd} and its kin validate
 * @param threads memory may be shared, so kernels use atomics and several workers
 */
public record Features(boolean relaxedSimd, boolean threads) {
  /** The least a supported engine offers: fixed-width SIMD on one thread. */
  public static final Features BASELINE = new Features(false, false);
}
