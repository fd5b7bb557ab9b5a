package dev.quern.graph;

import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxGraph;
import dev.quern.onnx.OnnxModel;
import dev.quern.onnx.OnnxNode;
import dev.quern.onnx.OnnxTensor;
import dev.quern.onnx.OnnxValue;
import dev.quern.onnx.Problem;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Turns a model into a {@link Graph} of canonical operators. A table of {@link Operators} has a row
 * for each ONNX operator; the row's rule infers the shape and writes the canonical nodes.
 *
 * <p>Arithmetic on sizes ({@code Shape → Gather → Concat → Reshape}) never becomes nodes: the
 * contents of such tensors are known as {@link Dim sizes} while importing, and the operators that
 * want them read them there.
 */
public final class GraphImporter {
  /**
   * The oldest and newest version of ONNX's operator set whose rules are known; before version 7,
   * of those operators only that {@link Operators#since} names.
   */
  static final long OLDEST = 1;

  static final long NEWEST = 24;

  /** The version in which a rule writes ONNX's operators as parts of another. */
  static final int NEWEST_PLAIN = 21;

  /** Operators whose first output need not be wanted. */
  private static final Set<String> MAY_LACK_FIRST =
      Set.of("Split", "RNN", "GRU", "LSTM", "TopK", "Unique");

  /** Elements of all constants that ranges become. */
  private static final long MOST_MADE = 1 << 22;

  /** Elements of a constant of f16 that becomes f32 at once, so that rules know its numbers. */
  private static final long FEW = 1024;

  /**
   * What is known of a value: its type and shape, and its elements or the name that it has at run
   * time, or both.
   *
   * @param value type and shape
   * @param contents the elements in row-major order, of a small tensor of integers or bools
   * @param runtime the name in the graph that is written; empty if it has none yet
   */
  record Known(Value value, Optional<List<Dim>> contents, String runtime) {}

  /** Something that a rule cannot import; becomes a {@link Problem} of the node. */
  static final class Unsupported extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private final String advice;

    /** Whether no run could be different, whatever its sizes and values are. */
    private final boolean certain;

    Unsupported(String message, String advice) {
      this(message, advice, false);
    }

