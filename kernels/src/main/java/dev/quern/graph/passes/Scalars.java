package dev.quern.graph.passes;

import dev.quern.graph.Attribute;
import dev.quern.graph.Constant;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.ProgramBuilder;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;

/** Makes constant scalars numbers of the program, and operands that occur twice one operand. */
final class Scalars {
  private Scalars() {}

  static Graph run(Graph graph) {
    Editor editor = new Editor(graph);
    for (Node node : editor.source()) {
      editor.emit(node.isQuern("Elementwise") ? rewritten(editor, node) : node);
    }
    return editor.finish();
  }

  private static Node rewritten(Editor editor, Node node) {
    ElementwiseProgram program = node.program("program");
    List<String> operands = new ArrayList<>();
    List<DataType> types = new ArrayList<>();
    for (int i = 0; i < node.inputs().size(); i++) {
      String input = node.inputs().get(i);
      if (!isNumber(editor.constant(input)) && !operands.contains(input)) {
        operands.add(input);
        types.add(program.type(i));
      }
    }
    if (operands.size() == node.inputs().size() || operands.isEmpty()) {
      return node;
    }
    ProgramBuilder builder = new ProgramBuilder(types);
    int[] registers = new int[program.registers()];
    for (int i = 0; i < node.inputs().size(); i++) {
      String input = node.inputs().get(i);
      Constant constant = editor.constant(input);
      registers[i] =
          isNumber(constant)
              ? builder.constant(constant.type(), constant.number(0))
              : operands.indexOf(input);
    }
    int result = Programs.append(builder, program, registers);
    return node.withInputs(operands).with("program", new Attribute.Program(builder.build(result)));
  }

  /** Whether a constant is a single number that f64 holds exactly. */
  private static boolean isNumber(Constant constant) {
    if (constant == null || constant.size() != 1) {
      return false;
    }
    return constant.type().isFloating() || Math.abs(constant.integer(0)) <= 1L << 53;
  }
}
