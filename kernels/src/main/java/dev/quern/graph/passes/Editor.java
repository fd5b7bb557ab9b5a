package dev.quern.graph.passes;

import dev.quern.graph.Constant;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.Shape;
import dev.quern.graph.Value;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A graph while a pass rewrites it. The pass walks {@link #source} and emits nodes, in topological
 * order; questions are answered from what has been emitted, and from the source for the rest.
 */
final class Editor {
  private final Graph graph;
  private final Map<String, Node> definitions = new HashMap<>();
  private final Map<String, Integer> uses = new HashMap<>();
  private final Set<String> outputs;
  private final Map<String, Constant> constants;
  private final Map<String, Value> values;
  private final Map<String, String> aliases = new HashMap<>();
  private final List<Node> nodes = new ArrayList<>();
  private int fresh;

  Editor(Graph graph) {
    this.graph = graph;
    constants = new LinkedHashMap<>(graph.constants());
    values = new HashMap<>(graph.values());
    outputs = new HashSet<>(graph.outputs());
    for (Node node : graph.nodes()) {
      definitions.put(node.output(), node);
      count(node, 1);
    }
    for (String output : graph.outputs()) {
      uses.merge(output, 1, Integer::sum);
    }
  }

  /** The nodes before the pass. */
  List<Node> source() {
    return graph.nodes();
  }

  /** The node that defines a value; null if it is an input or a constant. */
  Node definition(String value) {
    return definitions.get(resolve(value));
  }

  /** How many operands and outputs are this value. */
  int uses(String value) {
    return uses.getOrDefault(resolve(value), 0);
  }

  /** The constant that a value is; null if it is none. */
  Constant constant(String value) {
    return constants.get(resolve(value));
  }

  Shape shape(String value) {
    return values.get(resolve(value)).shape();
  }

  DataType type(String value) {
    return values.get(resolve(value)).type();
  }

  boolean isOutput(String value) {
    return outputs.contains(value);
  }

  /** The name that a value has now. */
  String resolve(String value) {
    String alias = aliases.get(value);
    return alias == null ? value : alias;
  }

  /** A node whose operands have the names that they have now. */
  Node resolve(Node node) {
    if (aliases.isEmpty()) {
      return node;
    }
    List<String> inputs = new ArrayList<>(node.inputs().size());
    for (String input : node.inputs()) {
      inputs.add(resolve(input));
    }
    return inputs.equals(node.inputs()) ? node : node.withInputs(inputs);
  }

  /** Writes a node whose output has the type and shape that it had in the source. */
  void emit(Node node) {
    Node resolved = resolve(node);
    Node before = definitions.put(resolved.output(), resolved);
    if (before != null) {
      count(before, -1);
    }
    count(resolved, 1);
    nodes.add(resolved);
  }

  /** Writes a node that defines a new value. */
  void emit(Node node, DataType type, Shape shape) {
    values.put(node.output(), new Value(node.output(), type, shape));
    emit(node);
  }

  /** Says that a node, not emitted yet, takes a producer in, whose only use it was. */
  void absorb(Node node, Node producer, Node fused) {
    definitions.put(node.output(), fused);
    count(node, -1);
    count(producer, -1);
    count(fused, 1);
  }

  private void count(Node node, int change) {
    for (String input : node.inputs()) {
      uses.merge(resolve(input), change, Integer::sum);
    }
  }

  /** Adds a constant. */
  String constant(Constant constant) {
    constants.put(constant.name(), constant);
    values.put(constant.name(), constant.value());
    return constant.name();
  }

  /** A name that is not taken, made from another. */
  String fresh(String name) {
    String result;
    do {
      fresh++;
      result = name + ":" + fresh;
    } while (values.containsKey(result));
    return result;
  }

  /** From now on, a value is called by the name of an equal one; it must be no output. */
  void alias(String value, String equal) {
    String target = resolve(equal);
    aliases.put(value, target);
    uses.merge(target, uses.getOrDefault(value, 0), Integer::sum);
    Node before = definitions.get(value);
    if (before != null) {
      count(before, -1);
    }
  }

  /** The whole source, without what nothing uses. */
  Graph copy() {
    for (Node node : graph.nodes()) {
      emit(node);
    }
    return finish();
  }

  /** The graph of what was emitted, without what nothing uses. */
  Graph finish() {
    Set<String> needed = new HashSet<>(graph.outputs());
    List<Node> kept = new ArrayList<>();
    for (int i = nodes.size() - 1; i >= 0; i--) {
      Node node = nodes.get(i);
      if (needed.contains(node.output())) {
        needed.addAll(node.inputs());
        kept.add(node);
      }
    }
    Map<String, Constant> keptConstants = new LinkedHashMap<>();
    Map<String, Value> keptValues = new LinkedHashMap<>();
    for (Value input : graph.inputs()) {
      keptValues.put(input.name(), input);
    }
    for (Constant constant : constants.values()) {
      if (needed.contains(constant.name())) {
        keptConstants.put(constant.name(), constant);
        keptValues.put(constant.name(), constant.value());
      }
    }
    for (int i = kept.size() - 1; i >= 0; i--) {
      keptValues.put(kept.get(i).output(), values.get(kept.get(i).output()));
    }
    return new Graph(
        graph.inputs(),
        graph.outputs(),
        keptConstants,
        kept.reversed(),
        keptValues,
        graph.checks());
  }
}
