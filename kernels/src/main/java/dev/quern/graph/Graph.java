package dev.quern.graph;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A model.
 *
 * @param inputs what a run is given; each size in their shapes is a number or a plain symbol
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

  /**
   * What the symbols stand for in a run whose inputs have the given sizes. Each input must be there
   * and fit its declared shape, and every {@link #checks check} must hold.
   *
   * @param sizes each input's dims, by name
   * @return a number for each symbol
   * @throws IllegalArgumentException that names the input or node and the sizes that do not fit
   */
  public Map<String, Long> bind(Map<String, long[]> sizes) {
    Map<String, Long> symbols = new LinkedHashMap<>();
    for (Value input : inputs) {
      long[] dims = sizes.get(input.name());
      if (dims == null) {
        throw new IllegalArgumentException("the input '" + input.name() + "' is missing");
      }
      bind(input, dims, symbols);
    }
    for (Value input : inputs) {
      checkSums(input, sizes.get(input.name()), symbols);
    }
    check(symbols);
    return symbols;
  }

  /**
   * Fails if a check does not hold all of whose symbols are known; those of sizes that are counted
   * while running are known later.
   *
   * @throws IllegalArgumentException that names the node and the sizes that do not fit
   */
  public void check(Map<String, Long> symbols) {
    for (Check check : checks) {
      List<String> needed = new ArrayList<>();
      check.left().addSymbolsTo(needed);
      check.right().addSymbolsTo(needed);
      if (!symbols.keySet().containsAll(needed)) {
        continue;
      }
      long left = check.left().evaluate(symbols);
      long right = check.right().evaluate(symbols);
      if (left != right) {
        throw new IllegalArgumentException(check.message(left, right));
      }
    }
  }

  private static void bind(Value input, long[] dims, Map<String, Long> symbols) {
    Shape shape = input.shape();
    boolean fits = dims.length == shape.rank();
    for (int i = 0; fits && i < dims.length; i++) {
      Dim declared = shape.dim(i);
      if (declared.isConstant()) {
        fits = declared.is(dims[i]);
      } else if (dims[i] < (declared.isAtLeast(Dim.ONE) ? 1 : 0)) {
        throw new IllegalArgumentException(
            "axis " + i + " of the input '" + input.name() + "' has the size " + dims[i]);
      } else if (declared.isSymbol()) {
        Long known = symbols.putIfAbsent(declared.toString(), dims[i]);
        same(input, i, dims[i], declared, known == null ? dims[i] : known);
      }
    }
    if (!fits) {
      throw new IllegalArgumentException(
          "the input '"
              + input.name()
              + "' has the shape "
              + Arrays.toString(dims)
              + ", but the model wants "
              + shape);
    }
  }

  /** Checks the sizes that are sums of others, once these are known. */
  private static void checkSums(Value input, long[] dims, Map<String, Long> symbols) {
    for (int i = 0; i < dims.length; i++) {
      Dim declared = input.shape().dim(i);
      if (!declared.isConstant() && !declared.isSymbol()) {
        same(input, i, dims[i], declared, declared.evaluate(symbols));
      }
    }
  }

  private static void same(Value input, int axis, long size, Dim declared, long known) {
    if (known != size) {
      throw new IllegalArgumentException(
          "axis "
              + axis
              + " of the input '"
              + input.name()
              + "' has the size "
              + size
              + ", but "
              + declared
              + " is "
              + known
              + " in another place");
    }
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
