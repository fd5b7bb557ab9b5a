package dev.quern.graph.passes;

import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.Node;
import dev.quern.graph.ProgramBuilder;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;

/** Joins element-wise programs and looks into them. */
final class Programs {
  private Programs() {}

  /**
   * One operation, seen through its program.
   *
   * @param op the operation
   * @param operands its operands, in order
   */
  record Simple(ElementwiseOp op, List<Operand> operands) {
    Operand left() {
      return operands.getFirst();
    }

    Operand right() {
      return operands.getLast();
    }
  }

  /**
   * A value or a number.
   *
   * @param value the value's name; empty for a number
   * @param number the number
   */
  record Operand(String value, double number) {
    boolean isNumber() {
      return value.isEmpty();
    }

    boolean is(double wanted) {
      return isNumber() && number == wanted;
    }
  }

  /** The one operation that a node computes; null if it is not a single element-wise operation. */
  static Simple simple(Node node) {
    if (node == null || !node.isQuern("Elementwise")) {
      return null;
    }
    ElementwiseProgram program = node.program("program");
    int inputs = program.inputs().size();
    ElementwiseProgram.Instruction last = program.instructions().getLast();
    for (int i = 0; i < program.instructions().size() - 1; i++) {
      if (program.instructions().get(i).op() != ElementwiseOp.CONSTANT) {
        return null;
      }
    }
    List<Operand> operands = new ArrayList<>();
    for (int register : last.operands()) {
      operands.add(
          register < inputs
              ? new Operand(node.inputs().get(register), 0)
              : new Operand("", program.instructions().get(register - inputs).number()));
    }
    return new Simple(last.op(), operands);
  }

  /** The operation of a node, if it is the wanted one; else null. */
  static Simple simple(Node node, ElementwiseOp op) {
    Simple simple = simple(node);
    return simple != null && simple.op == op ? simple : null;
  }

  /**
   * Appends a program to another.
   *
   * @param registers where the program's inputs are in the builder; the rest is filled in
   * @return the register of the result
   */
  static int append(ProgramBuilder builder, ElementwiseProgram program, int[] registers) {
    int next = program.inputs().size();
    for (ElementwiseProgram.Instruction step : program.instructions()) {
      List<Integer> operands = new ArrayList<>(step.operands().size());
      for (int operand : step.operands()) {
        operands.add(registers[operand]);
      }
      registers[next++] = builder.append(step.op(), step.type(), operands, step.number());
    }
    return registers[next - 1];
  }

  /**
   * A program with its operands.
   *
   * @param operands names of values
   * @param program what is computed from them
   */
  record Bound(List<String> operands, ElementwiseProgram program) {}

  /**
   * The program of a consumer in which an operand is replaced by the program that computes it.
   *
   * @param first the operand that must come first; empty if none must
   */
  static Bound inline(Bound consumer, String value, Bound producer, String first) {
    List<String> operands = new ArrayList<>();
    List<DataType> types = new ArrayList<>();
    collect(producer, "", first, operands, types);
    collect(consumer, value, first, operands, types);
    ProgramBuilder builder = new ProgramBuilder(types);
    int[] inner = registers(producer, operands);
    int defined = append(builder, producer.program, inner);
    int[] outer = registers(consumer, operands);
    for (int i = 0; i < consumer.operands.size(); i++) {
      if (consumer.operands.get(i).equals(value)) {
        outer[i] = defined;
      }
    }
    int result = append(builder, consumer.program, outer);
    return new Bound(operands, WholeNumbers.kept(builder.build(result)));
  }

  /** The same program with one of its operands as the first, and each operand once. */
  static Bound withFirst(Bound bound, String first) {
    List<String> operands = new ArrayList<>();
    List<DataType> types = new ArrayList<>();
    collect(bound, "", first, operands, types);
    ProgramBuilder builder = new ProgramBuilder(types);
    int result = append(builder, bound.program, registers(bound, operands));
    return new Bound(operands, builder.build(result));
  }

  /** Adds operands that are not there yet, but for one that is left out. */
  private static void collect(
      Bound source, String without, String first, List<String> operands, List<DataType> types) {
    for (int i = 0; i < source.operands.size(); i++) {
      String operand = source.operands.get(i);
      if (!operand.equals(without) && !operands.contains(operand)) {
        int at = operand.equals(first) ? 0 : operands.size();
        operands.add(at, operand);
        types.add(at, source.program.type(i));
      }
    }
  }

  /** Room for a program's registers, of which the operands' are filled in. */
  private static int[] registers(Bound bound, List<String> operands) {
    int[] registers = new int[bound.program.registers()];
    for (int i = 0; i < bound.operands.size(); i++) {
      registers[i] = operands.indexOf(bound.operands.get(i));
    }
    return registers;
  }
}
