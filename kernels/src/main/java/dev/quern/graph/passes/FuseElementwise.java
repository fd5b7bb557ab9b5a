package dev.quern.graph.passes;

import dev.quern.graph.Attribute;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.passes.Programs.Bound;
import dev.quern.onnx.DataType;
import java.util.Collections;

/**
 * Joins element-wise nodes into their consumer where that is the only one and the shapes are equal;
 * a smaller producer stays, as it would be computed again for each repetition.
 */
final class FuseElementwise {
  /**
   * Operands and instructions of the largest program: each takes a local of the kernel; and with
   * the operands and the result of a product, they fit the 8 buffers that every GPU binds.
   */
  static final int MOST_OPERANDS = 6;

  static final int MOST_INSTRUCTIONS = 48;

  private FuseElementwise() {}

  static Graph run(Graph graph) {
    Editor editor = new Editor(graph);
    for (Node node : editor.source()) {
      Node fused = node;
      // When one producer has been taken in, another may have its only use here.
      for (Node next = fused; next != null; next = step(editor, fused)) {
        fused = next;
      }
      editor.emit(fused);
    }
    return editor.finish();
  }

  /** The node with one producer taken in; null if none can be. */
  private static Node step(Editor editor, Node node) {
    if (!node.isQuern("Elementwise")) {
      return null;
    }
    Bound consumer = new Bound(node.inputs(), node.program("program"));
    for (String input : node.inputs()) {
      Node producer = editor.definition(input);
      if (producer == null
          || !producer.isQuern("Elementwise")
          || editor.uses(input) != Collections.frequency(node.inputs(), input)
          || !editor.shape(input).equals(editor.shape(node.output()))) {
        continue;
      }
      Bound inner = new Bound(producer.inputs(), producer.program("program"));
      Bound joined = Programs.inline(consumer, input, inner, "");
      if (joined.operands().size() <= MOST_OPERANDS
          && joined.program().instructions().size() <= MOST_INSTRUCTIONS
          && !slowsDown(inner.program(), consumer.program())) {
        Node fused =
            node.withInputs(joined.operands())
                .with("program", new Attribute.Program(joined.program()));
        editor.absorb(node, producer, fused);
        return fused;
      }
    }
    return null;
  }

  /** Whether expensive work in f32, which runs on vectors, would join work that cannot. */
  private static boolean slowsDown(ElementwiseProgram a, ElementwiseProgram b) {
    boolean real = isReal(a);
    return real != isReal(b) && isExpensive(real ? a : b);
  }

  static boolean isReal(ElementwiseProgram program) {
    for (DataType type : program.inputs()) {
      if (type != DataType.FLOAT) {
        return false;
      }
    }
    for (ElementwiseProgram.Instruction step : program.instructions()) {
      if (step.type() != DataType.FLOAT && step.type() != DataType.BOOL) {
        return false;
      }
    }
    return true;
  }

  private static boolean isExpensive(ElementwiseProgram program) {
    for (ElementwiseProgram.Instruction step : program.instructions()) {
      switch (step.op()) {
        case POW, EXP, LOG, ERF, TANH, SIGMOID -> {
          return true;
        }
        default -> {}
      }
    }
    return false;
  }
}
