package dev.quern.kernel;

import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.ElementwiseProgram.Instruction;
import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.onnx.OnnxReader;
import java.util.ArrayList;
import java.util.List;

/** Element-wise programs for tests, and what they compute, in double. */
final class Programs {
  private static final DataType F32 = DataType.FLOAT;

  private Programs() {}

  /** Builds a program on f32 operands; each step names its operation and its registers. */
  static final class Builder {
    private final int inputs;
    private final List<Instruction> steps = new ArrayList<>();

    Builder(int inputs) {
      this.inputs = inputs;
    }

    Builder step(ElementwiseOp op, Integer... operands) {
      DataType type = op.isComparison() || op.isLogical() ? DataType.BOOL : F32;
      steps.add(new Instruction(op, type, List.of(operands), 0));
      return this;
    }

    Builder constant(double number) {
      steps.add(new Instruction(ElementwiseOp.CONSTANT, F32, List.of(), number));
      return this;
    }

    Builder constant(boolean value) {
      steps.add(new Instruction(ElementwiseOp.CONSTANT, DataType.BOOL, List.of(), value ? 1 : 0));
      return this;
    }

    ElementwiseProgram build() {
      return new ElementwiseProgram(java.util.Collections.nCopies(inputs, F32), steps);
    }
  }

  static Builder inputs(int count) {
    return new Builder(count);
  }

  static ElementwiseProgram unary(ElementwiseOp op) {
    return inputs(1).step(op, 0).build();
  }

  /** The program as which an operator of one f32 is written. */
  static ElementwiseProgram imported(String operator) {
    byte[] file =
        new ModelBuilder(18)
            .input("x", F32, "n")
            .node(operator, List.of("x"), List.of("y"))
            .output("y", F32)
            .build();
    Graph graph = GraphImporter.importModel(OnnxReader.read(Bytes.of(file)));
    return graph.nodes().getFirst().program("program");
  }

  static ElementwiseProgram binary(ElementwiseOp op) {
    return inputs(2).step(op, 0, 1).build();
  }

  /** {@code acc + bias}. */
  static ElementwiseProgram bias() {
    return binary(ElementwiseOp.ADD);
  }

  /** {@code acc · scale + bias}. */
  static ElementwiseProgram scaledBias() {
    return inputs(3).step(ElementwiseOp.MUL, 0, 1).step(ElementwiseOp.ADD, 3, 2).build();
  }

  /** {@code (acc + bias) + residual}. */
  static ElementwiseProgram biasResidual() {
    return inputs(3).step(ElementwiseOp.ADD, 0, 1).step(ElementwiseOp.ADD, 3, 2).build();
  }

  /** {@code x = acc + bias; 0.5 · x · (1 + erf(x / sqrt(2)))}. */
  static ElementwiseProgram biasGelu() {
    return inputs(2)
        .step(ElementwiseOp.ADD, 0, 1)
        .constant(Math.sqrt(0.5))
        .step(ElementwiseOp.MUL, 2, 3)
        .step(ElementwiseOp.ERF, 4)
        .constant(1)
        .step(ElementwiseOp.ADD, 5, 6)
        .step(ElementwiseOp.MUL, 2, 7)
        .constant(0.5)
        .step(ElementwiseOp.MUL, 8, 9)
        .build();
  }

  /** {@code tanh(|acc|^1.5 + acc³)}: a power that no product says, in vectors. */
  static ElementwiseProgram tanhOfPower() {
    return inputs(1)
        .step(ElementwiseOp.ABS, 0)
        .constant(1.5)
        .step(ElementwiseOp.POW, 1, 2)
        .constant(3)
        .step(ElementwiseOp.POW, 0, 4)
        .step(ElementwiseOp.ADD, 3, 5)
        .step(ElementwiseOp.TANH, 6)
        .build();
  }

  /** {@code where(true, acc, 7) + where(false, acc, 3)}: what is left of a mask that was known. */
  static ElementwiseProgram known() {
    return inputs(1)
        .constant(true)
        .constant(7)
        .step(ElementwiseOp.WHERE, 1, 0, 2)
        .constant(false)
        .constant(3)
        .step(ElementwiseOp.WHERE, 4, 0, 5)
        .step(ElementwiseOp.ADD, 3, 6)
        .build();
  }

