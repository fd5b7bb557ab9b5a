package dev.quern.graph;

import static dev.quern.graph.ElementwiseOp.*;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reductions that are made of sums and element-wise programs, and those along one axis. */
final class ReductionRules {
  /** Places that f32 counts exactly. */
  private static final int MOST_PLACES = 1 << 24;

  private ReductionRules() {}

  /** The axes of a reduction; an attribute before version {@code asInput}, an input from then. */
  private static List<Long> axes(Site s, int asInput) {
    Optional<List<Long>> given =
        s.opset() < asInput
            ? s.ints("axes")
            : s.has(1) ? Optional.of(s.constants(1, "axes")) : Optional.empty();
    int rank = s.shape(0).rank();
    List<Long> axes = new ArrayList<>();
    if (given.isEmpty() || given.get().isEmpty()) {
      if (s.integer("noop_with_empty_axes", 0) != 0) {
        throw Site.unsupported("it has no axes and is to reduce nothing", "remove it");
      }
      for (long axis = 0; axis < rank; axis++) {
        axes.add(axis);
      }
      return axes;
    }
    boolean[] reduced = new boolean[rank];
    for (long axis : given.get()) {
      reduced[s.axis(axis, rank)] = true;
    }
    for (int i = 0; i < rank; i++) {
      if (reduced[i]) {
        axes.add((long) i);
      }
    }
    return axes;
  }

  private static boolean keeps(Site s) {
    return s.integer("keepdims", 1) != 0;
  }

  private static void sum(Site s, Compose c, Value terms, ElementwiseOp last) {
    Value sum = c.reduce("ReduceSum", terms, axes(s, 18), keeps(s));
    c.output(0, last == null ? sum : c.apply(last, sum));
  }

  static void l1(Site s) {
    Compose c = new Compose(s);
    sum(s, c, c.apply(ABS, c.input(0)), null);
  }

  static void l2(Site s) {
    Compose c = new Compose(s);
    // Sums of whole numbers have no root that is one.
    Value x = c.input(0);
    if (!x.type().isFloating()) {
      throw Site.unsupported("its elements are " + x.type().label(), "cast them to f32");
    }
    sum(s, c, c.apply(MUL, x, x), SQRT);
  }

  static void sumSquare(Site s) {
    Compose c = new Compose(s);
    Value x = c.input(0);
    sum(s, c, c.apply(MUL, x, x), null);
  }

  static void logSum(Site s) {
    Compose c = new Compose(s);
    sum(s, c, c.input(0), LOG);
  }

  /** {@code m + log(Σ e^(x - m))} with the largest element m, so that nothing overflows. */
  static void logSumExp(Site s) {
    Compose c = new Compose(s);
    Value x = c.input(0);
    DataType type = x.type();
    List<Long> axes = axes(s, 18);
    Value most = c.reduce("ReduceMax", x, axes, true);
    // Infinities would give the difference NaN.
    ProgramBuilder finite = new ProgramBuilder(type);
    int huge = finite.constant(type, Float.MAX_VALUE);
    int isFinite = finite.op(LESS_EQUAL, finite.op(ABS, 0), huge);
    finite.op(WHERE, isFinite, 0, finite.constant(type, 0));
    Value shift = c.apply(finite, most);
    Value sum = c.reduce("ReduceSum", c.apply(EXP, c.apply(SUB, x, shift)), axes, true);
    Value result = c.apply(ADD, c.apply(LOG, sum), shift);
    c.output(0, keeps(s) ? result : c.reshape(result, dropped(result.shape(), axes)));
  }

  private static Shape dropped(Shape shape, List<Long> axes) {
    List<Dim> dims = new ArrayList<>();
    for (int i = 0; i < shape.rank(); i++) {
      if (!axes.contains((long) i)) {
        dims.add(shape.dim(i));
      }
    }
    return new Shape(dims);
  }

  /** The place of the largest or least element of an axis: the first one, or the last one. */
  static void arg(Site s, String op) {
    Shape shape = s.shape(0);
    int axis = s.axis(s.integer("axis", 0), shape.rank());
    List<Dim> dims = new ArrayList<>(shape.dims());
    if (shape.rank() > 0) {
      if (shape.dim(axis).is(0)) {
        throw Site.unsupported("its axis " + axis + " is empty", "");
      }
      dims.set(axis, Dim.ONE);
      if (!keeps(s)) {
        dims.remove(axis);
      }
    }
    Compose c = new Compose(s);
    boolean last = s.integer("select_last_index", 0) != 0;
    if (shape.rank() > 0 && areCounted(c.input(0), axis)) {
      String extreme = op.equals("ArgMax") ? "ReduceMax" : "ReduceMin";
      Value place = place(c, c.input(0), extreme, axis, last);
      ProgramBuilder p = new ProgramBuilder(DataType.FLOAT);
      int none = p.op(EQUAL, 0, p.constant(DataType.FLOAT, nowhere(last)));
      p.op(WHERE, none, p.constant(DataType.FLOAT, 0), 0);
      Value whole = c.cast(c.apply(p, place), DataType.INT64);
      c.output(0, c.reshape(whole, new Shape(dims)));
      return;
    }
    Map<String, Attribute> attributes =
        GraphImporter.attributes(
            "axis", new Attribute.Int(axis),
            "last", new Attribute.Int(s.integer("select_last_index", 0)));
    c.output(0, c.host(op, attributes, DataType.INT64, new Shape(dims)));
  }

