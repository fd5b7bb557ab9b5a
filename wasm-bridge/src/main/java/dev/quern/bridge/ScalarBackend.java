package dev.quern.bridge;

import dev.quern.reference.Tensor;
import dev.quern.runtime.RunException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A back end that works on tensors in Java's memory and has no schedules to search. */
abstract class ScalarBackend implements Backend {
  private final BrowserMachine machine;

  ScalarBackend(BrowserMachine machine) {
    this.machine = machine;
  }

  /**
   * Computes all outputs.
   *
   * @throws IllegalArgumentException if the inputs do not fit
   * @throws RunException if they do not fit, or the run was cancelled
   */
  abstract Map<String, Tensor> compute(Map<String, Tensor> inputs);

  @Override
  public final Result run(Map<String, Input> inputs, List<String> outputs) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (Input input : inputs.values()) {
      tensors.put(
          input.name(), Tensor.fromBytes(input.type(), machine.stageInput(input), input.dims()));
    }
    Map<String, Tensor> results;
    try {
      results = compute(tensors);
    } catch (IllegalArgumentException e) {
      throw new EngineException("input", e.getMessage());
    } catch (RunException e) {
      throw EngineException.told(e);
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
  public final void share() {
    throw new EngineException("engine", "a model without a fixed list of steps has no programs");
  }

  @Override
  public final boolean warm(int threads) {
    return false;
  }

  @Override
  public final void finish() {
    // Weights are read where they lie, or packed when they are first used.
  }

  @Override
  public int threads() {
    return 1;
  }

  @Override
  public Map<String, Double> phases() {
    return Map.of("pack", 0.0, "emit", 0.0, "compile", 0.0);
  }

  @Override
  public Map<String, Object> add(List<?> records) {
    List<Object> refused = new ArrayList<>();
    for (Object record : records) {
      refused.add(Reply.object("record", record, "reason", "this model has no schedules here"));
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
  public List<Object> events() {
    return List.of();
  }
}
