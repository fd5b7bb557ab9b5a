package dev.quern.exec;

import dev.quern.graph.Graph;
import dev.quern.graph.passes.Passes;
import dev.quern.reference.Interpreter;
import dev.quern.reference.Tensor;
import java.util.Map;

/** What computes islands. */
@FunctionalInterface
public interface Device {
  /** The scalar Java kernels. */
  Device REFERENCE =
      graph -> {
        Interpreter interpreter = new Interpreter(Passes.optimise(graph));
        return interpreter::run;
      };

  /** A graph that is ready to run. */
  @FunctionalInterface
  interface Compiled {
    /**
     * Computes the outputs.
     *
     * @param inputs a tensor for each of the graph's inputs, of sizes that {@link Graph#bind} takes
     */
    Map<String, Tensor> run(Map<String, Tensor> inputs);

    /** Gives back what it holds; it is not run again. */
    default void release() {}
  }

  /**
   * Prepares a graph.
   *
   * @param graph as imported, before any pass
   * @throws dev.quern.plan.PlanException naming the nodes that this device has no kernels for
   */
  Compiled compile(Graph graph);
}
