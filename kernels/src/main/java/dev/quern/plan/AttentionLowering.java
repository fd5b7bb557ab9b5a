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

  /**
   * An operand.
   *
   * @param length rows of a sequence
   * @param depth floats of a head
   * @param row floats from one row to the next
   * @param head bytes from one head of a sequence to the next
   */
  private record Operand(View view, Dim batch, Dim length, int depth, int row, Dim head) {
    /** Bytes from one sequence to the next, of so many heads. */
    Dim sequence(boolean apart, int heads) {
      return apart ? head.times(Dim.of(heads)) : length.times(Dim.of(row * 4L));
    }
  }

  private static boolean isApart(Node node, int index) {
    return (node.integer("apart", 0) >> index & 1) != 0;
  }

  private static Operand operand(Planner planner, Node node, int index, int heads) {
    String name = node.inputs().get(index);
    planner.needFloat(name);
    Shape shape = planner.shape(name);
    if (!shape.dim(-1).isConstant()) {
      throw new KernelException("the width of its operands is known at run time only");
    }
    int width = (int) shape.dim(-1).constant();
    boolean apart = isApart(node, index);
    int depth = apart ? width : width / heads;
    if (depth % 4 != 0) {
      throw new KernelException(
          "its heads hold " + depth + " floats; the kernel needs multiples of 4");
    }
    if (apart) {
      Dim length = shape.dim(2);
      Dim head = length.times(Dim.of(depth * 4L));
      return new Operand(planner.view(name), shape.dim(0), length, depth, depth, head);
    }
    View view = planner.strided(name);
    int row = view.rowFloats() == 0 ? width : view.rowFloats();
    return new Operand(view, shape.dim(0), shape.dim(1), depth, row, Dim.of(depth * 4L));
  }

  static void lower(Planner planner, Node node) {
    int heads = (int) node.integer("heads", 1);
    int group = (int) node.integer("group", 1);
    List<Operand> operands = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      operands.add(operand(planner, node, i, heads));
    }
    Operand q = operands.get(0);
    Operand k = operands.get(1);
    Operand v = operands.get(2);
    int widthV = v.depth * heads;
    Dim batch = q.batch;
    Dim sq = q.length;
    Dim sk = k.length;
    boolean mask = node.has(3);
    List<Arg> maskArgs = mask ? mask(planner, node, batch, heads, sq, sk) : List.of();
    View out = planner.define(node.output());
    List<Arg> args = new ArrayList<>();
    operands.forEach(operand -> args.add(operand.view.address()));
    args.add(out.address());
    args.add(Arg.number(sq));
    args.add(Arg.number(sk));
    args.add(Arg.number(heads));
    for (int i = 0; i < 3; i++) {
      int own = i == 0 ? heads : heads / group;
      args.add(Arg.number(operands.get(i).sequence(isApart(node, i), own)));
    }
    args.add(Arg.number(sq.times(Dim.of(widthV * 4L))));
    Dim blocks = AttentionKernel.blocks(sq);
    args.add(Arg.number(blocks));
    operands.forEach(operand -> args.add(Arg.number(operand.head)));
    args.addAll(maskArgs);
    Dim matrices = batch.times(Dim.of(heads));
    Dim pairs = matrices.times(sq).times(sk);
    planner.step(
        node.name(),
        new KernelSpec.Attention(
            q.depth,
            v.depth,
            q.row,
            k.row,
            v.row,
            widthV,
            group,
            (float) node.real("scale", 1),
            mask),
        args,
        new Work.Items(
            matrices.times(blocks),
            sq.min(Dim.of(AttentionKernel.QUERIES)).times(sk).times(Dim.of(q.depth))),
        AttentionKernel.scratch(q.depth, v.depth, sk),
        pairs.times(Dim.of(2L * (q.depth + v.depth))));
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
