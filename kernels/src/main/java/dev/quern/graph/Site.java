package dev.quern.graph;

import dev.quern.graph.GraphImporter.Known;
import dev.quern.graph.GraphImporter.Unsupported;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.OnnxAttribute;
import dev.quern.onnx.OnnxNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** One ONNX node while it is imported: what its rule may ask and write. */
final class Site {
  private final GraphImporter importer;
  private final GraphBuilder builder;
  private final OnnxNode node;
  private final int opset;

  /** The input whose elements were wanted last and are not known. */
  private String asked = "";

  private boolean hopeless;

  Site(GraphImporter importer, OnnxNode node, int opset) {
    this.importer = importer;
    this.builder = importer.builder();
    this.node = node;
    this.opset = opset;
  }

  int opset() {
    return opset;
  }

  // Inputs.

  /** The number of inputs, absent ones in between included. */
  int inputs() {
    return node.inputs().size();
  }

  boolean has(int input) {
    return input < inputs() && !node.inputs().get(input).isEmpty();
  }

  private Known known(int input) {
    if (!has(input)) {
      throw new Unsupported("its input " + input + " is missing", "");
    }
    return importer.known(node.inputs().get(input));
  }

  DataType type(int input) {
    return known(input).value().type();
  }

  Shape shape(int input) {
    return known(input).value().shape();
  }

  /** The elements of an input that is a number or a row of them, if they are known. */
  Optional<List<Dim>> contents(int input) {
    return shape(input).rank() > 1 ? Optional.empty() : elements(input);
  }

  /** The elements of an input of any rank, if they are known. */
  Optional<List<Dim>> elements(int input) {
    Optional<List<Dim>> contents = known(input).contents();
    if (contents.isEmpty()) {
      asked = node.inputs().get(input);
    }
    return contents;
  }

  /** Says that no run could be different. */
  void setHopeless() {
    hopeless = true;
  }

  /** Whether the rule fails whatever a run brings: what is known of the node does not change. */
  boolean isHopeless() {
    boolean fixed = asked.isEmpty();
    for (int i = 0; fixed && i < inputs(); i++) {
      if (has(i)) {
        Known value = known(i);
        fixed = value.value().shape().isConstant();
        for (Dim element : value.contents().orElse(List.of())) {
          fixed &= element.isConstant();
        }
      }
    }
    return hopeless || fixed;
  }

  /** The input whose elements the rule wanted last and did not get; empty if there is none. */
  String asked() {
    return asked;
  }

  /** The elements of an input that says a shape or position. */
  List<Dim> sizes(int input, String what) {
    return contents(input)
        .orElseThrow(() ->
            new Unsupported(
                "its " + what + " is computed from data",
                "only constants and sizes of inputs can be used there"));
  }

  /** The elements of an input that must be constant. */
  List<Long> constants(int input, String what) {
    List<Long> result = new ArrayList<>();
    for (Dim dim : sizes(input, what)) {
      if (!dim.isConstant()) {
        throw new Unsupported("its " + what + " depends on " + dim, "it must be a constant");
      }
      result.add(dim.constant());
    }
    return result;
  }

  /** The constant that an input is, if it is one. */
  Optional<Constant> constant(int input) {
    String runtime = known(input).runtime();
    Optional<Constant> constant =
        runtime.isEmpty() ? Optional.empty() : Optional.ofNullable(builder.constantOrNull(runtime));
    if (constant.isEmpty()) {
      asked = node.inputs().get(input);
    }
    return constant;
  }

  /** The type in which numbers of a type are computed with. */
  DataType computed(DataType type) {
    return importer.computed(type);
  }

  /** Whether an input is another in each run. */
  boolean varies(int input) {
    return builder.varies(operand(input));
  }

  /** The name of an input at run time. */
  String operand(int input) {
    return importer.runtime(known(input), node.inputs().get(input));
  }

  // Attributes.

  long integer(String name, long otherwise) {
    return switch (node.attributes().get(name)) {
      case null -> otherwise;
      case OnnxAttribute.Int a -> a.value();
      default -> throw wrongAttribute(name, "a whole number");
    };
  }

  double real(String name, double otherwise) {
    return switch (node.attributes().get(name)) {
      case null -> otherwise;
      case OnnxAttribute.Real a -> a.value();
      default -> throw wrongAttribute(name, "a real number");
    };
  }

  String text(String name, String otherwise) {
    return switch (node.attributes().get(name)) {
      case null -> otherwise;
      case OnnxAttribute.Text a -> a.value();
      default -> throw wrongAttribute(name, "a text");
    };
  }

