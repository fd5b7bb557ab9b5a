package dev.quern.graph.passes;

import dev.quern.graph.Constant;
import dev.quern.graph.Dim;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.Shape;
import dev.quern.graph.Value;
import dev.quern.onnx.Bytes;
import dev.quern.reference.ReferenceKernels;
import dev.quern.reference.Tensor;
import java.util.Map;

/** Computes nodes whose operands are all constants, with the reference kernels. */
final class FoldConstants {
  /** Elements of the largest operand or result: weights stay where they are. */
  private static final long MOST = 1 << 16;

  /** The same of a Gather, such as a table of places that is looked up once and for all. */
  private static final long MOST_GATHERED = 1 << 18;

  /** Elements of all results: a hostile model must not fill the memory before it runs. */
  private static final long MOST_IN_ALL = 1 << 22;

  private FoldConstants() {}

  static Graph run(Graph graph, ReferenceKernels kernels) {
    Editor editor = new Editor(graph);
    long made = 0;
    for (Node node : editor.source()) {
      if (editor.isOutput(node.output())) {
        editor.emit(node);
        continue;
      }
      Constant part = part(editor, node);
      Dequantised weights = Dequantised.of(editor, node);
      if (part != null || weights != null) {
        editor.constant(part != null ? part : weights.constant(node.output()));
        continue;
      }
      // Weights of f16 that no product takes as they are: twice the bytes of the file at most.
      boolean widens = node.isQuern("Widen") && editor.constant(node.inputs().getFirst()) != null;
      boolean fits =
          widens
              || (made <= MOST_IN_ALL && kernels.has(node.operator()) && isFoldable(editor, node));
      if (!fits) {
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
      made += widens ? 0 : elements(editor, node);
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

  /** What lies in one piece in a constant, or is one under other dimensions; nothing is copied. */
  private static Constant part(Editor editor, Node node) {
    boolean slice = node.isOnnx("Slice");
    if (!slice && !node.isOnnx("Reshape")) {
      return null;
    }
    Constant whole = editor.constant(node.inputs().getFirst());
    Shape to = editor.shape(node.output());
    if (whole == null || whole.size() <= MOST || !to.isConstant() || to.size().is(0)) {
      return null;
    }
    Shape from = whole.shape();
    long start = 0;
    boolean cut = false;
    for (int i = from.rank() - 1; slice && i >= 0; i--) {
      Dim at = node.dims("starts").get(i);
      // Before an axis of which a part is taken, one place may be.
      boolean fits = at.isConstant() && node.ints("steps").get(i) == 1;
      if (!fits || cut && !to.dim(i).is(1)) {
        return null;
      }
      cut |= !to.dim(i).equals(from.dim(i));
      start += at.constant() * from.product(i + 1, from.rank()).constant();
    }
    int width = whole.type().bytes();
    Bytes data = whole.data().slice(start * width, to.size().constant() * width);
    return new Constant(node.output(), whole.type(), to, data);
  }

  /** Elements that folding a node writes, and of the table that it copies. */
  private static long elements(Editor editor, Node node) {
    long result = editor.shape(node.output()).size().constant();
    boolean gathers = node.isOnnx("Gather");
    return gathers ? result + editor.constant(node.inputs().getFirst()).size() : result;
  }

  private static boolean isFoldable(Editor editor, Node node) {
    long most = node.isOnnx("Gather") ? MOST_GATHERED : MOST;
    if (!editor.shape(node.output()).isConstant()
        || editor.shape(node.output()).size().constant() > most) {
      return false;
    }
    for (int i = 0; i < node.inputs().size(); i++) {
      if (node.has(i)) {
        Constant constant = editor.constant(node.inputs().get(i));
        if (constant == null || constant.size() > most) {
          return false;
        }
      }
    }
    return true;
  }
}
