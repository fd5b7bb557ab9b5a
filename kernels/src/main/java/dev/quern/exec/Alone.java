package dev.quern.exec;

import dev.quern.graph.Constant;
import dev.quern.graph.PartImporter;
import dev.quern.graph.PartImporter.Part;
import dev.quern.graph.PartImporter.Refusal;
import dev.quern.graph.Shape;
import dev.quern.graph.Value;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxNode;
import dev.quern.reference.Interpreter;
import dev.quern.reference.Tensor;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A node that is computed by itself, by the scalar kernels, for the very sizes and values that it
 * has in this run.
 */
final class Alone implements Point.Stage {
  /** Graphs that are kept. */
  private static final int MOST_KEPT = 16;

  private final OnnxNode node;
  private final int opset;

  /** Inputs whose elements the rule wants. */
  private final Set<String> wanted = new LinkedHashSet<>();

  private final Map<String, Island> kept = new LinkedHashMap<>();

  Alone(OnnxNode node, int opset) {
    this.node = node;
    this.opset = opset;
  }

  @Override
  public void run(Scope scope, Run run) {
    run.check();
    String key = key(scope);
    Island ready = kept.remove(key);
    if (ready == null) {
      ready = prepare(scope);
      key = key(scope);
    }
    kept.put(key, ready);
    if (kept.size() > MOST_KEPT) {
      kept.remove(kept.keySet().iterator().next());
    }
    ready.run(scope);
  }

  private String key(Scope scope) {
    StringBuilder key = new StringBuilder();
    for (String input : node.inputs()) {
      if (!input.isEmpty()) {
        Keys.append(key, input, scope, null, wanted.contains(input));
      }
    }
    return key.toString();
  }

  private Island prepare(Scope scope) {
    for (int attempt = 0; attempt <= node.inputs().size(); attempt++) {
      Part part = imported(scope);
      if (part.refused().isEmpty() && part.left().isEmpty()) {
        return new Island(part, graph -> new Interpreter(graph)::run);
      }
      Refusal refusal = part.refused().getFirst();
      if (refusal.asked().isEmpty() || !wanted.add(refusal.asked())) {
        throw new ModelException(refusal.problem());
      }
    }
    throw new IllegalStateException("the rule for " + node.op() + " asks without end");
  }

  private Part imported(Scope scope) {
    Map<String, Constant> constants = new LinkedHashMap<>();
    Map<String, Value> inputs = new LinkedHashMap<>();
    for (String name : node.inputs()) {
      if (name.isEmpty()) {
        continue;
      }
      Constant constant = scope.constant(name);
      if (constant != null) {
        constants.put(name, constant);
      } else if (wanted.contains(name)) {
        constants.put(name, Keys.constant(name, scope.tensor(name)));
      } else {
        Tensor tensor = scope.tensor(name);
        inputs.put(name, new Value(name, tensor.type(), Shape.of(tensor.dims())));
      }
    }
    return PartImporter.importPart(
        opset,
        List.of(node),
        constants,
        List.copyOf(inputs.values()),
        any -> true,
        new LinkedHashSet<>(node.outputs()));
  }
}
