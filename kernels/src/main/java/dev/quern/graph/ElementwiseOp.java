package dev.quern.graph;

/**
 * What one instruction of an {@link ElementwiseProgram} computes from single elements. Arithmetic
 * is done in the type of the result (comparisons: of the operands): f32 rounds after each
 * instruction, integers wrap, integer division rounds towards 0.
 */
public enum ElementwiseOp {
  ADD(2),
  SUB(2),
  MUL(2),
  DIV(2),
  POW(2),
  /** NaN if either operand is NaN. */
  MIN(2),
  /** NaN if either operand is NaN. */
  MAX(2),
  /** The remainder with the divisor's sign, for integers. */
  MOD(2),
  /** The remainder with the dividend's sign, as C's {@code fmod}. */
  FMOD(2),
  NEG(1),
  ABS(1),
  SQRT(1),
  RECIPROCAL(1),
  EXP(1),
  LOG(1),
  ERF(1),
  TANH(1),
  SIGMOID(1),
  /** {@code max(x, 0)}; NaN stays NaN. */
  RELU(1),
  FLOOR(1),
  CEIL(1),
  /** To the nearest whole number, halves to the even one. */
  ROUND(1),
  /** -1, 0 or 1. */
  SIGN(1),
  SIN(1),
  COS(1),
  TAN(1),
  ASIN(1),
  ACOS(1),
  ATAN(1),
  SINH(1),
  COSH(1),
  ASINH(1),
  ACOSH(1),
  ATANH(1),
  /**
   * From the operand's type to the result's: to bool, whether it is not 0; real to integer, towards
   * 0; integer to a narrower integer, wraps.
   */
  CAST(1),
  EQUAL(2),
  LESS(2),
  LESS_EQUAL(2),
  GREATER(2),
  GREATER_EQUAL(2),
  AND(2),
  OR(2),
  XOR(2),
  NOT(1),
  BIT_AND(2),
  BIT_OR(2),
  BIT_XOR(2),
  BIT_NOT(1),
  /** By bits; 0 where the second operand is no less than the type's bits. */
  SHIFT_LEFT(2),
  /** The same, and zeros come in from the left: for unsigned integers. */
  SHIFT_RIGHT(2),
  /** The second operand where the first, a bool, is true, else the third. */
  WHERE(3),
  /** The instruction's own number. */
  CONSTANT(0);

  private final int arity;

  ElementwiseOp(int arity) {
    this.arity = arity;
  }

  /** The number of operands. */
  public int arity() {
    return arity;
  }

  /** Whether the result is a bool whatever the operands are. */
  public boolean isComparison() {
    return switch (this) {
      case EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL -> true;
      default -> false;
    };
  }

  /** Whether this works on bools only. */
  public boolean isLogical() {
    return switch (this) {
      case AND, OR, XOR, NOT -> true;
      default -> false;
    };
  }
}
