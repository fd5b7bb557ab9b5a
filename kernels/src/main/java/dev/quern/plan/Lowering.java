package dev.quern.plan;

import dev.quern.graph.Dim;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.Node;
import dev.quern.graph.Shape;
import dev.quern.kernel.Computable;
import dev.quern.kernel.KernelException;
import dev.quern.kernel.KernelSpec;
import dev.quern.kernel.KernelSpec.Reduction;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The steps of each operator of the canonical graph. */
final class Lowering {
  private final Planner planner;
  private final Node node;

  private Lowering(Planner planner, Node node) {
    this.planner = planner;
    this.node = node;
  }

  /**
   * Appends a node's steps: false if this has no row for its operator. Throws {@link
   * KernelException} for what no kernel is made for.
   */
  static boolean lower(Planner planner, Node node) {
    Lowering lowering = new Lowering(planner, node);
    requireTypes(planner, node);
    switch (node.operator()) {
      case "quern.Elementwise" -> lowering.elementwise(node.program("program"), node.inputs());
      case "quern.MatMul" -> MatmulLowering.lower(planner, node);
      case "quern.DynamicQuantize" -> Quantising.lower(planner, node);
      case "quern.Attention" -> AttentionLowering.lower(planner, node);
      case "quern.Conv" -> ImageLowering.conv(planner, node);
      case "quern.MaxPool" -> ImageLowering.pool(planner, node, true);
      case "quern.AveragePool" -> ImageLowering.pool(planner, node, false);
      case "Pad" -> ImageLowering.pad(planner, node);
      case "Softmax" -> lowering.softmax(false);
      case "LogSoftmax" -> lowering.softmax(true);
      case "LayerNormalization" -> lowering.layerNorm();
      case "ReduceMean" -> lowering.reduce(Reduction.MEAN);
      case "ReduceSum" -> lowering.reduce(Reduction.SUM);
      case "ReduceMax" -> lowering.reduce(Reduction.MAX);
      case "ReduceMin" -> lowering.reduce(Reduction.MIN);
      case "ReduceProd" -> lowering.reduce(Reduction.PROD);
      case "Gather" -> lowering.gather();
      case "Transpose" -> lowering.transpose();
      case "Slice" -> lowering.slice();
      case "Concat" -> lowering.concat();
      case "Expand" -> lowering.expand();
      case "quern.Iota" -> lowering.iota();
      case "Reshape" -> planner.alias(node.output(), planner.view(node.inputs().get(0)));
      default -> {
        return false;
      }
    }
    return true;
  }

  /** Numbers of 16 bits are moved, and computed with by programs, of what can be emitted. */
  private static void requireTypes(Planner planner, Node node) {
    if (node.hasProgram()) {
      Computable.require(node.program("program"));
      return;
    }
    DataType type = planner.type(node.output());
    boolean moves =
        switch (node.operator()) {
          case "Gather", "Transpose", "Slice", "Concat", "Expand", "Reshape", "Pad" -> true;
          default -> false;
        };
    if (!moves && (type == DataType.FLOAT16 || type == DataType.BFLOAT16)) {
      throw new KernelException("no kernel computes in " + type.label());
    }
  }

  private String input(int index) {
    return node.inputs().get(index);
  }

  private Shape out() {
    return planner.shape(node.output());
  }

  private void elementwise(ElementwiseProgram program, List<String> inputs) {
    View out = planner.define(node.output());
    List<View> views = new ArrayList<>();
    List<List<Dim>> strides = new ArrayList<>();
    for (String input : inputs) {
      views.add(planner.view(input));
      strides.add(Axis.broadcast(planner.shape(input), out()));
    }
    elementwise(planner, node.name(), program, out(), out, views, strides);
  }

  static void elementwise(
      Planner planner,
      String name,
      ElementwiseProgram program,
      Shape shape,
      View out,
      List<View> operands,
      List<List<Dim>> strides) {
    List<Axis> axes = new ArrayList<>(Axis.merge(Axis.of(shape, strides)));
    if (axes.isEmpty()) {
      List<Dim> none = new ArrayList<>();
      operands.forEach(operand -> none.add(Dim.ZERO));
      axes.add(new Axis(Dim.ONE, none));
    }
    // A last axis that an operand walks with a stride is made an outer one around single elements.
    Axis last = axes.get(axes.size() - 1);
    for (Dim stride : last.strides()) {
      if (!stride.is(0) && !stride.is(1)) {
        List<Dim> none = new ArrayList<>();
        operands.forEach(operand -> none.add(Dim.ZERO));
        last = new Axis(Dim.ONE, none);
        axes.add(last);
        break;
      }
    }
    List<Boolean> inner = new ArrayList<>();
    for (Dim stride : last.strides()) {
      inner.add(stride.is(1));
    }
    int rank = axes.size();
    List<Arg> args = new ArrayList<>();
    args.add(out.address());
    args.add(Arg.number(last.size()));
    Dim rows = Dim.ONE;
    for (int d = 0; d < rank - 1; d++) {
      args.add(Arg.number(axes.get(d).size()));
      rows = rows.times(axes.get(d).size());
    }
    for (int i = 0; i < operands.size(); i++) {
      args.add(operands.get(i).address());
      Dim bytes = Dim.of(program.inputs().get(i).bytes());
      for (int d = 0; d < rank - 1; d++) {
        args.add(Arg.number(axes.get(d).strides().get(i).times(bytes)));
      }
    }
    Work work =
        rank == 1 ? new Work.Items(last.size(), Dim.ONE) : new Work.Items(rows, last.size());
    Dim flops = shape.size().times(Dim.of(program.instructions().size()));
    planner.step(
        name, new KernelSpec.Elementwise(program, rank, inner), args, work, Dim.ZERO, flops);
  }

