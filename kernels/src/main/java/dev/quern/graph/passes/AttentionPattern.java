package dev.quern.graph.passes;

import static dev.quern.graph.ElementwiseOp.ADD;
import static dev.quern.graph.ElementwiseOp.DIV;
import static dev.quern.graph.ElementwiseOp.MUL;

import dev.quern.graph.Attribute;
import dev.quern.graph.Dim;
import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.ProgramBuilder;
import dev.quern.graph.Shape;
import dev.quern.graph.passes.Programs.Operand;
import dev.quern.graph.passes.Programs.Simple;
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
  private static final ElementwiseProgram IS_NAN = isNaN();

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

  /**
   * What the softmax is of.
   *
   * @param mask what is added; empty if nothing is
   * @param windows null, or what is added by window, {@code [1, windows, heads, s, s]}
   * @param seen null, or the node that says where scores are kept and where they become a number
   */
  private record Scores(Node product, String mask, String windows, double scale, Simple seen) {
    /** The same with one mask in place of two. */
    Scores with(String sum) {
      return new Scores(product, sum, null, scale, seen);
    }
  }

  /** Scores that become a number no greater than this have no share. */
  private static final double LOW = -1e4;

  /** What is added to scores so that they have no share where they are not seen. */
  private String added(Scores scores) {
    String seen = scores.seen.left().value();
    boolean masked = !scores.mask.isEmpty();
    ProgramBuilder p =
        masked
            ? new ProgramBuilder(List.of(DataType.BOOL, DataType.FLOAT))
            : new ProgramBuilder(DataType.BOOL);
    int low = p.constant(DataType.FLOAT, scores.seen.right().number());
    p.op(ElementwiseOp.WHERE, 0, masked ? 1 : p.constant(DataType.FLOAT, 0), low);
    String name = editor.fresh(seen);
    List<String> inputs = masked ? List.of(seen, scores.mask) : List.of(seen);
    Map<String, Attribute> program = Map.of("program", new Attribute.Program(p.build()));
    Shape shape = editor.shape(seen);
    editor.emit(
        new Node(name, Node.QUERN, "Elementwise", inputs, List.of(name), program),
        DataType.FLOAT,
        masked ? together(shape, editor.shape(scores.mask)) : shape);
    return name;
  }

  /** All that is added to scores, as one value. */
  private String sum(Scores scores) {
    String windows = editor.fresh(scores.windows);
    Shape shape = editor.shape(scores.windows);
    Shape each = new Shape(shape.dims().subList(1, shape.rank()));
    editor.emit(
        new Node(windows, "", "Reshape", List.of(scores.windows), List.of(windows), Map.of()),
        DataType.FLOAT,
        each);
    if (scores.mask.isEmpty()) {
      return windows;
    }
    ProgramBuilder p = new ProgramBuilder(List.of(DataType.FLOAT, DataType.FLOAT));
    p.op(ADD, 0, 1);
    String name = editor.fresh(scores.mask);
    Map<String, Attribute> program = Map.of("program", new Attribute.Program(p.build()));
    List<String> inputs = List.of(scores.mask, windows);
    editor.emit(
        new Node(name, Node.QUERN, "Elementwise", inputs, List.of(name), program),
        DataType.FLOAT,
        together(editor.shape(scores.mask), each));
    return name;
  }

  /** The shape of two values that broadcast to one of scores. */
  private static Shape together(Shape a, Shape b) {
    int rank = Math.max(a.rank(), b.rank());
    List<Dim> dims = new ArrayList<>();
    for (int i = rank; i > 0; i--) {
      Dim left = i <= a.rank() ? a.dim(-i) : Dim.ONE;
      dims.add(left.is(1) && i <= b.rank() ? b.dim(-i) : left);
    }
    return new Shape(dims);
  }

  private Node match(Node root) {
    if (!root.isOnnx("Reshape")) {
      return null;
    }
    Node turned = editor.definition(root.inputs().getFirst());
    if (turned == null || !turned.isOnnx("Transpose") || !turned.ints("perm").equals(SPLIT)) {
      return null;
    }
    Node weighted = product(turned.inputs().getFirst());
    if (weighted == null || weighted.integer("transB", 0) != 0) {
      return null;
    }
    Node shares = editor.definition(weighted.inputs().get(0));
    Node guarded = guarded(shares);
    Node softmax = guarded == null ? shares : guarded;
    if (softmax == null || !softmax.isOnnx("Softmax")) {
      return null;
    }
    Scores scores = scores(softmax.inputs().getFirst());
    if (scores == null) {
      return null;
    }
    boolean transposed = scores.product.integer("transB", 0) != 0;
    Split q = split(scores.product.inputs().get(0), SPLIT);
    Split k = split(scores.product.inputs().get(1), transposed ? SPLIT : SPLIT_TRANSPOSED);
    Split v = split(weighted.inputs().get(1), SPLIT);
    if (!fit(root, q, k, v) || v.scale != 1 || q.group != 1 || k.group != v.group) {
      return null;
    }
    Map<String, Attribute> attributes = new LinkedHashMap<>();
    attributes.put("heads", new Attribute.Int(q.heads.dim(2).constant()));
    attributes.put("scale", new Attribute.Real(q.scale * k.scale * scores.scale));
    long apart = (q.apart ? 1 : 0) | (k.apart ? 2 : 0) | (v.apart ? 4 : 0);
    if (apart != 0) {
      attributes.put("apart", new Attribute.Int(apart));
    }
    if (k.group > 1) {
      attributes.put("group", new Attribute.Int(k.group));
    }
    List<String> inputs = new ArrayList<>(List.of(q.value, k.value, v.value));
    if (scores.windows != null) {
      scores = scores.with(sum(scores));
    }
    if (scores.seen != null) {
      inputs.add(added(scores));
    } else if (!scores.mask.isEmpty()) {
      inputs.add(scores.mask);
    }
    if (guarded == null) {
      return new Node(root.name(), Node.QUERN, "Attention", inputs, root.outputs(), attributes);
    }
    String name = editor.fresh(root.output());
    editor.emit(
        new Node(root.name(), Node.QUERN, "Attention", inputs, List.of(name), attributes),
        DataType.FLOAT,
        editor.shape(root.output()));
    // Where all shares are 0, so is what they weigh.
    ProgramBuilder p = new ProgramBuilder(DataType.FLOAT);
    p.op(ElementwiseOp.WHERE, p.op(ElementwiseOp.EQUAL, 0, 0), 0, p.constant(DataType.FLOAT, 0));
    Map<String, Attribute> program = Map.of("program", new Attribute.Program(p.build()));
    return new Node(root.name(), Node.QUERN, "Elementwise", List.of(name), root.outputs(), program);
  }

  /** The softmax whose NaN a node replaces by 0, as PyTorch's exporter does; null if it is none. */
  private Node guarded(Node shares) {
    Simple where = Programs.simple(shares, ElementwiseOp.WHERE);
    if (where == null || where.left().isNumber() || where.right().isNumber()) {
      return null;
    }
    Node test = editor.definition(where.left().value());
    boolean isNaN =
        where.operands().get(1).is(0)
            && test != null
            && test.isQuern("Elementwise")
            && test.inputs().equals(List.of(where.right().value()))
            && IS_NAN.equals(test.program("program"));
    return isNaN ? editor.definition(where.right().value()) : null;
  }

  private static ElementwiseProgram isNaN() {
    ProgramBuilder p = new ProgramBuilder(DataType.FLOAT);
    p.op(ElementwiseOp.NOT, p.op(ElementwiseOp.EQUAL, 0, 0));
    return p.build();
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

  /** A product of two operands of four axes, without an epilogue; null if it is none. */
  private Node product(String value) {
    Node node = editor.definition(value);
    boolean fits =
        node != null
            && node.isQuern("MatMul")
            && node.inputs().size() == 2
            && !node.hasProgram()
            && editor.shape(node.inputs().get(0)).rank() == 4
            && editor.shape(node.inputs().get(1)).rank() == 4;
    return fits ? node : null;
  }

  private Scores scores(String value) {
    Shape shape = editor.shape(value);
    Windowed windowed = windowed(value);
    String at = windowed == null ? value : windowed.scores;
    String mask = "";
    Simple seen = hiding(at);
    if (seen != null) {
      at = seen.operands().get(1).value();
    }
    Simple add = Programs.simple(editor.definition(at), ADD);
    if (add != null && !add.left().isNumber() && !add.right().isNumber()) {
      // The side that leads to the product is the scores, the other one the mask.
      boolean left = leadsToProduct(add.left().value());
      mask = (left ? add.right() : add.left()).value();
      at = (left ? add.left() : add.right()).value();
      Simple inner = seen == null ? hiding(at) : null;
      if (inner != null) {
        seen = inner;
        at = seen.operands().get(1).value();
      }
    }
    Scaled scaled = scaled(at);
    Node product = product(scaled.value);
    boolean fits = product != null && editor.shape(product.output()).equals(shape);
    String windows = windowed == null ? null : windowed.mask;
    return fits ? new Scores(product, mask, windows, scaled.scale, seen) : null;
  }

  /** Scores of windows, and what is added to those of each window. */
  private record Windowed(String scores, String mask) {}

  /**
   * What a sum by windows is of, as that of an image that was shifted, {@code
   * reshape(reshape(scores, [1, windows, heads, s, s]) + mask, [windows, heads, s, s])}; null if it
   * is none.
   */
  private Windowed windowed(String value) {
    Node joined = editor.definition(value);
    Simple add =
        joined != null && joined.isOnnx("Reshape")
            ? Programs.simple(editor.definition(joined.inputs().getFirst()), ADD)
            : null;
    if (add == null || add.left().isNumber() || add.right().isNumber()) {
      return null;
    }
    boolean left = isOpened(add.left().value(), editor.shape(value));
    String opened = (left ? add.left() : add.right()).value();
    String mask = (left ? add.right() : add.left()).value();
    boolean fits =
        isOpened(opened, editor.shape(value))
            && editor.shape(mask).rank() == 5
            && editor.shape(mask).dim(0).is(1)
            && editor.type(mask) == DataType.FLOAT;
    return fits ? new Windowed(editor.definition(opened).inputs().getFirst(), mask) : null;
  }

  /** Whether a value is one of four axes, with an axis of 1 before them. */
  private boolean isOpened(String value, Shape inner) {
    Node opened = editor.definition(value);
    List<Dim> dims = new ArrayList<>(List.of(Dim.ONE));
    dims.addAll(inner.dims());
    return opened != null
        && opened.isOnnx("Reshape")
        && inner.rank() == 4
        && editor.shape(value).equals(new Shape(dims))
        && editor.shape(opened.inputs().getFirst()).equals(inner);
  }

  /** The node that replaces some scores by a low number; null if it does something else. */
  private Simple hiding(String value) {
    Simple where = Programs.simple(editor.definition(value), ElementwiseOp.WHERE);
    boolean hides =
        where != null
            && !where.left().isNumber()
            && !where.operands().get(1).isNumber()
            && where.right().isNumber()
            && where.right().number() <= LOW;
    return hides ? where : null;
  }

  private boolean leadsToProduct(String value) {
    Simple hiding = hiding(value);
    String scores = hiding == null ? value : hiding.operands().get(1).value();
    return product(scaled(scores).value) != null;
  }

  /** A value without the numbers that it is multiplied with and divided by. */
  private record Scaled(String value, double scale) {}

  private Scaled scaled(String value) {
    String at = value;
    double scale = 1;
    while (true) {
      Simple simple = Programs.simple(editor.definition(at));
      if (simple == null || simple.operands().size() != 2) {
        return new Scaled(at, scale);
      }
      Operand left = simple.left();
      Operand right = simple.right();
      if (simple.op() == MUL && left.isNumber() != right.isNumber()) {
        scale *= left.isNumber() ? left.number() : right.number();
        at = left.isNumber() ? right.value() : left.value();
      } else if (simple.op() == DIV && right.isNumber() && !left.isNumber()) {
        scale /= right.number();
        at = left.value();
      } else {
        return new Scaled(at, scale);
      }
    }
  }

  /** Walks back over scales and transposes to the reshape that split the heads. */
  private Split split(String value, List<Long> wanted) {
    Split split = joinedSplit(value, wanted);
    if (split != null) {
      return split;
    }
    Scaled scaled = scaled(value);
    String at = scaled.value;
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
    String one = repeated(at);
    if (one == null) {
      return new Split(at, heads, scaled.scale, true, 1);
    }
    long group = heads.dim(2).constant() / editor.shape(one).dim(1).constant();
    return new Split(one, heads, scaled.scale, true, group);
  }

  /**
   * What was repeated for several heads, {@code [b, keyHeads, s, d]}: by a new axis behind that of
   * the heads, which is expanded and joined with it; null if nothing was.
   */
  private String repeated(String value) {
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
      Scaled scaled = scaled(at);
      scale *= scaled.scale;
      Node node = editor.definition(scaled.value);
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
        Scaled before = scaled(at);
        return fits ? new Split(before.value, heads, scale * before.scale, false, 1) : null;
      } else {
        return null;
      }
    }
  }
}
