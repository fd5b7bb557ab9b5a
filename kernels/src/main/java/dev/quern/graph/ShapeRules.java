package dev.quern.graph;

import dev.quern.onnx.DataType;
import dev.quern.onnx.Lists;
import dev.quern.onnx.OnnxAttribute;
import dev.quern.onnx.OnnxTensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Operators that change or read shapes only, and constants. */
final class ShapeRules {
  private ShapeRules() {}

  static void reshape(Site s) {
    List<Dim> wanted = s.sizes(1, "shape");
    boolean zeroIsZero = s.integer("allowzero", 0) != 0;
    Shape from = s.shape(0);
    List<Dim> dims = new ArrayList<>();
    int inferred = -1;
    Dim others = Dim.ONE;
    for (int i = 0; i < wanted.size(); i++) {
      Dim dim = wanted.get(i);
      if (dim.is(-1)) {
        if (inferred >= 0) {
          throw Site.unsupported("its shape " + Shape.text(wanted) + " has two sizes -1", "");
        }
        inferred = i;
      } else if (dim.is(0) && !zeroIsZero) {
        if (i >= from.rank()) {
          throw Site.unsupported(
              "its shape " + Shape.text(wanted) + " copies an axis that is not there", "");
        }
        dim = from.dim(i);
      } else if (dim.isConstant() && dim.constant() < 0) {
        throw Site.unsupported("its shape " + Shape.text(wanted) + " has a negative size", "");
      }
      dims.add(dim);
      others = i == inferred ? others : others.times(dim);
    }
    Dim size = from.size();
    if (inferred >= 0) {
      if (others.is(0)) {
        throw Site.unsupported(
            "a size -1 of " + Shape.text(wanted) + " beside 0 is not determined", "");
      }
      dims.set(inferred, size.dividedBy(others));
    }
    Shape to = new Shape(dims);
    s.same(size, to.size(), "the numbers of elements of " + from + " and " + to);
    write(s, to);
  }

  /** Writes output 0 as input 0 in another shape. */
  private static void write(Site s, Shape to) {
    DataType type = s.type(0);
    Optional<List<Dim>> contents = s.elements(0);
    Optional<Constant> constant = s.constant(0);
    if (s.shape(0).equals(to)) {
      s.alias(0, 0);
    } else if (contents.isPresent() && to.isConstant()) {
      s.contents(0, type, to, contents.get());
    } else if (constant.isPresent() && to.isConstant()) {
      s.constant(0, new Constant(s.output(0), type, to, constant.get().data()));
    } else {
      s.node(0, "", "Reshape", List.of(s.operand(0)), Map.of(), type, to);
    }
  }

  static void flatten(Site s) {
    Shape from = s.shape(0);
    long given = s.integer("axis", 1);
    int axis = given == from.rank() ? from.rank() : s.axis(given, from.rank());
    write(s, new Shape(List.of(from.product(0, axis), from.product(axis, from.rank()))));
  }

  /** The axes of Squeeze and Unsqueeze: an attribute, since version 13 an input. */
  private static Optional<List<Long>> axes(Site s) {
    if (s.opset() >= 13) {
      return s.has(1) ? Optional.of(s.constants(1, "axes")) : Optional.empty();
    }
    return s.ints("axes");
  }

  static void squeeze(Site s) {
    Shape from = s.shape(0);
    boolean[] drop = new boolean[from.rank()];
    Optional<List<Long>> axes = axes(s);
    if (axes.isPresent()) {
      for (long axis : axes.get()) {
        int at = s.axis(axis, from.rank());
        s.same(Dim.ONE, from.dim(at), "1 and the size of the axis " + axis + " that is dropped");
        drop[at] = true;
      }
    } else {
      for (int i = 0; i < drop.length; i++) {
        drop[i] = from.dim(i).is(1);
      }
    }
    List<Dim> dims = new ArrayList<>();
    for (int i = 0; i < drop.length; i++) {
      if (!drop[i]) {
        dims.add(from.dim(i));
      }
    }
    write(s, new Shape(dims));
  }

