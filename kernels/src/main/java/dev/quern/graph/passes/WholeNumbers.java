package dev.quern.graph.passes;

import static dev.quern.graph.ElementwiseOp.CAST;
import static dev.quern.graph.ElementwiseOp.CONSTANT;
import static dev.quern.graph.ElementwiseOp.MAX;
import static dev.quern.graph.ElementwiseOp.MIN;

import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.ElementwiseProgram.Instruction;
import dev.quern.graph.ProgramBuilder;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;

/**
 * Programs that quantise and dequantise at once: a whole f32 within the range of a narrow type that
 * is cast to it and back stays as it is, so that the program is one of f32 only, which runs on
 * vectors and inside of products; and constants that are cast to f32 are constants of f32. A NaN
 * stays one, where the narrow type would have made it a number.
 */
final class WholeNumbers {
  private final ElementwiseProgram program;
  private final int inputs;

  private WholeNumbers(ElementwiseProgram program) {
    this.program = program;
    this.inputs = program.inputs().size();
  }

  /** The program without casts that change nothing, and without what nothing uses then. */
  static ElementwiseProgram kept(ElementwiseProgram program) {
    WholeNumbers numbers = new WholeNumbers(program);
    int[] same = new int[program.registers()];
    boolean any = false;
    for (int i = 0; i < same.length; i++) {
      int before = numbers.before(i);
      any |= before >= 0 || numbers.isNumber(i);
      same[i] = before >= 0 ? same[before] : i;
    }
    return any ? numbers.rewritten(same) : program;
  }

  private Instruction at(int register) {
    return register < inputs ? null : program.instructions().get(register - inputs);
  }

  private boolean is(int register, ElementwiseOp op) {
    return register >= inputs && at(register).op() == op;
  }

  /** Whether a register is a constant of another type as f32. */
  private boolean isNumber(int register) {
    return is(register, CAST)
        && program.type(register) == DataType.FLOAT
        && is(at(register).operands().getFirst(), CONSTANT);
  }

  /** The register that a cast there and back is of; -1 if a register is none. */
  private int before(int register) {
    if (!is(register, CAST) || program.type(register) != DataType.FLOAT) {
      return -1;
    }
    int narrow = at(register).operands().getFirst();
    if (!is(narrow, CAST)) {
      return -1;
    }
    int wide = at(narrow).operands().getFirst();
    return program.type(wide) == DataType.FLOAT
            && isWithin(wide, program.type(narrow))
            && isWhole(wide)
        ? wide
        : -1;
  }

  /** Whether a register is {@code min(max(x, least), most)} of a type's least and most. */
  private boolean isWithin(int register, DataType type) {
    double[] range =
        switch (type) {
          case UINT8 -> new double[] {0, 255};
          case INT8 -> new double[] {-128, 127};
          case UINT16 -> new double[] {0, 65535};
          case INT16 -> new double[] {-32768, 32767};
          default -> null;
        };
    if (range == null || !is(register, MIN)) {
      return false;
    }
    int inner = at(register).operands().get(0);
    int most = at(register).operands().get(1);
    if (!is(inner, MAX) || !is(most, CONSTANT) || at(most).number() > range[1]) {
      return false;
    }
    int least = at(inner).operands().get(1);
    return is(least, CONSTANT) && at(least).number() >= range[0];
  }

  private boolean isWhole(int register) {
    Instruction step = at(register);
    if (step == null) {
      return false;
    }
    return switch (step.op()) {
      case ROUND, FLOOR, CEIL -> true;
      case CONSTANT -> step.number() == Math.rint(step.number());
      case CAST -> program.type(step.operands().getFirst()).isInteger();
      case ADD, SUB, MIN, MAX -> isWhole(step.operands().get(0)) && isWhole(step.operands().get(1));
      default -> false;
    };
  }

  /**
   * @param same the register that stands for each
   */
  private ElementwiseProgram rewritten(int[] same) {
    int result = same[same.length - 1];
    if (result < inputs) {
      return program;
    }
    boolean[] used = new boolean[same.length];
    used[result] = true;
    for (int i = result; i >= inputs; i--) {
      if (used[i] && !isNumber(i)) {
        at(i).operands().forEach(operand -> used[same[operand]] = true);
      }
    }
    ProgramBuilder builder = new ProgramBuilder(program.inputs());
    int[] to = new int[same.length];
    for (int i = 0; i <= result; i++) {
      if (i < inputs) {
        to[i] = i;
      } else if (used[i] && isNumber(i)) {
        double number = at(at(i).operands().getFirst()).number();
        to[i] = builder.constant(DataType.FLOAT, (float) number);
      } else if (used[i]) {
        List<Integer> operands = new ArrayList<>();
        at(i).operands().forEach(operand -> operands.add(to[same[operand]]));
        to[i] = builder.append(at(i).op(), at(i).type(), operands, at(i).number());
      }
    }
    return builder.build(to[result]);
  }
}
