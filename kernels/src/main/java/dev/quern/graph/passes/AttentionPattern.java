package dev.quern.graph.passes;

import dev.quern.graph.Attribute;
import dev.quern.graph.Dim;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.Shape;
import dev.quern.graph.passes.Scores.Scaled;
import dev.quern.graph.passes.Scores.Shares;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Multi-head attention as exporters write it out, with {@code split(x) = transpose(reshape(x, [b,
 * s, heads, d]), 0 2 1 3)}:
 *
 * <pre>
 * y = reshape(transpose(softmax(split(q) · split(k)ᵀ · scale + mask) · split(v), 0 2 1 3), [b, s, heads·d])
 * </pre>
 *
 * The scale may be a product or quotient before or after the product, on either operand; the mask
 * may be absent, be added, or choose where scores are replaced by a low number; the transposes of k
 * may be one or two, or of matrices of three axes; shares that are NaN may become 0. Heads that
 * were not split like this, as those that are turned by positions or stand behind those of earlier
 * runs, stay apart; keys and values that are repeated for several heads of queries are taken once.
 */
final class AttentionPattern {
  private static final List<Long> SPLIT = List.of(0L, 2L, 1L, 3L);
  private static final List<Long> SPLIT_TRANSPOSED = List.of(0L, 2L, 3L, 1L);
  private static final List<Long> TURNED = List.of(0L, 1L, 3L, 2L);

  private final Editor editor;

  private AttentionPattern(Editor editor) {
    this.editor = editor;
  }

  static Graph run(Graph graph) {
    Editor editor = new Editor(graph);
    AttentionPattern pattern = new AttentionPattern(editor);
    for (Node node : editor.source()) {
      Node match = pattern.match(node);
      editor.emit(match == null ? node : match);
    }
    return editor.finish();
  }

  /**
   * The operand of attention that a head-wise operand was split from.
   *
   * @param heads the shape {@code [b, s, heads, d]}
   * @param apart whether the value is {@code [b, heads / group, s, d]}, and not {@code [b, s,
   *     heads·d]}
   * @param group heads for which one of the value's stands
   */
  private record Split(String value, Shape heads, double scale, boolean apart, long group) {}

  private Node match(Node root) {
    if (!root.isOnnx("Reshape")) {
      return null;
    }
    Node turned = editor.definition(root.inputs().getFirst());
    if (turned == null || !turned.isOnnx("Transpose") || !turned.ints("perm").equals(SPLIT)) {
      return null;
    }
    Node weighted = Scores.product(editor, turned.inputs().getFirst());
    if (weighted == null || weighted.integer("transB", 0) != 0) {
      return null;
    }
    Shares shares = Shares.of(editor, weighted.inputs().get(0));
    Scores scores = shares == null ? null : Scores.of(editor, shares.softmax().inputs().getFirst());
    if (scores == null) {
      return null;
    }
    List<String> operands = scores.product().inputs();
    boolean transposed = scores.product().integer("transB", 0) != 0;
    Split q = split(operands.get(0), SPLIT);
    Split k = split(operands.get(1), transposed ? SPLIT : SPLIT_TRANSPOSED);
    Split v = split(weighted.inputs().get(1), SPLIT);
    if (!fit(root, q, k, v) || v.scale != 1 || q.group != 1 || k.group != v.group) {
      return null;
    }
    Map<String, Attribute> attributes = new LinkedHashMap<>();
    attributes.put("heads", new Attribute.Int(q.heads.dim(2).constant()));
    attributes.put("scale", new Attribute.Real(q.scale * k.scale * scores.scale()));
    long apart = (q.apart ? 1 : 0) | (k.apart ? 2 : 0) | (v.apart ? 4 : 0);
    if (apart != 0) {
      attributes.put("apart", new Attribute.Int(apart));
    }
    if (k.group > 1) {
      attributes.put("group", new Attribute.Int(k.group));
    }
    List<String> inputs = new ArrayList<>(List.of(q.value, k.value, v.value));
    String added = scores.added(editor);
    if (!added.isEmpty()) {
      inputs.add(added);
    }
    Node node = new Node(root.name(), Node.QUERN, "Attention", inputs, root.outputs(), attributes);
    return shares.weighed(editor, node, editor.shape(root.output()));
  }

  /** What a value is the transpose of. */
  private record Turned(String value, List<Long> perm) {}

  /**
   * What a node turns: a transpose by itself, or {@code [b, heads, s, d]} to {@code [b, heads, d,
   * s]} by way of {@code [b·heads, s, d]}; null if it turns nothing.
   */
  private Turned turned(Node value) {
    if (value == null) {
      return null;
    }
    if (value.isOnnx("Transpose")) {
      return new Turned(value.inputs().getFirst(), value.ints("perm"));
    }
    Node turned = value.isOnnx("Reshape") ? editor.definition(value.inputs().getFirst()) : null;
    Node flat = turned == null ? null : editor.definition(turned.inputs().getFirst());
    boolean chain =
        flat != null
            && flat.isOnnx("Reshape")
            && turned.isOnnx("Transpose")
            && turned.ints("perm").equals(List.of(0L, 2L, 1L));
    if (!chain) {
      return null;
    }
    String source = flat.inputs().getFirst();
    Shape from = editor.shape(source);
    Shape matrices = editor.shape(flat.output());
    boolean fits =
        from.rank() == 4
            && matrices.dim(1).equals(from.dim(2))
            && matrices.dim(2).equals(from.dim(3))
            && editor
                .shape(value.output())
                .equals(new Shape(List.of(from.dim(0), from.dim(1), from.dim(3), from.dim(2))));
    return fits ? new Turned(source, TURNED) : null;
  }

