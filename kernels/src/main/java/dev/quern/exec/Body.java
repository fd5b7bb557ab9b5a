package dev.quern.exec;

import dev.quern.graph.Constant;
import dev.quern.graph.Dim;
import dev.quern.graph.PartImporter;
import dev.quern.graph.PartImporter.Part;
import dev.quern.graph.PartImporter.Refusal;
import dev.quern.graph.Shape;
import dev.quern.graph.Value;
import dev.quern.onnx.OnnxGraph;
import dev.quern.onnx.OnnxNode;
import dev.quern.onnx.OnnxTensor;
import dev.quern.onnx.OnnxValue;
import dev.quern.onnx.Problem;
import dev.quern.reference.Tensor;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A graph that is run: the model's own, or the body of a branch or loop. */
final class Body {
  private final OnnxGraph graph;
  private final Device device;

  /** The graph around a branch's or loop's, whose values it sees; empty for the model's own. */
  private final Optional<Body> outer;

  private final int opset;
  private final List<Constant> constants = new ArrayList<>();
  private final Map<String, OnnxValue> inputs = new LinkedHashMap<>();
  private final Set<String> outputs = new LinkedHashSet<>();
  private final List<OnnxNode> nodes;
  private final Optional<Point> start;

  Body(OnnxGraph graph, int opset, Device device) {
    this(graph, opset, device, Optional.empty());
  }

  /** A graph of a node in another. */
  Body(OnnxGraph graph, Body outer) {
    this(graph, outer.opset, outer.device, Optional.of(outer));
  }

  private Body(OnnxGraph graph, int opset, Device device, Optional<Body> outer) {
    this.graph = graph;
    this.device = device;
    this.opset = opset;
    this.outer = outer;
    for (OnnxTensor tensor : graph.initializers()) {
      constants.add(
          new Constant(tensor.name(), tensor.type(), Shape.of(tensor.dims()), tensor.data()));
    }
    Set<String> initialised = new HashSet<>();
    constants.forEach(constant -> initialised.add(constant.name()));
    for (OnnxValue input : graph.inputs()) {
      if (!initialised.contains(input.name())) {
        inputs.put(input.name(), input);
      }
    }
    graph.outputs().forEach(output -> outputs.add(output.name()));
    this.nodes = named(graph.nodes());
    this.start = nodes.isEmpty() ? Optional.empty() : Optional.of(new Point(this, nodes));
  }

  /** The nodes, each with a name that is its own, by which devices speak of them. */
  private static List<OnnxNode> named(List<OnnxNode> nodes) {
    List<OnnxNode> result = new ArrayList<>(nodes.size());
    Set<String> names = new HashSet<>();
    for (OnnxNode node : nodes) {
      String name = node.name();
      if (name.isEmpty() || names.contains(name)) {
        name = "node of " + String.join(", ", node.outputs());
      }
      names.add(name);
      result.add(
          new OnnxNode(
              name, node.domain(), node.op(), node.inputs(), node.outputs(), node.attributes()));
    }
    return result;
  }

  int opset() {
    return opset;
  }

  Device device() {
    return device;
  }

  Set<String> outputs() {
    return outputs;
  }

  /** What a run must be given, by name. */
  Map<String, OnnxValue> inputs() {
    return inputs;
  }

  OnnxGraph graph() {
    return graph;
  }

  /** The stage that computes a node by itself. */
  Point.Stage alone(OnnxNode node) {
    return ControlFlow.find(node, this).orElseGet(() -> new Alone(node, opset));
  }

  /** What is wrong with the graph whatever a run brings, as far as the declared sizes tell. */
  List<Problem> hopeless() {
    Map<String, Constant> known = new LinkedHashMap<>();
    constants.forEach(constant -> known.put(constant.name(), constant));
    List<Value> given = new ArrayList<>();
    for (OnnxValue input : inputs.values()) {
      if (input.dims().isPresent()) {
        given.add(declared(input));
      }
    }
    List<Problem> problems = new ArrayList<>();
    Part part = PartImporter.importPart(opset, nodes, known, given, node -> true, outputs);
    for (Refusal refusal : part.refused()) {
      if (refusal.hopeless()) {
        problems.add(refusal.problem());
      }
    }
    return problems;
  }

  private Value declared(OnnxValue input) {
    List<Dim> dims = new ArrayList<>();
    for (OnnxValue.OnnxDim dim : input.dims().orElseThrow()) {
      dims.add(
          dim.value() >= 0 ? Dim.of(dim.value()) : Dim.symbol(symbol(input.name(), dims.size())));
    }
    return new Value(input.name(), input.type(), new Shape(dims));
  }

  /** Which axes of a tensor are declared to have any size. */
  boolean[] declaredOpen(String name, int rank) {
    boolean[] open = new boolean[rank];
    OnnxValue input = input(name);
    if (input != null && input.dims().isPresent() && input.dims().get().size() == rank) {
      for (int i = 0; i < rank; i++) {
        open[i] = input.dims().get().get(i).value() < 0;
      }
    }
    return open;
  }

  /** An input of this graph or of one around it; null if there is none of that name. */
  private OnnxValue input(String name) {
    OnnxValue input = inputs.get(name);
    return input != null || outer.isEmpty() ? input : outer.get().input(name);
  }

  /** The symbol of an axis: the declared one, or one of its own. */
  String symbol(String name, int axis) {
    OnnxValue input = input(name);
    if (input != null && input.dims().isPresent() && axis < input.dims().get().size()) {
      String symbol = input.dims().get().get(axis).symbol();
      if (!symbol.isEmpty() && !symbol.equals("?")) {
        return symbol;
      }
    }
    return name + "." + axis;
  }

  /**
   * Runs the graph.
   *
   * @param outer what the graph sees besides its own values; null for a model
   * @param given a tensor for each input, by name
   * @return a tensor for each output, in their order
   */
  List<Tensor> run(Scope outer, Map<String, Tensor> given, Run run) {
    Scope scope = new Scope(outer);
    constants.forEach(constant -> scope.put(constant.name(), constant));
    given.forEach(scope::put);
    Optional<Point> point = start;
    while (point.isPresent()) {
      point = point.get().advance(scope, run);
    }
    List<Tensor> results = new ArrayList<>();
    for (OnnxValue output : graph.outputs()) {
      results.add(scope.tensor(output.name()));
    }
    return results;
  }

  void release() {
    start.ifPresent(Point::release);
  }
}
