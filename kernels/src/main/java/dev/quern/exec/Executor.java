package dev.quern.exec;

import dev.quern.graph.GraphImporter;
import dev.quern.graph.PartImporter;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxAttribute;
import dev.quern.onnx.OnnxGraph;
import dev.quern.onnx.OnnxModel;
import dev.quern.onnx.OnnxNode;
import dev.quern.onnx.OnnxTensor;
import dev.quern.onnx.OnnxValue;
import dev.quern.onnx.Problem;
import dev.quern.reference.Tensor;
import dev.quern.runtime.RunException;
import dev.quern.runtime.RunException.Reason;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A model of any kind, ready to run. */
public final class Executor {
  private final Body body;
  private final List<String> outputs = new ArrayList<>();

  private Executor(Body body) {
    this.body = body;
    body.graph().outputs().forEach(output -> outputs.add(output.name()));
  }

  /**
   * An executor of a model.
   *
   * @throws ModelException that lists every operator that is not supported, and what is wrong with
   *     the graph, bodies of branches and loops included
   */
  public static Executor of(OnnxModel model, Device device) {
    int opset = GraphImporter.opset(model);
    List<Problem> problems = new ArrayList<>();
    for (OnnxValue input : model.graph().inputs()) {
      if (!Tensor.holds(input.type())) {
        String label = input.type().label();
        problems.add(type("input '" + input.name() + "'", label));
      }
    }
    check(model.graph(), new HashSet<>(), problems);
    if (!problems.isEmpty()) {
      throw new ModelException(problems);
    }
    Body body = new Body(model.graph(), opset, device);
    problems.addAll(body.hopeless());
    if (!problems.isEmpty()) {
      throw new ModelException(problems);
    }
    return new Executor(body);
  }

  private static void check(OnnxGraph graph, Set<String> outer, List<Problem> problems) {
    Set<String> defined = new HashSet<>(outer);
    Set<String> initialised = new HashSet<>();
    for (OnnxTensor tensor : graph.initializers()) {
      defined.add(tensor.name());
      if (!initialised.add(tensor.name())) {
        problems.add(twice("initializer '" + tensor.name() + "'", tensor.name()));
      }
      if (!Tensor.holds(tensor.type())) {
        problems.add(type("initializer '" + tensor.name() + "'", tensor.type().label()));
      }
    }
    Set<String> inputs = new HashSet<>();
    for (OnnxValue input : graph.inputs()) {
      defined.add(input.name());
      if (input.name().isEmpty()) {
        problems.add(new Problem("input ''", "", "it has no name", "export the model again"));
      } else if (!inputs.add(input.name())) {
        problems.add(twice("input '" + input.name() + "'", input.name()));
      }
    }
    for (OnnxNode node : graph.nodes()) {
      check(node, defined, problems);
    }
    if (graph.outputs().isEmpty()) {
      problems.add(new Problem("", "", "the model has no output", "export it again"));
    }
    for (OnnxValue output : graph.outputs()) {
      if (!defined.contains(output.name())) {
        problems.add(new Problem("output '" + output.name() + "'", "", "no node defines it", ""));
      }
    }
  }

  private static Problem twice(String place, String name) {
    return new Problem(
        place, "", "the value '" + name + "' is defined twice", "export the model again");
  }

  private static Problem type(String place, String label) {
    return new Problem(
        place,
        "",
        label.equals("undefined")
            ? "it is no tensor"
            : "tensors of " + label + " are not supported",
        "");
  }

  private static void check(OnnxNode node, Set<String> defined, List<Problem> problems) {
    String place = node.name();
    if (place.isEmpty()) {
      place = "node of " + String.join(", ", node.outputs());
    }
    if (!ControlFlow.knows(node) && !PartImporter.knows(node)) {
      problems.add(PartImporter.unknown(node));
    }
    for (String input : node.inputs()) {
      if (!input.isEmpty() && !defined.contains(input)) {
        problems.add(
            new Problem(
                place,
                node.op(),
                "its input '" + input + "' is not defined by any node before it",
                "export the model again"));
      }
    }
    for (OnnxAttribute attribute : node.attributes().values()) {
      if (attribute instanceof OnnxAttribute.Body graph) {
        check(graph.value(), defined, problems);
      }
    }
    if (String.join("", node.outputs()).isEmpty()) {
      problems.add(new Problem(place, node.op(), "it has no output", "export the model again"));
    }
    for (String output : node.outputs()) {
      if (!output.isEmpty() && !defined.add(output)) {
        problems.add(
            new Problem(
                place,
                node.op(),
                "the value '" + output + "' is defined twice",
                "export the model again"));
      }
    }
  }

  /** What a run must be given. */
  public List<OnnxValue> inputs() {
    return List.copyOf(body.inputs().values());
  }

  /** The outputs, with what the model says of their types and sizes. */
  public List<OnnxValue> outputs() {
    return body.graph().outputs();
  }

  /**
   * Computes the outputs.
   *
   * @param given a tensor for each input, by name
   * @return a tensor for each output, in the model's order
   * @throws RunException naming the input or node at fault, or because it was cancelled
   * @throws ModelException if a node turns out not to be supported for these types and sizes
   */
  public Map<String, Tensor> run(Map<String, Tensor> given, Run run) {
    for (OnnxValue input : body.inputs().values()) {
      check(input, given.get(input.name()));
    }
    for (String name : given.keySet()) {
      if (!body.inputs().containsKey(name)) {
        throw new RunException(
            Reason.INPUT,
            "the model has no input '" + name + "'; it wants " + body.inputs().keySet());
      }
    }
    List<Tensor> results;
    try {
      results = body.run(null, given, run);
    } catch (IllegalArgumentException e) {
      throw new RunException(Reason.INPUT, e.getMessage());
    }
    Map<String, Tensor> byName = new LinkedHashMap<>();
    for (int i = 0; i < outputs.size(); i++) {
      byName.put(outputs.get(i), results.get(i));
    }
    return byName;
  }

  private static void check(OnnxValue input, Tensor tensor) {
    if (tensor == null) {
      throw new RunException(Reason.INPUT, "the input '" + input.name() + "' is missing");
    }
    if (tensor.type() != input.type()) {
      throw new RunException(
          Reason.INPUT,
          "the input '"
              + input.name()
              + "' holds "
              + tensor.type().label()
              + ", but the model wants "
              + input.type().label());
    }
    if (input.dims().isEmpty()) {
      return;
    }
    List<OnnxValue.OnnxDim> dims = input.dims().get();
    boolean fits = dims.size() == tensor.rank();
    for (int i = 0; fits && i < tensor.rank(); i++) {
      fits = dims.get(i).value() < 0 || dims.get(i).value() == tensor.dims()[i];
    }
    if (!fits) {
      throw new RunException(
          Reason.INPUT,
          "the input '"
              + input.name()
              + "' has the shape "
              + Arrays.toString(tensor.dims())
              + ", but the model wants "
              + text(dims));
    }
  }

  private static String text(List<OnnxValue.OnnxDim> dims) {
    List<String> texts = new ArrayList<>();
    for (OnnxValue.OnnxDim dim : dims) {
      texts.add(
          dim.value() >= 0
              ? Long.toString(dim.value())
              : dim.symbol().isEmpty() ? "?" : dim.symbol());
    }
    return texts.toString();
  }

  /** Gives back what was compiled. */
  public void release() {
    body.release();
  }
}
