package dev.quern.graph;

import dev.quern.onnx.DataType;
import dev.quern.onnx.Lists;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Operators that move elements without computing. */
final class MovementRules {
  private MovementRules() {}

  static void gather(Site s) {
    DataType index = s.type(1);
    if (index != DataType.INT64 && index != DataType.INT32) {
      throw Site.unsupported("its indices are " + index.label(), "use i64 or i32");
    }
    Shape data = s.shape(0);
    Shape indices = s.shape(1);
    int axis = s.axis(s.integer("axis", 0), data.rank());
    if (data.rank() == 0) {
      throw Site.unsupported("it gathers from a scalar", "");
    }
    if (s.contents(0).isPresent() && s.contents(1).isPresent() && isConstant(s.contents(1).get())) {
      List<Dim> elements = new ArrayList<>();
      List<Dim> all = s.contents(0).get();
      for (Dim at : s.contents(1).get()) {
        long i = at.constant() < 0 ? at.constant() + all.size() : at.constant();
        if (i < 0 || i >= all.size()) {
          throw Site.unsupported("its index " + at + " is outside of " + data, "");
        }
        elements.add(all.get((int) i));
      }
      s.contents(0, s.type(0), indices, elements);
      return;
    }
    List<Dim> dims = new ArrayList<>(data.dims().subList(0, axis));
    dims.addAll(indices.dims());
    dims.addAll(data.dims().subList(axis + 1, data.rank()));
    s.node(
        0,
        "",
        "Gather",
        List.of(s.operand(0), s.operand(1)),
        Map.of("axis", new Attribute.Int(axis)),
        s.type(0),
        new Shape(dims));
  }

  private static boolean isConstant(List<Dim> dims) {
    for (Dim dim : dims) {
      if (!dim.isConstant()) {
        return false;
      }
    }
    return true;
  }

  static void transpose(Site s) {
    Shape from = s.shape(0);
    int rank = from.rank();
    Optional<List<Long>> given = s.ints("perm");
    List<Long> perm = new ArrayList<>();
    for (int i = 0; i < rank; i++) {
      perm.add(rank - 1L - i);
    }
    if (given.isPresent()) {
      perm = given.get();
      boolean[] seen = new boolean[rank];
      boolean legal = perm.size() == rank;
      for (int i = 0; legal && i < rank; i++) {
        long axis = perm.get(i);
        legal = axis >= 0 && axis < rank && !seen[(int) axis];
        if (legal) {
          seen[(int) axis] = true;
        }
      }
      if (!legal) {
        throw Site.unsupported("its perm " + Lists.numbers(perm) + " does not fit " + from, "");
      }
    }
    if (rank <= 1) {
      s.alias(0, 0);
      return;
    }
    Optional<List<Dim>> contents = s.elements(0);
    if (contents.isPresent() && from.isConstant()) {
      Shape to = from.permuted(perm);
      long[] strides = new long[rank];
      for (int i = 0; i < rank; i++) {
        strides[i] = from.product((int) (long) perm.get(i) + 1, rank).constant();
      }
      s.contents(0, s.type(0), to, picked(contents.get(), to, 0, strides));
      return;
    }
    s.node(
        0,
        "",
        "Transpose",
        List.of(s.operand(0)),
        Map.of("perm", new Attribute.Ints(perm)),
        s.type(0),
        from.permuted(perm));
  }

  /** Elements of a tensor by the distances of neighbours along each axis of the result. */
  private static List<Dim> picked(List<Dim> all, Shape to, long first, long[] strides) {
    List<Dim> elements = new ArrayList<>();
    long size = to.size().constant();
    for (long i = 0; i < size; i++) {
      long at = first;
      long rest = i;
      for (int axis = strides.length - 1; axis >= 0; axis--) {
        long length = to.dim(axis).constant();
        at += rest % length * strides[axis];
        rest /= length;
      }
      elements.add(all.get((int) at));
    }
    return elements;
  }

  /** One axis of a slice, with positions counted from 0. */
  private record Cut(Dim start, Dim size, long step) {}

