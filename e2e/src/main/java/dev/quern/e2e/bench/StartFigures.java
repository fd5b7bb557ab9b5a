package dev.quern.e2e.bench;

import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.harness.Harness.Loaded;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;

/**
 * What a GPU that may be used costs before anything is known of it: load and first inference with
 * device auto beside the CPU alone, in turn, in one browser that offers WebGPU.
 */
public final class StartFigures {
  /** What a filter calls them. */
  public static final String START = "start";

  private static final String MODEL = "all-MiniLM-L6-v2";
  private static final int PAIRS = 15;

  /**
   * Between visits: a driver in software goes on compiling shaders that nobody waits for any more.
   */
  private static final Duration REST = Duration.ofSeconds(3);

  private final Harness harness;
  private final Consumer<Figure> result;

  /** Figures that are handed on as they are measured. */
  public StartFigures(Harness harness, Consumer<Figure> result) {
    this.harness = harness;
    this.result = result;
  }

  /** Measures in about a minute. */
  public void run() {
    Benchmark.pause(Duration.ofSeconds(4));
    start("wasm");
    start("auto");
    List<Double> ratios = new ArrayList<>();
    List<Double> alone = new ArrayList<>();
    List<Double> both = new ArrayList<>();
    for (int i = 0; i < PAIRS; i++) {
      boolean first = i % 2 == 0;
      double one = start(first ? "wasm" : "auto");
      double other = start(first ? "auto" : "wasm");
      alone.add(first ? one : other);
      both.add(first ? other : one);
      ratios.add(both.getLast() / alone.getLast());
    }
    result.accept(
        Figure.atMost(
            "load and first inference, 1x128, where a GPU may be used, over the CPU alone",
            Benchmark.median(ratios),
            "x",
            1.1,
            String.format(
                Locale.ROOT,
                "%.0f ms, %.0f ms alone",
                Benchmark.median(both),
                Benchmark.median(alone))));
  }

  /** Milliseconds of a visit until the first answer. */
  private double start(String device) {
    harness.revisit();
    Map<String, TensorData> inputs = Inputs.tokens(1, 128);
    try (Loaded model =
        harness.session(MODEL, Harness.options().put("schedules", false).put("device", device))) {
      return model.facts().get("milliseconds").asDouble()
          + model.run(inputs).timing().milliseconds();
    } finally {
      Benchmark.pause(REST);
    }
  }
}
