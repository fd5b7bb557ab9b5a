package dev.quern.server.intake;

import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.Node;
import dev.quern.graph.passes.Passes;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxAttribute;
import dev.quern.onnx.OnnxGraph;
import dev.quern.onnx.OnnxModel;
import dev.quern.onnx.OnnxNode;
import dev.quern.onnx.OnnxTensor;
import dev.quern.onnx.OnnxValue;
import dev.quern.plan.Plan;
import dev.quern.plan.PlanException;
import dev.quern.plan.Planner;
import dev.quern.reference.Tensor;
import dev.quern.runtime.Footprint;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** What is in a model, as lines of text: a word in the first column, facts in the second. */
final class Summary {
  private static final int COLUMN = 12;

  private final List<String> lines = new ArrayList<>();

  /** The lines so far. */
  List<String> lines() {
    return lines;
  }

  /** What the file says: inputs, outputs, parameters, operators. */
  void declare(OnnxModel model, List<OnnxValue> inputs, long bytes) {
    add(
        "model",
        bytes(bytes)
            + ", operator set "
            + model.opsets().entrySet().stream()
                .map(set -> (set.getKey().isEmpty() ? "" : set.getKey() + " ") + set.getValue())
                .collect(Collectors.joining(", "))
            + (model.producer().isEmpty() ? "" : ", written by " + model.producer()));
    inputs.forEach(input -> add("input", text(input)));
    model.graph().outputs().forEach(output -> add("output", text(output)));
    Count count = new Count();
    count.add(model.graph());
    add(
        "parameters",
        String.format(Locale.ROOT, "%,d", count.numbers) + " (" + bytes(count.bytes) + ")");
    int nodes = count.operators.values().stream().mapToInt(Integer::intValue).sum();
    add("operations", nodes + ": " + counts(count.operators));
  }

  /** Numbers of constants, and nodes, of a graph and all graphs within it. */
  private static final class Count {
    private final Map<String, Integer> operators = new TreeMap<>();
    private long numbers;
    private long bytes;

    void add(OnnxGraph graph) {
      graph.initializers().forEach(this::add);
      for (OnnxNode node : graph.nodes()) {
        if (!node.op().equals("Constant")) {
          String domain = node.domain().isEmpty() ? "" : node.domain() + ".";
          operators.merge(domain + node.op(), 1, Integer::sum);
        }
        for (OnnxAttribute attribute : node.attributes().values()) {
          if (attribute instanceof OnnxAttribute.Tensor(OnnxTensor tensor)) {
            add(tensor);
          } else if (attribute instanceof OnnxAttribute.Body(OnnxGraph body)) {
            add(body);
          }
        }
      }
    }

    private void add(OnnxTensor tensor) {
      numbers += Arrays.stream(tensor.dims()).reduce(1, (a, b) -> a * b);
      bytes += tensor.data().size();
    }
  }

  /**
   * What the compiler makes of it: steps, what was fused, memory.
   *
   * @param inputs for whose sizes memory and work are told
   */
  void compile(OnnxModel model, Map<String, Tensor> inputs) {
    Graph imported;
    Graph optimised;
    Plan plan;
    try {
      imported = GraphImporter.importModel(model);
      optimised = Passes.optimise(imported);
      plan = Planner.plan(optimised);
    } catch (ModelException | PlanException e) {
      add("runs", "in parts, as shapes or branches become known: it cannot be planned whole");
      String reason =
          String.valueOf(e.getMessage())
              .lines()
              .skip(e instanceof ModelException ? 1 : 0)
              .findFirst()
              .orElse("");
      add("", reason);
      return;
    }
    add(
        "runs",
        "as "
            + plan.steps().size()
            + " steps of generated kernels, of "
            + imported.nodes().size()
            + " plain nodes");
    add("fused", fused(imported, optimised));
    Map<String, long[]> sizes = new LinkedHashMap<>();
    inputs.forEach((name, tensor) -> sizes.put(name, tensor.dims()));
    try {
      Footprint memory = Footprint.of(plan, imported.bind(sizes));
      String shapes =
          inputs.entrySet().stream()
              .map(input -> input.getKey() + " " + Arrays.toString(input.getValue().dims()))
              .collect(Collectors.joining(", "));
      add(
          "memory",
          bytes(memory.weights())
              + " of weights; "
              + bytes(memory.activations())
              + " and "
              + number(memory.flops() / 1e9)
              + " GFLOP a run at "
              + shapes);
    } catch (IllegalArgumentException e) {
      add("memory", "depends on the run: " + e.getMessage());
    }
  }

