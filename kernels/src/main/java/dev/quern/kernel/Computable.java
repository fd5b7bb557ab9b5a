package dev.quern.kernel;

import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.ElementwiseProgram.Instruction;
import dev.quern.onnx.DataType;

/** Which element-wise programs can be emitted: asked while planning, before anything is made. */
public final class Computable {
  private Computable() {}

  /** Throws {@link KernelException} if an instruction of a program is not made for its types. */
  public static void require(ElementwiseProgram program) {
    for (DataType input : program.inputs()) {
      require(input);
    }
    for (Instruction step : program.instructions()) {
      require(step.type());
      DataType operand =
          step.operands().isEmpty() ? step.type() : program.type(step.operands().getFirst());
      if (!isMade(step.op(), computed(operand))) {
        throw new KernelException(step.op() + " is not made for " + operand.label());
      }
    }
  }

  /** The type in which a kernel computes: f16 is widened, and what comes out rounded. */
  static DataType computed(DataType type) {
    return type == DataType.FLOAT16 ? DataType.FLOAT : type;
  }

  private static void require(DataType type) {
    boolean fits =
        type == DataType.FLOAT
            || type == DataType.DOUBLE
            || type == DataType.FLOAT16
            || type == DataType.BOOL
            || type.isInteger();
    if (!fits) {
      throw new KernelException("no kernel computes in " + type.label());
    }
  }

  private static boolean isMade(ElementwiseOp op, DataType type) {
    return switch (op) {
      case CONSTANT, WHERE, CAST -> true;
      case AND, OR, XOR, NOT -> type == DataType.BOOL;
      case EQUAL -> true;
      case ADD, SUB, MUL, DIV, MIN, MAX, NEG, ABS, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, FMOD ->
          type != DataType.BOOL;
      case MOD, BIT_AND, BIT_OR, BIT_XOR, BIT_NOT -> type.isInteger();
      case SHIFT_LEFT, SHIFT_RIGHT -> type == DataType.UINT32;
      case SIGN, RELU -> type == DataType.FLOAT || type.isInteger();
      case SQRT, FLOOR, CEIL, ROUND, POW -> type.isFloating();
      case RECIPROCAL, EXP, LOG, ERF, TANH, SIGMOID -> type == DataType.FLOAT;
      default -> false;
    };
  }
}
