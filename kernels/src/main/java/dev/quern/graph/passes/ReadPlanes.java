package dev.quern.graph.passes;

import dev.quern.graph.Attribute;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import java.util.ArrayList;
import java.util.List;

/**
 * Lets a convolution of few channels read the planes {@code [n, c, h, w]} that a model's input is:
 * its kernel walks along a plane's row as well as along pixels, and the transpose before it goes.
 */
final class ReadPlanes {
  /** With more channels, the steps along one plane become too short beside the walk over planes. */
  private static final int MOST_CHANNELS = 4;

  private ReadPlanes() {}

  static Graph run(Graph graph) {
    Editor editor = new Editor(graph);
    for (Node node : editor.source()) {
      editor.emit(node.isQuern("Conv") ? rewritten(editor, node) : node);
    }
    return editor.finish();
  }

  private static Node rewritten(Editor editor, Node conv) {
    Node turn = editor.definition(conv.inputs().getFirst());
    boolean fits =
        turn != null
            && turn.isOnnx("Transpose")
            && turn.ints("perm").equals(List.of(0L, 2L, 3L, 1L))
            && conv.integer("group", 1) == 1
            && editor.shape(conv.inputs().get(1)).dim(1).constant() <= MOST_CHANNELS;
    if (!fits) {
      return conv;
    }
    List<String> inputs = new ArrayList<>(conv.inputs());
    inputs.set(0, turn.inputs().getFirst());
    return conv.withInputs(inputs).with("planes", new Attribute.Int(1));
  }
}