  private static String fused(Graph imported, Graph optimised) {
    Map<String, Integer> found = new LinkedHashMap<>();
    Map<String, Integer> before = operators(imported);
    Map<String, Integer> after = operators(optimised);
    for (String op : List.of("quern.Attention", "LayerNormalization", "RMSNormalization")) {
      int made = after.getOrDefault(op, 0) - before.getOrDefault(op, 0);
      if (made > 0) {
        found.put(op.substring(op.indexOf('.') + 1), made);
      }
    }
    for (Node node : optimised.nodes()) {
      boolean more = node.hasProgram();
      if (node.isQuern("MatMul")) {
        count(found, "products with what follows", more);
        count(found, "joined projections", node.integer("parts", 1) > 1);
        count(found, "products of few bits", node.integer("scaled", 0) != 0);
      } else if (node.isQuern("Conv")) {
        count(found, "convolutions with what follows", more);
      }
    }
    int chains = before.getOrDefault("quern.Elementwise", 0);
    int left = after.getOrDefault("quern.Elementwise", 0);
    String rest = chains + " element-wise nodes to " + left;
    return found.isEmpty() ? rest : counts(found) + "; " + rest;
  }

  private static void count(Map<String, Integer> found, String what, boolean is) {
    if (is) {
      found.merge(what, 1, Integer::sum);
    }
  }

  private static Map<String, Integer> operators(Graph graph) {
    Map<String, Integer> operators = new TreeMap<>();
    graph.nodes().forEach(node -> operators.merge(node.operator(), 1, Integer::sum));
    return operators;
  }

  /** What was stored in fewer bits, and what that costs. */
  void narrow(Narrowing.Result result, Calibration.Result calibration) {
    add(
        "weights",
        result.converted()
            + " of "
            + (result.converted() + result.kept().size())
            + " matrices as "
            + result.form()
            + ", "
            + bytes(result.before())
            + " to "
            + bytes(result.after()));
    result.kept().forEach(kept -> add("", "as it is: " + kept));
    for (Calibration.Difference difference : calibration.differences()) {
      String text =
          difference.differing() < 0
              ? "RMS "
                  + number(100 * difference.rms())
                  + " %, largest "
                  + number(100 * difference.largest())
                  + " % of the largest number"
              : difference.differing() + " differ";
      add(
          "error",
          difference.output() + ": " + text + ", of " + difference.numbers() + " against f32");
    }
  }

  void add(String word, String text) {
    lines.add(word + " ".repeat(Math.max(1, COLUMN - word.length())) + text);
  }

  private static String counts(Map<String, Integer> counts) {
    return counts.entrySet().stream()
        .map(entry -> entry.getValue() + " " + entry.getKey())
        .collect(Collectors.joining(", "));
  }

  private static String text(OnnxValue value) {
    String dims =
        value.dims().isEmpty()
            ? "of unknown rank"
            : value.dims().get().stream()
                .map(dim ->
                    dim.value() >= 0
                        ? Long.toString(dim.value())
                        : dim.symbol().isEmpty() ? "?" : dim.symbol())
                .collect(Collectors.joining(", ", "[", "]"));
    return value.name() + " " + value.type().label() + " " + dims;
  }

  static String bytes(long bytes) {
    return bytes < 1_000_000 ? number(bytes / 1e3) + " kB" : number(bytes / 1e6) + " MB";
  }

  /** Three digits. */
  static String number(double value) {
    return value == 0 || !Double.isFinite(value)
        ? String.valueOf(value)
        : new BigDecimal(value).round(new MathContext(3)).stripTrailingZeros().toPlainString();
  }
}
