package dev.quern.e2e.bench;

import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.harness.Harness.Loaded;
import java.util.Map;
import java.util.function.Consumer;
import tools.jackson.databind.node.ObjectNode;

/** Measures what it costs that the threads meet after each step: a program of empty steps. */
public final class BarrierBenchmark {
  private final Harness harness;
  private final Map<String, TensorData> inputs;
  private final Consumer<Figure> result;

  /**
   * @param inputs of all-MiniLM-L6-v2
   * @param result is handed the figures
   */
  public BarrierBenchmark(
      Harness harness, Map<String, TensorData> inputs, Consumer<Figure> result) {
    this.harness = harness;
    this.inputs = inputs;
    this.result = result;
  }

  /** Measures with two threads, whatever the other figures use. */
  public void run() {
    ObjectNode options = Harness.options().put("tune", false).put("schedules", false);
    try (Loaded model = harness.session("all-MiniLM-L6-v2", options.put("threads", 2))) {
      result.accept(
          Figure.atMost(
              "barrier",
              1000 * model.profile(inputs, 3).get("barrier").asDouble(),
              "µs",
              3,
              model.facts().get("threads").asInt() + " threads, steps without work"));
    }
  }
}
