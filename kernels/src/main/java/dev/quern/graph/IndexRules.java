package dev.quern.graph;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Operators that read or write elements by indices, and those that find indices. */
final class IndexRules {
  private IndexRules() {}

  private static void requireIndex(Site s, int input) {
    DataType type = s.type(input);
    if (type != DataType.INT64 && type != DataType.INT32) {
      throw Site.unsupported("its indices are " + type.label(), "use i64 or i32");
    }
  }

  private static Map<String, Attribute> axis(int axis) {
    return Map.of("axis", new Attribute.Int(axis));
  }

  static void gatherElements(Site s) {
    requireIndex(s, 1);
    Shape data = s.shape(0);
    if (s.shape(1).rank() != data.rank() || data.rank() == 0) {
      throw Site.unsupported("its indices " + s.shape(1) + " do not fit " + data, "");
    }
    Compose c = new Compose(s);
    int axis = s.axis(s.integer("axis", 0), data.rank());
    c.output(0, elements(c, c.input(0), c.input(1), axis));
  }

  /** Elements whose place along one axis is said, and along the others is their own. */
  private static Value elements(Compose c, Value data, Value indices, int axis) {
    DataType type = indices.type();
    Shape from = data.shape();
    int rank = from.rank();
    Dim size = from.dim(axis);
    Value length = number(c, type, size);
    Value own = wrapped(c, indices, length);
    Value at = c.apply(ElementwiseOp.MUL, own, number(c, type, from.product(axis + 1, rank)));
    for (int i = 0; i < rank; i++) {
      if (i != axis && !indices.shape().dim(i).is(1)) {
        Dim[] dims = new Dim[rank];
        Arrays.fill(dims, Dim.ONE);
        dims[i] = indices.shape().dim(i);
        Value place = c.reshape(c.iota(type, Dim.ZERO, 1, dims[i]), dims);
        Value stride = number(c, type, from.product(i + 1, rank));
        at = c.apply(ElementwiseOp.ADD, at, c.apply(ElementwiseOp.MUL, place, stride));
      }
    }
    Value fits = inside(c, own, length);
    return gathered(
        c, c.reshape(data, from.size()), chosen(c, fits, at, from.size()), indices.shape());
  }

  /** A size as a number. */
  private static Value number(Compose c, DataType type, Dim size) {
    return c.reshape(c.iota(type, size, 0, Dim.ONE), Shape.SCALAR);
  }

  /** Places from the end, which are negative, counted from the beginning. */
  private static Value wrapped(Compose c, Value places, Value size) {
    DataType type = places.type();
    ProgramBuilder p = new ProgramBuilder(List.of(type, type));
    int below = p.op(ElementwiseOp.LESS, 0, p.constant(type, 0));
    p.op(ElementwiseOp.WHERE, below, p.op(ElementwiseOp.ADD, 0, 1), 0);
    return c.apply(p, places, size);
  }

  private static Value inside(Compose c, Value places, Value size) {
    DataType type = places.type();
    ProgramBuilder p = new ProgramBuilder(List.of(type, type));
    int least = p.op(ElementwiseOp.GREATER_EQUAL, 0, p.constant(type, 0));
    p.op(ElementwiseOp.AND, least, p.op(ElementwiseOp.LESS, 0, 1));
    return c.apply(p, places, size);
  }

  /** Places, or where they do not fit one that is outside of all. */
  private static Value chosen(Compose c, Value fits, Value places, Dim all) {
    DataType type = places.type();
    ProgramBuilder p = new ProgramBuilder(List.of(DataType.BOOL, type, type));
    p.op(ElementwiseOp.WHERE, 0, 1, 2);
    return c.apply(p, fits, places, number(c, type, all));
  }

  static void gatherNd(Site s) {
    requireIndex(s, 1);
    Shape data = s.shape(0);
    Shape indices = s.shape(1);
    int batch = (int) s.integer("batch_dims", 0);
    if (indices.rank() < 1 || !indices.dim(-1).isConstant()) {
      throw Site.unsupported("its indices have the shape " + indices, "");
    }
    long depth = indices.dim(-1).constant();
    if (batch < 0
        || batch >= Math.min(data.rank(), indices.rank())
        || depth < 1
        || depth > data.rank() - batch) {
      throw Site.unsupported("its indices " + indices + " do not fit " + data, "");
    }
    List<Dim> dims = new ArrayList<>();
    for (int i = 0; i < batch; i++) {
      dims.add(s.same(data.dim(i), indices.dim(i), "the batches of its operands"));
    }
    dims.addAll(indices.dims().subList(batch, indices.rank() - 1));
    dims.addAll(data.dims().subList(batch + (int) depth, data.rank()));
    Compose c = new Compose(s);
    if (batch == 0) {
      c.output(0, gathered(c, c.input(0), c.input(1), (int) depth, new Shape(dims)));
      return;
    }
    Map<String, Attribute> attributes = Map.of("batch_dims", new Attribute.Int(batch));
    c.output(0, c.host("GatherND", attributes, s.type(0), new Shape(dims)));
  }

