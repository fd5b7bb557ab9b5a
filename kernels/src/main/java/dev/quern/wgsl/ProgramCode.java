package dev.quern.wgsl;

import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.ElementwiseProgram.Instruction;
import dev.quern.kernel.KernelException;
import dev.quern.kernel.Rational;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;

/**
 * An element-wise program on single elements, or on four neighbouring floats at once. WGSL lets an
 * implementation assume that there are no infinities and NaNs, so these are not kept as the CPU's
 * kernels keep them. Numbers of 64 bits, which WGSL lacks, are two words, see {@link WideCode}.
 */
final class ProgramCode {
  private static final Expr ZERO = Expr.f32(0);
  private static final Expr ONE = Expr.f32(1);

  private final Code code;
  private final ElementwiseProgram program;
  private final boolean vector;
  private final List<Expr> registers = new ArrayList<>();

  private ProgramCode(Code code, ElementwiseProgram program, List<Expr> inputs) {
    this.code = code;
    this.program = program;
    this.vector = !inputs.isEmpty() && inputs.getFirst().type() == Type.VEC4F;
    registers.addAll(inputs);
  }

  /** Computes the result; the inputs are of their {@link Cells#type}, or all vectors of floats. */
  static Expr emit(Code code, ElementwiseProgram program, List<Expr> inputs) {
    ProgramCode body = new ProgramCode(code, program, inputs);
    for (Instruction step : program.instructions()) {
      Expr value = body.instruction(step);
      if (step.type() == DataType.FLOAT16 && step.op() != ElementwiseOp.CONSTANT) {
        value = Expr.call("quantizeToF16", value);
      }
      body.registers.add(step.op() == ElementwiseOp.CONSTANT ? value : code.let("t", value));
    }
    return body.registers.getLast();
  }

  private Expr instruction(Instruction step) {
    if (step.op() == ElementwiseOp.CONSTANT) {
      return constant(step.type(), step.number());
    }
    List<Expr> x = new ArrayList<>();
    Expr infinite = step.op() == ElementwiseOp.EQUAL ? infinite(step.operands()) : null;
    if (infinite != null) {
      return infinite;
    }
    for (int operand : step.operands()) {
      if (registers.get(operand) == null) {
        throw new KernelException("no shader computes with infinity or NaN");
      }
      x.add(registers.get(operand));
    }
    DataType operand = program.type(step.operands().getFirst());
    return switch (step.op()) {
      case CAST -> cast(x.get(0), operand, step.type());
      case WHERE -> Expr.select(x.get(0), x.get(1), x.get(2));
      case EQUAL -> equal(x.get(0), x.get(1));
      case AND -> x.get(0).bits("&", x.get(1));
      case OR -> x.get(0).bits("|", x.get(1));
      case XOR -> x.get(0).ne(x.get(1));
      case NOT -> x.get(0).not();
      default ->
          switch (operand) {
            case FLOAT, FLOAT16 -> real(step, x);
            case INT32, UINT32 -> whole(step.op(), x, operand);
            case INT64 -> new WideCode(code).emit(step.op(), x);
            default -> throw none(step.op(), operand);
          };
    };
  }

  private static KernelException none(ElementwiseOp op, DataType type) {
    return new KernelException("no shader computes " + op + " of " + type.label());
  }

  private Expr constant(DataType type, double number) {
    return switch (type) {
      case FLOAT, FLOAT16 -> {
        float value = (float) number;
        // WGSL has no such constants: what compares with infinity looks at the bits.
        yield Float.isNaN(value) || Float.isInfinite(value) ? null : like(value);
      }
      case BOOL -> vector ? Expr.make(Type.VEC4B, Expr.bool(number != 0)) : Expr.bool(number != 0);
      case INT32, INT16, INT8 -> Expr.i32((int) number);
      case UINT32, UINT16, UINT8 -> Expr.u32((long) number);
      case INT64 -> {
        long value = (long) number;
        yield Expr.make(
            Type.VEC2U, Expr.u32(value & 0xffffffffL), Expr.u32(value >> 32 & 0xffffffffL));
      }
      default -> throw new KernelException("no shader has constants of " + type.label());
    };
  }

  /** A float, four times where the program works on vectors. */
  private Expr like(float value) {
    return vector ? Expr.make(Type.VEC4F, Expr.f32(value)) : Expr.f32(value);
  }

  /** Whether a float is the infinity that the other operand is; null if that is another number. */
  private Expr infinite(List<Integer> operands) {
    for (int i = 0; i < 2; i++) {
      int made = operands.get(i) - program.inputs().size();
      Expr other = registers.get(operands.get(1 - i));
      if (made < 0 || other == null || !other.type().isFloat()) {
        continue;
      }
      Instruction step = program.instructions().get(made);
      if (step.op() == ElementwiseOp.CONSTANT && Double.isInfinite(step.number())) {
        Expr bits = Expr.u32(step.number() > 0 ? 0x7f800000L : 0xff800000L);
        return vector
            ? other.bitcast(Type.VEC4U).eq(Expr.make(Type.VEC4U, bits))
            : other.bitcast(Type.U32).eq(bits);
      }
    }
    return null;
  }

