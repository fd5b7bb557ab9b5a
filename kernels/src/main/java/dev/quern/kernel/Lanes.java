package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.wasm.Code;
import dev.quern.wasm.Local;
import dev.quern.wasm.Opcode;
import dev.quern.wasm.ValueType;
import java.util.List;

/**
 * Emits f32 arithmetic once for both widths: four lanes of a vector, or a single float in programs
 * that do not fit vectors. Both run the same formulas in the same order, but only vectors can
 * multiply and add in one rounding; kernels on vectors therefore run their tails on vectors too.
 *
 * <p>Coefficients have the digits that their sources print.
 */
@SuppressWarnings("FloatingPointLiteralPrecision")
final class Lanes {
  /** What the f32 nearest to log2 e lacks. */
  private static final float LOG2E_REST = 1.925963033500e-8f;

  /** Round to nearest by adding: the float's low mantissa bits then hold the whole number. */
  private static final float MAGIC = 12582912f;

  private static final int MAGIC_BITS = 0x4b400000;

  private final Code code;
  private final boolean vector;
  private final boolean fma;
  private Local expReduced;
  private Local expShifted;
  private Local expPower;
  private Local sigmoidOf;
  private Local sigmoidPower;
  private Local rationalX;
  private Local rationalSquare;
  private Local logMantissa;
  private Local logExponent;
  private DoubleCode doubles;

  Lanes(Code code, boolean vector, boolean fma) {
    this.code = code;
    this.vector = vector;
    this.fma = fma && vector;
  }

  ValueType type() {
    return vector ? ValueType.V128 : ValueType.F32;
  }

  /** Whether multiplications may be rounded as the device likes. */
  boolean fma() {
    return fma;
  }

  boolean vector() {
    return vector;
  }

  Local local(String name) {
    return code.local(type(), name);
  }

  /** A local for whole numbers of the same width. */
  private Local integer(String name) {
    return code.local(vector ? ValueType.V128 : ValueType.I32, name);
  }

  Lanes constant(float value) {
    if (vector) {
      code.f32x4(value);
    } else {
      code.f32(value);
    }
    return this;
  }

  private Lanes integers(int value) {
    if (vector) {
      code.i32x4(value);
    } else {
      code.i32(value);
    }
    return this;
  }

  Lanes get(Local local) {
    code.get(local);
    return this;
  }

  Lanes set(Local local) {
    code.set(local);
    return this;
  }

  /** One instruction of the width. */
  Lanes op(Opcode forVector, Opcode forScalar) {
    code.op(vector ? forVector : forScalar);
    return this;
  }

  Lanes add() {
    return op(F32X4_ADD, F32_ADD);
  }

  Lanes sub() {
    return op(F32X4_SUB, F32_SUB);
  }

  Lanes mul() {
    return op(F32X4_MUL, F32_MUL);
  }

  Lanes div() {
    return op(F32X4_DIV, F32_DIV);
  }

  /** Multiplies the two topmost values and adds the local: {@code a b -> a·b + c}. */
  Lanes madd(Local c) {
    return fma ? get(c).relaxedMadd() : mul().get(c).add();
  }

  /** {@code a -> a·b + constant}. */
  private Lanes madd(Local b, float constant) {
    get(b);
    return fma ? constant(constant).relaxedMadd() : mul().constant(constant).add();
  }

  private Lanes relaxedMadd() {
    code.op(F32X4_RELAXED_MADD);
    return this;
  }

  /** The smaller of the value and a bound; NaN stays NaN. */
  Lanes atMost(float bound) {
    return constant(bound).op(F32X4_PMIN, F32_MIN);
  }

  /** The larger of the value and a bound; NaN stays NaN. */
  Lanes atLeast(float bound) {
    return constant(bound).op(F32X4_PMAX, F32_MAX);
  }

  /** {@code a b mask -> a where the mask is set, else b}. */
  Lanes select() {
    return op(V128_BITSELECT, SELECT);
  }

