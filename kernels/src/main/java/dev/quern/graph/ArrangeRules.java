package dev.quern.graph;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Operators that arrange elements anew: made of reshapes, transposes, expansions and gathers. */
public final class ArrangeRules {
  private ArrangeRules() {}

  /** Each axis so many times: {@code [d]} as {@code [1, d]}, expanded to {@code [times, d]}. */
  static void tile(Site s) {
    Shape shape = s.shape(0);
    List<Dim> repeats = s.sizes(1, "repeats");
    if (repeats.size() != shape.rank()) {
      throw Site.unsupported("its repeats " + repeats + " do not fit " + shape, "");
    }
    List<Dim> apart = new ArrayList<>();
    List<Dim> wide = new ArrayList<>();
    List<Dim> result = new ArrayList<>();
    for (int i = 0; i < shape.rank(); i++) {
      if (!repeats.get(i).isAtLeast(Dim.ZERO)) {
        throw Site.unsupported("its repeats are " + repeats, "");
      }
      apart.add(Dim.ONE);
      apart.add(shape.dim(i));
      wide.add(repeats.get(i));
      wide.add(shape.dim(i));
      result.add(shape.dim(i).times(repeats.get(i)));
    }
    Compose c = new Compose(s);
    Value x = c.reshape(c.input(0), new Shape(apart));
    c.output(0, c.reshape(c.expand(x, new Shape(wide)), new Shape(result)));
  }

  /** {@code [n, c·b·b, h, w]} to {@code [n, c, h·b, w·b]}. */
  static void depthToSpace(Site s) {
    Shape shape = image(s);
    Dim b = Dim.of(s.integer("blocksize", 0));
    String mode = s.text("mode", "DCR");
    Dim depth = shape.dim(1).dividedBy(b.times(b));
    s.same(depth.times(b).times(b), shape.dim(1), "the channels and blocks");
    Dim h = shape.dim(2);
    Dim w = shape.dim(3);
    Compose c = new Compose(s);
    Value moved;
    if (mode.equals("DCR")) {
      Value parts = c.reshape(c.input(0), shape.dim(0), b, b, depth, h, w);
      moved = c.transpose(parts, 0, 3, 4, 1, 5, 2);
    } else if (mode.equals("CRD")) {
      Value parts = c.reshape(c.input(0), shape.dim(0), depth, b, b, h, w);
      moved = c.transpose(parts, 0, 1, 4, 2, 5, 3);
    } else {
      throw Site.unsupported("its mode is '" + mode + "'", "");
    }
    c.output(0, c.reshape(moved, shape.dim(0), depth, h.times(b), w.times(b)));
  }

  /** {@code [n, c, h·b, w·b]} to {@code [n, b·b·c, h, w]}. */
  static void spaceToDepth(Site s) {
    Shape shape = image(s);
    Dim b = Dim.of(s.integer("blocksize", 0));
    Dim h = shape.dim(2).dividedBy(b);
    Dim w = shape.dim(3).dividedBy(b);
    s.same(h.times(b), shape.dim(2), "the rows and blocks");
    s.same(w.times(b), shape.dim(3), "the columns and blocks");
    Compose c = new Compose(s);
    Value parts = c.reshape(c.input(0), shape.dim(0), shape.dim(1), h, b, w, b);
    Value moved = c.transpose(parts, 0, 3, 5, 1, 2, 4);
    c.output(0, c.reshape(moved, shape.dim(0), b.times(b).times(shape.dim(1)), h, w));
  }

  private static Shape image(Site s) {
    Shape shape = s.shape(0);
    if (shape.rank() != 4 || s.integer("blocksize", 0) < 1) {
      throw Site.unsupported("it takes images [n, c, h, w] and blocks, not " + shape, "");
    }
    return shape;
  }

  /** One side of the diagonal, zeros on the other. */
  static void trilu(Site s) {
    if (s.shape(0).rank() < 2) {
      throw Site.unsupported("its input " + s.shape(0) + " is no matrix", "");
    }
    Compose c = new Compose(s);
    boolean up = s.integer("upper", 1) != 0;
    Dim k = Dim.ZERO;
    if (s.has(1)) {
      Optional<List<Dim>> given = s.contents(1);
      if (given.isEmpty() || s.type(0) == DataType.BFLOAT16) {
        Map<String, Attribute> upper = Map.of("upper", new Attribute.Int(up ? 1 : 0));
        c.output(0, c.host("Trilu", upper, s.type(0), s.shape(0)));
        return;
      }
      k = given.get().getFirst();
    }
    ElementwiseOp op = up ? ElementwiseOp.GREATER_EQUAL : ElementwiseOp.LESS_EQUAL;
    Value keeps = c.beside(s.shape(0).dim(-2), s.shape(0).dim(-1), k, op);
    ProgramBuilder p = new ProgramBuilder(List.of(DataType.BOOL, s.type(0)));
    p.op(ElementwiseOp.WHERE, 0, 1, p.constant(s.type(0), 0));
    c.output(0, c.apply(p, keeps, c.input(0)));
  }

