package dev.quern.graph.passes;

import dev.quern.graph.Constant;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.Value;
import dev.quern.onnx.Bytes;
import dev.quern.reference.ReferenceKernels;
import dev.quern.reference.Tensor;
import java.util.Map;

/** Computes nodes whose operands are all constants, with the reference kernels. */
final class FoldConstants {
  /** Elements of the largest operand or result: weights stay where they are. */
  private static final long MOST = 1 << 16;

  /** Elements of all results: a hostile model must not fill the memory before it runs. */
  private static final long MOST_IN_ALL = 1 << 22;

  private FoldConstants() {}

  static Graph run(Graph graph, ReferenceKernels kernels) {
    Editor editor = new Editor(graph);
    long made = 0;
    for (Node node : editor.source()) {
      // Weights of f16 that no product takes as they are: twice the bytes of the file at most.
      boolean widens = node.isQuern("Widen") && editor.constant(node.inputs().getFirst()) != null;
      boolean fits =
          widens
              || (made <= MOST_IN_ALL && kernels.has(node.operator()) && isFoldable(editor, node));
      if (editor.isOutput(node.output()) || !fits) {
        editor.emit(node);
        continue;
      }
      Tensor[] operands = new Tensor[node.inputs().size()];
      for (int i = 0; i < operands.length; i++) {
        if (node.has(i)) {
          operands[i] = Tensor.of(editor.constant(node.inputs().get(i)));
        }
      }
      Value output = graph.value(node.output());
      made += widens ? 0 : output.shape().size().constant();
      Tensor result;
      try {
        result = kernels.evaluate(node, operands, output, Map.of());
      } catch (IllegalArgumentException e) {
        // A fault, such as an index out of range, belongs to a run, which may never get there.
        editor.emit(node);
        continue;
      }
      editor.constant(
          new Constant(output.name(), output.type(), output.shape(), Bytes.of(result.toBytes())));
    }
    return editor.finish();
  }

  private static boolean isFoldable(Editor editor, Node node) {
    if (!editor.shape(node.output()).isConstant()
        || editor.shape(node.output()).size().constant() > MOST) {
      return false;
    }
    for (int i = 0; i < node.inputs().size(); i++) {
      if (node.has(i)) {
        Constant constant = editor.constant(node.inputs().get(i));
        if (constant == null || constant.size() > MOST) {
          return false;
        }
      }
    }
    // A fault, such as an index out of range, belongs to a run, which may never get there.
    return !node.isOnnx("Gather");
  }
}
