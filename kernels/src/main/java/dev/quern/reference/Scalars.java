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
      case SIN -> Math.sin(a);
      case COS -> Math.cos(a);
      case TAN -> Math.tan(a);
      case ASIN -> Math.asin(a);
      case ACOS -> Math.acos(a);
      case ATAN -> Math.atan(a);
      case SINH -> Math.sinh(a);
      case COSH -> Math.cosh(a);
      case ASINH -> asinh(a);
      case ACOSH -> Math.log(a + Math.sqrt(a - 1) * Math.sqrt(a + 1));
      case ATANH -> 0.5 * (Math.log1p(a) - Math.log1p(-a));
      default -> throw new IllegalStateException(op + " is not defined on reals");
    };
  }

  private static double asinh(double a) {
    double size = Math.abs(a);
    double value =
        size > 1e150
            ? Math.log(size) + Math.log(2)
            : Math.log1p(size + size * size / (1 + Math.sqrt(size * size + 1)));
    return a < 0 ? -value : a == 0 ? a : value;
  }

  /**
   * An operation on whole numbers; the caller wraps to the type, which says how u64 is divided and
   * compared. Division by 0 gives 0.
   */
  static long whole(ElementwiseOp op, DataType type, long a, long b) {
    boolean unsigned = type == DataType.UINT64;
    return switch (op) {
      case ADD -> a + b;
      case SUB -> a - b;
      case MUL -> a * b;
      case DIV -> b == 0 ? 0 : unsigned ? Long.divideUnsigned(a, b) : a / b;
      case POW -> power(a, b);
      case MIN -> less(type, a, b) ? a : b;
      case MAX -> less(type, a, b) ? b : a;
      case MOD ->
          b == 0 ? 0 : unsigned ? Long.remainderUnsigned(a, b) : a - Math.floorDiv(a, b) * b;
      case FMOD -> b == 0 ? 0 : unsigned ? Long.remainderUnsigned(a, b) : a % b;
      case NEG -> -a;
      case ABS -> unsigned ? a : Math.abs(a);
      case RELU -> unsigned ? a : Math.max(a, 0);
      case SIGN -> unsigned ? (a == 0 ? 0 : 1) : Long.signum(a);
      case AND, BIT_AND -> a & b;
      case OR, BIT_OR -> a | b;
      case XOR, BIT_XOR -> a ^ b;
      case NOT -> 1 - a;
      case BIT_NOT -> ~a;
      case SHIFT_LEFT -> b < 0 || b >= type.bits() ? 0 : a << b;
      case SHIFT_RIGHT -> b < 0 || b >= type.bits() ? 0 : a >>> b;
      default -> throw new IllegalStateException(op + " is not defined on whole numbers");
    };
  }

  /** A power that wraps; with a negative exponent, what is left of the fraction. */
  private static long power(long base, long exponent) {
    if (exponent < 0) {
      return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
    }
    long result = 1;
    long square = base;
    for (long rest = exponent; rest > 0; rest >>= 1) {
      result = (rest & 1) == 0 ? result : result * square;
      square *= square;
    }
    return result;
  }

  /** Whether a whole number of a type is less than another. */
  static boolean less(DataType type, long a, long b) {
    return type == DataType.UINT64 ? Long.compareUnsigned(a, b) < 0 : a < b;
  }

  /** A whole number of a type as a real one. */
  static double toReal(DataType type, long value) {
    return type == DataType.UINT64 && value < 0
        ? (double) (value >>> 1 | value & 1) * 2
        : (double) value;
  }

  /** A real number cut towards 0, as a whole number of a type that holds it. */
  static long toWhole(DataType type, double value) {
    return type == DataType.UINT64 && value >= 0x1p63
        ? (long) (value - 0x1p63) ^ 1L << 63
        : (long) value;
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

  /** A comparison of whole numbers of a type. */
  static boolean compare(ElementwiseOp op, DataType type, long a, long b) {
    return switch (op) {
      case EQUAL -> a == b;
      case LESS -> less(type, a, b);
      case LESS_EQUAL -> !less(type, b, a);
      case GREATER -> less(type, b, a);
      case GREATER_EQUAL -> !less(type, a, b);
      default -> throw new IllegalStateException(op + " compares nothing");
    };
  }

  /** A whole number brought into a type's range by dropping high bits; a bool by comparing to 0. */
  static long wrap(DataType type, long value) {
    return switch (type) {
      case INT32 -> (int) value;
      case UINT32 -> value & 0xFFFFFFFFL;
      case INT16 -> (short) value;
      case UINT16 -> value & 0xFFFF;
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