  static void slice(Site s) {
    Shape from = s.shape(0);
    List<Dim> starts = s.opset() < 10 ? sizes(s, "starts") : s.sizes(1, "starts");
    List<Dim> ends = s.opset() < 10 ? sizes(s, "ends") : s.sizes(2, "ends");
    List<Long> axes = new ArrayList<>();
    List<Long> steps = new ArrayList<>();
    for (int i = 0; i < starts.size(); i++) {
      axes.add((long) i);
      steps.add(1L);
    }
    if (s.opset() < 10) {
      axes = s.ints("axes").orElse(axes);
    } else {
      axes = s.has(3) ? s.constants(3, "axes") : axes;
      steps = s.has(4) ? s.constants(4, "steps") : steps;
    }
    if (ends.size() != starts.size()
        || axes.size() != starts.size()
        || steps.size() != starts.size()) {
      throw Site.unsupported("its starts, ends, axes and steps differ in length", "");
    }
    List<Cut> cuts = new ArrayList<>();
    for (Dim dim : from.dims()) {
      cuts.add(new Cut(Dim.ZERO, dim, 1));
    }
    for (int i = 0; i < starts.size(); i++) {
      int axis = s.axis(axes.get(i), from.rank());
      cuts.set(axis, cut(starts.get(i), ends.get(i), steps.get(i), from.dim(axis)));
    }
    Optional<List<Dim>> contents = s.elements(0);
    if (contents.isPresent() && from.isConstant() && isConstant(cuts)) {
      long first = 0;
      long[] strides = new long[cuts.size()];
      List<Dim> dims = new ArrayList<>();
      for (int i = 0; i < strides.length; i++) {
        long stride = from.product(i + 1, from.rank()).constant();
        first += cuts.get(i).start.constant() * stride;
        strides[i] = cuts.get(i).step * stride;
        dims.add(cuts.get(i).size);
      }
      Shape to = new Shape(dims);
      s.contents(0, s.type(0), to, picked(contents.get(), to, first, strides));
    } else if (contents.isPresent() && from.rank() == 1) {
      throw Site.unsupported("it takes " + cuts.getFirst().size + " sizes of a shape", "");
    } else {
      write(s, 0, cuts);
    }
  }

  private static List<Dim> sizes(Site s, String name) {
    List<Dim> result = new ArrayList<>();
    for (long value : s.ints(name).orElseThrow(() -> Site.unsupported("it has no " + name, ""))) {
      result.add(Dim.of(value));
    }
    return result;
  }

  private static Cut cut(Dim start, Dim end, long step, Dim size) {
    if (step == 0 || step < -Integer.MAX_VALUE || step > Integer.MAX_VALUE) {
      throw Site.unsupported("its step is " + step, "");
    }
    if (step > 0) {
      Dim from = position(start, size, Dim.ZERO, size);
      Dim to = position(end, size, Dim.ZERO, size);
      Dim length = to.minus(from).max(Dim.ZERO);
      return new Cut(from, length.plus(Dim.of(step - 1)).dividedBy(Dim.of(step)), step);
    }
    Dim last = size.minus(Dim.ONE);
    Dim from = position(start, size, Dim.ZERO, last);
    Dim to = position(end, size, Dim.of(-1), last);
    Dim length = from.minus(to).max(Dim.ZERO);
    return new Cut(
        from.max(Dim.ZERO), length.plus(Dim.of(-step - 1)).dividedBy(Dim.of(-step)), step);
  }

  /** A position counted from 0 and brought into the given limits. */
  private static Dim position(Dim at, Dim size, Dim least, Dim most) {
    if (at.isConstant() && at.constant() >= Integer.MAX_VALUE) {
      return most;
    }
    if (at.isConstant() && at.constant() <= Integer.MIN_VALUE) {
      return least;
    }
    if (at.isAtLeast(Dim.ZERO)) {
      return at.min(most);
    }
    if (Dim.of(-1).isAtLeast(at)) {
      return at.plus(size).max(least);
    }
    throw Site.unsupported("it cannot be told whether the position " + at + " is negative", "");
  }

  private static boolean isConstant(Iterable<Cut> cuts) {
    for (Cut cut : cuts) {
      if (!cut.start.isConstant() || !cut.size.isConstant()) {
        return false;
      }
    }
    return true;
  }

  private static void write(Site s, int output, List<Cut> cuts) {
    List<Dim> starts = new ArrayList<>();
    List<Long> steps = new ArrayList<>();
    List<Dim> dims = new ArrayList<>();
    for (Cut cut : cuts) {
      starts.add(cut.start);
      steps.add(cut.step);
      dims.add(cut.size);
    }
    s.node(
        output,
        "",
        "Slice",
        List.of(s.operand(0)),
        GraphImporter.attributes(
            "starts", new Attribute.Dims(starts), "steps", new Attribute.Ints(steps)),
        s.type(0),
        new Shape(dims));
  }

