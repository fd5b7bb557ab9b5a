package dev.quern.plan;

import dev.quern.graph.Node;

/** The steps of operators that only the full engine makes kernels for. */
final class OtherLowering {
  private OtherLowering() {}

  static boolean lower(Planner planner, Node node) {
    switch (node.operator()) {
      case "quern.MatMulInteger" -> Quantising.lowerProduct(planner, node);
      default -> {
        return false;
      }
    }
    return true;
  }
}
