package dev.quern.bridge;

import dev.quern.graph.Graph;
import dev.quern.reference.Interpreter;
import dev.quern.reference.Tensor;
import java.util.Map;

/** The scalar Java kernels: slow, and everywhere the same. */
final class ReferenceBackend extends ScalarBackend {
  private final Interpreter interpreter;

  ReferenceBackend(BrowserMachine machine, Graph graph) {
    super(machine);
    this.interpreter = new Interpreter(graph);
  }

  @Override
  Map<String, Tensor> compute(Map<String, Tensor> inputs) {
    return interpreter.run(inputs);
  }

  @Override
  public Map<String, Object> profile(Map<String, Input> inputs, int runs) {
    throw new EngineException(
        "argument", "The reference device has no steps to profile; use device 'wasm'.");
  }
}
