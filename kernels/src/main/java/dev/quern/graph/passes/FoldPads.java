package dev.quern.graph.passes;

import dev.quern.graph.Attribute;
import dev.quern.graph.Dim;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.Window;
import java.util.List;

/** Lets a convolution widen its image by the zeros that a node before it put there. */
final class FoldPads {
  private FoldPads() {}

  static Graph run(Graph graph) {
    Editor editor = new Editor(graph);
    for (Node node : editor.source()) {
      editor.emit(node.isQuern("Conv") ? folded(editor, node) : node);
    }
    return editor.finish();
  }

  private static Node folded(Editor editor, Node conv) {
    Node pad = editor.definition(conv.inputs().getFirst());
    if (pad == null || !pad.isOnnx("Pad") || pad.real("value", 0) != 0) {
      return conv;
    }
    List<Dim> pads = pad.dims("pads");
    if (!pads.get(0).is(0) || !pads.get(3).is(0) || !pads.get(4).is(0) || !pads.get(7).is(0)) {
      return conv;
    }
    List<Dim> around = List.of(pads.get(1), pads.get(2), pads.get(5), pads.get(6));
    List<String> inputs = new java.util.ArrayList<>(conv.inputs());
    inputs.set(0, pad.inputs().getFirst());
    return conv.withInputs(inputs)
        .with("pads", new Attribute.Dims(Window.of(conv).padded(around).pads()));
  }
}
