package dev.quern.graph;

import static dev.quern.graph.ElementwiseOp.*;

import dev.quern.onnx.DataType;

/** A register of a program of f32, with arithmetic. */
record Real(ProgramBuilder program, int register) {
  Real number(double value) {
    return new Real(program, program.constant(DataType.FLOAT, value));
  }

  Real apply(ElementwiseOp op, Real... others) {
    int[] operands = new int[others.length + 1];
    operands[0] = register;
    for (int i = 0; i < others.length; i++) {
      operands[i + 1] = others[i].register;
    }
    return new Real(program, program.op(op, operands));
  }

  Real plus(Real other) {
    return apply(ADD, other);
  }

  Real plus(double value) {
    return plus(number(value));
  }

  Real minus(Real other) {
    return apply(SUB, other);
  }

  Real minus(double value) {
    return minus(number(value));
  }

  Real times(Real other) {
    return apply(MUL, other);
  }

  Real times(double value) {
    return times(number(value));
  }

  Real over(Real other) {
    return apply(DIV, other);
  }

  /** Where this bool is true the first value, else the second. */
  Real choose(Real yes, Real no) {
    return apply(WHERE, yes, no);
  }

  /** The value with this one's sign, that of zeros too. */
  Real signOn(Real value) {
    Real negative = apply(LESS, number(0));
    return apply(EQUAL, number(0)).choose(this, negative.choose(value.apply(NEG), value));
  }

  /** Horner's rule, highest coefficient first. */
  Real polynomial(double... coefficients) {
    Real sum = number(coefficients[0]);
    for (int i = 1; i < coefficients.length; i++) {
      sum = sum.times(this).plus(coefficients[i]);
    }
    return sum;
  }

  /** The nearest number of a range; NaN stays. */
  Real within(double low, double high) {
    return apply(MAX, number(low)).apply(MIN, number(high));
  }

  /** What has been written, with this register as the result. */
  ElementwiseProgram build() {
    return program.build(register);
  }
}