    Unsupported(String message, String advice, boolean certain) {
      super(message);
      this.advice = advice;
      this.certain = certain;
    }
  }

  private final GraphBuilder builder = new GraphBuilder();
  private final Map<String, Known> known = new HashMap<>();
  private final Map<String, Boolean> poisoned = new HashMap<>();
  private final List<Problem> problems = new ArrayList<>();
  private final Operators operators;
  private final int opset;
  private final boolean whole;
  private final Set<String> halfOutputs = new HashSet<>();
  private long made;

  /**
   * @param whole whether all of a model is imported: then what is f16 is computed with as f32, and
   *     only inputs, large constants and outputs are f16
   */
  GraphImporter(Operators operators, int opset, boolean whole) {
    this.operators = operators;
    this.opset = opset;
    this.whole = whole;
  }

  /** The graph of a model of any operators. */
  public static Graph importModel(OnnxModel model) {
    return importModel(model, Operators.all());
  }

  /**
   * The graph of a model of these operators.
   *
   * @throws ModelException that lists every operator, type and shape that is not supported
   */
  public static Graph importModel(OnnxModel model, Operators operators) {
    GraphImporter importer = new GraphImporter(operators, opset(model), true);
    importer.run(model.graph());
    if (!importer.problems.isEmpty()) {
      throw new ModelException(importer.problems);
    }
    return importer.builder.build();
  }

  /**
   * The version of ONNX's operator set that a model uses.
   *
   * @throws ModelException if its rules are not known
   */
  public static int opset(OnnxModel model) {
    // A model of other operators only does not say which version of ONNX's own it means.
    long opset = model.opsets().getOrDefault("", NEWEST);
    if (opset < OLDEST || opset > NEWEST) {
      throw new ModelException(
          new Problem(
              "",
              "",
              "the model uses version " + opset + " of ONNX's operators",
              "export it with an opset_version of 7 to " + NEWEST));
    }
    return (int) opset;
  }

  private void run(OnnxGraph graph) {
    Set<String> initialized = new HashSet<>();
    for (OnnxTensor tensor : graph.initializers()) {
      define(tensor.name(), "initializer", () -> define(constant(tensor.name(), tensor)));
      initialized.add(tensor.name());
    }
    for (OnnxValue output : graph.outputs()) {
      if (output.type() == DataType.FLOAT16) {
        halfOutputs.add(output.name());
      }
    }
    InputSizes sizes = new InputSizes(graph);
    for (OnnxValue input : graph.inputs()) {
      // Before IR version 4, every initializer is listed as an input too.
      if (!initialized.contains(input.name())) {
        define(input.name(), "input", () -> input(input, sizes));
      }
    }
    for (OnnxNode node : graph.nodes()) {
      node(node);
    }
    for (OnnxValue output : graph.outputs()) {
      define(output.name(), "output", () -> output(output));
    }
    if (graph.outputs().isEmpty()) {
      problems.add(new Problem("", "", "the model has no output", "export it again"));
    }
  }

  /** Runs a definition; if it fails, the value is not mentioned again. */
  private void define(String name, String what, Runnable definition) {
    try {
      definition.run();
    } catch (Unsupported e) {
      problems.add(new Problem(what + " '" + name + "'", "", e.getMessage(), e.advice));
      poisoned.put(name, true);
    } catch (ArithmeticException e) {
      problems.add(
          new Problem(
              what + " '" + name + "'", "", "its size is not computable: " + e.getMessage(), ""));
      poisoned.put(name, true);
    }
  }

  private void input(OnnxValue input, InputSizes sizes) {
    if (input.name().isEmpty()) {
      throw new Unsupported("it has no name", "export the model again");
    }
    if (!isSupported(input.type())) {
      throw new Unsupported(
          "its type is " + input.type().label(), "use a real, integer or bool type");
    }
    if (input.dims().isEmpty()) {
      throw new Unsupported("its rank is not known", "export the model with the inputs' shapes");
    }
    List<Dim> dims = new ArrayList<>();
    for (OnnxValue.OnnxDim dim : input.dims().get()) {
      dims.add(sizes.of(input.name(), dims.size(), dim));
    }
    given(new Value(input.name(), input.type(), new Shape(dims)));
  }

  /** Adds an input. */
  void given(Value value) {
    claim(value.name());
    String name = builder.input(value.name(), value.type(), value.shape());
    known.put(value.name(), computed(new Known(value, Optional.empty(), name)));
  }

  /** Whether a value is an output that the model says is f16: its name is kept for that. */
  boolean isHalfOutput(String name) {
    return whole && halfOutputs.contains(name);
  }

  /** The type in which numbers of a type are computed with. */
  DataType computed(DataType type) {
    return whole && type == DataType.FLOAT16 ? DataType.FLOAT : type;
  }

  /** A value in the type in which it is computed with. */
  private Known computed(Known value) {
    DataType type = computed(value.value.type());
    if (type == value.value.type()) {
      return value;
    }
    Shape shape = value.value.shape();
    if (value.runtime.isEmpty()) {
      Value wide = new Value(value.value.name(), type, shape);
      return new Known(wide, value.contents, "");
    }
    Constant constant = builder.constantOrNull(value.runtime);
    if (constant != null && constant.shape().size().constant() <= FEW) {
      double[] numbers = new double[(int) constant.shape().size().constant()];
      for (int i = 0; i < numbers.length; i++) {
        numbers[i] = constant.number(i);
      }
      String name = builder.fresh(value.value.name());
      Constant wide = Constants.numbers(name, type, shape, numbers);
      return new Known(wide.value(), Contents.of(wide), builder.constant(wide));
    }
    return new Known(
        new Value(value.value.name(), type, shape),
        Optional.empty(),
        constant == null ? cast(value, type, builder.fresh(value.value.name())) : widened(value));
  }

  private String widened(Known value) {
    String name = builder.fresh(value.value.name());
    Node node =
        new Node(name, Node.QUERN, "Widen", List.of(value.runtime), List.of(name), Map.of());
    return builder.node(node, DataType.FLOAT, value.value.shape());
  }

  private String cast(Known value, DataType type, String name) {
    ElementwiseProgram program =
        ElementwiseProgram.single(ElementwiseOp.CAST, type, List.of(value.value.type()));
    Map<String, Attribute> attributes = Map.of("program", new Attribute.Program(program));
    Node node =
        new Node(
            name, Node.QUERN, "Elementwise", List.of(value.runtime), List.of(name), attributes);
    return builder.node(node, type, value.value.shape());
  }

  private void claim(String name) {
    if (known.containsKey(name) || builder.isDefined(name)) {
      throw new Unsupported("the value '" + name + "' is defined twice", "export the model again");
    }
  }

  private void output(OnnxValue output) {
    String name = output.name();
    if (poisoned.containsKey(name)) {
      return;
    }
    Known value = known.get(name);
    if (value == null) {
      throw new Unsupported("no node defines it", "export the model again");
    }
    String source = runtime(value, name);
    DataType type = value.value.type();
    boolean narrows = type != output.type() && isHalfOutput(name);
    Constant own = builder.constantOrNull(name);
    if (narrows && builder.isDefined(name) && (own == null || own.type() == output.type())) {
      // An input, or what a node made in f16.
      source = name;
      type = output.type();
      narrows = false;
    }
    if (source.equals(name) && builder.constantOrNull(name) != null) {
      source = builder.renameConstant(name);
      known.put(name, new Known(value.value, value.contents, source));
    }
    if (narrows) {
      cast(new Known(value.value, Optional.empty(), source), output.type(), name);
    } else if (!source.equals(name)) {
      // Another name for a value, or a constant: a copy, so that the output is a node's own.
      builder.node(
          new Node(name, "", "Reshape", List.of(source), List.of(name), Map.of()),
          type,
          value.value().shape());
    }
    builder.output(name);
  }

  /** Whether elements of a type can be computed with. */
  static boolean isSupported(DataType type) {
    return type.isFloating() || type.isInteger() || type == DataType.BOOL;
  }

  /** A constant of the graph from a tensor of the file. */
  static Constant constant(String name, OnnxTensor tensor) {
    if (!isSupported(tensor.type())) {
      throw new Unsupported(
          "tensors of " + tensor.type().label() + " are not supported", "export the model as f32");
    }
    return new Constant(name, tensor.type(), Shape.of(tensor.dims()), tensor.data());
  }

  private void node(OnnxNode node) {
    boolean usable = true;
    for (String input : node.inputs()) {
      if (!input.isEmpty() && poisoned.containsKey(input)) {
        usable = false;
      } else if (!input.isEmpty() && !known.containsKey(input)) {
        report(
            node,
            "its input '" + input + "' is not defined by any node before it",
            "export the model again");
        usable = false;
      }
    }
    boolean mayLackFirst = MAY_LACK_FIRST.contains(node.op()) && !hasNoOutput(node);
    if (node.outputs().isEmpty() || (node.outputs().getFirst().isEmpty() && !mayLackFirst)) {
      report(node, "it has no output", "export the model again");
      usable = false;
    }
    Optional<Operator> operator = operators.find(node.domain(), node.op());
    if (operator.isEmpty()) {
      problems.add(unknown(node));
      usable = false;
    }
    if (usable) {
      Optional<Problem> problem = apply(node, operator.get(), new Site(this, node, opset));
      problem.ifPresent(problems::add);
      usable = problem.isEmpty();
    }
    if (!usable) {
      for (String output : node.outputs()) {
        poisoned.put(output, true);
      }
    }
  }

  /** Applies a node's rule: what was in the way, or nothing. */
  static Optional<Problem> apply(OnnxNode node, Operator operator, Site site) {
    try {
      operator.apply(site);
      site.requireOutputs();
      return Optional.empty();
    } catch (Unsupported e) {
      if (e.certain) {
        site.setHopeless();
      }
      return Optional.of(problem(node, e.getMessage(), e.advice));
    } catch (ArithmeticException e) {
      return Optional.of(problem(node, "a size is not computable: " + e.getMessage(), ""));
    } catch (IndexOutOfBoundsException | IllegalArgumentException | IllegalStateException e) {
      // A rule took for granted what a sound model has, such as a rank.
      String text = "its inputs and attributes do not fit: " + e.getMessage();
      return Optional.of(problem(node, text, ""));
    }
  }

  /** That there is no row for a node's operator. */
  static Problem unknown(OnnxNode node) {
    return problem(
        node,
        "the operator is not supported",
        "the supported ones are listed in the documentation's table of operators");
  }

  private static boolean hasNoOutput(OnnxNode node) {
    for (String output : node.outputs()) {
      if (!output.isEmpty()) {
        return false;
      }
    }
    return true;
  }

  private void report(OnnxNode node, String text, String advice) {
    problems.add(problem(node, text, advice));
  }

  private static Problem problem(OnnxNode node, String text, String advice) {
    String place = node.name();
    if (place.isEmpty() && !node.outputs().isEmpty()) {
      place = "node of " + node.outputs().getFirst();
    }
    String operator = node.domain().isEmpty() ? node.op() : node.domain() + "." + node.op();
    return new Problem(place, operator, text, advice);
  }

  GraphBuilder builder() {
    return builder;
  }

  Known known(String name) {
    return known.get(name);
  }

  /** Says what a node's output is. */
  void define(String name, Known value) {
    if (known.putIfAbsent(name, computed(value)) != null) {
      throw new Unsupported("the value '" + name + "' is defined twice", "export the model again");
    }
  }

  /** Forgets what was known of a value. */
  void undefine(String name) {
    known.remove(name);
  }

  /** Adds a constant to the graph, under its own name. */
  void define(Constant constant) {
    claim(constant.name());
    known.put(
        constant.name(),
        computed(new Known(constant.value(), Contents.of(constant), builder.constant(constant))));
  }

  /** Counts elements of constants that the importer makes, against a limit for hostile models. */
  boolean mayMake(long elements) {
    made += elements;
    return made <= MOST_MADE;
  }

  /** The name that a value has at run time; contents that are known numbers become a constant. */
  String runtime(Known value, String name) {
    if (!value.runtime.isEmpty()) {
      return value.runtime;
    }
    List<Dim> contents = value.contents.orElseThrow();
    for (Dim dim : contents) {
      if (!dim.isConstant()) {
        String sizes = sizes(value.value, contents, dim);
        known.replace(name, new Known(value.value, value.contents, sizes));
        return sizes;
      }
    }
    String target = builder.isDefined(name) ? builder.fresh(name) : name;
    builder.constant(Contents.toConstant(target, value.value, contents));
    known.replace(name, new Known(value.value, value.contents, target));
    return target;
  }

  /** A tensor of sizes that runs count. */
  private String sizes(Value value, List<Dim> contents, Dim dim) {
    DataType type = value.type();
    if (type != DataType.INT64 && type != DataType.INT32) {
      throw new Unsupported(
          "it computes with the size " + dim + " as " + type.label(), "sizes are i64");
    }
    List<String> parts = new ArrayList<>();
    for (Dim each : contents) {
      Map<String, Attribute> numbers =
          attributes("start", new Attribute.Dims(List.of(each)), "step", new Attribute.Int(0));
      parts.add(made(Node.QUERN, "Iota", List.of(), numbers, value, Shape.of(1)));
    }
    Map<String, Attribute> axis = Map.of("axis", new Attribute.Int(0));
    String all =
        parts.size() == 1
            ? parts.getFirst()
            : made("", "Concat", parts, axis, value, Shape.of(parts.size()));
    return value.shape().equals(Shape.of(parts.size()))
        ? all
        : made("", "Reshape", List.of(all), Map.of(), value, value.shape());
  }

  private String made(
      String domain,
      String op,
      List<String> inputs,
      Map<String, Attribute> attributes,
      Value value,
      Shape shape) {
    String name = builder.fresh(value.name());
    Node node = new Node(value.name(), domain, op, inputs, List.of(name), attributes);
    return builder.node(node, value.type(), shape);
  }

  /** Attribute names and values in the order in which they are given, alternating. */
  static Map<String, Attribute> attributes(Object... namesAndValues) {
    Map<String, Attribute> result = new LinkedHashMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      result.put((String) namesAndValues[i], (Attribute) namesAndValues[i + 1]);
    }
    return result;
  }
}
