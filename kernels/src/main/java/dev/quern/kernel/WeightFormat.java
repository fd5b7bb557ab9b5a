package dev.quern.kernel;

/**
 * How the numbers of packed weights are stored. Panels of four columns are {@code [n/4][steps][4]}:
 * a step holds one or two neighbouring k of each column, so that it always goes with 32 bits of a
 * row of A.
 */
public enum WeightFormat {
  /** f32; A is f32. */
  F32("f32", 1, 16),
  /** f16, widened to f32 in registers; A is f32. */
  F16("f16", 1, 8),
  /** i8, widened to i16 in registers; A is i16, sums are i32. */
  I8("i8", 2, 8),
  /** i16, for weights of 8 bits whose zero point is not 0; A is i16, sums are i32. */
  I16("i16", 2, 16);

  private final String label;
  private final int depth;
  private final int stepBytes;

  WeightFormat(String label, int depth, int stepBytes) {
    this.label = label;
    this.depth = depth;
    this.stepBytes = stepBytes;
  }

  /** The name in signatures: {@code f32}, {@code i8}. */
  public String label() {
    return label;
  }

  /** Whether the product is one of whole numbers: A is i16, the sums become f32 at the end. */
  public boolean isWhole() {
    return depth == 2;
  }

  /** Registers that a step takes besides sums, B and a splat: products are added apart. */
  public int registers() {
    return isWhole() ? 1 : 0;
  }

  /** Steps of a panel; each is four bytes of a row of A. An odd k is filled up with a zero. */
  public int steps(int k) {
    return (k + depth - 1) / depth;
  }

  /** Bytes of one step of a panel. */
  public int stepBytes() {
    return stepBytes;
  }

  /** Bytes of packed weights; the last panel is padded with zeros. */
  public long bytes(long k, long n) {
    return (n + 3) / 4 * ((k + depth - 1) / depth) * stepBytes;
  }
}
