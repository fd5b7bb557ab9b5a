package dev.quern.graph;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Writes a {@link Graph} node by node, in topological order. */
public final class GraphBuilder {
  /** More elements than any device holds: what is larger is a mistake, and sums would overflow. */
  private static final long MOST_ELEMENTS = 1L << 40;

  private final List<Value> inputs = new ArrayList<>();
  private final List<String> outputs = new ArrayList<>();
  private final Map<String, Constant> constants = new LinkedHashMap<>();
  private final List<Node> nodes = new ArrayList<>();
  private final Map<String, Value> values = new LinkedHashMap<>();
  private final Set<Check> checks = new LinkedHashSet<>();
  private int fresh;

  /** Adds an input. */
  public String input(String name, DataType type, Shape shape) {
    inputs.add(define(new Value(name, type, shape)));
    return name;
  }

  /** Adds a constant. */
  public String constant(Constant constant) {
    constants.put(constant.name(), constant);
    return define(constant.value()).name();
  }

  /** Adds a node of one output. */
  public String node(Node node, DataType type, Shape shape) {
    nodes.add(node);
    return define(new Value(node.output(), type, shape)).name();
  }

  /** Adds an output. */
  public void output(String name) {
    outputs.add(name);
  }

  /** Adds an assumption about sizes. */
  public void check(Check check) {
    checks.add(check);
  }

  /** The constant of a name; null if it is none. */
  Constant constantOrNull(String name) {
    return constants.get(name);
  }

  /** Gives a constant another name, which makes its own name free. */
  String renameConstant(String name) {
    Constant old = constants.remove(name);
    String renamed = fresh(name);
    values.remove(name);
    constant(new Constant(renamed, old.type(), old.shape(), old.data()));
    for (int i = 0; i < nodes.size(); i++) {
      if (nodes.get(i).inputs().contains(name)) {
        List<String> inputs = new ArrayList<>(nodes.get(i).inputs());
        Collections.replaceAll(inputs, name, renamed);
        nodes.set(i, nodes.get(i).withInputs(inputs));
      }
    }
    return renamed;
  }

  /** Whether a name is one of the inputs. */
  boolean isInput(String name) {
    for (Value input : inputs) {
      if (input.name().equals(name)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Whether a value is computed from an input; if not, it is a constant or will be folded to one.
   */
  boolean varies(String name) {
    Set<String> wanted = new LinkedHashSet<>(List.of(name));
    for (int i = nodes.size() - 1; i >= 0; i--) {
      if (wanted.contains(nodes.get(i).output())) {
        wanted.addAll(nodes.get(i).inputs());
      }
    }
    for (String each : wanted) {
      if (isInput(each)) {
        return true;
      }
    }
    return false;
  }

  /** Whether a name is taken. */
  boolean isDefined(String name) {
    return values.containsKey(name);
  }

  /** A name that is not taken, made from another. */
  public String fresh(String name) {
    String result;
    do {
      fresh++;
      result = name + ":" + fresh;
    } while (values.containsKey(result));
    return result;
  }

  private Value define(Value value) {
    if (isAbsurd(value.shape())) {
      throw new GraphImporter.Unsupported(
          "the shape " + value.shape() + " of '" + value.name() + "' is absurdly large", "");
    }
    if (values.putIfAbsent(value.name(), value) != null) {
      throw new IllegalArgumentException("the value '" + value.name() + "' is defined twice");
    }
    return value;
  }

  /** How far the graph has come; see {@link #undo}. */
  record Mark(int nodes, int checks) {}

  Mark mark() {
    return new Mark(nodes.size(), checks.size());
  }

  /** Whether a node since a mark says only while running how large its result is. */
  boolean counts(Mark mark) {
    for (Node node : nodes.subList(mark.nodes(), nodes.size())) {
      if (!node.ints("counted").isEmpty()) {
        return true;
      }
    }
    return false;
  }

  /** Takes back the nodes and checks since a mark; constants stay. */
  void undo(Mark mark) {
    while (nodes.size() > mark.nodes()) {
      nodes.removeLast().outputs().forEach(values::remove);
    }
    List<Check> all = List.copyOf(checks);
    checks.clear();
    checks.addAll(all.subList(0, mark.checks()));
  }

  private static boolean isAbsurd(Shape shape) {
    try {
      Dim size = shape.size();
      return size.isConstant() && size.constant() > MOST_ELEMENTS;
    } catch (ArithmeticException e) {
      return true;
    }
  }

  /** The graph so far. */
  public Graph build() {
    return new Graph(inputs, outputs, constants, nodes, values, List.copyOf(checks));
  }
}
