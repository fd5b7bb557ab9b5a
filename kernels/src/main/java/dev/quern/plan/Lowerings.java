package dev.quern.plan;

import dev.quern.graph.Node;

/**
 * What makes steps of the operators of the canonical graph. As with the operators that are
 * imported, an engine that uses only the {@linkplain #core() smaller} set is compiled without the
 * other.
 */
@FunctionalInterface
public interface Lowerings {
  /**
   * Appends a node's steps: false if its operator is not known.
   *
   * @throws dev.quern.kernel.KernelException for what no kernel is made for
   */
  boolean lower(Planner planner, Node node);

  /** What {@link dev.quern.graph.Operators#core()} is made of. */
  static Lowerings core() {
    return Lowering::lower;
  }

  /** All that is made into steps. */
  static Lowerings all() {
    return (planner, node) -> Lowering.lower(planner, node) || OtherLowering.lower(planner, node);
  }
}
