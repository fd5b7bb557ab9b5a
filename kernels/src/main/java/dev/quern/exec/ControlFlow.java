package dev.quern.exec;

import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxAttribute;
import dev.quern.onnx.OnnxGraph;
import dev.quern.onnx.OnnxNode;
import dev.quern.onnx.OnnxValue;
import dev.quern.onnx.Problem;
import dev.quern.reference.Slices;
import dev.quern.reference.Tensor;
import dev.quern.runtime.RunException;
import dev.quern.runtime.RunException.Reason;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Operators whose attributes are graphs. */
final class ControlFlow {
  private ControlFlow() {}

  /** Whether an operator has bodies. */
  static boolean knows(OnnxNode node) {
    return node.domain().isEmpty()
        && (node.op().equals("If") || node.op().equals("Loop") || node.op().equals("Scan"));
  }

  /** The stage of a node that has bodies; empty for another. */
  static Optional<Point.Stage> find(OnnxNode node, Body outer) {
    if (!knows(node)) {
      return Optional.empty();
    }
    return Optional.of(
        switch (node.op()) {
          case "If" ->
              new If(node, body(node, "then_branch", outer), body(node, "else_branch", outer));
          case "Loop" -> new Loop(node, body(node, "body", outer));
          default -> new Scan(node, body(node, "body", outer), outer.opset());
        });
  }

  private static Body body(OnnxNode node, String attribute, Body outer) {
    if (node.attributes().get(attribute) instanceof OnnxAttribute.Body graph) {
      return new Body(graph.value(), outer);
    }
    throw refused(node, "it has no graph '" + attribute + "'");
  }

  static ModelException refused(OnnxNode node, String text) {
    return new ModelException(new Problem(node.name(), node.op(), text, "export the model again"));
  }

  /** Puts results under the names of a node's outputs; unwanted ones have none. */
  static void put(OnnxNode node, List<Tensor> results, Scope scope) {
    if (results.size() < node.outputs().size()) {
      throw refused(
          node, "it has " + node.outputs().size() + " outputs, its graph " + results.size());
    }
    for (int i = 0; i < node.outputs().size(); i++) {
      if (!node.outputs().get(i).isEmpty()) {
        scope.put(node.outputs().get(i), results.get(i));
      }
    }
  }

  /** The only element of a tensor. */
  private static long single(OnnxNode node, int input, String what, Scope scope) {
    Tensor tensor = scope.tensor(node.inputs().get(input));
    if (tensor.size() != 1) {
      throw new RunException(
          Reason.INPUT,
          node.op()
              + " '"
              + node.name()
              + "': its "
              + what
              + " has the shape "
              + java.util.Arrays.toString(tensor.dims())
              + ", not one element");
    }
    return tensor.integer(0);
  }

  static boolean has(OnnxNode node, int input) {
    return input < node.inputs().size() && !node.inputs().get(input).isEmpty();
  }

  /** One of two graphs, by a condition. */
  private record If(OnnxNode node, Body then, Body otherwise) implements Point.Stage {
    @Override
    public void run(Scope scope, Run run) {
      Body chosen = single(node, 0, "condition", scope) != 0 ? then : otherwise;
      put(node, chosen.run(scope, Map.of(), run), scope);
    }

    @Override
    public void release() {
      then.release();
      otherwise.release();
    }
  }

  /** A graph run over and over, its results the next turn's inputs. */
  private record Loop(OnnxNode node, Body body) implements Point.Stage {
    @Override
    public void run(Scope scope, Run run) {
      OnnxGraph graph = body.graph();
      int carried = Math.max(0, node.inputs().size() - 2);
      int scanned = graph.outputs().size() - 1 - carried;
      if (graph.inputs().size() != 2 + carried || scanned < 0) {
        throw refused(
            node,
            "its graph has "
                + graph.inputs().size()
                + " inputs and "
                + graph.outputs().size()
                + " outputs for "
                + carried
                + " values that it carries");
      }
      long trips = has(node, 0) ? single(node, 0, "trip count", scope) : Long.MAX_VALUE;
      boolean goesOn = !has(node, 1) || single(node, 1, "condition", scope) != 0;
      List<Tensor> values = new ArrayList<>();
      for (int i = 0; i < carried; i++) {
        values.add(scope.tensor(node.inputs().get(2 + i)));
      }
      List<List<Tensor>> scans = new ArrayList<>();
      for (int i = 0; i < scanned; i++) {
        scans.add(new ArrayList<>());
      }
      for (long turn = 0; turn < trips && goesOn; turn++) {
        run.check();
        Map<String, Tensor> given = new LinkedHashMap<>();
        given.put(graph.inputs().get(0).name(), Tensor.of(new long[] {turn}));
        given.put(graph.inputs().get(1).name(), Tensor.of(DataType.BOOL, new byte[] {1}));
        for (int i = 0; i < carried; i++) {
          given.put(graph.inputs().get(2 + i).name(), values.get(i));
        }
        List<Tensor> results = body.run(scope, given, run);
        goesOn = results.getFirst().integer(0) != 0;
        values = new ArrayList<>(results.subList(1, 1 + carried));
        for (int i = 0; i < scanned; i++) {
          scans.get(i).add(results.get(1 + carried + i));
        }
      }
      List<Tensor> all = new ArrayList<>(values);
      for (int i = 0; i < scanned; i++) {
        all.add(stacked(node, scans.get(i), 0, graph.outputs().get(1 + carried + i)));
      }
      put(node, all, scope);
    }

    @Override
    public void release() {
      body.release();
    }
  }

  /** The turns' results along a new axis; where there was no turn, the declared shape says. */
  static Tensor stacked(OnnxNode node, List<Tensor> parts, int axis, OnnxValue declared) {
    if (!parts.isEmpty()) {
      try {
        return Slices.stack(parts, axis);
      } catch (IllegalArgumentException e) {
        throw new RunException(
            Reason.INPUT,
            node.op()
                + " '"
                + node.name()
                + "', output '"
                + declared.name()
                + "': "
                + e.getMessage());
      }
    }
    List<OnnxValue.OnnxDim> dims = declared.dims().orElse(List.of());
    long[] sizes = new long[dims.size() + 1];
    for (int i = 0; i < dims.size(); i++) {
      sizes[i + 1] = Math.max(0, dims.get(i).value());
    }
    return Tensor.zeros(declared.type(), sizes);
  }
}