  static void eyeLike(Site s) {
    Shape shape = s.shape(0);
    if (shape.rank() != 2) {
      throw Site.unsupported("its input " + shape + " is no matrix", "");
    }
    long code = s.integer("dtype", s.type(0).code());
    DataType type = DataType.ofCode(code);
    if (!GraphImporter.isSupported(type)) {
      throw Site.unsupported("it makes " + type.label(), "");
    }
    Compose c = new Compose(s);
    Dim k = Dim.of(s.integer("k", 0));
    Value ones = c.beside(shape.dim(0), shape.dim(1), k, ElementwiseOp.EQUAL);
    c.output(0, c.cast(ones, s.computed(type)));
  }

  /** The middle of axes that shrink; zeros around those that grow. */
  static void centerCropPad(Site s) {
    Shape shape = s.shape(0);
    List<Dim> wanted = s.sizes(1, "shape");
    List<Long> axes = new ArrayList<>();
    for (long axis = 0; axis < wanted.size(); axis++) {
      axes.add(axis);
    }
    axes = s.ints("axes").orElse(axes);
    if (axes.size() != wanted.size()) {
      throw Site.unsupported("its shape " + wanted + " does not fit its axes " + axes, "");
    }
    Compose c = new Compose(s);
    Value x = c.input(0);
    List<Dim> pads = new ArrayList<>();
    for (int i = 0; i < 2 * shape.rank(); i++) {
      pads.add(Dim.ZERO);
    }
    List<Dim> dims = new ArrayList<>(shape.dims());
    boolean grows = false;
    for (int i = 0; i < axes.size(); i++) {
      int axis = s.axis(axes.get(i), shape.rank());
      Dim size = shape.dim(axis);
      Dim to = wanted.get(i);
      Dim two = Dim.of(2);
      Dim kept = size.min(to);
      Dim before = to.minus(kept).dividedBy(two);
      pads.set(axis, before);
      pads.set(shape.rank() + axis, to.minus(kept).minus(before));
      grows |= !kept.equals(to);
      if (!kept.equals(size)) {
        x = c.slice(x, axis, size.minus(kept).dividedBy(two), kept);
      }
      dims.set(axis, to);
    }
    if (grows) {
      Map<String, Attribute> attributes =
          GraphImporter.attributes(
              "pads", new Attribute.Dims(pads), "value", new Attribute.Real(0));
      x = c.node("", "Pad", List.of(x), attributes, s.type(0), new Shape(dims));
    }
    c.output(0, x);
  }

  /** What is around is made of the elements: gathered, where the sizes are known. */
  static void pad(Site s, String mode, List<Dim> pads, Shape cut, List<Dim> starts, Shape result) {
    Compose c = new Compose(s);
    Value x = c.input(0);
    int rank = cut.rank();
    for (int axis = 0; axis < rank; axis++) {
      if (!cut.dim(axis).equals(x.shape().dim(axis))) {
        x = c.slice(x, axis, starts.get(axis), cut.dim(axis));
      }
    }
    boolean known = true;
    for (int axis = 0; axis < rank; axis++) {
      Dim before = pads.get(axis);
      Dim behind = pads.get(rank + axis);
      boolean pads0 = before.is(0) && behind.is(0);
      known &= pads0 || (cut.dim(axis).isConstant() && before.isConstant() && behind.isConstant());
      if (!pads0 && mode.equals("reflect") && cut.dim(axis).isConstant() && known) {
        long most = cut.dim(axis).constant() - 1;
        if (before.constant() > most || behind.constant() > most) {
          throw Site.unsupported("it reflects more than the axis " + axis + " of " + cut, "");
        }
      }
    }
    if (!known) {
      Map<String, Attribute> attributes =
          GraphImporter.attributes(
              "pads", new Attribute.Dims(pads), "mode", new Attribute.Text(mode));
      c.output(0, c.host("PadMode", List.of(x), attributes, x.type(), result));
      return;
    }
    for (int axis = 0; axis < rank; axis++) {
      long before = pads.get(axis).constant();
      long behind = pads.get(rank + axis).constant();
      if (before > 0 || behind > 0) {
        long size = cut.dim(axis).constant();
        if (size == 0 || !s.mayMake(size + before + behind)) {
          throw Site.unsupported("it pads the axis " + axis + " of " + cut, "");
        }
        x = c.gather(x, axis, padded(mode, size, before, behind));
      }
    }
    c.output(0, x);
  }

  /** The places that a mode of Pad other than 'constant' reads, for one axis. */
  private static List<Long> padded(String mode, long size, long before, long behind) {
    List<Long> places = new ArrayList<>();
    for (long i = -before; i < size + behind; i++) {
      places.add(paddedPlace(mode, i, size));
    }
    return places;
  }

  /** The place that a mode of Pad reads for a place that may lie outside of the axis. */
  public static long paddedPlace(String mode, long at, long size) {
    return switch (mode) {
      case "edge" -> Math.clamp(at, 0, size - 1);
      case "wrap" -> Math.floorMod(at, size);
      default -> {
        // 'reflect': back and forth between the first and the last element.
        long period = Math.max(1, 2 * (size - 1));
        long place = Math.floorMod(at, period);
        yield place < size ? place : period - place;
      }
    };
  }
}
