package dev.quern.graph;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One operation.
 *
 * @param name the name that messages use; it may be empty
 * @param domain {@code "quern"} for ours, empty for ONNX's
 * @param op the operator's name
 * @param inputs names of values; empty for an optional input that is absent
 * @param outputs names of the values that it defines
 * @param attributes by name, in a fixed order
 */
public record Node(
    String name,
    String domain,
    String op,
    List<String> inputs,
    List<String> outputs,
    Map<String, Attribute> attributes) {
  /** The domain of Quern's own operators. */
  public static final String QUERN = "quern";

  /**
   * The domain of canonical operators that only the scalar reference kernels compute. A back end
   * runs them there, beside its own kernels.
   */
  public static final String HOST = "host";

  public Node {
    inputs = List.copyOf(inputs);
    outputs = List.copyOf(outputs);
    attributes = Collections.unmodifiableMap(new LinkedHashMap<>(attributes));
  }

  /** {@code MatMul}, or {@code quern.MatMul} for one of ours. */
  public String operator() {
    return domain.isEmpty() ? op : domain + "." + op;
  }

  /** Whether this is Quern's own operator of this name. */
  public boolean isQuern(String operator) {
    return domain.equals(QUERN) && op.equals(operator);
  }

  /** Whether only the scalar reference kernels compute this. */
  public boolean isHost() {
    return domain.equals(HOST);
  }

  /** Whether this is ONNX's operator of this name. */
  public boolean isOnnx(String operator) {
    return domain.isEmpty() && op.equals(operator);
  }

  /** The first output. */
  public String output() {
    return outputs.getFirst();
  }

  /** Whether an input is there. */
  public boolean has(int input) {
    return input < inputs.size() && !inputs.get(input).isEmpty();
  }

  /** A whole number, or what is given if the attribute is absent. */
  public long integer(String attribute, long otherwise) {
    return attributes.get(attribute) instanceof Attribute.Int a ? a.value() : otherwise;
  }

  /** A real number, or what is given if the attribute is absent. */
  public double real(String attribute, double otherwise) {
    return attributes.get(attribute) instanceof Attribute.Real a ? a.value() : otherwise;
  }

  /** A text, or what is given if the attribute is absent. */
  public String text(String attribute, String otherwise) {
    return attributes.get(attribute) instanceof Attribute.Text a ? a.value() : otherwise;
  }

  /** Whole numbers; none if the attribute is absent. */
  public List<Long> ints(String attribute) {
    return attributes.get(attribute) instanceof Attribute.Ints a ? a.value() : List.of();
  }

  /** Sizes; none if the attribute is absent. */
  public List<Dim> dims(String attribute) {
    return attributes.get(attribute) instanceof Attribute.Dims a ? a.value() : List.of();
  }

  /**
   * Says what the symbols of sizes that this node counted stand for.
   *
   * @param dims the sizes of the result
   * @param symbols gets an entry for each axis in {@code counted}
   * @return whether there was any
   */
  public boolean count(long[] dims, Map<String, Long> symbols) {
    List<Long> counted = ints("counted");
    for (long axis : counted) {
      symbols.put(Site.countedSymbol(output(), (int) axis), dims[(int) axis] + 1);
    }
    return !counted.isEmpty();
  }

  /** Whether there is an element-wise program in {@code program}. */
  public boolean hasProgram() {
    return attributes.get("program") instanceof Attribute.Program;
  }

  /** The element-wise program in an attribute; throws {@link IllegalStateException} if absent. */
  public ElementwiseProgram program(String attribute) {
    if (attributes.get(attribute) instanceof Attribute.Program a) {
      return a.value();
    }
    throw new IllegalStateException(operator() + " '" + name + "' has no program " + attribute);
  }

  /** The same operation on other inputs. */
  public Node withInputs(List<String> others) {
    return new Node(name, domain, op, others, outputs, attributes);
  }

  /** The same operation with one result of this name. */
  public Node withOutput(String other) {
    return new Node(name, domain, op, inputs, List.of(other), attributes);
  }

  /** The same operation with one attribute added or replaced. */
  public Node with(String attribute, Attribute value) {
    Map<String, Attribute> changed = new LinkedHashMap<>(attributes);
    changed.put(attribute, value);
    return new Node(name, domain, op, inputs, outputs, changed);
  }

  /** {@code y = quern.MatMul(x, w) {parts=3}}. */
  @Override
  public String toString() {
    StringBuilder out = new StringBuilder();
    out.append(String.join(", ", outputs)).append(" = ").append(operator());
    List<String> shown = new ArrayList<>();
    for (String input : inputs) {
      shown.add(input.isEmpty() ? "_" : input);
    }
    out.append('(').append(String.join(", ", shown)).append(')');
    String separator = " {";
    for (Map.Entry<String, Attribute> entry : attributes.entrySet()) {
      out.append(separator).append(entry.getKey()).append('=');
      switch (entry.getValue()) {
        case Attribute.Int a -> out.append(a.value());
        case Attribute.Real a -> out.append(a.value());
        case Attribute.Text a -> out.append(a.value());
        case Attribute.Ints a -> out.append(a.value());
        case Attribute.Reals a -> out.append(a.value());
        case Attribute.Dims a -> out.append(a.value());
        case Attribute.Tensor a -> out.append(a.value());
        case Attribute.Program a -> out.append(a.value());
        case Attribute.Body a -> out.append("graph of ").append(a.value().nodes().size());
      }
      separator = ", ";
    }
    return attributes.isEmpty() ? out.toString() : out.append('}').toString();
  }
}