  static void unsqueeze(Site s) {
    Shape from = s.shape(0);
    List<Long> axes = axes(s).orElseThrow(() -> Site.unsupported("it has no axes", ""));
    int rank = from.rank() + axes.size();
    boolean[] added = new boolean[rank];
    for (long axis : axes) {
      int at = s.axis(axis, rank);
      if (added[at]) {
        throw Site.unsupported("its axes " + Lists.numbers(axes) + " name one twice", "");
      }
      added[at] = true;
    }
    List<Dim> dims = new ArrayList<>();
    int next = 0;
    for (int i = 0; i < rank; i++) {
      dims.add(added[i] ? Dim.ONE : from.dim(next++));
    }
    write(s, new Shape(dims));
  }

  static void dropout(Site s) {
    if (s.has(2) && !s.constants(2, "training mode").equals(List.of(0L))) {
      throw Site.unsupported("it is in training mode", "export the model for inference");
    }
    s.alias(0, 0);
    if (s.wants(1)) {
      // Where the input's elements lie, there is a true, whatever they are.
      Compose c = new Compose(s);
      ProgramBuilder p = new ProgramBuilder(s.type(0));
      p.constant(DataType.BOOL, 1);
      c.output(1, c.apply(p, c.input(0)));
    }
  }

  static void constant(Site s) {
    String name = s.output(0);
    Optional<OnnxAttribute> tensor = s.attribute("value");
    if (tensor.isPresent() && tensor.get() instanceof OnnxAttribute.Tensor a) {
      s.constant(0, GraphImporter.constant(name, a.value()));
    } else if (s.attribute("value_float").isPresent()) {
      s.constant(0, Constants.scalar(name, DataType.FLOAT, s.real("value_float", 0)));
    } else if (s.attribute("value_int").isPresent()) {
      long[] bits = {s.integer("value_int", 0)};
      s.constant(0, Constants.ofBits(name, DataType.INT64, Shape.SCALAR, bits));
    } else if (s.attribute("value_ints").isPresent()) {
      List<Long> values = s.ints("value_ints").get();
      long[] bits = new long[values.size()];
      for (int i = 0; i < bits.length; i++) {
        bits[i] = values.get(i);
      }
      s.constant(0, Constants.ofBits(name, DataType.INT64, Shape.of(bits.length), bits));
    } else if (s.attribute("value_floats").orElse(null) instanceof OnnxAttribute.Reals a) {
      long[] bits = new long[a.value().size()];
      for (int i = 0; i < bits.length; i++) {
        bits[i] = Float.floatToRawIntBits(a.value().get(i));
      }
      s.constant(0, Constants.ofBits(name, DataType.FLOAT, Shape.of(bits.length), bits));
    } else {
      throw Site.unsupported("its value is of a kind that is not supported", "use a dense tensor");
    }
  }

  static void constantOfShape(Site s) {
    Constant value = Constants.scalar("", DataType.FLOAT, 0);
    if (s.attribute("value").orElse(null) instanceof OnnxAttribute.Tensor a) {
      OnnxTensor tensor = a.value();
      value = GraphImporter.constant("", tensor);
    }
    if (value.size() != 1) {
      throw Site.unsupported("its value has " + value.size() + " elements, not 1", "");
    }
    filled(s, 0, value, new Shape(s.sizes(0, "shape")));
  }

