package dev.quern.graph;

/**
 * The operands of {@code quern.MatMul}: A, then the weights of each of {@code parts}, then those of
 * the epilogue. Weights are one operand; with {@code scaled} they are three, numbers of 8 bits,
 * scales (a scalar or one for each column) and zero points (the same, or absent), and stand for
 * {@code (numbers - zero points) · scales}. With {@code dynamic}, A is quantised as
 * DynamicQuantizeLinear does it, and products of whole numbers are summed exactly:
 *
 * <pre>
 * C = f32(sum over k of (quantised A - its zero point)·(numbers - zero points)) · (A's scale · scales)
 * </pre>
 *
 * <p>With {@code block}, weights are numbers of {@code bits} in blocks along k, as ONNX Runtime's
 * MatMulNBits has them: u8 {@code [n, blocks, block·bits/8]}, scales f32 {@code [n, blocks]}, zero
 * points u8 {@code [n, ceil(blocks·bits/8)]} or absent. With {@code quantised}, A may be rounded to
 * 8 bits.
 */
public final class Products {
  private Products() {}

  /** Weights side by side. */
  public static int parts(Node node) {
    return (int) node.integer("parts", 1);
  }

  /** Whether weights are whole numbers with scales. */
  public static boolean isScaled(Node node) {
    return node.integer("scaled", 0) != 0;
  }

  /** Whether A is quantised in each run. */
  public static boolean isDynamic(Node node) {
    return node.integer("dynamic", 0) != 0;
  }

  /** Whether weights are numbers of few bits in blocks with scales. */
  public static boolean isBlocks(Node node) {
    return node.integer("block", 0) != 0;
  }

  /** The operand that is the weights of a part; scales and zero points follow. */
  public static int weights(Node node, int part) {
    return 1 + part * (isScaled(node) ? 3 : 1);
  }

  /** The first operand of the epilogue. */
  public static int extras(Node node) {
    return weights(node, parts(node));
  }
}
