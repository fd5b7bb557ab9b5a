package dev.quern.graph;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Matrix products, normalisations and reductions. */
final class MathRules {
  private MathRules() {}

  static void matMul(Site s) {
    sameType(s, 1);
    product(s, "MatMul", 0, 1, List.of(), s.type(0), true);
  }

  /**
   * Writes a product of two inputs with numpy's rules for vectors and batches.
   *
   * @param more further operands of the node
   * @param type of the result
   * @param last whether the product is the site's output, or a value between
   */
  static Value product(
      Site s,
      String op,
      int leftInput,
      int rightInput,
      List<String> more,
      DataType type,
      boolean last) {
    Shape a = s.shape(leftInput);
    Shape b = s.shape(rightInput);
    if (a.rank() == 0 || b.rank() == 0) {
      throw Site.unsupported("an operand is a scalar", "use Mul");
    }
    // A vector is a matrix of one row on the left, of one column on the right.
    Shape left = a.rank() == 1 ? new Shape(List.of(Dim.ONE, a.dim(0))) : a;
    Shape right = b.rank() == 1 ? new Shape(List.of(b.dim(0), Dim.ONE)) : b;
    s.same(left.dim(-1), right.dim(-2), "the inner sizes of the product of " + a + " and " + b);
    Shape batch = s.broadcast(batch(left), batch(right));
    List<Dim> full = new ArrayList<>(batch.dims());
    full.add(left.dim(-2));
    full.add(right.dim(-1));
    List<Dim> wanted = new ArrayList<>(batch.dims());
    if (a.rank() > 1) {
      wanted.add(left.dim(-2));
    }
    if (b.rank() > 1) {
      wanted.add(right.dim(-1));
    }
    List<String> operands = new ArrayList<>();
    operands.add(s.reshaped(s.operand(leftInput), s.type(leftInput), a, left));
    operands.add(s.reshaped(s.operand(rightInput), s.type(rightInput), b, right));
    operands.addAll(more);
    Shape product = new Shape(full);
    Shape result = new Shape(wanted);
    String domain = Node.QUERN;
    if (!product.equals(result)) {
      operands = List.of(s.between(domain, op, operands, Map.of(), type, product));
      op = "Reshape";
      domain = "";
    }
    if (last) {
      s.node(0, domain, op, operands, Map.of(), type, result);
      return new Value(s.output(0), type, result);
    }
    return new Value(s.between(domain, op, operands, Map.of(), type, result), type, result);
  }

  private static Shape batch(Shape shape) {
    return new Shape(shape.dims().subList(0, shape.rank() - 2));
  }

  private static void sameType(Site s, int input) {
    if (s.type(input) != s.type(0)) {
      throw Site.unsupported(
          "its operands are " + s.type(0).label() + " and " + s.type(input).label(), "");
    }
  }

