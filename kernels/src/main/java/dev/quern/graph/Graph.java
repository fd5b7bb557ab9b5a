package dev.quern.graph;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A model.
 *
 * @param inputs what a run is given
 * @param outputs names of the values that a run gives back
 * @param constants weights and other constants, by name
 * @param nodes in topological order
 * @param values the type and shape of every input, constant and result, by name
 * @param checks what must hold between the sizes of a run
 */
public record Graph(
    List<Value> inputs,
    List<String> outputs,
    Map<String, Constant> constants,
    List<Node> nodes,
    Map<String, Value> values,
    List<Check> checks) {
  public Graph {
    inputs = List.copyOf(inputs);
    outputs = List.copyOf(outputs);
    constants = Collections.unmodifiableMap(new LinkedHashMap<>(constants));
    nodes = List.copyOf(nodes);
    values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
    checks = List.copyOf(checks);
  }

  /** A graph without assumptions about its sizes. */
  public Graph(
      List<Value> inputs,
      List<String> outputs,
      Map<String, Constant> constants,
      List<Node> nodes,
      Map<String, Value> values) {
    this(inputs, outputs, constants, nodes, values, List.of());
  }

  /** The type and shape of a value; throws {@link IllegalArgumentException} if there is none. */
  public Value value(String name) {
    Value value = values.get(name);
    if (value == null) {
      throw new IllegalArgumentException("no value is called '" + name + "'");
    }
    return value;
  }

  /** One line an input, node and output; constants are named where they are used. */
  @Override
  public String toString() {
    StringBuilder out = new StringBuilder();
    for (Value input : inputs) {
      out.append("input ").append(input).append('\n');
    }
    for (Node node : nodes) {
      out.append(node);
      for (String output : node.outputs()) {
        Value value = values.get(output);
        out.append(" : ").append(value == null ? "?" : value.type().label() + " " + value.shape());
      }
      out.append('\n');
    }
    for (String output : outputs) {
      out.append("output ").append(output).append('\n');
    }
    return out.toString();
  }
}
