package dev.quern.graph.passes;

import dev.quern.graph.Attribute;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.Shape;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Computes once what several nodes compute alike. */
final class ShareEqual {
  /** What makes nodes equal; the output's shape is what reshapes and expansions ask for. */
  private record Key(
      String operator, List<String> inputs, Map<String, Attribute> attributes, Shape shape) {}

  private ShareEqual() {}

  static Graph run(Graph graph) {
    Editor editor = new Editor(graph);
    Map<Key, String> known = new HashMap<>();
    for (Node original : editor.source()) {
      Node node = editor.resolve(original);
      Key key =
          new Key(node.operator(), node.inputs(), node.attributes(), editor.shape(node.output()));
      String equal = known.putIfAbsent(key, node.output());
      if (equal == null || editor.isOutput(node.output())) {
        editor.emit(node);
      } else {
        editor.alias(node.output(), equal);
      }
    }
    return editor.finish();
  }
}