  /** An output filled with one element. */
  private static void filled(Site s, int output, Constant value, Shape shape) {
    for (Dim dim : shape.dims()) {
      if (dim.isConstant() && dim.constant() < 0) {
        throw Site.unsupported("its shape " + shape + " has a negative size", "");
      }
    }
    DataType type = value.type();
    boolean small = shape.isConstant() && shape.rank() <= 1;
    if (small && Contents.isFollowed(type) && Dim.of(Contents.MOST).isAtLeast(shape.size())) {
      List<Dim> elements = new ArrayList<>();
      for (long i = 0; i < shape.size().constant(); i++) {
        elements.add(Dim.of(value.integer(0)));
      }
      s.contents(output, type, shape, elements);
      return;
    }
    String scalar = s.scalar(type, value.data());
    s.node(output, "", "Expand", List.of(scalar), Map.of(), type, shape);
  }

  static void shape(Site s) {
    Shape shape = s.shape(0);
    int start = clampAxis(s.integer("start", 0), shape.rank());
    int end = clampAxis(s.integer("end", shape.rank()), shape.rank());
    List<Dim> dims = shape.dims().subList(start, Math.max(start, end));
    s.contents(0, DataType.INT64, Shape.of(dims.size()), dims);
  }

  private static int clampAxis(long axis, int rank) {
    return (int) Math.clamp(axis < 0 ? axis + rank : axis, 0L, (long) rank);
  }

  static void size(Site s) {
    s.contents(0, DataType.INT64, Shape.SCALAR, List.of(s.shape(0).size()));
  }

  static void range(Site s) {
    DataType type = s.type(0);
    if (type.isFloating()) {
      realRange(s, type);
      return;
    }
    List<Dim> ends = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      ends.addAll(s.sizes(i, "limit"));
    }
    if (ends.size() != 3) {
      throw Site.unsupported("its limits are no scalars", "");
    }
    Dim start = ends.get(0);
    Dim delta = ends.get(2);
    if (!delta.isConstant() || delta.is(0)) {
      throw Site.unsupported("its step is " + delta, "it must be a constant, not 0");
    }
    Dim length = ends.get(1).minus(start);
    long step = delta.constant();
    if (!length.isConstant()) {
      Dim distance = step > 0 ? length : start.minus(ends.get(1));
      Dim count = distance.plus(Dim.of(Math.abs(step) - 1)).dividedBy(Dim.of(Math.abs(step)));
      Compose c = new Compose(s);
      c.output(0, c.iota(type, start, step, count.max(Dim.ZERO)));
      return;
    }
    long count = length.constant() / step + (length.constant() % step == 0 ? 0 : 1);
    count = (length.constant() > 0) == (step > 0) ? count : 0;
    if (count <= Contents.MOST) {
      List<Dim> elements = new ArrayList<>();
      for (long i = 0; i < count; i++) {
        elements.add(start.plus(Dim.of(i * step)));
      }
      s.contents(0, type, Shape.of(count), elements);
    } else {
      long[] bits = new long[checkedLength(s, (double) count)];
      for (int i = 0; i < bits.length; i++) {
        bits[i] = start.plus(Dim.of(i * step)).constant();
      }
      s.constant(0, Constants.ofBits(s.output(0), type, Shape.of(count), bits));
    }
  }

  private static void realRange(Site s, DataType type) {
    double[] ends = new double[3];
    for (int i = 0; i < 3; i++) {
      Optional<Constant> constant = s.constant(i);
      if (constant.isEmpty() || constant.get().size() != 1) {
        throw Site.unsupported("its limits are no constants", "fold them before the export");
      }
      ends[i] = constant.get().number(0);
    }
    double count = Math.max(0.0, Math.ceil((ends[1] - ends[0]) / ends[2]));
    long[] bits = new long[checkedLength(s, count)];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Constants.bits(type, ends[0] + i * ends[2]);
    }
    s.constant(0, Constants.ofBits(s.output(0), type, Shape.of(bits.length), bits));
  }

  private static int checkedLength(Site s, double count) {
    if (!(count >= 0 && count <= 1 << 20) || !s.mayMake((long) count)) {
      throw Site.unsupported("its length would be " + (long) count, "store it as a constant");
    }
    return (int) count;
  }
}
