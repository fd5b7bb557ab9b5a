package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.ElementwiseProgram.Instruction;
import dev.quern.onnx.DataType;
import dev.quern.wasm.Code;
import dev.quern.wasm.Local;
import dev.quern.wasm.Opcode;
import dev.quern.wasm.ValueType;
import java.util.ArrayList;
import java.util.List;

/**
 * Emits an element-wise program for one element or for four f32 at once. Values live in locals that
 * are made once, so the program can be emitted many times in a function. In vectors a bool is a
 * mask of all ones or zeros; otherwise it is an i32, 0 or 1.
 */
final class ElementwiseCode {
  private final Code code;
  private final ElementwiseProgram program;
  private final Lanes lanes;
  private final List<Local> results = new ArrayList<>();

  ElementwiseCode(Code code, ElementwiseProgram program, boolean vector, boolean fma) {
    this.code = code;
    this.program = program;
    this.lanes = new Lanes(code, vector, fma);
    for (int i = 0; i < program.instructions().size(); i++) {
      DataType type = program.instructions().get(i).type();
      results.add(code.local(valueType(type, vector), "r" + (program.inputs().size() + i)));
    }
  }

  /** The Wasm type that holds a value of an ONNX type. */
  static ValueType valueType(DataType type, boolean vector) {
    if (vector) {
      return ValueType.V128;
    }
    return switch (type) {
      case FLOAT, FLOAT16 -> ValueType.F32;
      case DOUBLE -> ValueType.F64;
      case INT64, UINT64 -> ValueType.I64;
      default -> ValueType.I32;
    };
  }

  /** Whether all of a program's values fit into f32 vectors; bools may occur in between. */
  static boolean vectorises(ElementwiseProgram program) {
    for (DataType input : program.inputs()) {
      if (input != DataType.FLOAT) {
        return false;
      }
    }
    for (Instruction step : program.instructions()) {
      if (step.type() != DataType.FLOAT && step.type() != DataType.BOOL) {
        return false;
      }
    }
    return program.result() == DataType.FLOAT;
  }

  /** Whether inlining the program many times would bloat a function. */
  static boolean heavy(ElementwiseProgram program) {
    for (Instruction step : program.instructions()) {
      switch (step.op()) {
        case POW, FMOD, EXP, LOG, ERF, TANH, SIGMOID -> {
          return true;
        }
        default -> {}
      }
    }
    return program.instructions().size() > 6;
  }

  /** Emits the program on inputs that lie in locals; the result lies in the returned local. */
  Local emit(List<Local> inputs) {
    for (int i = 0; i < program.instructions().size(); i++) {
      Instruction step = program.instructions().get(i);
      List<Local> operands = new ArrayList<>();
      for (int register : step.operands()) {
        operands.add(
            register < inputs.size()
                ? inputs.get(register)
                : results.get(register - inputs.size()));
      }
      DataType operandType =
          Computable.computed(
              step.operands().isEmpty() ? step.type() : program.type(step.operands().get(0)));
      instruction(step, operands, operandType);
      if (step.type() == DataType.FLOAT16) {
        ScalarHalves.round(code);
      }
      code.set(results.get(i));
    }
    return results.get(results.size() - 1);
  }

  private void instruction(Instruction step, List<Local> operands, DataType operandType) {
    if (step.op() == ElementwiseOp.CONSTANT) {
      constant(step.type(), step.number());
      return;
    }
    if (step.op() == ElementwiseOp.WHERE) {
      code.get(operands.get(1)).get(operands.get(2)).get(operands.get(0));
      lanes.select();
      return;
    }
    if (step.op() == ElementwiseOp.CAST) {
      code.get(operands.get(0));
      cast(operandType, Computable.computed(step.type()));
      return;
    }
    if (step.op() == ElementwiseOp.POW && power(step.operands().get(1), operands.get(0))) {
      return;
    }
    if (step.op() == ElementwiseOp.DIV && reciprocal(step.operands().get(1), operands.get(0))) {
      return;
    }
    if (step.op().isLogical() || operandType == DataType.BOOL) {
      logical(step.op(), operands);
      return;
    }
    if (operandType == DataType.FLOAT && bounded(step, operands)) {
      return;
    }
    if (operandType == DataType.FLOAT) {
      FloatCode.emit(lanes, code, step.op(), operands);
    } else {
      ScalarCode.emit(code, step.op(), operandType, operands);
    }
  }