  /**
   * e to the power of the value on the stack, within 1 ulp, denormals, 0, infinity and NaN
   * included. Cephes' reduction and polynomial (expf.c); the power of two is multiplied in two
   * halves, so that each half is a normal number.
   */
  Lanes exp() {
    reduceLocals();
    if (expPower == null) {
      expPower = integer("exp_n");
    }
    Local x = expReduced;
    Local z = expShifted;
    atMost(89f).atLeast(-105f).set(x);
    get(x).constant(1.44269504088896341f).mul().constant(MAGIC).add().set(z);
    get(z).bits();
    integers(MAGIC_BITS).op(I32X4_SUB, I32_SUB).set(expPower);
    get(z).constant(MAGIC).sub().set(z);
    get(z).constant(-0.693359375f);
    madd(x).set(x);
    get(z).constant(2.12194440e-4f);
    madd(x).set(x);
    constant(1.9875691500E-4f);
    madd(x, 1.3981999507E-3f).madd(x, 8.3334519073E-3f).madd(x, 4.1665795894E-2f);
    madd(x, 1.6666665459E-1f).madd(x, 5.0000001201E-1f);
    get(x).mul().get(x);
    madd(x).constant(1f).add();
    // n is halved by a shift, so both halves lie in -76..64.
    scale(() -> get(expPower).shift(I32X4_SHR_S, I32_SHR_S, 1));
    scale(
        () -> get(expPower).get(expPower).shift(I32X4_SHR_S, I32_SHR_S, 1).op(I32X4_SUB, I32_SUB));
    return this;
  }

  private void reduceLocals() {
    if (expReduced == null) {
      expReduced = local("exp_r");
      expShifted = local("exp_z");
    }
  }

  /**
   * e to the power of a number that is not positive, within 3 ulp from -15 to 0 and 3e-6 of the
   * value below: for shares of a softmax, which are divided by their sum. Results below the least
   * normal number are 0, NaN stays NaN. {@code 2^(x·log2 e)} by a minimax polynomial of degree 5 on
   * -0.5..0.5 (relative error 7.5e-8).
   */
  Lanes expOfShare() {
    return expOfShare(false);
  }

  /**
   * The same.
   *
   * @param exact whether it is within 3 ulp at all numbers; only with a fused multiply-add
   */
  private Lanes expOfShare(boolean exact) {
    reduceLocals();
    Local x = expReduced;
    Local z = expShifted;
    float log2e = 1.44269504088896341f;
    // The bits of z end in the biased exponent, so that a shift alone makes the power of two.
    float magic = MAGIC + 127;
    atLeast(-88f).set(x);
    get(x).constant(log2e);
    if (fma) {
      constant(magic).relaxedMadd();
    } else {
      mul().constant(magic).add();
    }
    set(z);
    if (exact) {
      get(x).constant(LOG2E_REST);
    }
    // The whole number minus x·log2 e: minus what is left of it.
    get(x).constant(log2e);
    if (fma) {
      get(z).constant(magic).sub();
      code.op(F32X4_RELAXED_NMADD);
      if (exact) {
        code.op(F32X4_RELAXED_NMADD);
      }
    } else {
      mul().set(x).get(z).constant(magic).sub().get(x).sub();
    }
    set(x);
    constant(-1.327647129e-3f);
    madd(x, 9.675540961e-3f).madd(x, -5.550713092e-2f).madd(x, 2.402212024e-1f);
    madd(x, -6.931469440e-1f).madd(x, 1.0000001192f);
    get(z).shift(I32X4_SHL, I32_SHL, 23);
    return floats().mul();
  }

  /** Multiplies by two to the power of a whole number. */
  private void scale(Runnable power) {
    power.run();
    integers(127).op(I32X4_ADD, I32_ADD).shift(I32X4_SHL, I32_SHL, 23);
    floats().mul();
  }

  private Lanes shift(Opcode forVector, Opcode forScalar, int bits) {
    code.i32(bits);
    return op(forVector, forScalar);
  }

  Lanes erf() {
    return rational(Rational.erf());
  }

  Lanes tanh() {
    return rational(Rational.tanh());
  }

  private Lanes rational(Rational function) {
    if (rationalX == null) {
      rationalX = local("rat_x");
      rationalSquare = local("rat_s");
    }
    atMost(function.bound()).atLeast(-function.bound()).set(rationalX);
    get(rationalX).get(rationalX).mul().set(rationalSquare);
    polynomial(function.odd());
    get(rationalX).mul();
    polynomial(function.even());
    return div();
  }

  /** Horner's rule in the square, highest coefficient first. */
  private void polynomial(List<Float> coefficients) {
    constant(coefficients.get(0));
    for (int i = 1; i < coefficients.size(); i++) {
      madd(rationalSquare, coefficients.get(i));
    }
  }

  /** {@code 1 / (1 + e^-x)}, within 4 ulp; denormal results may become 0. */
  Lanes sigmoid() {
    if (fma) {
      return sigmoidOfSize();
    }
    op(F32X4_NEG, F32_NEG).exp().constant(1f).add();
    Local sum = local("sig");
    return set(sum).constant(1f).get(sum).div();
  }

