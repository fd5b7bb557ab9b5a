package dev.quern.plan;

import dev.quern.graph.Dim;
import dev.quern.graph.Shape;
import dev.quern.kernel.KernelSpec;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;

/** Steps that move data without changing it. */
final class Copies {
  private Copies() {}

  /** Copies a box between two layouts; the strides are in elements. */
  static void copy(
      Planner planner,
      String name,
      DataType type,
      View from,
      List<Dim> fromStrides,
      View to,
      List<Dim> toStrides,
      Shape box) {
    Dim bytes = Dim.of(type.bytes());
    List<Axis> axes = Axis.merge(Axis.of(box, List.of(fromStrides, toStrides)));
    if (axes.isEmpty()) {
      axes = List.of(new Axis(Dim.ONE, List.of(Dim.ONE, Dim.ONE)));
    }
    Axis inner = axes.get(axes.size() - 1);
    boolean contiguous = inner.strides().get(0).is(1) && inner.strides().get(1).is(1);
    List<Arg> args = new ArrayList<>();
    args.add(from.address());
    args.add(to.address());
    args.add(Arg.number(inner.size()));
    args.add(Arg.number(inner.strides().get(0).times(bytes)));
    args.add(Arg.number(inner.strides().get(1).times(bytes)));
    Dim rows = Dim.ONE;
    for (Axis axis : axes.subList(0, axes.size() - 1)) {
      args.add(Arg.number(axis.size()));
      args.add(Arg.number(axis.strides().get(0).times(bytes)));
      args.add(Arg.number(axis.strides().get(1).times(bytes)));
      rows = rows.times(axis.size());
    }
    planner.step(
        name,
        new KernelSpec.Copy(type.bytes(), axes.size(), contiguous),
        args,
        new Work.Items(rows, inner.size()),
        Dim.ZERO,
        Dim.ZERO);
  }

  /** A contiguous copy of a broadcast or transposed operand. */
  static View materialise(
      Planner planner, String name, DataType type, View from, List<Dim> strides, Shape box) {
    View copy = planner.temporary(name, box.size(), type);
    copy(planner, name, type, from, strides, copy, Axis.contiguous(box), box);
    return copy;
  }
}
