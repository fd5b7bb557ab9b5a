package dev.quern.graph;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;

/**
 * A function of single elements, in static single assignment form: registers 0 to {@code
 * inputs.size() - 1} are the inputs, instruction i defines register {@code inputs.size() + i}, and
 * the last register is the result.
 *
 * @param inputs the inputs' types
 * @param instructions at least one
 */
public record ElementwiseProgram(List<DataType> inputs, List<Instruction> instructions) {
  /**
   * One step.
   *
   * @param op what is computed
   * @param type the type of the result
   * @param operands registers, as many as the operation takes
   * @param number the number of a {@link ElementwiseOp#CONSTANT}; 0 for the others
   */
  public record Instruction(
      ElementwiseOp op, DataType type, List<Integer> operands, double number) {
    public Instruction {
      operands = List.copyOf(operands);
      if (operands.size() != op.arity()) {
        throw new IllegalArgumentException(
            op + " takes " + op.arity() + " operands, not " + operands.size());
      }
    }
  }

  public ElementwiseProgram {
    inputs = List.copyOf(inputs);
    instructions = List.copyOf(instructions);
    if (instructions.isEmpty()) {
      throw new IllegalArgumentException("a program needs an instruction");
    }
    for (int i = 0; i < instructions.size(); i++) {
      for (int operand : instructions.get(i).operands()) {
        if (operand < 0 || operand >= inputs.size() + i) {
          throw new IllegalArgumentException(
              "instruction " + i + " reads register " + operand + ", which is not defined yet");
        }
      }
    }
  }

  /** A program of one operation on inputs of the given types. */
  public static ElementwiseProgram single(
      ElementwiseOp op, DataType result, List<DataType> inputs) {
    List<Integer> operands = new ArrayList<>();
    for (int i = 0; i < inputs.size(); i++) {
      operands.add(i);
    }
    return new ElementwiseProgram(inputs, List.of(new Instruction(op, result, operands, 0)));
  }

  /** The type of a register. */
  public DataType type(int register) {
    return register < inputs.size()
        ? inputs.get(register)
        : instructions.get(register - inputs.size()).type();
  }

  /** The type of the last register. */
  public DataType result() {
    return instructions.getLast().type();
  }

  /** The number of registers. */
  public int registers() {
    return inputs.size() + instructions.size();
  }

  /** {@code r2 = add(r0, r1); r3 = erf(r2)}. */
  @Override
  public String toString() {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < instructions.size(); i++) {
      Instruction step = instructions.get(i);
      out.append(i == 0 ? "" : "; ").append('r').append(inputs.size() + i).append(" = ");
      if (step.op() == ElementwiseOp.CONSTANT) {
        out.append(step.number()).append(' ').append(step.type().label());
        continue;
      }
      out.append(step.op()).append('(');
      for (int j = 0; j < step.operands().size(); j++) {
        out.append(j == 0 ? "r" : ", r").append(step.operands().get(j).intValue());
      }
      out.append(')');
      if (step.op() == ElementwiseOp.CAST) {
        out.append(" to ").append(step.type().label());
      }
    }
    return out.toString();
  }
}