  /** What a program of f32 and bools computes, without rounding in between. */
  static double apply(ElementwiseProgram program, double... inputs) {
    double[] registers = java.util.Arrays.copyOf(inputs, program.registers());
    int next = inputs.length;
    for (Instruction step : program.instructions()) {
      double[] x = new double[3];
      for (int i = 0; i < step.operands().size(); i++) {
        x[i] = registers[step.operands().get(i)];
      }
      registers[next++] =
          step.op() == ElementwiseOp.CONSTANT
              ? (float) step.number()
              : apply(step.op(), x[0], x[1], x[2]);
    }
    return registers[next - 1];
  }

  static double apply(ElementwiseOp op, double a, double b, double c) {
    return switch (op) {
      case ADD -> a + b;
      case SUB -> a - b;
      case MUL -> a * b;
      case DIV -> a / b;
      case POW -> Math.pow(a, b);
      case MIN -> Math.min(a, b);
      case MAX -> Math.max(a, b);
      case NEG -> -a;
      case ABS -> Math.abs(a);
      case SQRT -> Math.sqrt(a);
      case RECIPROCAL -> 1 / a;
      case EXP -> Math.exp(a);
      case LOG -> Math.log(a);
      case ERF -> erf(a);
      case SIN -> Math.sin(a);
      case COS -> Math.cos(a);
      case TAN -> Math.tan(a);
      case ASIN -> Math.asin(a);
      case ACOS -> Math.acos(a);
      case ATAN -> Math.atan(a);
      case SINH -> Math.sinh(a);
      case COSH -> Math.cosh(a);
      case ASINH -> Math.copySign(asinh(Math.abs(a)), a);
      case ACOSH -> Math.log1p(a - 1 + Math.sqrt(a - 1) * Math.sqrt(a + 1));
      case ATANH -> (Math.log1p(a) - Math.log1p(-a)) / 2;
      case TANH -> Math.tanh(a);
      case SIGMOID -> 1 / (1 + Math.exp(-a));
      case RELU -> Math.max(a, 0);
      case FLOOR -> Math.floor(a);
      case CEIL -> Math.ceil(a);
      case ROUND -> Math.rint(a);
      case SIGN -> Math.signum(a);
      case CAST -> a;
      case EQUAL -> truth(a == b);
      case LESS -> truth(a < b);
      case LESS_EQUAL -> truth(a <= b);
      case GREATER -> truth(a > b);
      case GREATER_EQUAL -> truth(a >= b);
      case AND -> truth(a != 0 && b != 0);
      case OR -> truth(a != 0 || b != 0);
      case XOR -> truth((a != 0) != (b != 0));
      case NOT -> truth(a == 0);
      case WHERE -> a != 0 ? b : c;
      default -> throw new IllegalArgumentException(op + " has no reference here");
    };
  }

  private static double truth(boolean value) {
    return value ? 1 : 0;
  }

  /** The error function to 1e-15: its series near 0, else the continued fraction of erfc. */
  static double erf(double x) {
    double a = Math.abs(x);
    if (Double.isNaN(x)) {
      return x;
    }
    if (a > 6) {
      return Math.signum(x);
    }
    if (a < 2.5) {
      double term = x;
      double sum = x;
      for (int n = 1; n < 100; n++) {
        term *= -x * x / n;
        sum += term / (2 * n + 1);
      }
      return 2 / Math.sqrt(Math.PI) * sum;
    }
    double fraction = 0;
    for (int n = 60; n >= 1; n--) {
      fraction = n / 2.0 / (a + fraction);
    }
    double erfc = Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction);
    return Math.signum(x) * (1 - erfc);
  }

  private static double asinh(double a) {
    return a > 1e100 ? Math.log(a) + Math.log(2) : Math.log1p(a + a * a / (1 + Math.hypot(a, 1)));
  }
}
