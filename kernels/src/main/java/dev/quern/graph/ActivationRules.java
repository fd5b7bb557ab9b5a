package dev.quern.graph;

import static dev.quern.graph.ElementwiseOp.*;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;

/** Activations and other functions of single elements that are programs of a few instructions. */
final class ActivationRules {
  private ActivationRules() {}

  /** {@code alpha·(e^x - 1)} below 0, x from there on. */
  static void elu(Site s) {
    DataType type = s.type(0);
    ProgramBuilder p = new ProgramBuilder(type);
    int below = p.op(MUL, exponential(p, type, 0), p.constant(type, (float) s.real("alpha", 1)));
    p.op(WHERE, p.op(LESS, 0, p.constant(type, 0)), below, 0);
    ElementwiseRules.write(s, p.build());
  }

  /** {@code e^x - 1}. */
  private static int exponential(ProgramBuilder p, DataType type, int x) {
    return p.op(SUB, p.op(EXP, x), p.constant(type, 1));
  }

  /** {@code gamma·alpha·(e^x - 1)} up to 0, {@code gamma·x} above. */
  static void selu(Site s) {
    DataType type = s.type(0);
    ProgramBuilder p = new ProgramBuilder(type);
    double alpha = s.real("alpha", 1.67326319217681884765625);
    int below = p.op(MUL, exponential(p, type, 0), p.constant(type, alpha));
    int value = p.op(WHERE, p.op(GREATER, 0, p.constant(type, 0)), 0, below);
    p.op(MUL, value, p.constant(type, s.real("gamma", 1.05070102214813232421875)));
    ElementwiseRules.write(s, p.build());
  }

  /** {@code max(0, x) + min(0, alpha·(e^(x/alpha) - 1))}. */
  static void celu(Site s) {
    DataType type = s.type(0);
    ProgramBuilder p = new ProgramBuilder(type);
    int alpha = p.constant(type, s.real("alpha", 1));
    int below = p.op(MUL, exponential(p, type, p.op(DIV, 0, alpha)), alpha);
    int zero = p.constant(type, 0);
    p.op(ADD, p.op(MAX, 0, zero), p.op(MIN, below, zero));
    ElementwiseRules.write(s, p.build());
  }

  static void thresholdedRelu(Site s) {
    DataType type = s.type(0);
    ProgramBuilder p = new ProgramBuilder(type);
    int above = p.op(GREATER, 0, p.constant(type, s.real("alpha", 1)));
    p.op(WHERE, above, 0, p.constant(type, 0));
    ElementwiseRules.write(s, p.build());
  }

  /** Towards 0 by {@code bias} outside of {@code -lambd} to {@code lambd}, and 0 inside. */
  static void shrink(Site s) {
    DataType type = s.type(0);
    ProgramBuilder p = new ProgramBuilder(type);
    int bias = p.constant(type, s.real("bias", 0));
    double limit = s.real("lambd", 0.5);
    int above = p.op(GREATER, 0, p.constant(type, limit));
    int below = p.op(LESS, 0, p.constant(type, -limit));
    int inner = p.op(WHERE, below, p.op(ADD, 0, bias), p.constant(type, 0));
    p.op(WHERE, above, p.op(SUB, 0, bias), inner);
    ElementwiseRules.write(s, p.build());
  }

  static void softsign(Site s) {
    DataType type = s.type(0);
    ProgramBuilder p = new ProgramBuilder(type);
    p.op(DIV, 0, p.op(ADD, p.op(ABS, 0), p.constant(type, 1)));
    ElementwiseRules.write(s, p.build());
  }

  /** {@code x·tanh(softplus(x))}. */
  static void mish(Site s) {
    DataType type = s.type(0);
    ProgramBuilder p = new ProgramBuilder(type);
    int decay = p.op(EXP, p.op(NEG, p.op(ABS, 0)));
    int log = p.op(LOG, p.op(ADD, decay, p.constant(type, 1)));
    int softplus = p.op(ADD, p.op(MAX, 0, p.constant(type, 0)), log);
    p.op(MUL, 0, p.op(TANH, softplus));
    ElementwiseRules.write(s, p.build());
  }

