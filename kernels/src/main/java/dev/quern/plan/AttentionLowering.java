package dev.quern.plan;

import dev.quern.graph.Dim;
import dev.quern.graph.Node;
import dev.quern.graph.Shape;
import dev.quern.kernel.AttentionKernel;
import dev.quern.kernel.KernelException;
import dev.quern.kernel.KernelSpec;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;

/** One step for all heads of an attention. */
final class AttentionLowering {
  private AttentionLowering() {}

  static void lower(Planner planner, Node node) {
    int heads = (int) node.integer("heads", 1);
    String q = node.inputs().get(0);
    String k = node.inputs().get(1);
    String v = node.inputs().get(2);
    planner.needFloat(q);
    Shape qShape = planner.shape(q);
    Shape kShape = planner.shape(k);
    Shape vShape = planner.shape(v);
    if (!qShape.dim(-1).isConstant() || !vShape.dim(-1).isConstant()) {
      throw new KernelException("the width of its operands is known at run time only");
    }
    int width = (int) qShape.dim(-1).constant();
    int widthV = (int) vShape.dim(-1).constant();
    int depth = width / heads;
    int depthV = widthV / heads;
    if (depth % 4 != 0 || depthV % 4 != 0) {
      throw new KernelException(
          "its heads hold "
              + depth
              + " and "
              + depthV
              + " floats; the kernel needs multiples of 4");
    }
    View qView = planner.strided(q);
    View kView = planner.strided(k);
    View vView = planner.strided(v);
    int qRow = row(qView, width);
    int kRow = row(kView, width);
    int vRow = row(vView, widthV);
    Dim batch = qShape.dim(0);
    Dim sq = qShape.dim(1);
    Dim sk = kShape.dim(1);
    boolean mask = node.has(3);
    List<Arg> maskArgs = mask ? mask(planner, node, batch, heads, sq, sk) : List.of();
    View out = planner.define(node.output());
    List<Arg> args = new ArrayList<>();
    args.add(qView.address());
    args.add(kView.address());
    args.add(vView.address());
    args.add(out.address());
    args.add(Arg.number(sq));
    args.add(Arg.number(sk));
    args.add(Arg.number(heads));
    args.add(Arg.number(sq.times(Dim.of(qRow * 4L))));
    args.add(Arg.number(sk.times(Dim.of(kRow * 4L))));
    args.add(Arg.number(sk.times(Dim.of(vRow * 4L))));
    args.add(Arg.number(sq.times(Dim.of(widthV * 4L))));
    Dim blocks = AttentionKernel.blocks(sq);
    args.add(Arg.number(blocks));
    args.addAll(maskArgs);
    Dim matrices = batch.times(Dim.of(heads));
    Dim pairs = matrices.times(sq).times(sk);
    planner.step(
        node.name(),
        new KernelSpec.Attention(
            depth, depthV, qRow, kRow, vRow, widthV, (float) node.real("scale", 1), mask),
        args,
        new Work.Items(
            matrices.times(blocks),
            sq.min(Dim.of(AttentionKernel.QUERIES)).times(sk).times(Dim.of(depth))),
        AttentionKernel.scratch(depth, depthV, sk),
        pairs.times(Dim.of(2L * (depth + depthV))));
  }

  private static int row(View view, int width) {
    return view.rowFloats() == 0 ? width : view.rowFloats();
  }

  /** The mask's address and strides; it is expanded where it broadcasts along the keys. */
  private static List<Arg> mask(Planner planner, Node node, Dim batch, int heads, Dim sq, Dim sk) {
    String name = node.inputs().get(3);
    planner.needFloat(name);
    Shape shape = planner.shape(name);
    View view = planner.view(name);
    if (shape.rank() == 0 || !shape.dim(-1).equals(sk)) {
      List<Dim> dims = new ArrayList<>(shape.dims());
      if (dims.isEmpty()) {
        dims.add(sk);
      } else {
        dims.set(dims.size() - 1, sk);
      }
      Shape wide = new Shape(dims);
      view =
          Copies.materialise(
              planner, node.name(), DataType.FLOAT, view, Axis.broadcast(shape, wide), wide);
      shape = wide;
    }
    Shape target = new Shape(List.of(batch, Dim.of(heads), sq, sk));
    List<Dim> strides = Axis.broadcast(shape, target);
    List<Arg> args = new ArrayList<>();
    args.add(view.address());
    for (int i = 0; i < 3; i++) {
      args.add(Arg.number(strides.get(i).times(Dim.of(4))));
    }
    return args;
  }
}
