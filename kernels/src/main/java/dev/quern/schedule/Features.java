package dev.quern.schedule;

/**
 * What a device's WebAssembly engine offers, found by validating tiny probe modules, never by
 * sniffing a user agent.
 *
 * @param relaxedSimd {@code f32x4.relaxed_madd} and its kin validate
 * @param threads memory may be shared, so kernels use atomics and several workers
 * @param bytes how products of bytes are summed; found by adding some
 */
public record Features(boolean relaxedSimd, boolean threads, ByteDot bytes) {
  /** The least a supported engine offers: fixed-width SIMD on one thread. */
  public static final Features BASELINE = new Features(false, false);

  /** Features without sums of bytes. */
  public Features(boolean relaxedSimd, boolean threads) {
    this(relaxedSimd, threads, ByteDot.NONE);
  }

  /** Whether products of bytes are summed exactly by one instruction. */
  public boolean sumsBytes() {
    return bytes != ByteDot.NONE;
  }

  /** The same with sums of bytes as they were found to be. */
  public Features with(ByteDot bytes) {
    return new Features(relaxedSimd, threads, bytes);
  }
}