  /** {@code x·sigmoid(alpha·x)}. */
  static void swish(Site s, double alpha) {
    DataType type = s.type(0);
    ProgramBuilder p = new ProgramBuilder(type);
    int scaled = alpha == 1 ? 0 : p.op(MUL, 0, p.constant(type, alpha));
    p.op(MUL, 0, p.op(SIGMOID, scaled));
    ElementwiseRules.write(s, p.build());
  }

  /** {@code slope·x} below 0. */
  static void prelu(Site s) {
    if (s.type(1) != s.type(0)) {
      throw Site.unsupported("its slope is " + s.type(1).label(), "use the type of its input");
    }
    DataType type = s.type(0);
    ProgramBuilder p = new ProgramBuilder(List.of(type, type));
    p.op(WHERE, p.op(LESS, 0, p.constant(type, 0)), p.op(MUL, 0, 1), 0);
    ElementwiseRules.write(s, p.build());
  }

  /** The mean of any number of operands. */
  static void mean(Site s) {
    Compose c = new Compose(s);
    Value sum = c.input(0);
    for (int i = 1; i < s.inputs(); i++) {
      sum = c.apply(ADD, sum, c.input(i));
    }
    c.output(0, c.apply(DIV, sum, s.inputs()));
  }

  static void isNaN(Site s) {
    ProgramBuilder p = new ProgramBuilder(s.type(0));
    p.op(NOT, p.op(EQUAL, 0, 0));
    ElementwiseRules.write(s, p.build());
  }

  static void isInf(Site s) {
    DataType type = s.type(0);
    ProgramBuilder p = new ProgramBuilder(type);
    boolean negative = s.integer("detect_negative", 1) != 0;
    boolean positive = s.integer("detect_positive", 1) != 0;
    int infinity = p.constant(type, Double.POSITIVE_INFINITY);
    if (negative && positive) {
      p.op(EQUAL, p.op(ABS, 0), infinity);
    } else if (positive) {
      p.op(EQUAL, 0, infinity);
    } else if (negative) {
      p.op(EQUAL, p.op(NEG, 0), infinity);
    } else {
      p.op(LESS, 0, 0);
    }
    ElementwiseRules.write(s, p.build());
  }

  static void bitShift(Site s) {
    String direction = s.text("direction", "");
    if (!s.type(0).isUnsigned()) {
      throw Site.unsupported("it shifts " + s.type(0).label(), "use an unsigned integer");
    }
    switch (direction) {
      case "LEFT" -> ElementwiseRules.plain(s, SHIFT_LEFT);
      case "RIGHT" -> ElementwiseRules.plain(s, SHIFT_RIGHT);
      default -> throw Site.unsupported("its direction is '" + direction + "'", "");
    }
  }

  /** A cast to the type of the second input. */
  static void castLike(Site s) {
    ElementwiseRules.cast(s, s.type(1));
  }

  /** An operation on a chain of operands, of which there may be one. */
  static void sum(Site s) {
    if (s.inputs() == 1) {
      s.alias(0, 0);
      return;
    }
    Compose c = new Compose(s);
    List<DataType> types = new ArrayList<>();
    Value[] operands = new Value[s.inputs()];
    for (int i = 0; i < operands.length; i++) {
      types.add(s.type(0));
      operands[i] = c.input(i);
      if (s.type(i) != s.type(0)) {
        throw Site.unsupported("its operands have different types", "cast them");
      }
    }
    ProgramBuilder p = new ProgramBuilder(types);
    int result = 0;
    for (int i = 1; i < operands.length; i++) {
      result = p.op(ADD, result, i);
    }
    c.output(0, c.apply(p.build(result), operands));
  }
}
