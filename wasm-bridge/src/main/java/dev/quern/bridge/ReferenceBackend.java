package dev.quern.bridge;

import dev.quern.graph.Graph;
import dev.quern.reference.Interpreter;
import dev.quern.reference.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The scalar Java kernels: slow, and everywhere the same. */
final class ReferenceBackend implements Backend {
  private final BrowserMachine machine;
  private final Interpreter interpreter;

  ReferenceBackend(BrowserMachine machine, Graph graph) {
    this.machine = machine;
    this.interpreter = new Interpreter(graph);
  }

  @Override
  public Result run(Map<String, Input> inputs, List<String> outputs) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (Input input : inputs.values()) {
      tensors.put(
          input.name(), Tensor.fromBytes(input.type(), machine.stageInput(input), input.dims()));
    }
    Map<String, Tensor> results;
    try {
      results = interpreter.run(tensors);
    } catch (IllegalArgumentException e) {
      throw new EngineException("input", e.getMessage());
    }
    List<Output> placed = new ArrayList<>();
    long at = 0;
    for (String name : outputs) {
      Tensor tensor = results.get(name);
      byte[] bytes = tensor.toBytes();
      machine.stage(at, bytes);
      placed.add(new Output(name, tensor.type(), tensor.dims(), at, bytes.length, true));
      at = (at + bytes.length + 63) & ~63L;
    }
    return new Result(placed, 0, null);
  }

  @Override
  public void share() {
    throw new EngineException("engine", "the reference device has no programs");
  }

  @Override
  public int threads() {
    return 1;
  }

  @Override
  public boolean warm(int threads) {
    return false;
  }

  @Override
  public void finish() {
    // Weights are read where they lie.
  }

  @Override
  public Map<String, Double> phases() {
    return Map.of("pack", 0.0, "emit", 0.0, "compile", 0.0);
  }

  @Override
  public Map<String, Object> add(List<?> records) {
    List<Object> refused = new ArrayList<>();
    for (Object record : records) {
      refused.add(
          Reply.object("record", record, "reason", "the reference device has no schedules"));
    }
    return Reply.object("adopted", 0, "refused", refused);
  }

  @Override
  public void search(boolean on) {
    // There is nothing to search.
  }

  @Override
  public boolean unmeasured() {
    return false;
  }

  @Override
  public boolean idle(double milliseconds) {
    return false;
  }

  @Override
  public Map<String, Object> describe() {
    return Reply.object("schedules", List.of(), "peakGflops", null);
  }

  @Override
  public Map<String, Object> profile(Map<String, Input> inputs, int runs) {
    throw new EngineException(
        "argument", "The reference device has no steps to profile; use device 'wasm'.");
  }

  @Override
  public List<Object> events() {
    return List.of();
  }
}