  private static Expr equal(Expr a, Expr b) {
    if (a.type() != Type.VEC2U) {
      return a.eq(b);
    }
    return a.lane(0).eq(b.lane(0)).and(a.lane(1).eq(b.lane(1)));
  }

  private Expr real(Instruction step, List<Expr> x) {
    Expr a = x.get(0);
    return switch (step.op()) {
      case ADD -> a.plus(x.get(1));
      case SUB -> a.minus(x.get(1));
      case MUL -> a.times(x.get(1));
      case DIV -> a.over(x.get(1));
      case MIN -> Expr.call("min", a, x.get(1));
      case MAX -> Expr.call("max", a, x.get(1));
      case POW -> power(a, step.operands().get(1));
      case FMOD -> remainder(a, x.get(1));
      case NEG -> a.negated();
      case ABS -> Expr.call("abs", a);
      case SQRT -> Expr.call("sqrt", a);
      case RECIPROCAL -> like(1).over(a);
      case EXP -> Expr.call("exp", a);
      case LOG -> Expr.call("log", a);
      case ERF -> rational(Rational.erf(), a);
      // WGSL's own may overflow on the way to 1.
      case TANH -> rational(Rational.tanh(), a);
      case SIGMOID -> like(1).over(Expr.call("exp", a.negated()).plus(ONE));
      case RELU -> Expr.call("max", a, like(0));
      case FLOOR -> Expr.call("floor", a);
      case CEIL -> Expr.call("ceil", a);
      case ROUND -> Expr.call("round", a);
      case SIGN -> Expr.call("sign", a);
      case LESS -> a.lt(x.get(1));
      case LESS_EQUAL -> a.le(x.get(1));
      case GREATER -> a.gt(x.get(1));
      case GREATER_EQUAL -> a.ge(x.get(1));
      default -> throw none(step.op(), DataType.FLOAT);
    };
  }

  /** The remainder with the dividend's sign, of sizes first: WGSL says no more of its own. */
  private Expr remainder(Expr a, Expr b) {
    Expr size = code.let("size", Expr.call("abs", a));
    Expr by = code.let("by", Expr.call("abs", b));
    Expr rest = code.let("rest", size.minus(by.times(Expr.call("floor", size.over(by)))));
    // A quotient that was rounded may be one too large.
    Expr mended = code.let("mended", Expr.select(rest.lt(like(0)), rest.plus(by), rest));
    return Expr.select(a.lt(like(0)), mended.negated(), mended);
  }

  /** WGSL's {@code pow} takes no negative base. */
  private Expr power(Expr base, int exponent) {
    int first = program.inputs().size();
    if (exponent >= first) {
      Instruction made = program.instructions().get(exponent - first);
      if (made.op() == ElementwiseOp.CONSTANT) {
        if (made.number() == 2) {
          return base.times(base);
        } else if (made.number() == 3) {
          return base.times(base).times(base);
        } else if (made.number() == 0.5) {
          return Expr.call("sqrt", base);
        }
      }
    }
    Expr y = registers.get(exponent);
    Expr size = code.let("size", Expr.call("pow", Expr.call("abs", base), y));
    Expr half = code.let("half_y", y.times(Expr.f32(0.5f)));
    Expr odd = half.ne(Expr.call("floor", half));
    Expr signed = code.let("signed", Expr.select(odd, size.negated(), size));
    return Expr.select(y.eq(like(0)), like(1), Expr.select(base.lt(like(0)), signed, size));
  }

  private Expr rational(Rational function, Expr x) {
    Expr limited =
        code.let("x", Expr.call("clamp", x, like(-function.bound()), like(function.bound())));
    Expr square = code.let("square", limited.times(limited));
    Expr odd = code.let("odd", polynomial(square, function.odd()));
    return limited.times(odd).over(polynomial(square, function.even()));
  }

  private Expr polynomial(Expr x, List<Float> coefficients) {
    Expr sum = like(coefficients.getFirst());
    for (float coefficient : coefficients.subList(1, coefficients.size())) {
      sum = Expr.call("fma", sum, x, like(coefficient));
    }
    return sum;
  }

