package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.graph.ElementwiseOp;
import dev.quern.wasm.Code;
import dev.quern.wasm.Local;
import java.util.List;

/** Element-wise operations on f32, for a vector or a single float. */
final class FloatCode {
  private FloatCode() {}

  /** Leaves the result on the stack. */
  static void emit(Lanes lanes, Code code, ElementwiseOp op, List<Local> operands) {
    Local x = operands.get(0);
    if (op == ElementwiseOp.RECIPROCAL) {
      lanes.constant(1f).get(x).div();
      return;
    }
    if (op == ElementwiseOp.POW || op == ElementwiseOp.FMOD) {
      lanes.doubles(op == ElementwiseOp.POW, x, operands.get(1));
      return;
    }
    if (op == ElementwiseOp.SIGN) {
      sign(lanes, x);
      return;
    }
    for (Local operand : operands) {
      code.get(operand);
    }
    switch (op) {
      case ADD -> lanes.add();
      case SUB -> lanes.sub();
      case MUL -> lanes.mul();
      case DIV -> lanes.div();
      case MIN -> lanes.op(F32X4_MIN, F32_MIN);
      case MAX -> lanes.op(F32X4_MAX, F32_MAX);
      case NEG -> lanes.op(F32X4_NEG, F32_NEG);
      case ABS -> lanes.op(F32X4_ABS, F32_ABS);
      case SQRT -> lanes.op(F32X4_SQRT, F32_SQRT);
      case EXP -> lanes.exp();
      case LOG -> lanes.log();
      case ERF -> lanes.erf();
      case TANH -> lanes.tanh();
      case SIGMOID -> lanes.sigmoid();
      case RELU -> lanes.atLeast(0f);
      case FLOOR -> lanes.op(F32X4_FLOOR, F32_FLOOR);
      case CEIL -> lanes.op(F32X4_CEIL, F32_CEIL);
      case ROUND -> lanes.op(F32X4_NEAREST, F32_NEAREST);
      case EQUAL -> lanes.op(F32X4_EQ, F32_EQ);
      case LESS -> lanes.op(F32X4_LT, F32_LT);
      case LESS_EQUAL -> lanes.op(F32X4_LE, F32_LE);
      case GREATER -> lanes.op(F32X4_GT, F32_GT);
      case GREATER_EQUAL -> lanes.op(F32X4_GE, F32_GE);
      default -> throw new KernelException(op + " is not made for f32 by this back end");
    }
  }

  /** 1 above 0, -1 below, else the operand itself: 0 and NaN. */
  private static void sign(Lanes lanes, Local x) {
    Local result = lanes.local("sign");
    lanes.constant(1f).get(x).get(x).constant(0f).op(F32X4_GT, F32_GT).select().set(result);
    lanes.constant(-1f).get(result).get(x).constant(0f).op(F32X4_LT, F32_LT).select();
  }
}
