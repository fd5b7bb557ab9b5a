package dev.quern.graph.passes;

import dev.quern.graph.Attribute;
import dev.quern.graph.Constant;
import dev.quern.graph.Dim;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.Shape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Moves the transposes that bring channels back to the front, behind convolutions and pools, down
 * through element-wise nodes, dynamic quantisation, concatenations, reductions, pads, slices and
 * reshapes of the axes behind the channels, until they meet the transposes before the next
 * convolutions, or those of who multiplies pixels, and cancel.
 */
final class ChannelsLast {
  private final Editor editor;

  private ChannelsLast(Editor editor) {
    this.editor = editor;
  }

  static Graph run(Graph graph) {
    Editor editor = new Editor(graph);
    ChannelsLast pass = new ChannelsLast(editor);
    for (Node original : editor.source()) {
      Node node = editor.resolve(original);
      if (!pass.sink(node)) {
        // What meets its inverse here must not be taken for channels that move.
        Simplify.emitJoined(editor, node);
      }
    }
    return editor.finish();
  }

  /** Whether a node was written on channels-last operands, with a transpose behind it. */
  private boolean sink(Node node) {
    if (node.isQuern("Elementwise")) {
      return elementwise(node);
    }
    if (node.isQuern("DynamicQuantize")) {
      return quantise(node);
    }
    if (!node.domain().isEmpty()) {
      return false;
    }
    return switch (node.op()) {
      case "Concat" -> concat(node);
      case "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd" -> reduce(node);
      case "Pad", "Slice" -> box(node);
      case "Reshape" -> reshape(node);
      default -> false;
    };
  }

  /** The order of axes that moves channels to the front. */
  private static List<Long> perm(int rank) {
    List<Long> perm = new ArrayList<>(List.of(0L, rank - 1L));
    for (long axis = 1; axis < rank - 1; axis++) {
      perm.add(axis);
    }
    return perm;
  }

  /** The value with channels last that a value is the transpose of; null if it is none. */
  private String before(String value) {
    Node node = editor.definition(value);
    boolean fits =
        node != null
            && node.isOnnx("Transpose")
            && node.ints("perm").size() > 2
            && node.ints("perm").equals(perm(node.ints("perm").size()));
    return fits ? node.inputs().getFirst() : null;
  }

  /** A shape with channels first as one with channels last. */
  private static Shape last(Shape first) {
    List<Dim> dims = new ArrayList<>(first.dims());
    dims.add(dims.remove(1));
    return new Shape(dims);
  }

  private void write(Node node, List<String> inputs, Map<String, Attribute> attributes) {
    String inner = editor.fresh(node.output());
    Shape shape = editor.shape(node.output());
    editor.emit(
        new Node(node.name(), node.domain(), node.op(), inputs, List.of(inner), attributes),
        editor.type(node.output()),
        last(shape));
    Attribute perm = new Attribute.Ints(perm(shape.rank()));
    editor.emit(
        new Node(
            node.name(), "", "Transpose", List.of(inner), node.outputs(), Map.of("perm", perm)));
  }

  private boolean elementwise(Node node) {
    Shape shape = editor.shape(node.output());
    boolean any = false;
    for (String input : node.inputs()) {
      String before = before(input);
      boolean full = editor.shape(input).equals(shape);
      any |= full && before != null;
      // A whole operand that is not turned would need a transpose of its own.
      if (full && before == null && editor.constant(input) == null) {
        return false;
      }
    }
    if (!any) {
      return false;
    }
    List<String> inputs = new ArrayList<>();
    for (String input : node.inputs()) {
      inputs.add(channelsLast(input, shape.rank()));
    }
    write(node, inputs, node.attributes());
    return true;
  }

  /** An operand that broadcasts, with its channels last. */
  private String channelsLast(String input, int rank) {
    String before = before(input);
    Shape own = editor.shape(input);
    if (before != null && own.rank() == rank) {
      return before;
    }
    if (own.size().is(1)) {
      return input;
    }
    List<Dim> dims = new ArrayList<>();
    for (int i = own.rank(); i < rank; i++) {
      dims.add(Dim.ONE);
    }
    dims.addAll(own.dims());
    Shape whole = new Shape(dims);
    Shape turned = last(whole);
    String reshaped = whole.equals(own) ? input : reshaped(input, whole);
    if (!Simplify.keepsOrder(whole, last(rank))) {
      String name = editor.fresh(input);
      Map<String, Attribute> perm = Map.of("perm", new Attribute.Ints(last(rank)));
      editor.emit(
          new Node("", "", "Transpose", List.of(reshaped), List.of(name), perm),
          editor.type(input),
          turned);
      return name;
    }
    // Axes of size 1 at the front say nothing.
    List<Dim> fewer = new ArrayList<>(turned.dims());
    while (fewer.getFirst().is(1)) {
      fewer.removeFirst();
    }
    return reshaped(input, new Shape(fewer));
  }