  /**
   * By e to the power of {@code -|x|}, which never overflows: {@code (x < 0 ? e : 1) / (1 + e)}.
   */
  private Lanes sigmoidOfSize() {
    if (sigmoidOf == null) {
      sigmoidOf = local("sig_x");
      sigmoidPower = local("sig_e");
    }
    set(sigmoidOf);
    get(sigmoidOf).bits().integers(1 << 31).op(V128_OR, I32_OR).floats();
    expOfShare(true).set(sigmoidPower);
    constant(1f).get(sigmoidPower);
    get(sigmoidOf).constant(0f).op(F32X4_GE, F32_GE).select();
    return get(sigmoidPower).constant(1f).add().div();
  }

  /**
   * The natural logarithm, within 1 ulp: Cephes' polynomial (logf.c). 0 gives -infinity, negative
   * numbers NaN, denormals are scaled up first.
   */
  Lanes log() {
    if (logMantissa == null) {
      logMantissa = local("log_m");
      logExponent = local("log_e");
    }
    Local x = local("log_x");
    Local bits = integer("log_b");
    Local small = integer("log_small");
    set(x);
    get(x).constant(1.17549435e-38f).op(F32X4_LT, F32_LT).set(small);
    get(x).constant(8388608f).mul().get(x).get(small).select();
    bits().set(bits);
    // Mantissa in sqrt(1/2)..sqrt(2): subtract the bits of sqrt(1/2), keep what carries.
    get(bits).integers(0x3f3504f3).op(I32X4_SUB, I32_SUB).shift(I32X4_SHR_S, I32_SHR_S, 23);
    op(F32X4_CONVERT_I32X4_S, F32_CONVERT_I32_S).set(logExponent);
    get(logExponent).constant(23f).sub().get(logExponent).get(small).select().set(logExponent);
    get(bits).get(bits).integers(0x3f3504f3).op(I32X4_SUB, I32_SUB);
    integers(0xff800000).op(V128_AND, I32_AND).op(I32X4_SUB, I32_SUB);
    floats().constant(1f).sub().set(logMantissa);
    Local m = logMantissa;
    constant(7.0376836292E-2f);
    madd(m, -1.1514610310E-1f).madd(m, 1.1676998740E-1f).madd(m, -1.2420140846E-1f);
    madd(m, 1.4249322787E-1f).madd(m, -1.6668057665E-1f).madd(m, 2.0000714765E-1f);
    madd(m, -2.4999993993E-1f).madd(m, 3.3333331174E-1f);
    get(m).mul().get(m).mul().get(m).mul();
    get(logExponent).constant(-2.12194440e-4f).mul().add();
    get(m).get(m).mul().constant(-0.5f).mul().add();
    get(m).add();
    get(logExponent).constant(0.693359375f).mul().add();
    Local result = local("log_y");
    set(result);
    // +infinity and NaN map to themselves, 0 to -infinity, below 0 to NaN.
    get(x).get(result).get(x).constant(Float.MAX_VALUE).op(F32X4_GT, F32_GT).select().set(result);
    constant(Float.NEGATIVE_INFINITY).get(result);
    get(x).constant(0f).op(F32X4_EQ, F32_EQ).select().set(result);
    get(result).constant(Float.NaN);
    return get(x).constant(0f).op(F32X4_GE, F32_GE).select();
  }

  /** {@code x^y} or {@code fmod(x, y)}, lane by lane in f64. */
  void doubles(boolean pow, Local x, Local y) {
    if (doubles == null) {
      doubles = new DoubleCode(code);
    }
    if (vector) {
      get(x);
    }
    for (int lane = 0; lane < (vector ? 4 : 1); lane++) {
      for (Local operand : new Local[] {x, y}) {
        get(operand);
        if (vector) {
          code.lane(F32X4_EXTRACT_LANE, lane);
        }
        code.op(F64_PROMOTE_F32);
      }
      if (pow) {
        doubles.pow();
      } else {
        doubles.fmod();
      }
      code.op(F32_DEMOTE_F64);
      if (vector) {
        code.lane(F32X4_REPLACE_LANE, lane);
      }
    }
  }

  /** The bits of floats as whole numbers: vectors have no types to change. */
  private Lanes bits() {
    if (!vector) {
      code.op(I32_REINTERPRET_F32);
    }
    return this;
  }

  private Lanes floats() {
    if (!vector) {
      code.op(F32_REINTERPRET_I32);
    }
    return this;
  }
}
