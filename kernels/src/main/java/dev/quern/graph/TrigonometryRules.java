package dev.quern.graph;

import static dev.quern.graph.ElementwiseOp.*;

import dev.quern.onnx.DataType;

/**
 * Circular and hyperbolic functions and their inverses. Of f32 they are written as programs of
 * plain arithmetic, so that every back end has them in its vectors and fuses them; the polynomials
 * are Cephes' (sinf.c, tanf.c, asinf.c, atanf.c, sinhf.c, asinhf.c, acoshf.c, atanhf.c). Errors are
 * within 4 ulp, or of 1e-7 near a zero; arguments of circular functions above {@link #FAR} are
 * reduced less exactly. Numbers of other types keep the operation itself.
 */
final class TrigonometryRules {
  /** Up to here multiples of π/2 are subtracted exactly. */
  static final double FAR = 1 << 20;

  /** π/2 in parts of four bits: each has an exact product with a whole number of 20 bits. */
  private static final double[] QUARTER_TURN = parts(7);

  private TrigonometryRules() {}

  /** The rule of an operation. */
  static Operator.Rule rule(ElementwiseOp op) {
    return s -> {
      if (s.type(0) == DataType.FLOAT) {
        ElementwiseRules.write(s, program(op));
      } else {
        ElementwiseRules.plain(s, op);
      }
    };
  }

  /** The operation on f32 as a program of others. */
  static ElementwiseProgram program(ElementwiseOp op) {
    Real x = new Real(new ProgramBuilder(DataType.FLOAT), 0);
    Real result =
        switch (op) {
          case SIN, COS, TAN -> circular(op, x);
          case ASIN -> arcSine(x);
          case ACOS -> arcCosine(x);
          case ATAN -> arcTangent(x);
          case SINH -> sinh(x);
          case COSH -> cosh(x);
          case ASINH -> asinh(x);
          case ACOSH -> acosh(x);
          case ATANH -> atanh(x);
          default -> throw new IllegalArgumentException(op + " is not trigonometric");
        };
    return result.build();
  }

  /** Splits π/2 into parts of four bits each; the last one has what is left as f32. */
  private static double[] parts(int count) {
    double[] parts = new double[count];
    double rest = Math.PI / 2;
    double unit = 0.125;
    for (int i = 0; i < count - 1; i++, unit /= 16) {
      parts[i] = Math.floor(rest / unit) * unit;
      rest -= parts[i];
    }
    parts[count - 1] = (float) rest;
    return parts;
  }

