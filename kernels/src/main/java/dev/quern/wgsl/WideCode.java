package dev.quern.wgsl;

import dev.quern.graph.ElementwiseOp;
import dev.quern.kernel.KernelException;
import dev.quern.onnx.DataType;
import java.util.List;

/** Arithmetic on i64 as two words of 32 bits, the lower one first. */
final class WideCode {
  private static final float WORD = 4294967296f;

  private final Code code;

  WideCode(Code code) {
    this.code = code;
  }

  /** The result of an operation on i64: an i64, or a bool of a comparison. */
  Expr emit(ElementwiseOp op, List<Expr> x) {
    Expr a = x.getFirst();
    Expr b = x.getLast();
    return switch (op) {
      case ADD -> sum(a, b);
      case SUB -> difference(a, b);
      case NEG -> difference(zero(), a);
      case ABS -> Expr.select(less(a, zero()), difference(zero(), a), a);
      case RELU -> Expr.select(less(a, zero()), zero(), a);
      case MIN -> Expr.select(less(b, a), b, a);
      case MAX -> Expr.select(less(a, b), b, a);
      case MUL -> product(a, b);
      case LESS -> less(a, b);
      case GREATER -> less(b, a);
      case LESS_EQUAL -> code.let("more", less(b, a)).not();
      case GREATER_EQUAL -> code.let("less", less(a, b)).not();
      default ->
          throw new KernelException("no shader computes " + op + " of " + DataType.INT64.label());
    };
  }

  /** A float cut towards 0. */
  Expr of(Expr x) {
    Expr size = code.let("size", Expr.call("trunc", Expr.call("abs", x)));
    Expr high = code.let("high", Expr.make(Type.U32, size.over(Expr.f32(WORD))));
    Expr rest = size.minus(Expr.make(Type.F32, high).times(Expr.f32(WORD)));
    Expr whole = code.let("whole", Expr.make(Type.VEC2U, Expr.make(Type.U32, rest), high));
    return Expr.select(x.lt(Expr.f32(0)), difference(zero(), whole), whole);
  }

  private static Expr zero() {
    return Expr.make(Type.VEC2U, Expr.u32(0), Expr.u32(0));
  }

  private static Expr flag(Expr condition) {
    return Expr.select(condition, Expr.u32(1), Expr.u32(0));
  }

  private Expr sum(Expr a, Expr b) {
    Expr low = code.let("low", a.lane(0).plus(b.lane(0)));
    Expr high = a.lane(1).plus(b.lane(1)).plus(flag(low.lt(a.lane(0))));
    return code.let("sum", Expr.make(Type.VEC2U, low, high));
  }

  private Expr difference(Expr a, Expr b) {
    Expr borrow = flag(a.lane(0).lt(b.lane(0)));
    Expr high = a.lane(1).minus(b.lane(1)).minus(borrow);
    return code.let("difference", Expr.make(Type.VEC2U, a.lane(0).minus(b.lane(0)), high));
  }

  private Expr less(Expr a, Expr b) {
    Expr high = code.let("a_high", a.lane(1).bitcast(Type.I32));
    Expr other = code.let("b_high", b.lane(1).bitcast(Type.I32));
    Expr same = code.let("same", high.eq(other).and(a.lane(0).lt(b.lane(0))));
    return code.let("is_less", high.lt(other).or(same));
  }

  /** The lower 64 bits: of the lower words' product by halves, and of the mixed products. */
  private Expr product(Expr a, Expr b) {
    Expr half = Expr.u32(0xffff);
    Expr al = code.let("a_low", a.lane(0).bits("&", half));
    Expr ah = code.let("a_up", a.lane(0).shift(">>", 16));
    Expr bl = code.let("b_low", b.lane(0).bits("&", half));
    Expr bh = code.let("b_up", b.lane(0).shift(">>", 16));
    Expr least = code.let("least", al.times(bl));
    Expr first = code.let("first", ah.times(bl).plus(least.shift(">>", 16)));
    Expr second = code.let("second", al.times(bh).plus(first.bits("&", half)));
    Expr carried =
        code.let("carried", ah.times(bh).plus(first.shift(">>", 16)).plus(second.shift(">>", 16)));
    Expr mixed = a.lane(0).times(b.lane(1)).plus(a.lane(1).times(b.lane(0)));
    Expr low = a.lane(0).times(b.lane(0));
    return code.let("product", Expr.make(Type.VEC2U, low, carried.plus(mixed)));
  }
}
