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
 * Attention that {@link AttentionPattern} does not see whole: {@code softmax(q · kᵀ · scale + mask)
 * · v} of heads that stand apart, {@code [b, heads, s, d]} or {@code [b, s, d]}, wherever they come
 * from and whatever becomes of the result; and {@code vᵀ · softmax(…)ᵀ}, as of pixels behind
 * channels. Transposes that are written around it cancel against those of the graph.
 */
final class HeadAttention {
  /** Numbers of a head that both kernels take. */
  private static final long MOST_DEPTH = 128;

  private final Editor editor;

  private HeadAttention(Editor editor) {
    this.editor = editor;
  }

  static Graph run(Graph graph) {
    Editor editor = new Editor(graph);
    HeadAttention pattern = new HeadAttention(editor);
    for (Node original : editor.source()) {
      Node node = editor.resolve(original);
      Node match = pattern.match(node);
      editor.emit(match == null ? node : match);
    }
    return editor.finish();
  }

  /**
   * Shares with what they weigh.
   *
   * @param v the values, with places as rows or, where {@code columns}, as columns
   * @param turned whether the result has places as columns
   */
  private record Weighted(Shares shares, String v, boolean columns, boolean turned) {}

  private Weighted weighted(Node root) {
    String left = root.inputs().get(0);
    String right = root.inputs().get(1);
    boolean transposed = root.integer("transB", 0) != 0;
    Shares shares = shares(left);
    if (shares != null) {
      return new Weighted(shares, right, transposed, false);
    }
    String rows = transposed ? right : before(right);
    shares = rows == null || editor.uses(right) != 1 ? null : shares(rows);
    return shares == null ? null : new Weighted(shares, left, true, true);
  }

  /** Shares that nothing else uses; null if they are none. */
  private Shares shares(String value) {
    return editor.uses(value) == 1 ? Shares.of(editor, value) : null;
  }

  /** What a value is the transpose of, last two axes; null if it is none. */
  private String before(String value) {
    Node node = editor.definition(value);
    boolean fits =
        node != null
            && node.isOnnx("Transpose")
            && node.ints("perm").equals(lastTwo(node.ints("perm").size()));
    return fits ? node.inputs().getFirst() : null;
  }

  private static List<Long> lastTwo(int rank) {
    List<Long> perm = new ArrayList<>();
    for (long axis = 0; axis < rank - 2; axis++) {
      perm.add(axis);
    }
    perm.add(rank - 1L);
    perm.add(rank - 2L);
    return perm;
  }

  /** A value with its last two axes in the other order, from before any transpose. */
  private String turned(String value) {
    List<Long> perm = lastTwo(editor.shape(value).rank());
    Node node = editor.definition(value);
    if (node == null || !node.isOnnx("Transpose")) {
      return transpose(value, perm);
    }
    List<Long> before = node.ints("perm");
    List<Long> composed = new ArrayList<>();
    perm.forEach(axis -> composed.add(before.get(axis.intValue())));
    String source = node.inputs().getFirst();
    return before.equals(perm) ? source : transpose(source, composed);
  }

  private String transpose(String value, List<Long> perm) {
    String name = editor.fresh(value);
    editor.emit(
        new Node("", "", "Transpose", List.of(value), List.of(name), perm(perm)),
        editor.type(value),
        editor.shape(value).permuted(perm));
    return name;
  }

  private static Map<String, Attribute> perm(List<Long> perm) {
    return Map.of("perm", new Attribute.Ints(perm));
  }

  /** A value without numbers that it, or what it is the transpose of, is multiplied with. */
  private Scaled unscaled(String value) {
    Scaled outer = Scores.scaled(editor, value);
    Node turn = editor.definition(outer.value());
    if (turn == null || !turn.isOnnx("Transpose")) {
      return outer;
    }
    Scaled inner = Scores.scaled(editor, turn.inputs().getFirst());
    return inner.scale() == 1
        ? outer
        : new Scaled(transpose(inner.value(), turn.ints("perm")), outer.scale() * inner.scale());
  }