  Optional<List<Long>> ints(String name) {
    return switch (node.attributes().get(name)) {
      case null -> Optional.empty();
      case OnnxAttribute.Ints a -> Optional.of(a.value());
      default -> throw wrongAttribute(name, "a list of whole numbers");
    };
  }

  Optional<List<Double>> reals(String name) {
    return switch (node.attributes().get(name)) {
      case null -> Optional.empty();
      case OnnxAttribute.Reals a -> {
        List<Double> values = new ArrayList<>();
        for (float value : a.value()) {
          values.add((double) value);
        }
        yield Optional.of(values);
      }
      default -> throw wrongAttribute(name, "a list of real numbers");
    };
  }

  Optional<List<String>> texts(String name) {
    return switch (node.attributes().get(name)) {
      case null -> Optional.empty();
      case OnnxAttribute.Texts a -> {
        List<String> values = new ArrayList<>();
        for (OnnxAttribute.Text value : a.value()) {
          values.add(value.value());
        }
        yield Optional.of(values);
      }
      default -> throw wrongAttribute(name, "a list of texts");
    };
  }

  Map<String, OnnxAttribute> attributes() {
    return node.attributes();
  }

  Optional<OnnxAttribute> attribute(String name) {
    return Optional.ofNullable(node.attributes().get(name));
  }

  private static Unsupported wrongAttribute(String name, String wanted) {
    return new Unsupported("its attribute " + name + " is not " + wanted, "export the model again");
  }

  /** An axis counted from 0. */
  int axis(long axis, int rank) {
    if (axis < -rank || axis >= Math.max(rank, 1)) {
      throw new Unsupported("its axis " + axis + " is outside of a tensor of rank " + rank, "");
    }
    return (int) (axis < 0 ? axis + rank : axis);
  }

  // Outputs.

  int outputs() {
    return node.outputs().size();
  }

  /** Whether an output is wanted. */
  boolean wants(int output) {
    return output < outputs() && !node.outputs().get(output).isEmpty();
  }

  String output(int output) {
    return node.outputs().get(output);
  }

  /** Fails if an output that is wanted has not been defined. */
  void requireOutputs() {
    for (int i = 0; i < outputs(); i++) {
      if (wants(i) && importer.known(output(i)) == null) {
        throw new Unsupported("its output " + i + " is not supported", "remove what uses it");
      }
    }
  }

  /** An output that is an input under another name. */
  void alias(int output, int input) {
    importer.define(output(output), known(input));
  }

  /** An output whose elements are known while importing. */
  void contents(int output, DataType type, Shape shape, List<Dim> elements) {
    Value value = new Value(output(output), type, shape);
    importer.define(output(output), new Known(value, Optional.of(List.copyOf(elements)), ""));
  }

  /** An output that is a constant. */
  void constant(int output, Constant constant) {
    importer.define(constant);
  }

  /** Whether a constant of so many elements may be made; all that are made are counted. */
  boolean mayMake(long elements) {
    return importer.mayMake(elements);
  }

  /** Says that a name of the graph is an output. */
  void define(int output, String runtime, DataType type, Shape shape) {
    Value value = new Value(output(output), type, shape);
    importer.define(output(output), new Known(value, Optional.empty(), runtime));
  }

  // Writing nodes. Each gives the name of the value that the node defines.

  /** A node that defines an output. */
  void node(
      int output,
      String domain,
      String op,
      List<String> inputs,
      Map<String, Attribute> attributes,
      DataType type,
      Shape shape) {
    String name = output(output);
    if (builder.isDefined(name)) {
      throw new Unsupported("the value '" + name + "' is defined twice", "export the model again");
    }
    boolean keeps = type == DataType.FLOAT16 || !importer.isHalfOutput(name);
    String runtime = keeps ? name : builder.fresh(name);
    Node made = new Node(node.name(), domain, op, inputs, List.of(runtime), attributes);
    builder.node(made, type, shape);
    define(output, runtime, type, shape);
  }

  /** A node that defines a value between. */
  String between(
      String domain,
      String op,
      List<String> inputs,
      Map<String, Attribute> attributes,
      DataType type,
      Shape shape) {
    String name = builder.fresh(node.outputs().getFirst());
    return builder.node(
        new Node(node.name(), domain, op, inputs, List.of(name), attributes), type, shape);
  }

  /** The result of another ONNX operator, whose rule writes it as a part of this one. */
  Value child(
      String op, List<Value> operands, Map<String, OnnxAttribute> attributes, Operator.Rule rule) {
    return children(op, operands, attributes, rule, 1).getFirst();
  }

