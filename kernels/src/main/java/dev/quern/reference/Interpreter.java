package dev.quern.reference;

import dev.quern.graph.Constant;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.Value;
import dev.quern.onnx.DataType;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs a graph, node by node, with the scalar kernels of this package. Any graph of canonical
 * operators runs, optimised or not.
 */
public final class Interpreter {
  /**
   * One node with its operands.
   *
   * @param node what to compute
   * @param inputs the operands; {@code null} where an optional one is absent
   * @param type the elements of the output
   * @param dims the sizes of the output; -1 for one that the kernel counts
   * @param symbols what the symbols stand for
   */
  record Call(
      Node node, List<Tensor> inputs, DataType type, long[] dims, Map<String, Long> symbols) {
    Tensor input(int index) {
      return inputs.get(index);
    }
  }

  private final ReferenceKernels kernels;
  private final Graph graph;
  private final Map<String, Tensor> constants = new HashMap<>();

  /** An interpreter of a graph; constants are copied into Java arrays when they are first used. */
  public Interpreter(Graph graph) {
    this.kernels = ReferenceKernels.all();
    this.graph = graph;
  }

  /** Runs a graph once. */
  public static Map<String, Tensor> run(Graph graph, Map<String, Tensor> inputs) {
    return new Interpreter(graph).run(inputs);
  }

  /**
   * Computes the outputs.
   *
   * @param inputs a tensor for each input, by name
   * @return a tensor for each output, in the graph's order
   * @throws IllegalArgumentException if inputs do not fit the graph, or an index is out of range
   */
  public Map<String, Tensor> run(Map<String, Tensor> inputs) {
    Map<String, long[]> sizes = new LinkedHashMap<>();
    for (Value input : graph.inputs()) {
      Tensor tensor = inputs.get(input.name());
      if (tensor == null) {
        throw new IllegalArgumentException("the input '" + input.name() + "' is missing");
      }
      if (tensor.type() != input.type()) {
        throw new IllegalArgumentException(
            "the input '"
                + input.name()
                + "' holds "
                + tensor.type().label()
                + ", but the model wants "
                + input.type().label());
      }
      sizes.put(input.name(), tensor.dims());
    }
    Map<String, Long> symbols = graph.bind(sizes);
    Map<String, Tensor> values = new HashMap<>(inputs);
    Map<String, Integer> uses = uses();
    for (Node node : graph.nodes()) {
      Tensor[] operands = new Tensor[node.inputs().size()];
      for (int i = 0; i < operands.length; i++) {
        if (node.has(i)) {
          operands[i] = value(node.inputs().get(i), values);
        }
      }
      Value output = graph.value(node.output());
      Tensor result = kernels.evaluate(node, operands, output, symbols);
      values.put(node.output(), result);
      if (node.count(result.dims(), symbols)) {
        graph.check(symbols);
      }
      for (String input : node.inputs()) {
        if (uses.merge(input, -1, Integer::sum) == 0) {
          values.remove(input);
        }
      }
    }
    Map<String, Tensor> results = new LinkedHashMap<>();
    for (String output : graph.outputs()) {
      results.put(output, value(output, values));
    }
    return results;
  }

  /** How often each value is used; outputs once more, so that they are kept. */
  private Map<String, Integer> uses() {
    Map<String, Integer> uses = new HashMap<>();
    for (Node node : graph.nodes()) {
      for (String input : node.inputs()) {
        uses.merge(input, 1, Integer::sum);
      }
    }
    for (String output : graph.outputs()) {
      uses.merge(output, 1, Integer::sum);
    }
    return uses;
  }

  private Tensor value(String name, Map<String, Tensor> values) {
    Tensor value = values.get(name);
    if (value == null) {
      value = constants.get(name);
    }
    if (value == null) {
      Constant constant = graph.constants().get(name);
      if (constant == null) {
        throw new IllegalStateException("the value '" + name + "' is not defined");
      }
      value = Tensor.of(constant);
      constants.put(name, value);
    }
    return value;
  }
}
