package dev.quern.graph;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;

/** Writes an {@link ElementwiseProgram}; each call gives the register that it defines. */
public final class ProgramBuilder {
  private final List<DataType> inputs;
  private final List<ElementwiseProgram.Instruction> instructions = new ArrayList<>();

  /** A program of these inputs, which are registers 0 and following. */
  public ProgramBuilder(List<DataType> inputs) {
    this.inputs = List.copyOf(inputs);
  }

  /** A program of one input. */
  public ProgramBuilder(DataType input) {
    this(List.of(input));
  }

  /** Appends a number. */
  public int constant(DataType type, double number) {
    return append(ElementwiseOp.CONSTANT, type, List.of(), number);
  }

  /**
   * Appends an operation; the result is a bool for comparisons, else of the last operand's type.
   */
  public int op(ElementwiseOp op, int... operands) {
    return typed(
        op, op.isComparison() ? DataType.BOOL : type(operands[operands.length - 1]), operands);
  }

  /** Appends an operation whose result has a given type. */
  public int typed(ElementwiseOp op, DataType type, int... operands) {
    List<Integer> registers = new ArrayList<>(operands.length);
    for (int operand : operands) {
      registers.add(operand);
    }
    return append(op, type, registers, 0);
  }

  /** Appends an instruction, or gives the register of an equal one that is there already. */
  public int append(ElementwiseOp op, DataType type, List<Integer> operands, double number) {
    ElementwiseProgram.Instruction next =
        new ElementwiseProgram.Instruction(op, type, operands, number);
    for (int i = 0; i < instructions.size(); i++) {
      if (instructions.get(i).equals(next)) {
        return inputs.size() + i;
      }
    }
    instructions.add(next);
    return inputs.size() + instructions.size() - 1;
  }

  /** The type of a register. */
  public DataType type(int register) {
    return register < inputs.size()
        ? inputs.get(register)
        : instructions.get(register - inputs.size()).type();
  }

  /** The program so far, whose last instruction is the result. */
  public ElementwiseProgram build() {
    return new ElementwiseProgram(inputs, instructions);
  }

  /** The program up to the instruction that defines a register, which becomes the result. */
  public ElementwiseProgram build(int result) {
    return new ElementwiseProgram(inputs, instructions.subList(0, result - inputs.size() + 1));
  }
}