  private void softmax(boolean log) {
    planner.needFloat(input(0));
    Shape shape = out();
    Dim columns = shape.dim(-1);
    Dim rows = shape.product(0, shape.rank() - 1);
    View x = planner.view(input(0));
    View y = planner.define(node.output());
    planner.step(
        node.name(),
        new KernelSpec.Softmax(log),
        List.of(x.address(), y.address(), Arg.number(columns)),
        new Work.Items(rows, columns),
        Dim.ZERO,
        shape.size().times(Dim.of(5)));
  }

  private void iota() {
    View y = planner.define(node.output());
    planner.step(
        node.name(),
        new KernelSpec.Iota(planner.type(node.output())),
        List.of(
            y.address(),
            Arg.number(node.dims("start").getFirst()),
            Arg.number(node.integer("step", 1))),
        new Work.Items(out().size(), Dim.ONE),
        Dim.ZERO,
        out().size());
  }

  private void layerNorm() {
    planner.needFloat(input(0));
    Shape shape = out();
    Dim columns = shape.dim(-1);
    boolean bias = node.has(2);
    View x = planner.view(input(0));
    View scale = planner.view(input(1));
    View y = planner.define(node.output());
    planner.step(
        node.name(),
        new KernelSpec.LayerNorm((float) node.real("epsilon", 1e-5), bias),
        List.of(
            x.address(),
            scale.address(),
            bias ? planner.view(input(2)).address() : Arg.number(0),
            y.address(),
            Arg.number(columns)),
        new Work.Items(shape.product(0, shape.rank() - 1), columns),
        Dim.ZERO,
        shape.size().times(Dim.of(8)));
  }

  private void reduce(Reduction reduction) {
    planner.needFloat(input(0));
    Shape shape = planner.shape(input(0));
    int rank = shape.rank();
    boolean[] reduced = new boolean[rank];
    List<Long> axes = node.ints("axes");
    for (int i = 0; i < rank; i++) {
      reduced[i] = axes.isEmpty();
    }
    for (long axis : axes) {
      reduced[(int) (axis < 0 ? axis + rank : axis)] = true;
    }
    int from = 0;
    while (from < rank && (!reduced[from] || shape.dim(from).is(1))) {
      from++;
    }
    int to = rank;
    while (to > from && (!reduced[to - 1] || shape.dim(to - 1).is(1))) {
      to--;
    }
    View x = planner.view(input(0));
    Dim outer = shape.product(0, from);
    Dim middle = shape.product(from, to);
    Dim inner = shape.product(to, rank);
    for (int i = from; i < to; i++) {
      if (!reduced[i] && !shape.dim(i).is(1)) {
        // Axes apart: bring the reduced ones to the end first.
        x = gathered(shape, reduced, x);
        outer = planner.shape(node.output()).size();
        middle = Dim.ONE;
        for (int d = 0; d < rank; d++) {
          middle = reduced[d] ? middle.times(shape.dim(d)) : middle;
        }
        inner = Dim.ONE;
        break;
      }
    }
    View y = planner.define(node.output());
    planner.step(
        node.name(),
        new KernelSpec.Reduce(reduction, !inner.is(1)),
        List.of(x.address(), y.address(), Arg.number(middle), Arg.number(inner)),
        new Work.Items(outer, middle.times(inner)),
        Dim.ZERO,
        shape.size());
  }

  private View gathered(Shape shape, boolean[] reduced, View x) {
    List<Dim> own = Axis.contiguous(shape);
    List<Dim> dims = new ArrayList<>();
    List<Dim> strides = new ArrayList<>();
    for (int pass = 0; pass < 2; pass++) {
      for (int i = 0; i < reduced.length; i++) {
        if (reduced[i] == (pass == 1)) {
          dims.add(shape.dim(i));
          strides.add(own.get(i));
        }
      }
    }
    return Copies.materialise(planner, node.name(), DataType.FLOAT, x, strides, new Shape(dims));
  }