  /** The same, for an operator of several results. */
  List<Value> children(
      String op,
      List<Value> operands,
      Map<String, OnnxAttribute> attributes,
      Operator.Rule rule,
      int results) {
    List<String> inputs = new ArrayList<>();
    for (Value operand : operands) {
      if (importer.known(operand.name()) == null) {
        importer.define(operand.name(), new Known(operand, Optional.empty(), operand.name()));
      }
      inputs.add(operand.name());
    }
    List<String> outputs = new ArrayList<>();
    for (int i = 0; i < results; i++) {
      outputs.add(builder.fresh(node.outputs().getFirst() + "/" + op + i));
    }
    OnnxNode child = new OnnxNode(node.name(), "", op, inputs, outputs, attributes);
    Site site = new Site(importer, child, GraphImporter.NEWEST_PLAIN);
    rule.apply(site);
    List<Value> values = new ArrayList<>();
    for (String output : outputs) {
      Known known = importer.known(output);
      String runtime = importer.runtime(known, output);
      values.add(new Value(runtime, known.value().type(), known.value().shape()));
    }
    return values;
  }

  /** A constant under a name that is free. */
  String constant(Constant constant) {
    String name = builder.fresh(node.outputs().getFirst());
    return builder.constant(new Constant(name, constant.type(), constant.shape(), constant.data()));
  }

  /**
   * A size that is counted while running: how long an axis of the result is. It may be 0, which a
   * symbol is not, so that the symbol stands for one more; {@link Node} {@code counted} lists such
   * axes.
   */
  Dim counted(int output, int axis) {
    return Dim.symbol(countedSymbol(output(output), axis)).minus(Dim.ONE);
  }

  /** The symbol of a size that is counted, which stands for one more. */
  static String countedSymbol(String value, int axis) {
    return "#" + value + "." + axis;
  }

  /** A constant scalar. */
  String scalar(DataType type, Bytes data) {
    String name = builder.fresh(node.outputs().getFirst());
    return builder.constant(new Constant(name, type, Shape.SCALAR, data));
  }

  /** A value in another shape. */
  String reshaped(String value, DataType type, Shape from, Shape to) {
    if (from.equals(to)) {
      return value;
    }
    Constant constant = builder.constantOrNull(value);
    if (constant != null && to.isConstant()) {
      return builder.constant(new Constant(builder.fresh(value), type, to, constant.data()));
    }
    return between("", "Reshape", List.of(value), Map.of(), type, to);
  }

  /** A value with its axes in another order. */
  String transposed(String value, DataType type, Shape from, List<Long> perm) {
    return between(
        "",
        "Transpose",
        List.of(value),
        Map.of("perm", new Attribute.Ints(perm)),
        type,
        from.permuted(perm));
  }

  // Sizes.

  /**
   * The size of which both are: equal ones, or ones that a run will check. Sizes that are known to
   * differ fail.
   */
  Dim same(Dim a, Dim b, String what) {
    if (a.equals(b)) {
      return a;
    }
    if (a.differsFrom(b)) {
      throw new Unsupported(what + " differ: " + a + " and " + b, "", true);
    }
    boolean left = a.isConstant() || (!b.isConstant() && isSimpler(a, b));
    builder.check(new Check(left ? a : b, left ? b : a, node.name()));
    return left ? a : b;
  }

  private static boolean isSimpler(Dim a, Dim b) {
    return a.isSymbol() || (!b.isSymbol() && a.toString().length() <= b.toString().length());
  }

  /** The shape that two shapes broadcast to, as numpy does. */
  Shape broadcast(Shape a, Shape b) {
    int rank = Math.max(a.rank(), b.rank());
    List<Dim> dims = new ArrayList<>(rank);
    for (int i = 0; i < rank; i++) {
      Dim left = i < rank - a.rank() ? Dim.ONE : a.dim(i - rank + a.rank());
      Dim right = i < rank - b.rank() ? Dim.ONE : b.dim(i - rank + b.rank());
      if (left.is(1)) {
        dims.add(right);
      } else if (right.is(1)) {
        dims.add(left);
      } else {
        dims.add(
            same(left, right, "the shapes " + a + " and " + b + " do not broadcast, as sizes"));
      }
    }
    return new Shape(dims);
  }

  /** That no run could be different. */
  static Unsupported never(String text, String advice) {
    return new Unsupported(text, advice, true);
  }

  static Unsupported unsupported(String text, String advice) {
    return new Unsupported(text, advice);
  }
}