  /** {@code alpha·A·B + beta·C}, with A and B transposed if wanted. */
  static void gemm(Site s) {
    DataType type = s.type(0);
    sameType(s, 1);
    Shape a = s.shape(0);
    Shape b = s.shape(1);
    if (a.rank() != 2 || b.rank() != 2) {
      throw Site.unsupported("its operands " + a + " and " + b + " are no matrices", "");
    }
    String left = s.operand(0);
    if (s.integer("transA", 0) != 0) {
      left = s.transposed(left, type, a, List.of(1L, 0L));
      a = a.permuted(List.of(1L, 0L));
    }
    boolean transB = s.integer("transB", 0) != 0;
    s.same(a.dim(1), b.dim(transB ? 1 : 0), "the inner sizes of the product of " + a + " and " + b);
    Shape product = new Shape(List.of(a.dim(0), b.dim(transB ? 0 : 1)));
    Map<String, Attribute> attributes = transB ? Map.of("transB", new Attribute.Int(1)) : Map.of();
    double alpha = s.real("alpha", 1);
    double beta = s.real("beta", 1);
    boolean adds = s.has(2) && beta != 0;
    List<String> operands = List.of(left, s.operand(1));
    if (!adds && alpha == 1) {
      s.node(0, Node.QUERN, "MatMul", operands, attributes, type, product);
      return;
    }
    String raw = s.between(Node.QUERN, "MatMul", operands, attributes, type, product);
    ProgramBuilder p = new ProgramBuilder(adds ? List.of(type, type) : List.of(type));
    int result = alpha == 1 ? 0 : p.op(ElementwiseOp.MUL, 0, p.constant(type, alpha));
    if (adds) {
      sameType(s, 2);
      if (!s.broadcast(product, s.shape(2)).equals(product)) {
        throw Site.unsupported("C " + s.shape(2) + " does not broadcast to " + product, "");
      }
      int c = beta == 1 ? 1 : p.op(ElementwiseOp.MUL, 1, p.constant(type, beta));
      result = p.op(ElementwiseOp.ADD, result, c);
    }
    s.node(
        0,
        Node.QUERN,
        "Elementwise",
        adds ? List.of(raw, s.operand(2)) : List.of(raw),
        Map.of("program", new Attribute.Program(p.build(result))),
        type,
        product);
  }

  /** Softmax or LogSoftmax over one axis; before version 13, over all axes from one on. */
  static void softmax(Site s, String op) {
    DataType type = s.type(0);
    Shape shape = s.shape(0);
    boolean flattens = s.opset() < 13;
    int axis = s.axis(s.integer("axis", flattens ? 1 : -1), shape.rank());
    String operand = s.operand(0);
    if (shape.rank() == 0) {
      shape = Shape.of(1);
      operand = s.reshaped(operand, type, Shape.SCALAR, shape);
    }
    int last = shape.rank() - 1;
    if (axis == last && shape.equals(s.shape(0))) {
      s.node(0, "", op, List.of(operand), lastAxis(last), type, shape);
    } else if (flattens || shape.rank() == 1) {
      Shape flat = new Shape(List.of(shape.product(0, axis), shape.product(axis, shape.rank())));
      String rows = s.reshaped(operand, type, shape, flat);
      String result = s.between("", op, List.of(rows), lastAxis(1), type, flat);
      s.node(0, "", "Reshape", List.of(result), Map.of(), type, s.shape(0));
    } else {
      List<Long> perm = new ArrayList<>();
      for (int i = 0; i <= last; i++) {
        perm.add((long) (i == axis ? last : i == last ? axis : i));
      }
      String turned = s.transposed(operand, type, shape, perm);
      String result =
          s.between("", op, List.of(turned), lastAxis(last), type, shape.permuted(perm));
      s.node(
          0,
          "",
          "Transpose",
          List.of(result),
          Map.of("perm", new Attribute.Ints(perm)),
          type,
          shape);
    }
  }

  private static Map<String, Attribute> lastAxis(int axis) {
    return Map.of("axis", new Attribute.Int(axis));
  }

  static void layerNormalization(Site s) {
    DataType type = s.type(0);
    Shape shape = s.shape(0);
    int axis = s.axis(s.integer("axis", -1), shape.rank());
    if (shape.rank() == 0) {
      throw Site.unsupported("it normalises a scalar", "");
    }
    Dim size = shape.product(axis, shape.rank());
    List<Dim> rows = new ArrayList<>(shape.dims().subList(0, axis));
    rows.add(size);
    Shape flat = new Shape(rows);
    List<String> operands = new ArrayList<>();
    operands.add(s.reshaped(s.operand(0), type, shape, flat));
    for (int i = 1; i <= 2; i++) {
      if (s.has(i)) {
        sameType(s, i);
        s.same(
            s.shape(i).size(), size, "the sizes of input " + i + " and of the axes from " + axis);
        operands.add(s.reshaped(s.operand(i), type, s.shape(i), new Shape(List.of(size))));
      }
    }
    Map<String, Attribute> attributes =
        GraphImporter.attributes(
            "axis", new Attribute.Int(-1), "epsilon", new Attribute.Real(s.real("epsilon", 1e-5f)));
    if (flat.equals(shape)) {
      s.node(0, "", "LayerNormalization", operands, attributes, type, shape);
    } else {
      String result = s.between("", "LayerNormalization", operands, attributes, type, flat);
      s.node(0, "", "Reshape", List.of(result), Map.of(), type, shape);
    }
  }

