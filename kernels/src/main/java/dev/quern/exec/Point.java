package dev.quern.exec;

import dev.quern.graph.Constant;
import dev.quern.graph.Dim;
import dev.quern.graph.PartImporter;
import dev.quern.graph.PartImporter.Part;
import dev.quern.graph.PartImporter.Refusal;
import dev.quern.graph.Shape;
import dev.quern.graph.Value;
import dev.quern.onnx.OnnxNode;
import dev.quern.plan.PlanException;
import dev.quern.reference.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A place in a graph: which nodes are still to be computed. Everything before it is done; which
 * values are constants is the same in every run that comes here.
 */
final class Point {
  /** Variants of what comes next that are kept. */
  private static final int MOST_VARIANTS = 8;

  /** Bytes of the largest tensor whose elements may be bound. */
  private static final int MOST_BOUND = 4096;

  /** What is done at a point. */
  interface Stage {
    void run(Scope scope, Run run);

    /** Gives back what it holds. */
    default void release() {}
  }

  /** What is done for some types, sizes and values, and the point behind it. */
  private record Step(Stage stage, Optional<Point> next) {}

  private final Body body;
  private final List<OnnxNode> nodes;
  private final List<String> used;

  /** For each tensor that was seen here: its sizes, and which of them have changed. */
  private final Map<String, Seen> seen = new HashMap<>();

  /** Values that are bound as constants, because a rule wants to know them. */
  private final Set<String> bound = new LinkedHashSet<>();

  /** Values that change too often to be bound. */
  private final Set<String> changing = new HashSet<>();

  /** Nodes that the device has no kernel for. */
  private final Set<OnnxNode> alone = new HashSet<>();

  private final Map<String, Step> variants = new LinkedHashMap<>();

  private record Seen(long[] dims, boolean[] open) {}

  Point(Body body, List<OnnxNode> nodes) {
    this.body = body;
    this.nodes = nodes;
    Set<String> names = new LinkedHashSet<>();
    nodes.forEach(node -> PartImporter.addUses(node, names));
    this.used = List.copyOf(names);
  }

  /** Computes what is next and gives the point behind it, if anything is left. */
  Optional<Point> advance(Scope scope, Run run) {
    run.check();
    notice(scope);
    Step step = step(scope, false);
    if (step.stage instanceof IslandStage stage && !stage.island.fits(scope)) {
      // Sizes that were taken to be equal differ, as where one of them is 1.
      step = step(scope, true);
    }
    step.stage.run(scope, run);
    return step.next;
  }

  void release() {
    for (Step step : variants.values()) {
      step.stage.release();
      step.next.ifPresent(Point::release);
    }
    variants.clear();
  }

  /** Sizes stay constants until they are seen to change. */
  private void notice(Scope scope) {
    for (String name : used) {
      if (!scope.has(name) || scope.constant(name) != null) {
        continue;
      }
      long[] dims = scope.tensor(name).dims();
      Seen known = seen.get(name);
      if (known == null || known.dims.length != dims.length) {
        seen.put(name, new Seen(dims, body.declaredOpen(name, dims.length)));
        continue;
      }
      for (int i = 0; i < dims.length; i++) {
        known.open[i] |= dims[i] != known.dims[i];
      }
    }
  }

  private Step step(Scope scope, boolean exact) {
    String key = key(scope, exact);
    Step known = variants.remove(key);
    if (known == null) {
      makeRoom();
      known = compile(scope, exact);
      // Compiling may have found further values that are to be bound.
      key = key(scope, exact);
    }
    variants.put(key, known);
    return known;
  }

  private String key(Scope scope, boolean exact) {
    StringBuilder key = new StringBuilder(exact ? "=" : "~");
    for (String name : used) {
      if (scope.has(name)) {
        Seen known = seen.get(name);
        boolean[] open = exact || known == null ? null : known.open;
        Keys.append(key, name, scope, open, bound.contains(name));
      }
    }
    return key.toString();
  }

  private void makeRoom() {
    if (variants.size() < MOST_VARIANTS) {
      return;
    }
    if (!bound.isEmpty()) {
      // They change, as a loop's counter does: the nodes that want them are computed alone.
      changing.addAll(bound);
      bound.clear();
      release();
      return;
    }
    Step oldest = variants.remove(variants.keySet().iterator().next());
    oldest.stage.release();
    oldest.next.ifPresent(Point::release);
  }

  private Step compile(Scope scope, boolean exact) {
    while (true) {
      Part part = imported(scope, exact);
      if (bindMore(scope, part.refused())) {
        continue;
      }
      if (part.taken() == 0) {
        OnnxNode node = nodes.getFirst();
        return new Step(body.alone(node), rest(nodes.subList(1, nodes.size())));
      }
      try {
        return new Step(new IslandStage(new Island(part, body.device())), rest(part.left()));
      } catch (PlanException e) {
        exclude(e, part.left());
      }
    }
  }

  private Optional<Point> rest(List<OnnxNode> left) {
    return left.isEmpty() ? Optional.empty() : Optional.of(new Point(body, List.copyOf(left)));
  }

  private record IslandStage(Island island) implements Stage {
    @Override
    public void run(Scope scope, Run run) {
      island.run(scope);
    }

    @Override
    public void release() {
      island.release();
    }
  }

  private Part imported(Scope scope, boolean exact) {
    Map<String, Constant> constants = new LinkedHashMap<>();
    List<Value> inputs = new ArrayList<>();
    for (String name : used) {
      if (!scope.has(name)) {
        continue;
      }
      Constant constant = scope.constant(name);
      if (constant != null) {
        constants.put(name, constant);
      } else if (bound.contains(name)) {
        constants.put(name, Keys.constant(name, scope.tensor(name)));
      } else {
        inputs.add(value(name, scope.tensor(name), exact));
      }
    }
    return PartImporter.importPart(
        body.opset(), nodes, constants, inputs, node -> !alone.contains(node), body.outputs());
  }

  private Value value(String name, Tensor tensor, boolean exact) {
    boolean[] open = seen.get(name).open;
    long[] dims = tensor.dims();
    List<Dim> shape = new ArrayList<>();
    for (int i = 0; i < dims.length; i++) {
      boolean symbolic = open[i] && !exact && dims[i] != 0;
      shape.add(symbolic ? Dim.symbol(body.symbol(name, i)) : Dim.of(dims[i]));
    }
    return new Value(name, tensor.type(), new Shape(shape));
  }

  /** Binds values that rules asked for: whether there was any. */
  private boolean bindMore(Scope scope, List<Refusal> refused) {
    boolean more = false;
    for (Refusal refusal : refused) {
      String name = refusal.asked();
      if (scope.has(name)
          && scope.constant(name) == null
          && !changing.contains(name)
          && scope.tensor(name).size() <= MOST_BOUND) {
        more |= bound.add(name);
      }
    }
    return more;
  }

  /** Takes the nodes out that the device has no kernels for; all, if it does not say which. */
  private void exclude(PlanException e, List<OnnxNode> left) {
    boolean any = false;
    for (OnnxNode node : nodes) {
      if (e.nodes().contains(node.name())) {
        any |= alone.add(node);
      }
    }
    if (!any) {
      alone.addAll(nodes);
      alone.removeAll(left);
    }
  }
}
