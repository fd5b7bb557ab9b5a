package dev.quern.graph;

import dev.quern.onnx.OnnxAttribute;
import dev.quern.onnx.OnnxGraph;
import dev.quern.onnx.OnnxNode;
import dev.quern.onnx.OnnxTensor;
import dev.quern.onnx.Problem;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Imports as many nodes of a list as it can, for models that cannot be imported whole: because a
 * shape depends on data, or an operator is computed in another way. What cannot be imported, and
 * what depends on it, is left.
 */
public final class PartImporter {
  /**
   * What was imported.
   *
   * @param graph the nodes that were taken; its outputs are what is needed of them
   * @param taken how many of the list's nodes are in it
   * @param left the other nodes, in their order
   * @param refused why those of them are left whose inputs are known
   * @param results where the values are that the left nodes or the caller need
   */
  public record Part(
      Graph graph,
      int taken,
      List<OnnxNode> left,
      List<Refusal> refused,
      Map<String, Result> results) {}

  /**
   * A node that could not be imported.
   *
   * @param asked the input whose elements its rule wanted last and did not get; may be empty
   * @param hopeless whether no run could be different
   */
  public record Refusal(OnnxNode node, Problem problem, String asked, boolean hopeless) {}

  /** Where a value is. */
  public sealed interface Result {
    /** An output or input of the graph, under this name. */
    record Computed(String name) implements Result {}

    /** A constant. */
    record Fixed(Constant constant) implements Result {}

    /** Whole numbers that are sizes of the run. */
    record Sizes(Value value, List<Dim> elements) implements Result {}
  }

  private static final Operators OPERATORS = Operators.all();

  private final GraphImporter importer;
  private final int opset;
  private final List<OnnxNode> left = new ArrayList<>();
  private final List<Refusal> refused = new ArrayList<>();
  private final Set<String> defined = new LinkedHashSet<>();

  /** A node that counts the sizes of its result is taken only if nothing depends on them. */
  private final boolean isOnly;

  private PartImporter(int opset, boolean isOnly) {
    this.opset = opset;
    this.isOnly = isOnly;
    this.importer = new GraphImporter(OPERATORS, opset, false);
  }

  /**
   * Imports a part.
   *
   * @param opset the version of ONNX's operators
   * @param nodes in topological order
   * @param constants what is known, by name
   * @param inputs what will be given to a run
   * @param may whether a node may be taken
   * @param needed names that the caller wants, besides what the left nodes use
   */
  public static Part importPart(
      int opset,
      List<OnnxNode> nodes,
      Map<String, Constant> constants,
      List<Value> inputs,
      Predicate<OnnxNode> may,
      Set<String> needed) {
    PartImporter part = new PartImporter(opset, nodes.size() == 1);
    constants.forEach((name, constant) ->
        part.importer.define(
            new Constant(name, constant.type(), constant.shape(), constant.data())));
    inputs.forEach(part.importer::given);
    for (OnnxNode node : nodes) {
      part.take(node, may);
    }
    return part.finish(nodes.size(), needed);
  }

  /** Whether there is a rule for an operator. */
  public static boolean knows(OnnxNode node) {
    return OPERATORS.find(node.domain(), node.op()).isPresent();
  }

  /** That there is no rule for a node's operator. */
  public static Problem unknown(OnnxNode node) {
    return GraphImporter.unknown(node);
  }

  private void take(OnnxNode node, Predicate<OnnxNode> may) {
    Optional<Operator> operator = OPERATORS.find(node.domain(), node.op());
    if (operator.isEmpty() || !may.test(node) || !isReady(node)) {
      left.add(node);
      return;
    }
    GraphBuilder builder = importer.builder();
    GraphBuilder.Mark mark = builder.mark();
    Site site = new Site(importer, node, opset);
    Optional<Problem> problem = GraphImporter.apply(node, operator.get(), site);
    if (problem.isEmpty() && (isOnly || !builder.counts(mark))) {
      defined.addAll(node.outputs());
      // An output that is not wanted has no name.
      defined.remove("");
      return;
    }
    builder.undo(mark);
    node.outputs().forEach(importer::undefine);
    problem.ifPresent(
        reason -> refused.add(new Refusal(node, reason, site.asked(), site.isHopeless())));
    left.add(node);
  }

  private boolean isReady(OnnxNode node) {
    for (String input : node.inputs()) {
      if (!input.isEmpty() && importer.known(input) == null) {
        return false;
      }
    }
    return true;
  }

  private Part finish(int count, Set<String> needed) {
    Set<String> names = new LinkedHashSet<>(needed);
    left.forEach(node -> addUses(node, names));
    Map<String, Result> results = new LinkedHashMap<>();
    Set<String> outputs = new LinkedHashSet<>();
    for (String name : names) {
      if (defined.contains(name)) {
        results.put(name, result(name, outputs));
      }
    }
    outputs.forEach(importer.builder()::output);
    return new Part(
        importer.builder().build(),
        count - left.size(),
        List.copyOf(left),
        List.copyOf(refused),
        results);
  }

  private Result result(String name, Set<String> outputs) {
    GraphImporter.Known known = importer.known(name);
    String runtime = known.runtime();
    if (runtime.isEmpty()) {
      List<Dim> elements = known.contents().orElseThrow();
      for (Dim element : elements) {
        if (!element.isConstant()) {
          return new Result.Sizes(known.value(), elements);
        }
      }
      return new Result.Fixed(Contents.toConstant(name, known.value(), elements));
    }
    Constant constant = importer.builder().constantOrNull(runtime);
    if (constant != null) {
      return new Result.Fixed(constant);
    }
    if (!importer.builder().isInput(runtime)) {
      outputs.add(runtime);
    }
    return new Result.Computed(runtime);
  }

  /**
   * Adds the names of the values that a node reads, those of outer graphs that its bodies read
   * among them.
   */
  public static void addUses(OnnxNode node, Set<String> target) {
    for (String input : node.inputs()) {
      if (!input.isEmpty()) {
        target.add(input);
      }
    }
    for (OnnxAttribute attribute : node.attributes().values()) {
      if (attribute instanceof OnnxAttribute.Body body) {
        addFree(body.value(), target);
      }
    }
  }

  private static void addFree(OnnxGraph body, Set<String> target) {
    Set<String> used = new LinkedHashSet<>();
    Set<String> own = new LinkedHashSet<>();
    body.inputs().forEach(input -> own.add(input.name()));
    for (OnnxTensor tensor : body.initializers()) {
      own.add(tensor.name());
    }
    for (OnnxNode node : body.nodes()) {
      addUses(node, used);
      own.addAll(node.outputs());
    }
    body.outputs().forEach(output -> used.add(output.name()));
    used.removeAll(own);
    target.addAll(used);
  }
}