  private Expr whole(ElementwiseOp op, List<Expr> x, DataType type) {
    boolean signed = type == DataType.INT32;
    Expr zero = signed ? Expr.i32(0) : Expr.u32(0);
    Expr a = x.get(0);
    return switch (op) {
      case ADD -> a.plus(x.get(1));
      case SUB -> a.minus(x.get(1));
      case MUL -> a.times(x.get(1));
      case DIV -> a.over(x.get(1));
      case FMOD -> a.rem(x.get(1));
      case MOD -> {
        Expr b = x.get(1);
        Expr rest = code.let("rest", a.rem(b));
        if (!signed) {
          yield rest;
        }
        Expr keeps = rest.eq(zero).or(rest.lt(zero).eq(b.lt(zero)));
        yield Expr.select(keeps, rest, rest.plus(b));
      }
      case MIN -> Expr.call("min", a, x.get(1));
      case MAX -> Expr.call("max", a, x.get(1));
      case NEG -> signed ? a.negated() : zero.minus(a);
      case ABS -> Expr.call("abs", a);
      case SIGN -> {
        if (!signed) {
          yield Expr.call("min", a, Expr.u32(1));
        }
        yield Expr.call("clamp", a, Expr.i32(-1), Expr.i32(1));
      }
      case RELU -> Expr.call("max", a, zero);
      case LESS -> a.lt(x.get(1));
      case LESS_EQUAL -> a.le(x.get(1));
      case GREATER -> a.gt(x.get(1));
      case GREATER_EQUAL -> a.ge(x.get(1));
      case SHIFT_LEFT, SHIFT_RIGHT -> {
        Expr by = x.get(1);
        String operator = op == ElementwiseOp.SHIFT_LEFT ? "<<" : ">>";
        if (signed) {
          throw none(op, type);
        }
        Expr shifted = a.shift(operator, by.bits("&", Expr.u32(31)));
        yield Expr.select(by.lt(Expr.u32(32)), shifted, zero);
      }
      case BIT_AND -> a.bits("&", x.get(1));
      case BIT_OR -> a.bits("|", x.get(1));
      case BIT_XOR -> a.bits("^", x.get(1));
      case BIT_NOT -> a.bitNot();
      default -> throw none(op, type);
    };
  }

  private Expr cast(Expr x, DataType given, DataType wanted) {
    // What becomes f16 is rounded as the result of any operation is.
    DataType from = given == DataType.FLOAT16 ? DataType.FLOAT : given;
    DataType to = wanted == DataType.FLOAT16 ? DataType.FLOAT : wanted;
    if (Cells.type(from) == Cells.type(to) && from.bytes() <= to.bytes()) {
      return x;
    }
    if (vector) {
      return switch (to) {
        case FLOAT -> Expr.select(x, like(1), like(0));
        case BOOL -> x.ne(like(0));
        default -> throw new KernelException("no shader casts vectors to " + to.label());
      };
    }
    return switch (to) {
      case FLOAT -> toFloat(x);
      case BOOL -> toBool(x);
      case INT32 -> x.type() == Type.VEC2U ? x.lane(0).bitcast(Type.I32) : Expr.make(Type.I32, x);
      case UINT32 -> x.type() == Type.VEC2U ? x.lane(0) : Expr.make(Type.U32, x);
      case INT64 -> toLong(x, from);
      default -> throw new KernelException("no shader casts " + from.label() + " to " + to.label());
    };
  }

  private Expr toFloat(Expr x) {
    if (x.type() == Type.BOOL) {
      return Expr.select(x, ONE, ZERO);
    }
    if (x.type() != Type.VEC2U) {
      return Expr.make(Type.F32, x);
    }
    Expr low = code.let("low", x.lane(0).bitcast(Type.I32));
    Expr high = code.let("high", x.lane(1).bitcast(Type.I32));
    // Numbers that fit 32 bits become what they are; larger ones may be rounded twice.
    Expr small = high.eq(low.shift(">>", 31));
    Expr large =
        Expr.make(Type.F32, high).times(Expr.f32(4294967296f)).plus(Expr.make(Type.F32, x.lane(0)));
    return Expr.select(small, Expr.make(Type.F32, low), large);
  }

  private static Expr toBool(Expr x) {
    return switch (x.type()) {
      case F32 -> x.ne(ZERO);
      case I32 -> x.ne(Expr.i32(0));
      case VEC2U -> x.lane(0).bits("|", x.lane(1)).ne(Expr.u32(0));
      default -> x.ne(Expr.u32(0));
    };
  }

  private Expr toLong(Expr x, DataType from) {
    return switch (x.type()) {
      case BOOL -> Expr.make(Type.VEC2U, Expr.select(x, Expr.u32(1), Expr.u32(0)), Expr.u32(0));
      case U32 -> Expr.make(Type.VEC2U, x, Expr.u32(0));
      case I32 -> Expr.make(Type.VEC2U, x.bitcast(Type.U32), x.shift(">>", 31).bitcast(Type.U32));
      case F32 -> new WideCode(code).of(x);
      default -> throw new KernelException("no shader casts " + from.label() + " to i64");
    };
  }
}