  /** Whether the places of an axis can be counted in f32. */
  private static boolean areCounted(Value x, int axis) {
    Dim size = x.shape().dim(axis);
    return x.type() == DataType.FLOAT
        && size.isConstant()
        && size.constant() > 0
        && size.constant() <= MOST_PLACES;
  }

  /** The places of an axis as f32, to stand beside a value. */
  private static Value places(Compose c, Value x, int axis) {
    Dim[] dims = new Dim[x.shape().rank()];
    Arrays.fill(dims, Dim.ONE);
    dims[axis] = x.shape().dim(axis);
    Value count = c.cast(c.iota(DataType.INT32, Dim.ZERO, 1, dims[axis]), DataType.FLOAT);
    return c.reshape(count, dims);
  }

  /**
   * The first or last place of an axis where its extreme is, {@link #nowhere} if NaN hides it; the
   * axis stays with the size 1.
   */
  private static Value place(Compose c, Value x, String extreme, int axis, boolean last) {
    DataType f32 = DataType.FLOAT;
    List<Long> axes = List.of((long) axis);
    ProgramBuilder p = new ProgramBuilder(List.of(f32, f32, f32));
    p.op(WHERE, p.op(EQUAL, 0, 1), 2, p.constant(f32, nowhere(last)));
    Value found = c.apply(p, x, c.reduce(extreme, x, axes, true), places(c, x, axis));
    return c.reduce(last ? "ReduceMax" : "ReduceMin", found, axes, true);
  }

  /** What loses against every place. */
  private static int nowhere(boolean last) {
    return last ? -1 : MOST_PLACES;
  }

  static void cumSum(Site s) {
    Shape shape = s.shape(0);
    List<Long> axis = s.constants(1, "axis");
    if (axis.size() != 1) {
      throw Site.unsupported("its axis is no scalar", "");
    }
    Compose c = new Compose(s);
    Map<String, Attribute> attributes =
        GraphImporter.attributes(
            "axis", new Attribute.Int(s.axis(axis.getFirst(), shape.rank())),
            "exclusive", new Attribute.Int(s.integer("exclusive", 0)),
            "reverse", new Attribute.Int(s.integer("reverse", 0)));
    c.output(0, c.host("CumSum", List.of(c.input(0)), attributes, s.type(0), shape));
  }

  /** 1 at the first largest element of an axis, else 0; before version 13, over all from it on. */
  static void hardmax(Site s) {
    Shape shape = s.shape(0);
    boolean flattens = s.opset() < 13;
    int axis = s.axis(s.integer("axis", flattens ? 1 : -1), shape.rank());
    Compose c = new Compose(s);
    Value x = c.input(0);
    if (flattens) {
      x = c.reshape(x, shape.product(0, axis), shape.product(axis, shape.rank()));
      axis = 1;
    }
    Map<String, Attribute> attributes = Map.of("axis", new Attribute.Int(axis));
    Value result =
        areCounted(x, axis)
            ? c.cast(
                c.apply(EQUAL, places(c, x, axis), place(c, x, "ReduceMax", axis, false)),
                DataType.FLOAT)
            : c.host("Hardmax", List.of(x), attributes, x.type(), x.shape());
    c.output(0, c.reshape(result, shape));
  }

  /** The norm of an axis that divides its elements. */
  static void lpNormalization(Site s) {
    long p = s.integer("p", 2);
    Shape shape = s.shape(0);
    List<Long> axis = List.of((long) s.axis(s.integer("axis", -1), shape.rank()));
    Compose c = new Compose(s);
    Value x = c.input(0);
    Value norm;
    if (p == 1) {
      norm = c.reduce("ReduceSum", c.apply(ABS, x), axis, true);
    } else if (p == 2) {
      norm = c.apply(SQRT, c.reduce("ReduceSum", c.apply(MUL, x, x), axis, true));
    } else {
      throw Site.unsupported("its p is " + p, "1 and 2 are supported");
    }
    // A row of zeros stays one.
    ProgramBuilder divide = new ProgramBuilder(List.of(x.type(), x.type()));
    int zero = divide.constant(x.type(), 0);
    divide.op(WHERE, divide.op(EQUAL, 1, zero), zero, divide.op(DIV, 0, 1));
    c.output(0, c.apply(divide, x, norm));
  }

  /** {@code (Σ |x|^p)^(1/p)} over all spatial axes. */
  static void globalLpPool(Site s) {
    long p = s.integer("p", 2);
    Shape shape = s.shape(0);
    List<Long> axes = new ArrayList<>();
    for (long axis = 2; axis < shape.rank(); axis++) {
      axes.add(axis);
    }
    Compose c = new Compose(s);
    Value x = c.input(0);
    Value powers = p == 2 ? c.apply(MUL, x, x) : c.apply(POW, c.apply(ABS, x), (double) p);
    Value sum = c.reduce("ReduceSum", powers, axes, true);
    c.output(0, p == 2 ? c.apply(SQRT, sum) : c.apply(POW, sum, 1.0 / p));
  }
}
