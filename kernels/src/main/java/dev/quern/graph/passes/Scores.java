package dev.quern.graph.passes;

import static dev.quern.graph.ElementwiseOp.ADD;
import static dev.quern.graph.ElementwiseOp.DIV;
import static dev.quern.graph.ElementwiseOp.MUL;

import dev.quern.graph.Attribute;
import dev.quern.graph.Dim;
import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.Node;
import dev.quern.graph.ProgramBuilder;
import dev.quern.graph.Shape;
import dev.quern.graph.passes.Programs.Operand;
import dev.quern.graph.passes.Programs.Simple;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The scores of an attention, {@code q · kᵀ · scale + mask}, as exporters write them: the scale a
 * product or quotient, the mask absent, added, or choosing where scores are replaced by a low
 * number, or added by window through two reshapes.
 *
 * @param product of queries and keys
 * @param masks what is added
 * @param windows null, or what is added by window, {@code [1, windows, heads, s, s]}
 * @param images of which each has so many windows
 * @param seen null, or the node that says where scores are kept and where they become a number
 */
record Scores(
    Node product, List<String> masks, String windows, Dim images, double scale, Simple seen) {
  /** Scores that become a number no greater than this have no share. */
  private static final double LOW = -1e4;

  /** What is added to scores at most: distances, padding, an order. */
  private static final int MOST_MASKS = 4;

  private static final ElementwiseProgram IS_NAN = isNaN();

  /** What a softmax is of; null if it is no scores. */
  static Scores of(Editor editor, String value) {
    Shape shape = editor.shape(value);
    Windowed windowed = windowed(editor, value);
    String at = windowed == null ? value : windowed.scores;
    List<String> masks = new ArrayList<>();
    Simple seen = hiding(editor, at);
    if (seen != null) {
      at = seen.operands().get(1).value();
    }
    Simple add = sum(editor, at);
    while (add != null) {
      // The side that leads to the product is the scores, the other one the mask.
      boolean left = leadsToProduct(editor, add.left().value(), MOST_MASKS);
      masks.add((left ? add.right() : add.left()).value());
      at = (left ? add.left() : add.right()).value();
      Simple inner = seen == null ? hiding(editor, at) : null;
      if (inner != null) {
        seen = inner;
        at = seen.operands().get(1).value();
      }
      add = masks.size() < MOST_MASKS ? sum(editor, at) : null;
    }
    Scaled scaled = scaled(editor, at);
    Node product = product(editor, scaled.value);
    boolean fits = product != null && editor.shape(product.output()).equals(shape);
    String windows = windowed == null ? null : windowed.mask;
    Dim images = windowed == null ? Dim.ONE : windowed.images;
    return fits ? new Scores(product, masks, windows, images, scaled.scale, seen) : null;
  }

  /** A product of two operands of as many axes, three or four, without an epilogue; or null. */
  static Node product(Editor editor, String value) {
    Node node = editor.definition(value);
    if (node == null || !node.isQuern("MatMul") || node.inputs().size() != 2 || node.hasProgram()) {
      return null;
    }
    int rank = editor.shape(value).rank();
    boolean fits =
        (rank == 3 || rank == 4)
            && editor.shape(node.inputs().get(0)).rank() == rank
            && editor.shape(node.inputs().get(1)).rank() == rank;
    return fits ? node : null;
  }

  /** A sum of two values; null if a value is none. */
  private static Simple sum(Editor editor, String value) {
    Simple add = Programs.simple(editor.definition(value), ADD);
    return add == null || add.left().isNumber() || add.right().isNumber() ? null : add;
  }

  /** Emits what is to be added to the scores, as one value; empty if nothing is. */
  String added(Editor editor) {
    List<String> all = new ArrayList<>(masks);
    if (windows != null) {
      all.add(ofImages(editor));
    }
    String sum = all.isEmpty() ? "" : all.getFirst();
    for (String mask : all.subList(Math.min(1, all.size()), all.size())) {
      ProgramBuilder p = new ProgramBuilder(List.of(DataType.FLOAT, DataType.FLOAT));
      p.op(ADD, 0, 1);
      Shape shape = together(editor.shape(sum), editor.shape(mask));
      sum = elementwise(editor, p, List.of(sum, mask), shape);
    }
    return seen == null ? sum : withHidden(editor, sum);
  }

  /** What is added to scores so that they have no share where they are not seen. */
  private String withHidden(Editor editor, String sum) {
    String where = seen.left().value();
    boolean masked = !sum.isEmpty();
    ProgramBuilder p =
        masked
            ? new ProgramBuilder(List.of(DataType.BOOL, DataType.FLOAT))
            : new ProgramBuilder(DataType.BOOL);
    int low = p.constant(DataType.FLOAT, seen.right().number());
    p.op(ElementwiseOp.WHERE, 0, masked ? 1 : p.constant(DataType.FLOAT, 0), low);
    Shape shape = editor.shape(where);
    return elementwise(
        editor,
        p,
        masked ? List.of(where, sum) : List.of(where),
        masked ? together(shape, editor.shape(sum)) : shape);
  }

  /** What is added by window, for the windows of all images. */
  private String ofImages(Editor editor) {
    Shape shape = editor.shape(windows);
    String all = windows;
    if (!images.is(1)) {
      // Each image has the same windows.
      List<Dim> dims = new ArrayList<>(shape.dims());
      dims.set(0, images);
      all = moved(editor, "Expand", windows, new Shape(dims));
    }
    List<Dim> dims = new ArrayList<>(shape.dims().subList(1, shape.rank()));
    dims.set(0, dims.getFirst().times(images));
    return moved(editor, "Reshape", all, new Shape(dims));
  }

  private static String elementwise(
      Editor editor, ProgramBuilder program, List<String> inputs, Shape shape) {
    String name = editor.fresh(inputs.getFirst());
    Map<String, Attribute> attributes = Map.of("program", new Attribute.Program(program.build()));
    editor.emit(
        new Node(name, Node.QUERN, "Elementwise", inputs, List.of(name), attributes),
        DataType.FLOAT,
        shape);
    return name;
  }

  /** Emits a value under another shape, or expanded to it. */
  static String moved(Editor editor, String op, String value, Shape shape) {
    String name = editor.fresh(value);
    editor.emit(
        new Node(name, "", op, List.of(value), List.of(name), Map.of()), editor.type(value), shape);
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

  /** Scores of windows, and what is added to those of each window. */
  private record Windowed(String scores, String mask, Dim images) {}

  /**
   * What a sum by windows is of, as that of images that were shifted, {@code
   * reshape(reshape(scores, [images, windows, heads, s, s]) + mask, [images·windows, heads, s,
   * s])}; null if it is none.
   */
  private static Windowed windowed(Editor editor, String value) {
    Node joined = editor.definition(value);
    boolean isJoined = joined != null && joined.isOnnx("Reshape");
    Simple add = isJoined ? sum(editor, joined.inputs().getFirst()) : null;
    if (add == null) {
      return null;
    }
    Shape shape = editor.shape(value);
    boolean left = isOpened(editor, add.left().value(), shape);
    String opened = (left ? add.left() : add.right()).value();
    String mask = (left ? add.right() : add.left()).value();
    boolean fits =
        isOpened(editor, opened, shape)
            && editor.shape(mask).rank() == 5
            && editor.shape(mask).dim(0).is(1)
            && editor.shape(mask).dim(1).equals(editor.shape(opened).dim(1))
            && editor.type(mask) == DataType.FLOAT;
    if (!fits) {
      return null;
    }
    String scores = editor.definition(opened).inputs().getFirst();
    return new Windowed(scores, mask, editor.shape(opened).dim(0));
  }

  /** Whether a value is one of four axes with its first axis as two. */
  private static boolean isOpened(Editor editor, String value, Shape inner) {
    Node opened = editor.definition(value);
    Shape outer = editor.shape(value);
    return opened != null
        && opened.isOnnx("Reshape")
        && inner.rank() == 4
        && outer.rank() == 5
        && outer.dim(0).times(outer.dim(1)).equals(inner.dim(0))
        && outer.dims().subList(2, 5).equals(inner.dims().subList(1, 4))
        && editor.shape(opened.inputs().getFirst()).equals(inner);
  }

  /** The node that replaces some scores by a low number; null if it does something else. */
  private static Simple hiding(Editor editor, String value) {
    Simple where = Programs.simple(editor.definition(value), ElementwiseOp.WHERE);
    boolean hides =
        where != null
            && !where.left().isNumber()
            && !where.operands().get(1).isNumber()
            && where.right().isNumber()
            && where.right().number() <= LOW;
    return hides ? where : null;
  }

  /** Whether scores are at the end of so many sums at most. */
  private static boolean leadsToProduct(Editor editor, String value, int sums) {
    Simple hiding = hiding(editor, value);
    String scores = hiding == null ? value : hiding.operands().get(1).value();
    if (product(editor, scaled(editor, scores).value) != null) {
      return true;
    }
    Simple add = sums > 0 ? sum(editor, scores) : null;
    return add != null
        && (leadsToProduct(editor, add.left().value(), sums - 1)
            || leadsToProduct(editor, add.right().value(), sums - 1));
  }

  /** A value without the numbers that it is multiplied with and divided by. */
  record Scaled(String value, double scale) {}

  static Scaled scaled(Editor editor, String value) {
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

  /** A softmax, and whether its NaN become 0, as PyTorch's exporter does. */
  record Shares(Node softmax, boolean guarded) {
    /** What a value is as shares; null if it is none. */
    static Shares of(Editor editor, String value) {
      Node node = editor.definition(value);
      Node guarded = guarded(editor, node);
      Node softmax = guarded == null ? node : guarded;
      return softmax != null && softmax.isOnnx("Softmax")
          ? new Shares(softmax, guarded != null)
          : null;
    }

    private static Node guarded(Editor editor, Node shares) {
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

    /**
     * Emits what becomes of the values that the shares weigh, as an attention without guards; where
     * all shares are 0, so is that.
     *
     * @return the last node, which is not emitted, with the output of {@code attention}
     */
    Node weighed(Editor editor, Node attention, Shape shape) {
      if (!guarded) {
        return attention;
      }
      String name = editor.fresh(attention.output());
      editor.emit(attention.withOutput(name), DataType.FLOAT, shape);
      ProgramBuilder p = new ProgramBuilder(DataType.FLOAT);
      p.op(ElementwiseOp.WHERE, p.op(ElementwiseOp.EQUAL, 0, 0), 0, p.constant(DataType.FLOAT, 0));
      return new Node(
          attention.name(),
          Node.QUERN,
          "Elementwise",
          List.of(name),
          attention.outputs(),
          Map.of("program", new Attribute.Program(p.build())));
    }
  }

  private static ElementwiseProgram isNaN() {
    ProgramBuilder p = new ProgramBuilder(DataType.FLOAT);
    p.op(ElementwiseOp.NOT, p.op(ElementwiseOp.EQUAL, 0, 0));
    return p.build();
  }
}