  /**
   * Rows of the data whose first axes are taken as one. Where one of a place's numbers is outside
   * of its axis, the place becomes one that is outside of all.
   */
  private static Value gathered(Compose c, Value data, Value indices, int depth, Shape result) {
    List<Dim> sizes = data.shape().dims();
    List<Dim> axes = new ArrayList<>(indices.shape().dims());
    axes.removeLast();
    Shape places = new Shape(axes);
    int last = indices.shape().rank() - 1;
    if (depth == 1) {
      return gathered(c, data, c.reshape(indices, places), result);
    }
    DataType type = indices.type();
    Value at = null;
    Value fits = null;
    for (int i = 0; i < depth; i++) {
      Value own = c.reshape(c.slice(indices, last, Dim.of(i), Dim.ONE), places);
      Value size = number(c, type, sizes.get(i));
      Value from = wrapped(c, own, size);
      Value fit = inside(c, from, size);
      fits = fits == null ? fit : c.apply(ElementwiseOp.AND, fits, fit);
      ProgramBuilder next = new ProgramBuilder(List.of(type, type, type));
      next.op(ElementwiseOp.ADD, next.op(ElementwiseOp.MUL, 0, 1), 2);
      at = at == null ? from : c.apply(next, at, size, from);
    }
    Dim all = new Shape(sizes.subList(0, depth)).size();
    List<Dim> flat = new ArrayList<>(List.of(all));
    flat.addAll(sizes.subList(depth, sizes.size()));
    Value rows = c.reshape(data, new Shape(flat));
    return gathered(c, rows, chosen(c, fits, at, all), result);
  }

  private static Value gathered(Compose c, Value rows, Value at, Shape result) {
    Map<String, Attribute> axis = Map.of("axis", new Attribute.Int(0));
    return c.node("", "Gather", List.of(rows, at), axis, rows.type(), result);
  }

  private static final List<String> REDUCTIONS = List.of("none", "add", "mul", "min", "max");

  private static Attribute reduction(Site s) {
    String reduction = s.text("reduction", "none");
    if (!REDUCTIONS.contains(reduction)) {
      throw Site.unsupported("its reduction is '" + reduction + "'", "");
    }
    return new Attribute.Text(reduction);
  }

  static void scatterElements(Site s) {
    requireIndex(s, 1);
    Shape data = s.shape(0);
    if (s.shape(1).rank() != data.rank() || data.rank() == 0 || s.type(2) != s.type(0)) {
      throw Site.unsupported("its indices and updates do not fit " + data, "");
    }
    for (int i = 0; i < data.rank(); i++) {
      s.same(s.shape(1).dim(i), s.shape(2).dim(i), "the sizes of its indices and updates");
    }
    Map<String, Attribute> attributes =
        GraphImporter.attributes(
            "axis",
            new Attribute.Int(s.axis(s.integer("axis", 0), data.rank())),
            "reduction",
            reduction(s));
    Compose c = new Compose(s);
    c.output(0, c.host("ScatterElements", attributes, s.type(0), data));
  }

  static void scatterNd(Site s) {
    requireIndex(s, 1);
    Shape data = s.shape(0);
    Shape indices = s.shape(1);
    if (indices.rank() < 1 || !indices.dim(-1).isConstant() || s.type(2) != s.type(0)) {
      throw Site.unsupported("its indices have the shape " + indices, "");
    }
    int depth = (int) indices.dim(-1).constant();
    List<Dim> wanted = new ArrayList<>(indices.dims().subList(0, indices.rank() - 1));
    if (depth < 1 || depth > data.rank()) {
      throw Site.unsupported("its indices " + indices + " do not fit " + data, "");
    }
    wanted.addAll(data.dims().subList(depth, data.rank()));
    Shape updates = s.shape(2);
    if (updates.rank() != wanted.size()) {
      throw Site.unsupported("its updates " + updates + " are not " + wanted, "");
    }
    for (int i = 0; i < wanted.size(); i++) {
      s.same(wanted.get(i), updates.dim(i), "the sizes of its updates");
    }
    Compose c = new Compose(s);
    c.output(0, c.host("ScatterND", Map.of("reduction", reduction(s)), s.type(0), data));
  }

  static void oneHot(Site s) {
    Shape indices = s.shape(0);
    Dim depth = depth(s);
    if (!s.shape(2).equals(Shape.of(2)) || !depth.isAtLeast(Dim.ZERO)) {
      throw Site.unsupported("it has " + depth + " places and values " + s.shape(2), "");
    }
    int rank = indices.rank() + 1;
    int axis = s.axis(s.integer("axis", -1), rank);
    List<Dim> dims = new ArrayList<>(indices.dims());
    dims.add(axis, depth);
    Compose c = new Compose(s);
    List<Value> operands = List.of(c.input(0), c.input(2));
    c.output(0, c.host("OneHot", operands, axis(axis), s.type(2), new Shape(dims)));
  }