  static void concat(Site s) {
    Shape first = s.shape(0);
    if (s.attribute("axis").isEmpty()) {
      throw Site.unsupported("it has no axis", "export the model again");
    }
    int axis = s.axis(s.integer("axis", 0), first.rank());
    if (first.rank() == 0) {
      throw Site.unsupported("it concatenates scalars", "");
    }
    List<Dim> dims = new ArrayList<>(first.dims());
    boolean isKnown = first.rank() == 1;
    List<Dim> elements = new ArrayList<>();
    for (int i = 0; i < s.inputs(); i++) {
      Shape next = s.shape(i);
      if (next.rank() != first.rank() || s.type(i) != s.type(0)) {
        throw Site.never(
            "its inputs are "
                + s.type(0).label()
                + " "
                + first
                + " and "
                + s.type(i).label()
                + " "
                + next,
            "");
      }
      for (int j = 0; i > 0 && j < dims.size(); j++) {
        dims.set(
            j,
            j == axis
                ? dims.get(j).plus(next.dim(j))
                : s.same(dims.get(j), next.dim(j), "sizes of axis " + j + " of its inputs"));
      }
      isKnown &= s.contents(i).isPresent();
      if (isKnown) {
        elements.addAll(s.contents(i).get());
      }
    }
    if (s.inputs() == 1) {
      s.alias(0, 0);
    } else if (isKnown && elements.size() <= Contents.MOST) {
      s.contents(0, s.type(0), Shape.of(elements.size()), elements);
    } else {
      List<String> operands = new ArrayList<>();
      for (int i = 0; i < s.inputs(); i++) {
        operands.add(s.operand(i));
      }
      s.node(
          0,
          "",
          "Concat",
          operands,
          Map.of("axis", new Attribute.Int(axis)),
          s.type(0),
          new Shape(dims));
    }
  }

  static void split(Site s) {
    Shape from = s.shape(0);
    int axis = s.axis(s.integer("axis", 0), from.rank());
    List<Dim> sizes = splitSizes(s, from.dim(axis));
    Dim sum = Dim.ZERO;
    for (Dim size : sizes) {
      sum = sum.plus(size);
    }
    s.same(sum, from.dim(axis), "the sum of its parts and the size of the axis");
    Dim start = Dim.ZERO;
    for (int i = 0; i < sizes.size(); i++) {
      if (s.wants(i) && s.contents(0).isPresent() && isConstant(sizes)) {
        int at = (int) start.constant();
        List<Dim> part = s.contents(0).get().subList(at, at + (int) sizes.get(i).constant());
        s.contents(i, s.type(0), Shape.of(part.size()), part);
      } else if (s.wants(i)) {
        List<Cut> cuts = new ArrayList<>();
        for (int j = 0; j < from.rank(); j++) {
          cuts.add(j == axis ? new Cut(start, sizes.get(i), 1) : new Cut(Dim.ZERO, from.dim(j), 1));
        }
        write(s, i, cuts);
      }
      start = start.plus(sizes.get(i));
    }
  }

  private static List<Dim> splitSizes(Site s, Dim size) {
    if (s.opset() >= 13 && s.has(1)) {
      List<Dim> sizes = s.sizes(1, "split");
      for (Dim part : sizes) {
        if (!part.isAtLeast(Dim.ZERO)) {
          throw Site.unsupported("a part has the size " + part, "");
        }
      }
      if (sizes.size() < s.outputs()) {
        throw Site.unsupported("it has " + sizes.size() + " sizes for more outputs", "");
      }
      return sizes;
    }
    Optional<List<Long>> given = s.opset() < 13 ? s.ints("split") : Optional.empty();
    List<Dim> sizes = new ArrayList<>();
    if (given.isPresent()) {
      for (long part : given.get()) {
        sizes.add(Dim.of(part));
      }
      if (sizes.size() < s.outputs()) {
        throw Site.unsupported("it has " + sizes.size() + " sizes for more outputs", "");
      }
      return sizes;
    }
    // Equal parts; since version 18 the last one may be smaller.
    long parts = s.integer("num_outputs", s.outputs());
    if (parts < s.outputs() || parts > 1 << 16) {
      throw Site.unsupported("it has " + parts + " parts for " + s.outputs() + " outputs", "");
    }
    Dim part = size.plus(Dim.of(parts - 1)).dividedBy(Dim.of(parts));
    for (long i = 0; i < parts - 1; i++) {
      sizes.add(part);
    }
    sizes.add(size.minus(part.times(Dim.of(parts - 1))));
    return sizes;
  }

  static void expand(Site s) {
    Shape to = s.broadcast(s.shape(0), new Shape(s.sizes(1, "shape")));
    if (to.equals(s.shape(0))) {
      s.alias(0, 0);
    } else {
      s.node(0, "", "Expand", List.of(s.operand(0)), Map.of(), s.type(0), to);
    }
  }
}
