package dev.quern.bridge;

import dev.quern.graph.Graph;
import dev.quern.graph.Operators;
import dev.quern.onnx.OnnxModel;
import dev.quern.plan.Lowerings;
import dev.quern.reference.ReferenceKernels;

/**
 * What an engine knows. Each edition is built from the same sources; TeaVM leaves out what its
 * tables do not reach. A model that the core cannot take is tried again by the full engine, which
 * the worker then loads, on the same memory and files.
 */
record Edition(
    Operators operators,
    ReferenceKernels folding,
    Lowerings lowerings,
    ReferenceDevice reference,
    Dynamic dynamic) {
  /** Makes the back end of the device {@code reference}. */
  @FunctionalInterface
  interface ReferenceDevice {
    Backend open(BrowserMachine machine, Graph graph);
  }

  /** Opens a model that cannot be planned whole. */
  @FunctionalInterface
  interface Dynamic {
    /**
     * Opens it.
     *
     * @param why what is in the way of a plan
     * @param top the first address behind the model's files
     */
    Model.Opened open(
        BrowserMachine machine, OnnxModel file, Request request, long top, RuntimeException why);
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
        (machine, file, request, top, why) -> {
          throw incomplete(why.getMessage());
        });
  }

  /** Everything. */
  static Edition full() {
    return new Edition(
        Operators.all(),
        ReferenceKernels.all(),
        Lowerings.all(),
        ReferenceBackend::new,
        (machine, file, request, top, why) -> ExecutorBackend.open(machine, file, request, top));
  }

  /** Tells the worker to load the full engine. */
  static EngineException incomplete(String message) {
    return new EngineException("incomplete", message);
  }
}
