package dev.quern.plan;

import dev.quern.graph.Dim;
import dev.quern.graph.Node;
import dev.quern.graph.Shape;
import dev.quern.kernel.KernelException;
import dev.quern.kernel.KernelSpec;
import dev.quern.onnx.DataType;
import java.util.List;

/** The steps of operators that only the full engine makes kernels for. */
final class OtherLowering {
  private OtherLowering() {}

  private static void cumSum(Planner planner, Node node) {
    Shape shape = planner.shape(node.output());
    int axis = (int) node.integer("axis", 0);
    DataType type = planner.type(node.output());
    if (type != DataType.FLOAT && type != DataType.INT32 && type != DataType.INT64) {
      throw new KernelException("no kernel sums " + type.label());
    }
    Dim inner = shape.product(axis + 1, shape.rank());
    View x = planner.view(node.inputs().getFirst());
    View y = planner.define(node.output());
    planner.step(
        node.name(),
        new KernelSpec.CumSum(
            type, node.integer("exclusive", 0) != 0, node.integer("reverse", 0) != 0),
        List.of(x.address(), y.address(), Arg.number(shape.dim(axis)), Arg.number(inner)),
        new Work.Items(shape.product(0, axis).times(inner), shape.dim(axis)),
        Dim.ZERO,
        shape.size());
  }

  static boolean lower(Planner planner, Node node) {
    switch (node.operator()) {
      case "host.CumSum" -> cumSum(planner, node);
      case "quern.MatMulInteger" -> Quantising.lowerProduct(planner, node);
      default -> {
        return false;
      }
    }
    return true;
  }
}
