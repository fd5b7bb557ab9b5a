package dev.quern.plan;

import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.Node;
import dev.quern.onnx.DataType;
import java.util.List;

/** The steps of operators that only the full engine makes kernels for. */
final class OtherLowering {
  private OtherLowering() {}

  static boolean lower(Planner planner, Node node) {
    switch (node.operator()) {
      case "quern.Widen" ->
          Lowering.elementwise(
              planner,
              node,
              ElementwiseProgram.single(
                  ElementwiseOp.CAST, DataType.FLOAT, List.of(DataType.FLOAT16)));
      case "quern.MatMulInteger" -> Quantising.lowerProduct(planner, node);
      default -> {
        return false;
      }
    }
    return true;
  }
}