  private void gather() {
    Shape data = planner.shape(input(0));
    DataType index = planner.type(input(1));
    if (index != DataType.INT64 && index != DataType.INT32) {
      throw new KernelException("indices are " + index.label() + ", not i32 or i64");
    }
    int axis = (int) node.integer("axis", 0);
    axis = axis < 0 ? axis + data.rank() : axis;
    Dim outer = data.product(0, axis);
    Dim inner = data.product(axis + 1, data.rank());
    Dim count = planner.shape(input(1)).size();
    View from = planner.view(input(0));
    View indices = planner.view(input(1));
    View out = planner.define(node.output());
    planner.step(
        node.name(),
        new KernelSpec.Gather(index),
        List.of(
            from.address(),
            indices.address(),
            out.address(),
            Arg.number(data.dim(axis)),
            Arg.number(inner.times(Dim.of(planner.type(input(0)).bytes()))),
            Arg.number(count)),
        new Work.Items(outer.times(count), inner),
        Dim.ZERO,
        Dim.ZERO);
  }

  private void transpose() {
    List<Dim> own = Axis.contiguous(planner.shape(input(0)));
    List<Dim> strides = new ArrayList<>();
    List<Long> perm = node.ints("perm");
    for (int i = 0; i < own.size(); i++) {
      strides.add(own.get(perm.isEmpty() ? own.size() - 1 - i : (int) (long) perm.get(i)));
    }
    copy(planner.view(input(0)), strides);
  }

  private void expand() {
    copy(planner.view(input(0)), Axis.broadcast(planner.shape(input(0)), out()));
  }

  private void copy(View from, List<Dim> strides) {
    View to = planner.define(node.output());
    Copies.copy(
        planner,
        node.name(),
        planner.type(node.output()),
        from,
        strides,
        to,
        Axis.contiguous(out()),
        out());
  }

  private void slice() {
    Shape shape = planner.shape(input(0));
    List<Dim> own = Axis.contiguous(shape);
    List<Dim> starts = node.dims("starts");
    List<Long> steps = node.ints("steps");
    Dim bytes = Dim.of(planner.type(input(0)).bytes());
    Dim offset = Dim.ZERO;
    List<Dim> strides = new ArrayList<>();
    for (int i = 0; i < shape.rank(); i++) {
      offset = offset.plus(starts.get(i).times(own.get(i)));
      strides.add(own.get(i).times(Dim.of(steps.isEmpty() ? 1 : steps.get(i))));
    }
    View from = planner.view(input(0));
    View moved = new View(from.base(), from.offset().plus(offset.times(bytes)), 0);
    if (!steps.equals(Collections.nCopies(steps.size(), 1L))) {
      copy(moved, strides);
    } else if (leading(shape)) {
      planner.alias(node.output(), moved);
    } else if (attentionReads(shape)) {
      planner.alias(
          node.output(), new View(moved.base(), moved.offset(), (int) shape.dim(-1).constant()));
    } else {
      copy(moved, strides);
    }
  }

  /** Whether the slice is one piece of memory: only the first dimension above 1 is cut. */
  private boolean leading(Shape shape) {
    boolean cut = false;
    for (int i = shape.rank() - 1; i >= 0; i--) {
      if (cut && !out().dim(i).is(1)) {
        return false;
      }
      cut |= !shape.dim(i).equals(out().dim(i));
    }
    return true;
  }

  /** Whether only columns are cut, and attention kernels, which take row strides, read them. */
  private boolean attentionReads(Shape shape) {
    for (int i = 0; i < shape.rank() - 1; i++) {
      if (!shape.dim(i).equals(out().dim(i))) {
        return false;
      }
    }
    boolean rows = shape.rank() == 3 && shape.dim(-1).isConstant();
    if (!rows || planner.isOutput(node.output())) {
      return false;
    }
    for (Node reader : planner.consumers(node.output())) {
      if (!reader.isQuern("Attention") || reader.inputs().indexOf(node.output()) > 2) {
        return false;
      }
    }
    return true;
  }

  private void concat() {
    View to = planner.define(node.output());
    List<Dim> strides = Axis.contiguous(out());
    int axis = (int) node.integer("axis", 0);
    axis = axis < 0 ? axis + out().rank() : axis;
    Dim bytes = Dim.of(planner.type(node.output()).bytes());
    Dim at = Dim.ZERO;
    for (String part : node.inputs()) {
      Shape box = planner.shape(part);
      View target = new View(to.base(), at.times(strides.get(axis)).times(bytes), 0);
      Copies.copy(
          planner,
          node.name(),
          planner.type(part),
          planner.view(part),
          Axis.contiguous(box),
          target,
          strides,
          box);
      at = at.plus(box.dim(axis));
    }
  }
}