  private static List<Long> last(int rank) {
    List<Long> perm = new ArrayList<>(List.of(0L));
    for (long axis = 2; axis < rank; axis++) {
      perm.add(axis);
    }
    perm.add(1L);
    return perm;
  }

  private String reshaped(String input, Shape shape) {
    String name = editor.fresh(input);
    Constant constant = editor.constant(input);
    if (constant != null) {
      return editor.constant(new Constant(name, constant.type(), shape, constant.data()));
    }
    editor.emit(
        new Node("", "", "Reshape", List.of(input), List.of(name), Map.of()),
        editor.type(input),
        shape);
    return name;
  }

  private boolean concat(Node node) {
    List<String> inputs = new ArrayList<>();
    for (String input : node.inputs()) {
      String before = before(input);
      if (before == null) {
        return false;
      }
      inputs.add(before);
    }
    int rank = editor.shape(node.output()).rank();
    long axis = perm(rank).get((int) node.integer("axis", 0));
    write(node, inputs, Map.of("axis", new Attribute.Int(axis)));
    return true;
  }

  private boolean reduce(Node node) {
    String before = before(node.inputs().getFirst());
    if (before == null) {
      return false;
    }
    List<Long> perm = perm(editor.shape(before).rank());
    List<Long> axes = new ArrayList<>();
    for (long axis : node.ints("axes")) {
      axes.add(perm.get((int) axis));
    }
    Map<String, Attribute> attributes = new LinkedHashMap<>(node.attributes());
    attributes.put("axes", new Attribute.Ints(axes));
    if (node.integer("keepdims", 1) != 0) {
      write(node, List.of(before), attributes);
      return true;
    }
    // What is left keeps its order only if the channels, or all behind them, are gone.
    List<Long> left = new ArrayList<>(perm);
    left.removeAll(axes);
    for (int i = 1; i < left.size(); i++) {
      if (left.get(i) < left.get(i - 1)) {
        return false;
      }
    }
    editor.emit(new Node(node.name(), "", node.op(), List.of(before), node.outputs(), attributes));
    return true;
  }

  /** Of a reshape that leaves images and channels as they are. */
  private boolean reshape(Node node) {
    String before = before(node.inputs().getFirst());
    Shape from = editor.shape(node.inputs().getFirst());
    Shape to = editor.shape(node.output());
    boolean fits =
        before != null
            && to.rank() > 2
            && to.dim(0).equals(from.dim(0))
            && to.dim(1).equals(from.dim(1));
    if (fits) {
      write(node, List.of(before), node.attributes());
    }
    return fits;
  }

  /** Numbers of 8 bits go where those were that they are made of; their range has no order. */
  private boolean quantise(Node node) {
    String before = before(node.inputs().getFirst());
    if (before == null) {
      return false;
    }
    if (node.integer("part", 0) == 0) {
      write(node, List.of(before), node.attributes());
    } else {
      editor.emit(node.withInputs(List.of(before)));
    }
    return true;
  }

  /** Pad and Slice have one or two numbers for each axis. */
  private boolean box(Node node) {
    String before = before(node.inputs().getFirst());
    if (before == null) {
      return false;
    }
    Map<String, Attribute> attributes = new LinkedHashMap<>();
    int rank = editor.shape(before).rank();
    for (Map.Entry<String, Attribute> entry : node.attributes().entrySet()) {
      attributes.put(
          entry.getKey(),
          switch (entry.getValue()) {
            case Attribute.Dims dims -> new Attribute.Dims(turned(dims.value(), rank));
            case Attribute.Ints ints -> new Attribute.Ints(turned(ints.value(), rank));
            default -> entry.getValue();
          });
    }
    write(node, List.of(before), attributes);
    return true;
  }

  private static <T> List<T> turned(List<T> list, int rank) {
    List<T> result = new ArrayList<>();
    for (int from = 0; from < list.size(); from += rank) {
      List<T> part = new ArrayList<>(list.subList(from, from + rank));
      part.add(part.remove(1));
      result.addAll(part);
    }
    return result;
  }
}
