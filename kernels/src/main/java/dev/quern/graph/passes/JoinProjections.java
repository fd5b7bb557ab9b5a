package dev.quern.graph.passes;

import static dev.quern.graph.ElementwiseOp.ADD;

import dev.quern.graph.Attribute;
import dev.quern.graph.Constant;
import dev.quern.graph.Dim;
import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.Products;
import dev.quern.graph.Shape;
import dev.quern.graph.passes.Programs.Simple;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Joins the products that make q, k and v of one attention from the same operand into one product
 * whose weights are parts side by side; q, k and v become slices of it. The weights are not copied,
 * only the biases are.
 */
final class JoinProjections {
  /** {@code value = x · weights + bias}; the bias is empty if there is none. */
  private record Projection(
      String value, Node product, String x, Constant weights, String bias, boolean transposed) {}

  private final Editor editor;

  private JoinProjections(Editor editor) {
    this.editor = editor;
  }

  static Graph run(Graph graph) {
    Editor editor = new Editor(graph);
    JoinProjections pass = new JoinProjections(editor);
    Map<String, List<Projection>> joined = new HashMap<>();
    Set<String> members = new HashSet<>();
    for (Node node : editor.source()) {
      if (node.isQuern("Attention")) {
        for (List<Projection> group : pass.groups(node)) {
          if (Collections.disjoint(members, values(group))) {
            members.addAll(values(group));
            joined.put(first(editor.source(), group), group);
          }
        }
      }
    }
    // The joined product takes the place of the first one; nothing but constants and x is needed.
    Set<String> defined = new HashSet<>();
    for (Node node : editor.source()) {
      List<Projection> group = joined.get(node.output());
      if (group != null) {
        pass.write(group);
        defined.addAll(values(group));
      }
      if (!defined.contains(node.output())) {
        editor.emit(node);
      }
    }
    return editor.finish();
  }

  private static List<String> values(List<Projection> group) {
    List<String> values = new ArrayList<>();
    for (Projection projection : group) {
      values.add(projection.value);
    }
    return values;
  }

  /** The output of the first product of a group, in the graph's order. */
  private static String first(List<Node> order, List<Projection> group) {
    for (Node node : order) {
      for (Projection projection : group) {
        if (projection.product.output().equals(node.output())) {
          return node.output();
        }
      }
    }
    throw new IllegalStateException("a projection is not in the graph");
  }

  /** The projections of one attention that can be joined, by their operand. */
  private List<List<Projection>> groups(Node attention) {
    Map<String, List<Projection>> byOperand = new LinkedHashMap<>();
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < 3; i++) {
      Projection projection = projection(attention.inputs().get(i));
      if (projection != null && seen.add(projection.value)) {
        Node product = projection.product;
        String key =
            projection.x
                + (projection.transposed ? "ᵀ" : "")
                + (Products.isScaled(product) ? " scaled" : "")
                + (Products.isDynamic(product) ? " dynamic " : " ")
                + projection.weights.type().label();
        byOperand.computeIfAbsent(key, k -> new ArrayList<>()).add(projection);
      }
    }
    List<List<Projection>> groups = new ArrayList<>();
    for (List<Projection> group : byOperand.values()) {
      if (group.size() > 1) {
        groups.add(group);
      }
    }
    return groups;
  }

  private Projection projection(String value) {
    Node node = editor.definition(value);
    String bias = "";
    Simple add = Programs.simple(node, ADD);
    if (add != null && !add.left().isNumber() && !add.right().isNumber()) {
      boolean left = editor.constant(add.left().value()) != null;
      bias = (left ? add.left() : add.right()).value();
      node = editor.definition((left ? add.right() : add.left()).value());
    }
    if (node == null
        || !node.isQuern("MatMul")
        || node.hasProgram()
        || Products.parts(node) != 1
        || node.inputs().size() != Products.extras(node)
        || (!bias.isEmpty() && editor.uses(node.output()) != 1)) {
      return null;
    }
    Constant weights = editor.constant(node.inputs().get(1));
    if (weights == null
        || weights.shape().rank() != 2
        || !Products.isScaled(node)
            && weights.type() != DataType.FLOAT
            && weights.type() != DataType.FLOAT16) {
      return null;
    }
    boolean transposed = node.integer("transB", 0) != 0;
    Dim width = weights.shape().dim(transposed ? 0 : 1);
    Constant vector = bias.isEmpty() ? null : editor.constant(bias);
    if (!bias.isEmpty()
        && (vector == null || vector.shape().rank() != 1 || !vector.shape().dim(0).equals(width))) {
      return null;
    }
    return new Projection(value, node, node.inputs().get(0), weights, bias, transposed);
  }

  private void write(List<Projection> group) {
    Projection head = group.getFirst();
    List<String> inputs = new ArrayList<>(List.of(head.x));
    long width = 0;
    boolean hasBias = false;
    for (Projection projection : group) {
      inputs.addAll(projection.product.inputs().subList(1, Products.extras(projection.product)));
      width += width(projection);
      hasBias |= !projection.bias.isEmpty();
    }
    Map<String, Attribute> attributes = new LinkedHashMap<>(head.product.attributes());
    attributes.put("parts", new Attribute.Int(group.size()));
    if (hasBias) {
      inputs.add(bias(group, (int) width));
      List<DataType> types = List.of(DataType.FLOAT, DataType.FLOAT);
      attributes.put(
          "program",
          new Attribute.Program(
              ElementwiseProgram.single(ElementwiseOp.ADD, DataType.FLOAT, types)));
    }
    List<Dim> dims = new ArrayList<>(editor.shape(head.value).dims());
    dims.set(dims.size() - 1, Dim.of(width));
    String joined = editor.fresh(head.value);
    editor.emit(
        new Node(head.product.name(), Node.QUERN, "MatMul", inputs, List.of(joined), attributes),
        DataType.FLOAT,
        new Shape(dims));
    long start = 0;
    for (Projection projection : group) {
      List<Dim> starts = new ArrayList<>(Collections.nCopies(dims.size(), Dim.ZERO));
      starts.set(dims.size() - 1, Dim.of(start));
      Map<String, Attribute> cut = new LinkedHashMap<>();
      cut.put("starts", new Attribute.Dims(starts));
      cut.put("steps", new Attribute.Ints(Collections.nCopies(dims.size(), 1L)));
      editor.emit(
          new Node(
              projection.product.name(),
              "",
              "Slice",
              List.of(joined),
              List.of(projection.value),
              cut));
      start += width(projection);
    }
  }

  private static long width(Projection projection) {
    return projection.weights.shape().dim(projection.transposed ? 0 : 1).constant();
  }

  /** The biases side by side; zeros where there is none. */
  private String bias(List<Projection> group, int width) {
    byte[] data = new byte[4 * width];
    int at = 0;
    for (Projection projection : group) {
      int length = (int) (4 * width(projection));
      if (!projection.bias.isEmpty()) {
        editor.constant(projection.bias).data().copyTo(0, data, at, length);
      }
      at += length;
    }
    String name = editor.fresh(group.getFirst().value);
    return editor.constant(new Constant(name, DataType.FLOAT, Shape.of(width), Bytes.of(data)));
  }
}