  /** A reduction; its axes are an attribute before {@code asInput}, an input from then on. */
  static void reduce(Site s, String op, int asInput) {
    Shape shape = s.shape(0);
    Optional<List<Long>> given =
        s.opset() < asInput
            ? s.ints("axes")
            : s.has(1) ? Optional.of(s.constants(1, "axes")) : Optional.empty();
    boolean all = given.isEmpty() || given.get().isEmpty();
    boolean keep = s.integer("keepdims", 1) != 0;
    if (all && s.integer("noop_with_empty_axes", 0) != 0 || shape.rank() == 0) {
      s.alias(0, 0);
      return;
    }
    boolean[] reduced = new boolean[shape.rank()];
    for (long axis : all ? List.<Long>of() : given.get()) {
      reduced[s.axis(axis, shape.rank())] = true;
    }
    List<Long> axes = new ArrayList<>();
    List<Dim> dims = new ArrayList<>();
    for (int i = 0; i < shape.rank(); i++) {
      if (all || reduced[i]) {
        axes.add((long) i);
      }
      if (!(all || reduced[i])) {
        dims.add(shape.dim(i));
      } else if (keep) {
        dims.add(Dim.ONE);
      }
    }
    Shape result = new Shape(dims);
    if (s.contents(0).isPresent() && reduceContents(s, op, result)) {
      return;
    }
    if (op.equals("ReduceSum")
        && axes.size() == 1
        && (s.type(0) == DataType.INT32 || s.type(0) == DataType.INT64)) {
      sumWhole(s, axes.getFirst().intValue(), result);
      return;
    }
    s.node(
        0,
        "",
        op,
        List.of(s.operand(0)),
        GraphImporter.attributes(
            "axes", new Attribute.Ints(axes), "keepdims", new Attribute.Int(keep ? 1 : 0)),
        s.type(0),
        result);
  }

  /** A sum of whole numbers is the last of the sums so far, one behind all of an axis. */
  private static void sumWhole(Site s, int axis, Shape result) {
    Compose c = new Compose(s);
    Value x = c.input(0);
    List<Dim> dims = new ArrayList<>(x.shape().dims());
    dims.set(axis, Dim.ONE);
    Value none = c.expand(c.constant(Constants.scalar("", x.type(), 0)), new Shape(dims));
    Value all = c.concat(axis, List.of(x, none));
    Map<String, Attribute> attributes =
        GraphImporter.attributes(
            "axis", new Attribute.Int(axis),
            "exclusive", new Attribute.Int(1),
            "reverse", new Attribute.Int(0));
    Value sums = c.host("CumSum", List.of(all), attributes, x.type(), all.shape());
    c.output(0, c.reshape(c.slice(sums, axis, x.shape().dim(axis), Dim.ONE), result));
  }

  private static boolean reduceContents(Site s, String op, Shape result) {
    List<Dim> elements = s.contents(0).get();
    if (elements.isEmpty()) {
      return false;
    }
    Dim value = elements.getFirst();
    for (Dim next : elements.subList(1, elements.size())) {
      switch (op) {
        case "ReduceSum" -> value = value.plus(next);
        case "ReduceProd" -> value = value.times(next);
        case "ReduceMax" -> value = value.max(next);
        case "ReduceMin" -> value = value.min(next);
        default -> {
          return false;
        }
      }
    }
    s.contents(0, s.type(0), result, List.of(value));
    return true;
  }
}
