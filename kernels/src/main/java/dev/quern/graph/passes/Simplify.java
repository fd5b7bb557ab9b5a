package dev.quern.graph.passes;

import dev.quern.graph.Attribute;
import dev.quern.graph.Constant;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Drops nodes that change nothing, joins reshapes and transposes that follow one another, and reads
 * transposed weights where they lie.
 */
final class Simplify {
  private Simplify() {}

  static Graph run(Graph graph) {
    return run(graph, false);
  }

  /**
   * The same when nothing looks for transposes any more: those that move axes of size 1 only become
   * reshapes.
   */
  static Graph finish(Graph graph) {
    return run(graph, true);
  }

  private static Graph run(Graph graph, boolean last) {
    Editor editor = new Editor(graph);
    for (Node original : editor.source()) {
      Node node = joined(editor, editor.resolve(original));
      if (last) {
        node = joined(editor, plain(editor, node));
      }
      emit(editor, node);
    }
    return editor.finish();
  }

  /** Emits a node, unless it changes nothing. */
  private static void emit(Editor editor, Node node) {
    if (changesNothing(editor, node) && !editor.isOutput(node.output())) {
      editor.alias(node.output(), node.inputs().getFirst());
    } else {
      editor.emit(node);
    }
  }

  /** Emits a node joined with the one before it, unless both together change nothing. */
  static void emitJoined(Editor editor, Node node) {
    emit(editor, joined(editor, node));
  }

  private static boolean changesNothing(Editor editor, Node node) {
    if (!node.domain().isEmpty() || node.inputs().isEmpty()) {
      return false;
    }
    boolean sameShape = editor.shape(node.inputs().getFirst()).equals(editor.shape(node.output()));
    return switch (node.op()) {
      case "Reshape", "Expand" -> sameShape;
      case "Concat" -> node.inputs().size() == 1;
      case "Slice" -> {
        boolean forward = true;
        for (long step : node.ints("steps")) {
          forward &= step == 1;
        }
        yield sameShape && forward;
      }
      case "Transpose" -> isIdentity(node.ints("perm"));
      default -> false;
    };
  }

  private static boolean isIdentity(List<Long> perm) {
    for (int i = 0; i < perm.size(); i++) {
      if (perm.get(i) != i) {
        return false;
      }
    }
    return true;
  }

  /** The node joined with the one that defines its operand, if that is possible. */
  private static Node joined(Editor editor, Node node) {
    if (node.isQuern("MatMul")) {
      return withTransposedWeights(editor, node);
    }
    boolean isReshape = node.isOnnx("Reshape");
    boolean isTranspose = node.isOnnx("Transpose");
    if (!isReshape && !isTranspose) {
      return node;
    }
    Node before = editor.definition(node.inputs().getFirst());
    if (before == null || !before.isOnnx(node.op())) {
      return node;
    }
    Node joined = node.withInputs(before.inputs());
    if (isReshape) {
      return joined;
    }
    List<Long> perm = new ArrayList<>();
    for (long axis : node.ints("perm")) {
      perm.add(before.ints("perm").get((int) axis));
    }
    return joined.with("perm", new Attribute.Ints(perm));
  }

  /** A transpose that moves axes of size 1 only leaves memory as it is. */
  private static Node plain(Editor editor, Node node) {
    if (!node.isOnnx("Transpose")
        || isIdentity(node.ints("perm"))
        || !keepsOrder(editor.shape(node.inputs().getFirst()), node.ints("perm"))) {
      return node;
    }
    return new Node(node.name(), "", "Reshape", node.inputs(), node.outputs(), Map.of());
  }

  /** Whether the axes above 1 stay in their order. */
  static boolean keepsOrder(Shape shape, List<Long> perm) {
    long last = -1;
    for (long axis : perm) {
      if (!shape.dim((int) axis).is(1)) {
        if (axis < last) {
          return false;
        }
        last = axis;
      }
    }
    return true;
  }

  /** {@code A · transpose(W)} as one product that reads W's rows as columns. */
  private static Node withTransposedWeights(Editor editor, Node node) {
    Node before = editor.definition(node.inputs().get(1));
    if (before == null || !before.isOnnx("Transpose") || node.integer("parts", 1) != 1) {
      return node;
    }
    Constant weights = editor.constant(before.inputs().getFirst());
    if (weights == null || !before.ints("perm").equals(List.of(1L, 0L))) {
      return node;
    }
    List<String> inputs = new ArrayList<>(node.inputs());
    inputs.set(1, weights.name());
    return node.withInputs(inputs).with("transB", new Attribute.Int(1 - node.integer("transB", 0)));
  }
}