  /** Whether heads and sizes of the operands go together, and the result joins the heads. */
  private boolean fit(Node root, Split q, Split k, Split v) {
    Shape result = editor.shape(root.output());
    if (q == null || k == null || v == null) {
      return false;
    }
    Dim heads = q.heads.dim(2);
    return heads.equals(k.heads.dim(2))
        && heads.equals(v.heads.dim(2))
        && q.heads.dim(3).equals(k.heads.dim(3))
        && q.heads.dim(0).equals(k.heads.dim(0))
        && q.heads.dim(0).equals(v.heads.dim(0))
        && k.heads.dim(1).equals(v.heads.dim(1))
        && result.rank() == 3
        && result.dim(0).equals(q.heads.dim(0))
        && result.dim(1).equals(q.heads.dim(1))
        && result.dim(2).equals(heads.times(v.heads.dim(3)))
        && editor.type(root.output()) == DataType.FLOAT;
  }

  /** Walks back over scales and transposes to the reshape that split the heads. */
  private Split split(String value, List<Long> wanted) {
    Split split = joinedSplit(value, wanted);
    if (split != null) {
      return split;
    }
    Scaled scaled = Scores.scaled(editor, value);
    String at = scaled.value();
    if (wanted.equals(SPLIT_TRANSPOSED)) {
      Turned turned = turned(editor.definition(at));
      if (turned == null || !turned.perm.equals(TURNED)) {
        return null;
      }
      at = turned.value;
    }
    Shape shape = editor.shape(at);
    Shape heads = new Shape(List.of(shape.dim(0), shape.dim(2), shape.dim(1), shape.dim(3)));
    boolean known = heads.dim(2).isConstant() && heads.dim(3).isConstant();
    // Heads that the kernel does not take stay what they are.
    if (!known || heads.dim(3).constant() % 4 != 0) {
      return null;
    }
    String joined = joined(editor, at);
    if (joined != null) {
      return new Split(joined, heads, scaled.scale(), false, 1);
    }
    String one = repeated(editor, at);
    if (one == null) {
      return new Split(at, heads, scaled.scale(), true, 1);
    }
    long group = heads.dim(2).constant() / editor.shape(one).dim(1).constant();
    return new Split(one, heads, scaled.scale(), true, group);
  }

  /**
   * Heads {@code [b, heads, s, d]} that were only turned, as {@code [b, s, heads·d]}; null if they
   * were not.
   */
  static String joined(Editor editor, String value) {
    Node turned = editor.definition(value);
    if (turned == null || !turned.isOnnx("Transpose") || !turned.ints("perm").equals(SPLIT)) {
      return null;
    }
    String before = turned.inputs().getFirst();
    Shape shape = editor.shape(before);
    Dim width = shape.dim(2).times(shape.dim(3));
    return Scores.moved(
        editor, "Reshape", before, new Shape(List.of(shape.dim(0), shape.dim(1), width)));
  }

  /**
   * What was repeated for several heads, {@code [b, keyHeads, s, d]}: by a new axis behind that of
   * the heads, which is expanded and joined with it; null if nothing was.
   */
  static String repeated(Editor editor, String value) {
    Node joined = editor.definition(value);
    Node expanded = joined == null ? null : editor.definition(joined.inputs().getFirst());
    Node opened = expanded == null ? null : editor.definition(expanded.inputs().getFirst());
    boolean chain =
        opened != null
            && joined.isOnnx("Reshape")
            && expanded.isOnnx("Expand")
            && opened.isOnnx("Reshape");
    if (!chain) {
      return null;
    }
    Shape one = editor.shape(opened.inputs().getFirst());
    Shape all = editor.shape(expanded.output());
    if (one.rank() != 4 || all.rank() != 5 || !one.dim(1).isConstant()) {
      return null;
    }
    Dim times = all.dim(2);
    boolean fits =
        times.isConstant()
            && editor.shape(opened.output()).equals(opened(one, Dim.ONE))
            && all.equals(opened(one, times))
            && editor
                .shape(value)
                .equals(
                    new Shape(
                        List.of(one.dim(0), one.dim(1).times(times), one.dim(2), one.dim(3))));
    return fits ? opened.inputs().getFirst() : null;
  }

  /** A shape {@code [b, heads, s, d]} with an axis behind that of the heads. */
  private static Shape opened(Shape one, Dim times) {
    return new Shape(List.of(one.dim(0), one.dim(1), times, one.dim(2), one.dim(3)));
  }

  private Split joinedSplit(String value, List<Long> wanted) {
    String at = value;
    double scale = 1;
    List<Long> perm = List.of(0L, 1L, 2L, 3L);
    while (true) {
      Scaled scaled = Scores.scaled(editor, at);
      scale *= scaled.scale();
      Node node = editor.definition(scaled.value());
      if (node == null) {
        return null;
      }
      at = node.inputs().getFirst();
      Turned turned = turned(node);
      if (turned != null) {
        at = turned.value;
        List<Long> composed = new ArrayList<>();
        for (long axis : perm) {
          composed.add(turned.perm.get((int) axis));
        }
        perm = composed;
      } else if (node.isOnnx("Reshape") && perm.equals(wanted)) {
        Shape heads = editor.shape(node.output());
        Shape flat = editor.shape(at);
        boolean fits =
            heads.rank() == 4
                && flat.rank() == 3
                && heads.dim(2).isConstant()
                && heads.dim(3).isConstant()
                && heads.dim(0).equals(flat.dim(0))
                && heads.dim(1).equals(flat.dim(1));
        Scaled before = Scores.scaled(editor, at);
        return fits ? new Split(before.value(), heads, scale * before.scale(), false, 1) : null;
      } else {
        return null;
      }
    }
  }
}
