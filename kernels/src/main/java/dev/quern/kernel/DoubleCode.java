package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.wasm.Code;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;

/**
 * Emits the two operations on reals that f32 arithmetic is not good enough for, in f64: the general
 * power and C's {@code fmod}. One number at a time; they are rare.
 */
final class DoubleCode {
  private static final double LN2 = 0.6931471805599453;

  private final Code code;
  private final Local x;
  private final Local y;
  private final Local result;
  private final Local power;
  private final Local bits;

  /** Makes the locals; the code may be emitted any number of times. */
  DoubleCode(Code code) {
    this.code = code;
    x = code.local(ValueType.F64, "d_x");
    y = code.local(ValueType.F64, "d_y");
    result = code.local(ValueType.F64, "d_r");
    power = code.local(ValueType.F64, "d_n");
    bits = code.local(ValueType.I64, "d_b");
  }

  /**
   * {@code x y -> x^y} on f64, to 1e-13 of the result for normal x: {@code e^(y·log|x|)}, then the
   * sign. As in C: anything to the power 0 and 1 to any power are 1, a negative number to a power
   * that is not whole is NaN.
   */
  void pow() {
    code.set(y).set(x);
    logarithm();
    // y·log|x|, which is 0 for |x| = 1 even where y is infinite.
    code.get(y).get(result).op(F64_MUL).f64(0);
    code.get(result).f64(0).op(F64_NE).get(y).get(y).op(F64_NE, I32_OR, SELECT).set(result);
    exponential();
    sign();
    code.f64(1).get(result).get(x).f64(1).op(F64_EQ).get(y).f64(0).op(F64_EQ, I32_OR, SELECT);
  }

  /** {@code result = log|x|}; infinities and NaN pass, 0 gives -infinity. */
  private void logarithm() {
    Local m = power;
    code.get(x).op(F64_ABS, I64_REINTERPRET_F64).set(bits);
    // The exponent that leaves a mantissa in sqrt(1/2)..sqrt(2).
    code.get(bits).i64(0x3fe6a09e667f3bcdL).op(I64_SUB).i64(52).op(I64_SHR_S);
    code.op(F64_CONVERT_I64_S).f64(LN2).op(F64_MUL).set(result);
    code.get(bits).get(bits).i64(0x3fe6a09e667f3bcdL).op(I64_SUB).i64(0xfff0000000000000L);
    code.op(I64_AND, I64_SUB, F64_REINTERPRET_I64).set(m);
    // log(m) = 2·artanh(s) with s = (m - 1)/(m + 1), |s| < 0.172.
    code.get(m).f64(1).op(F64_SUB).get(m).f64(1).op(F64_ADD, F64_DIV).set(m);
    code.f64(2.0 / 19);
    for (int i = 17; i >= 1; i -= 2) {
      code.get(m).get(m).op(F64_MUL, F64_MUL).f64(2.0 / i).op(F64_ADD);
    }
    code.get(m).op(F64_MUL).get(result).op(F64_ADD).set(result);
    code.get(x).op(F64_ABS).get(result);
    code.get(x).op(F64_ABS).f64(Double.MAX_VALUE).op(F64_LE, I32_EQZ, SELECT).set(result);
    code.f64(Double.NEGATIVE_INFINITY).get(result).get(x).f64(0).op(F64_EQ, SELECT).set(result);
  }

  /** {@code result = e^result}. */
  private void exponential() {
    code.get(result).f64(800).op(F64_MIN).f64(-800).op(F64_MAX).set(result);
    code.get(result).f64(1 / LN2).op(F64_MUL, F64_NEAREST).set(power);
    code.get(result).get(power).f64(LN2).op(F64_MUL, F64_SUB).set(result);
    double factor = 1;
    for (int i = 2; i <= 13; i++) {
      factor /= i;
    }
    code.f64(factor);
    for (int i = 13; i >= 1; i--) {
      factor *= i;
      code.get(result).op(F64_MUL).f64(factor).op(F64_ADD);
    }
    // Two to the power in two halves, so that each is a normal number.
    code.get(power).op(I64_TRUNC_SAT_F64_S).i64(1).op(I64_SHR_S).set(bits);
    scale(() -> code.get(bits));
    scale(() -> code.get(power).op(I64_TRUNC_SAT_F64_S).get(bits).op(I64_SUB));
    code.set(result);
  }

  private void scale(Runnable exponent) {
    exponent.run();
    code.i64(1023).op(I64_ADD).i64(52).op(I64_SHL, F64_REINTERPRET_I64, F64_MUL);
  }

  /** A negative x: odd powers keep its sign, even ones lose it, others are NaN. */
  private void sign() {
    code.get(x).op(I64_REINTERPRET_F64).i64(0).op(I64_LT_S).get(y).op(F64_TRUNC).get(y);
    code.op(F64_EQ, I32_AND).get(y).f64(0.5).op(F64_MUL, F64_TRUNC);
    code.get(y).f64(0.5).op(F64_MUL, F64_NE, I32_AND);
    code.if_(() -> code.get(result).op(F64_NEG).set(result));
    code.f64(Double.NaN).get(result);
    code.get(x).f64(0).op(F64_LT).get(x).f64(Double.NEGATIVE_INFINITY).op(F64_GT, I32_AND);
    code.get(y).op(F64_TRUNC).get(y).op(F64_NE, I32_AND, SELECT).set(result);
  }

  /**
   * {@code x y -> x - y·trunc(x / y)}, exactly: the largest y·2^n that fits is taken away until
   * less than y is left. NaN for y = 0 and infinite x.
   */
  void fmod() {
    Local step = power;
    code.set(y).set(x);
    code.get(y).op(F64_ABS).set(y);
    code.get(x).op(F64_ABS).set(result);
    code.get(y).f64(0).op(F64_GT).get(result).f64(Double.POSITIVE_INFINITY).op(F64_LT, I32_AND);
    code.ifElse(
        () -> {
          code.get(result).get(y).op(F64_GE);
          code.if_(() ->
              code.loop(again -> {
                code.get(y).set(step);
                code.loop(twice -> {
                  code.get(result).get(step).op(F64_SUB).get(step).op(F64_GE);
                  code.if_(() -> {
                    code.get(step).get(step).op(F64_ADD).set(step);
                    code.br(twice);
                  });
                });
                code.get(result).get(step).op(F64_SUB).tee(result);
                code.get(y).op(F64_GE).brIf(again);
              }));
        },
        () -> code.f64(Double.NaN).set(result));
    code.get(result).get(x).op(F64_COPYSIGN);
  }
}