  private static Real circular(ElementwiseOp op, Real x) {
    Real turns = x.times(2 / Math.PI).apply(ROUND);
    Real r = x;
    for (double part : QUARTER_TURN) {
      r = r.minus(turns.times(part));
    }
    // What is left of an argument too large to be reduced is no angle, but the result is to be one.
    r = r.within(-0.8, 0.8);
    Real z = r.times(r);
    Real sine =
        z.polynomial(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1).times(z).times(r).plus(r);
    Real cosine =
        z.polynomial(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
            .times(z)
            .times(z)
            .minus(z.times(0.5))
            .plus(1);
    if (op == TAN) {
      Real odd = turns.times(0.5).minus(turns.times(0.5).apply(FLOOR)).apply(GREATER, x.number(0));
      Real top = odd.choose(cosine.apply(NEG), sine);
      return top.over(odd.choose(sine, cosine));
    }
    Real quarter = op == COS ? turns.plus(1) : turns;
    Real half = quarter.times(0.5);
    Real odd = half.minus(half.apply(FLOOR)).apply(GREATER, x.number(0));
    Real fourth = quarter.times(0.25);
    Real negative = fourth.minus(fourth.apply(FLOOR)).apply(GREATER_EQUAL, x.number(0.5));
    Real value = odd.choose(cosine, sine);
    return negative.choose(value.apply(NEG), value);
  }

  /** The angle of a size up to 1/2, whose square is z. */
  private static Real smallArcSine(Real x, Real z) {
    return z.polynomial(
            4.2163199048e-2, 2.4181311049e-2, 4.5470025998e-2, 7.4953002686e-2, 1.6666752422e-1)
        .times(z)
        .times(x)
        .plus(x);
  }

  private static Real arcSine(Real x) {
    Real size = x.apply(ABS);
    Real large = size.apply(GREATER, x.number(0.5));
    Real z = large.choose(size.apply(NEG).plus(1).times(0.5), size.times(size));
    Real angle = smallArcSine(large.choose(z.apply(SQRT), size), z);
    Real result = large.choose(angle.times(-2).plus(Math.PI / 2), angle);
    return x.signOn(result);
  }

  private static Real arcCosine(Real x) {
    Real size = x.apply(ABS);
    Real large = size.apply(GREATER, x.number(0.5));
    Real z = large.choose(size.apply(NEG).plus(1).times(0.5), x.times(x));
    Real angle = smallArcSine(large.choose(z.apply(SQRT), x), z);
    Real twice = angle.plus(angle);
    Real far = x.apply(LESS, x.number(0)).choose(twice.apply(NEG).plus(Math.PI), twice);
    return large.choose(far, angle.apply(NEG).plus(Math.PI / 2));
  }

  private static Real arcTangent(Real x) {
    Real size = x.apply(ABS);
    Real far = size.apply(GREATER, x.number(Math.tan(3 * Math.PI / 8)));
    Real middle = size.apply(GREATER, x.number(Math.tan(Math.PI / 8)));
    Real turned = size.minus(1).over(size.plus(1));
    Real r = far.choose(x.number(-1).over(size), middle.choose(turned, size));
    Real start =
        far.choose(x.number(Math.PI / 2), middle.choose(x.number(Math.PI / 4), x.number(0)));
    Real z = r.times(r);
    Real angle =
        z.polynomial(8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1)
            .times(z)
            .times(r)
            .plus(r);
    return x.signOn(start.plus(angle));
  }

  private static Real sinh(Real x) {
    Real size = x.apply(ABS);
    // Half of the exponent twice: the result may be a number where the whole one's power is none.
    Real root = size.times(0.5).apply(EXP);
    Real large = root.times(0.5).times(root).minus(x.number(0.5).over(root).over(root));
    Real z = size.times(size);
    Real small =
        z.polynomial(2.03721912945e-4, 8.33028376239e-3, 1.66667160211e-1)
            .times(z)
            .times(size)
            .plus(size);
    return x.signOn(size.apply(GREATER, x.number(1)).choose(large, small));
  }

  private static Real cosh(Real x) {
    Real root = x.apply(ABS).times(0.5).apply(EXP);
    return root.times(0.5).times(root).plus(x.number(0.5).over(root).over(root));
  }

  private static Real asinh(Real x) {
    Real size = x.apply(ABS);
    Real z = size.times(size);
    Real small =
        z.polynomial(2.0122003309e-2, -4.2699340972e-2, 7.4847586088e-2, -1.6666288134e-1)
            .times(z)
            .times(size)
            .plus(size);
    Real medium = size.plus(z.plus(1).apply(SQRT)).apply(LOG);
    return x.signOn(size.apply(LESS, x.number(0.5)).choose(small, orDoubled(size, medium)));
  }

  private static Real acosh(Real x) {
    Real z = x.minus(1);
    Real small =
        z.polynomial(
                1.7596881071e-3, -7.5272886713e-3, 2.6454905019e-2, -1.1784741703e-1, Math.sqrt(2))
            .times(z.apply(SQRT));
    Real medium = x.plus(z.times(x.plus(1)).apply(SQRT)).apply(LOG);
    return z.apply(LESS, x.number(0.5)).choose(small, orDoubled(x, medium));
  }

  /**
   * The logarithm of twice a large number, whose square would be infinite; else the other value.
   */
  private static Real orDoubled(Real x, Real otherwise) {
    return x.apply(GREATER, x.number(1500)).choose(x.apply(LOG).plus(Math.log(2)), otherwise);
  }

  private static Real atanh(Real x) {
    Real size = x.apply(ABS);
    Real z = size.times(size);
    Real small =
        z.polynomial(
                1.81740078349e-1,
                8.24370301058e-2,
                1.46691431730e-1,
                1.99782164500e-1,
                3.33337300303e-1)
            .times(z)
            .times(size)
            .plus(size);
    Real large = size.plus(1).over(size.apply(NEG).plus(1)).apply(LOG).times(0.5);
    return x.signOn(size.apply(LESS, x.number(0.5)).choose(small, large));
  }
}
