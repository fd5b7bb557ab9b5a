package dev.quern.bridge;

import dev.quern.graph.Graph;
import dev.quern.graph.Operators;
import dev.quern.plan.Lowerings;
import dev.quern.reference.ReferenceKernels;

/**
 * What an engine knows. Each edition is built from the same sources; TeaVM leaves out what its
 * tables do not reach. A model that the core cannot take is tried again by the full engine, which
 * the worker then loads, on the same memory and files.
 *
 * @param complete whether there is no other edition that knows more
 */
record Edition(
    Operators operators,
    ReferenceKernels folding,
    Lowerings lowerings,
    ReferenceDevice reference,
    boolean complete) {
  /** Makes the back end of the device {@code reference}. */
  @FunctionalInterface
  interface ReferenceDevice {
    Backend open(BrowserMachine machine, Graph graph);
  }

  /** Transformers and the usual convolutional networks, by generated kernels. */
  static Edition core() {
    return new Edition(
        Operators.core(),
        ReferenceKernels.folding(),
        Lowerings.core(),
        (machine, graph) -> {
          throw incomplete("The core engine has no reference device");
        },
        false);
  }

  /** Everything. */
  static Edition full() {
    return new Edition(
        Operators.all(), ReferenceKernels.all(), Lowerings.all(), ReferenceBackend::new, true);
  }

  /** Tells the worker to load the full engine. */
  static EngineException incomplete(String message) {
    return new EngineException("incomplete", message);
  }
}