  private static Dim depth(Site s) {
    if (s.contents(1).isPresent() && s.contents(1).get().size() == 1) {
      return s.contents(1).get().getFirst();
    }
    Constant constant =
        s.constant(1)
            .orElseThrow(() -> Site.unsupported("its depth is computed from data", "fold it"));
    return Dim.of((long) constant.number(0));
  }

  /** Reverses the first elements of each sequence along the axis of time. */
  static void reverseSequence(Site s) {
    Shape shape = s.shape(0);
    long batch = s.integer("batch_axis", 1);
    long time = s.integer("time_axis", 0);
    if (shape.rank() < 2 || batch == time || batch > 1 || batch < 0 || time > 1 || time < 0) {
      throw Site.unsupported("its axes are " + batch + " and " + time + " of " + shape, "");
    }
    s.same(s.shape(1).size(), shape.dim((int) batch), "the lengths and sequences");
    Compose c = new Compose(s);
    Map<String, Attribute> attributes = Map.of("time_axis", new Attribute.Int(time));
    c.output(0, c.host("ReverseSequence", attributes, s.type(0), shape));
  }

  /** Indices by the reference's kernel; the values are gathered with them. */
  static void topK(Site s) {
    Shape shape = s.shape(0);
    int axis = s.axis(s.integer("axis", -1), shape.rank());
    Dim k = s.opset() < 10 ? Dim.of(s.integer("k", -1)) : s.sizes(1, "k").getFirst();
    if (shape.rank() == 0 || !k.isAtLeast(Dim.ZERO)) {
      throw Site.unsupported("it takes " + k + " elements of " + shape, "");
    }
    List<Dim> dims = new ArrayList<>(shape.dims());
    dims.set(axis, k);
    Shape result = new Shape(dims);
    Map<String, Attribute> attributes =
        GraphImporter.attributes(
            "axis", new Attribute.Int(axis),
            "largest", new Attribute.Int(s.integer("largest", 1)));
    Compose c = new Compose(s);
    Value x = c.input(0);
    Value indices = c.host("TopK", List.of(x), attributes, DataType.INT64, result);
    if (s.wants(0)) {
      c.output(0, c.host("GatherElements", List.of(x, indices), axis(axis), x.type(), result));
    }
    c.output(1, indices);
  }

  // Results whose size depends on the elements.

  static void nonZero(Site s) {
    Dim rank = Dim.of(s.shape(0).rank());
    List<Dim> dims = List.of(rank, s.counted(0, 1));
    new Compose(s).counted(0, "NonZero", Map.of(), DataType.INT64, dims, 1);
  }

  /** The places of an axis, or of all elements, where a vector of bool is true. */
  static void compress(Site s) {
    Shape shape = s.shape(0);
    boolean flat = s.attribute("axis").isEmpty();
    int axis = flat ? -1 : s.axis(s.integer("axis", 0), shape.rank());
    if (s.type(1) != DataType.BOOL || s.shape(1).rank() != 1) {
      throw Site.unsupported("its condition is no vector of bool", "");
    }
    List<Dim> dims = new ArrayList<>(flat ? List.of(Dim.ONE) : shape.dims());
    int counted = flat ? 0 : axis;
    dims.set(counted, s.counted(0, counted));
    new Compose(s).counted(0, "Compress", axis(axis), s.type(0), dims, counted);
  }

  static void unique(Site s) {
    Shape shape = s.shape(0);
    boolean flat = s.attribute("axis").isEmpty();
    int axis = flat ? -1 : s.axis(s.integer("axis", 0), shape.rank());
    Compose c = new Compose(s);
    for (int part = 0; part < 4; part++) {
      if (!s.wants(part)) {
        continue;
      }
      Map<String, Attribute> attributes =
          GraphImporter.attributes(
              "axis", new Attribute.Int(axis),
              "sorted", new Attribute.Int(s.integer("sorted", 1)),
              "part", new Attribute.Int(part));
      if (part == 2) {
        Dim count = flat ? shape.size() : shape.dim(axis);
        Shape inverse = new Shape(List.of(count));
        c.output(2, c.host("Unique", attributes, DataType.INT64, inverse));
        continue;
      }
      int counted = flat || part > 0 ? 0 : axis;
      List<Dim> dims = new ArrayList<>(flat || part > 0 ? List.of(Dim.ONE) : shape.dims());
      dims.set(counted, s.counted(part, counted));
      DataType type = part == 0 ? s.type(0) : DataType.INT64;
      c.counted(part, "Unique", attributes, type, dims, counted);
    }
  }

  /** Boxes {@code [batches, boxes, 4]}, scores {@code [batches, classes, boxes]}. */
  static void nonMaxSuppression(Site s) {
    if (s.shape(0).rank() != 3 || s.shape(1).rank() != 3) {
      throw Site.unsupported("its boxes are " + s.shape(0) + ", its scores " + s.shape(1), "");
    }
    Map<String, Attribute> attributes =
        Map.of("center_point_box", new Attribute.Int(s.integer("center_point_box", 0)));
    List<Dim> dims = List.of(s.counted(0, 0), Dim.of(3));
    new Compose(s).counted(0, "NonMaxSuppression", attributes, DataType.INT64, dims, 0);
  }
}