  /**
   * Where the device may round multiplications as it likes, a division by a number is one by its
   * reciprocal, within 1 ulp: a division takes as long as five multiplications.
   */
  private boolean reciprocal(int divisor, Local dividend) {
    Instruction constant = constant(divisor);
    if (!lanes.fma() || constant == null) {
      return false;
    }
    float inverse = 1 / (float) constant.number();
    if (!(Math.abs(inverse) >= Float.MIN_NORMAL && Math.abs(inverse) <= Float.MAX_VALUE)) {
      return false;
    }
    lanes.get(dividend).constant(inverse).mul();
    return true;
  }

  /** The instruction that makes a register, if it is a constant f32; else null. */
  private Instruction constant(int register) {
    int index = register - program.inputs().size();
    if (index < 0) {
      return null;
    }
    Instruction step = program.instructions().get(index);
    boolean fits = step.op() == ElementwiseOp.CONSTANT && step.type() == DataType.FLOAT;
    return fits ? step : null;
  }

  /** Powers that products say, and leave to vectors; false if the exponent is not such a one. */
  private boolean power(int exponent, Local base) {
    Instruction constant = constant(exponent);
    if (constant == null) {
      return false;
    }
    double number = constant.number();
    if (number != 1 && number != 2 && number != 3 && number != -1) {
      return false;
    }
    if (number == -1) {
      lanes.constant(1f).get(base).div();
      return true;
    }
    lanes.get(base);
    for (int i = 1; i < number; i++) {
      lanes.get(base).mul();
    }
    return true;
  }

  /** A bound that is a number takes one instruction; false if there is none. */
  private boolean bounded(Instruction step, List<Local> operands) {
    if (step.op() != ElementwiseOp.MIN && step.op() != ElementwiseOp.MAX) {
      return false;
    }
    for (int i = 0; i < 2; i++) {
      int index = step.operands().get(i) - program.inputs().size();
      if (index >= 0 && program.instructions().get(index).op() == ElementwiseOp.CONSTANT) {
        float bound = (float) program.instructions().get(index).number();
        if (!Float.isNaN(bound)) {
          lanes.get(operands.get(1 - i));
          if (step.op() == ElementwiseOp.MIN) {
            lanes.atMost(bound);
          } else {
            lanes.atLeast(bound);
          }
          return true;
        }
      }
    }
    return false;
  }

  private void constant(DataType type, double number) {
    if (lanes.vector() && type == DataType.BOOL) {
      code.f32x4(0f);
      if (number != 0) {
        code.op(V128_NOT);
      }
      return;
    }
    switch (type) {
      case FLOAT, FLOAT16 -> lanes.constant((float) number);
      case DOUBLE -> code.f64(number);
      case INT64, UINT64 -> code.i64((long) number);
      default -> code.i32((int) (long) number);
    }
  }

  private void logical(ElementwiseOp op, List<Local> operands) {
    for (Local operand : operands) {
      code.get(operand);
    }
    switch (op) {
      case AND -> lanes.op(V128_AND, I32_AND);
      case OR -> lanes.op(V128_OR, I32_OR);
      case XOR -> lanes.op(V128_XOR, I32_XOR);
      case NOT -> lanes.op(V128_NOT, I32_EQZ);
      case EQUAL -> {
        lanes.op(V128_XOR, I32_XOR);
        lanes.op(V128_NOT, I32_EQZ);
      }
      default -> throw new KernelException(op + " is not defined on bool");
    }
  }

  private void cast(DataType from, DataType to) {
    if (lanes.vector()) {
      vectorCast(from, to);
    } else {
      ScalarCode.cast(code, from, to);
    }
  }

  private void vectorCast(DataType from, DataType to) {
    if (from == DataType.BOOL && to == DataType.FLOAT) {
      code.f32x4(1f).op(V128_AND);
    } else if (from == DataType.FLOAT && to == DataType.BOOL) {
      code.f32x4(0f).op(Opcode.F32X4_NE);
    } else if (from != to) {
      throw new KernelException("no vector cast from " + from.label() + " to " + to.label());
    }
  }
}
