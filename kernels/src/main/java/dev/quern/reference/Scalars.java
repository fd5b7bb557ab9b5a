package dev.quern.reference;

import dev.quern.graph.ElementwiseOp;
import dev.quern.onnx.DataType;

/** What element-wise operations mean for single numbers. */
public final class Scalars {
  private Scalars() {}

  /**
   * An operation on reals, computed in f64; the caller rounds to f32 where that is the type. For
   * {@code + - * /} and the square root that is the same as computing in f32. Unary operations
   * ignore {@code b}.
   */
  static double real(ElementwiseOp op, double a, double b) {
    return switch (op) {
      case ADD -> a + b;
      case SUB -> a - b;
      case MUL -> a * b;
      case DIV -> a / b;
      case POW -> pow(a, b);
      case MIN -> Math.min(a, b);
      case MAX -> Math.max(a, b);
      case FMOD -> a % b;
      case NEG -> -a;
      case ABS -> Math.abs(a);
      case SQRT -> Math.sqrt(a);
      case RECIPROCAL -> 1 / a;
      case EXP -> Math.exp(a);
      case LOG -> Math.log(a);
      case ERF -> erf(a);
      case TANH -> Math.tanh(a);
      case SIGMOID -> 1 / (1 + Math.exp(-a));
      case RELU -> Math.max(a, 0);
      case FLOOR -> Math.floor(a);
      case CEIL -> Math.ceil(a);
      case ROUND -> round(a);
      case SIGN -> a > 0 ? 1 : a < 0 ? -1 : a;
      default -> throw new IllegalStateException(op + " is not defined on reals");
    };
  }

  /** An operation on whole numbers; the caller wraps to the type. Division by 0 gives 0. */
  static long whole(ElementwiseOp op, long a, long b) {
    return switch (op) {
      case ADD -> a + b;
      case SUB -> a - b;
      case MUL -> a * b;
      case DIV -> b == 0 ? 0 : a / b;
      case POW -> (long) Math.pow((double) a, (double) b);
      case MIN -> Math.min(a, b);
      case MAX -> Math.max(a, b);
      case MOD -> b == 0 ? 0 : Math.floorMod(a, b);
      case FMOD -> b == 0 ? 0 : a % b;
      case NEG -> -a;
      case ABS -> Math.abs(a);
      case RELU -> Math.max(a, 0);
      case SIGN -> Long.signum(a);
      case AND -> a & b;
      case OR -> a | b;
      case XOR -> a ^ b;
      case NOT -> 1 - a;
      default -> throw new IllegalStateException(op + " is not defined on whole numbers");
    };
  }

  /** A comparison of reals; false if one is NaN. */
  static boolean compare(ElementwiseOp op, double a, double b) {
    return switch (op) {
      case EQUAL -> a == b;
      case LESS -> a < b;
      case LESS_EQUAL -> a <= b;
      case GREATER -> a > b;
      case GREATER_EQUAL -> a >= b;
      default -> throw new IllegalStateException(op + " compares nothing");
    };
  }

  /** A comparison of whole numbers. */
  static boolean compare(ElementwiseOp op, long a, long b) {
    return switch (op) {
      case EQUAL -> a == b;
      case LESS -> a < b;
      case LESS_EQUAL -> a <= b;
      case GREATER -> a > b;
      case GREATER_EQUAL -> a >= b;
      default -> throw new IllegalStateException(op + " compares nothing");
    };
  }

  /** A whole number brought into a type's range by dropping high bits; a bool by comparing to 0. */
  static long wrap(DataType type, long value) {
    return switch (type) {
      case INT32 -> (int) value;
      case UINT8 -> value & 255;
      case INT8 -> (byte) value;
      case BOOL -> value == 0 ? 0 : 1;
      default -> value;
    };
  }

  /** C's {@code pow}, which differs from Java's for 1 to the NaN and -1 to the infinity. */
  private static double pow(double a, double b) {
    return a == 1 || (a == -1 && Double.isInfinite(b)) ? 1 : Math.pow(a, b);
  }

  /**
   * The error function, to about 1e-15, from the series {@code 2/√π · e^(-x²) · Σ 2ⁿ x^(2n+1) /
   * (2n+1)!!}, all of whose terms have one sign.
   */
  public static double erf(double x) {
    if (Math.abs(x) > 6) {
      return x > 0 ? 1 : -1;
    }
    double square = x * x;
    double term = x;
    double sum = x;
    for (int n = 1; n < 200 && Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= 2 * square / (2 * n + 1);
      sum += term;
    }
    return 2 / Math.sqrt(Math.PI) * Math.exp(-square) * sum;
  }

  /**
   * To the nearest whole number, halves to the even one; not {@code Math.rint}, as TeaVM's differs.
   */
  static double round(double x) {
    double floor = Math.floor(x);
    double rest = x - floor;
    if (rest == 0.5) {
      return floor % 2 == 0 ? floor : floor + 1;
    }
    return rest > 0.5 ? floor + 1 : floor;
  }
}