  private Node match(Node root) {
    if (Scores.product(editor, root.output()) == null
        || editor.type(root.output()) != DataType.FLOAT) {
      return null;
    }
    Weighted weighted = weighted(root);
    Scores scores =
        weighted == null ? null : Scores.of(editor, weighted.shares.softmax().inputs().getFirst());
    if (scores == null || !fits(root, weighted, scores)) {
      return null;
    }
    boolean transposed = scores.product().integer("transB", 0) != 0;
    Scaled q = unscaled(scores.product().inputs().get(0));
    Scaled k = unscaled(scores.product().inputs().get(1));
    String key = transposed ? k.value() : turned(k.value());
    String value = weighted.columns ? turned(weighted.v) : weighted.v;
    Map<String, Attribute> attributes = new LinkedHashMap<>();
    Shape shape = editor.shape(q.value());
    boolean apart = shape.rank() == 4;
    attributes.put("heads", new Attribute.Int(apart ? shape.dim(1).constant() : 1));
    attributes.put("scale", new Attribute.Real(q.scale() * k.scale() * scores.scale()));
    List<String> inputs = new ArrayList<>(List.of(q.value(), key, value));
    if (apart) {
      String oneKey = AttentionPattern.repeated(editor, key);
      String oneValue = AttentionPattern.repeated(editor, value);
      if (oneKey != null
          && oneValue != null
          && editor.shape(oneKey).dim(1).equals(editor.shape(oneValue).dim(1))) {
        inputs = new ArrayList<>(List.of(q.value(), oneKey, oneValue));
        long group = shape.dim(1).constant() / editor.shape(oneKey).dim(1).constant();
        attributes.put("group", new Attribute.Int(group));
      }
      attributes.put("apart", new Attribute.Int(apart(inputs)));
    }
    String mask = mask(scores, shape.rank());
    if (!mask.isEmpty()) {
      inputs.add(mask);
    }
    Node node = new Node(root.name(), Node.QUERN, "Attention", inputs, root.outputs(), attributes);
    return result(root, weighted, node, shape, editor.shape(value).dim(-1));
  }

  /** Takes heads that were only turned from where they stood; a bit for each of the others. */
  private int apart(List<String> operands) {
    int apart = 0;
    for (int i = 0; i < operands.size(); i++) {
      String joined = AttentionPattern.joined(editor, operands.get(i));
      if (joined == null) {
        apart |= 1 << i;
      } else {
        operands.set(i, joined);
      }
    }
    return apart;
  }

  /** Emits the attention and all but the last node that brings its result into the root's shape. */
  private Node result(Node root, Weighted weighted, Node node, Shape queries, Dim depth) {
    boolean apart = queries.rank() == 4;
    Dim places = queries.dim(-2);
    Dim width = apart ? queries.dim(1).times(depth) : depth;
    Shape shape = new Shape(List.of(queries.dim(0), places, width));
    Node whole = weighted.shares.weighed(editor, node, shape);
    if (!apart && !weighted.turned) {
      return whole;
    }
    String at = editor.fresh(root.output());
    editor.emit(whole.withOutput(at), DataType.FLOAT, shape);
    if (apart) {
      Shape split = new Shape(List.of(queries.dim(0), places, queries.dim(1), depth));
      at = Scores.moved(editor, "Reshape", at, split);
    }
    List<Long> perm =
        !apart ? lastTwo(3) : weighted.turned ? List.of(0L, 2L, 3L, 1L) : List.of(0L, 2L, 1L, 3L);
    return new Node(root.name(), "", "Transpose", List.of(at), root.outputs(), perm(perm));
  }

  /** What is added to the scores, for {@code [b, heads, sq, sk]}; empty if nothing is. */
  private String mask(Scores scores, int rank) {
    String mask = scores.added(editor);
    if (mask.isEmpty() || rank == 4 || editor.shape(mask).rank() < 3) {
      return mask;
    }
    List<Dim> dims = new ArrayList<>(editor.shape(mask).dims());
    dims.add(1, Dim.ONE);
    return Scores.moved(editor, "Reshape", mask, new Shape(dims));
  }

  /** Whether batches, heads and sizes of all operands go together and suit the kernel. */
  private boolean fits(Node root, Weighted weighted, Scores scores) {
    Shape q = editor.shape(scores.product().inputs().get(0));
    Shape k = editor.shape(scores.product().inputs().get(1));
    Shape v = editor.shape(weighted.v);
    int lead = q.rank() - 2;
    List<Dim> batch = q.dims().subList(0, lead);
    Dim depth = v.dim(weighted.columns ? -2 : -1);
    boolean transposed = scores.product().integer("transB", 0) != 0;
    if (!transposed && isKept(scores.product().inputs().get(1))
        || weighted.columns && isKept(weighted.v)) {
      return false;
    }
    return editor.shape(root.output()).rank() == q.rank()
        && v.rank() == q.rank()
        && k.dims().subList(0, lead).equals(batch)
        && v.dims().subList(0, lead).equals(batch)
        && (lead == 1 || batch.get(1).isConstant())
        && isDepth(q.dim(-1))
        && isDepth(depth)
        && editor.type(scores.product().output()) == DataType.FLOAT;
  }

  /** Whether a value is one of earlier runs, or grows by them: turning it would cost each token. */
  private boolean isKept(String value) {
    Node node = editor.definition(value);
    return node == null || node.isOnnx("Concat");
  }

  private static boolean isDepth(Dim depth) {
    return depth.isConstant()
        && depth.constant() > 0
        && depth.constant() % 4 == 0
        && depth.constant() <= MOST_DEPTH;
  }
}
