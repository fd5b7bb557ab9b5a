package dev.quern.e2e.bench;

import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Front;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.harness.Harness.Loaded;
import dev.quern.e2e.harness.Harness.Timing;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Measures the figures about all-MiniLM-L6-v2 in one page, one after the other. */
public final class Benchmark {
  /** What a filter calls the figures about the search for schedules. */
  public static final String TUNING = "tuning";

  private static final String MODEL = "all-MiniLM-L6-v2";
  private static final int M = 128;
  private static final int K = 768;
  private static final int N = 3072;

  private final Harness harness;
  private final Front front;

  /** What a page with MiniLM has asked the server for. */
  private Set<String> asked = Set.of();

  private final int threads;
  private final Consumer<Figure> result;

  /**
   * @param threads of the model's session; 0 lets it choose
   * @param result is handed each figure as it is measured
   */
  public Benchmark(Harness harness, Front front, int threads, Consumer<Figure> result) {
    this.harness = harness;
    this.front = front;
    this.threads = threads;
    this.result = result;
  }

  /** Measures all figures; takes about a minute. */
  public void run() {
    // A fetch right after the browser's start takes up to five times as long as one four seconds
    // later.
    pause(Duration.ofSeconds(4));
    model();
    tuning();
    matmul();
    download();
  }

  /** The barrier, and the search for schedules. */
  public void tuning() {
    new BarrierBenchmark(harness, Inputs.tokens(1, 128), result).run();
    new TuningBenchmark(harness, Inputs.tokens(1, 128), threads, result).run();
  }

  private static ObjectNode fixed() {
    return Harness.options().put("tune", false).put("schedules", false);
  }

  private void model() {
    Timing first;
    double steady;
    try (Loaded cold = harness.session(MODEL, fixed().put("threads", threads))) {
      first = cold.run(Inputs.tokens(1, 128)).timing();
      steady = median(times(cold, Inputs.tokens(1, 128), 20));
      result.accept(
          Figure.plain(
              "load and first inference, 1x128, first visit",
              cold.facts().get("milliseconds").asDouble() + first.milliseconds(),
              "ms",
              loading(cold, first)));
    }
    result.accept(
        Figure.atMost(
            "first inference over the steady one, 1x128",
            first.milliseconds() / steady,
            "x",
            1.5,
            String.format(
                Locale.ROOT, "first %.1f ms, steady %.1f ms", first.milliseconds(), steady)));
    try (Loaded warm = harness.session(MODEL, fixed().put("threads", threads))) {
      Timing again = warm.run(Inputs.tokens(1, 128)).timing();
      result.accept(
          Figure.plain(
              "load and first inference, 1x128, second visit",
              warm.facts().get("milliseconds").asDouble() + again.milliseconds(),
              "ms",
              loading(warm, again)));
      JsonNode phases = warm.facts().get("phases");
      double emit = phases.path("emit").asDouble() + phases.path("compile").asDouble();
      result.accept(
          Figure.atMost("emit and compile of all kernels, warm", emit, "ms", 50, phases(warm)));
      for (int length : new int[] {1, 32, 128, 512}) {
        Timing median = medianTiming(runs(warm, Inputs.tokens(1, length), length > 200 ? 5 : 15));
        result.accept(
            Figure.plain(
                "inference 1x" + length,
                median.milliseconds(),
                "ms",
                String.format(
                    Locale.ROOT,
                    "%.1f GFLOP/s, %d threads",
                    median.gflops(),
                    warm.facts().get("threads").asInt())));
      }
      newLength(warm);
      memory(warm);
    }
    // Before the reference device, which is the full engine's.
    asked = front.forwarded();
    reference();
  }

  private void newLength(Loaded model) {
    List<Double> extra = new ArrayList<>();
    for (int length = 97; length < 113; length += 2) {
      double first = model.run(Inputs.tokens(1, length)).timing().milliseconds();
      extra.add(first - median(times(model, Inputs.tokens(1, length), 3)));
    }
    result.accept(
        Figure.atMost(
            "what a new sequence length adds to its first run",
            median(extra),
            "ms",
            5,
            "median of 8 lengths"));
  }

  private void memory(Loaded model) {
    model.run(Inputs.tokens(1, 128));
    double held = model.describe().get("memoryBytes").asDouble();
    double weights = weightBytes();
    String note =
        String.format(
            Locale.ROOT, "%.1f MB of Wasm memory, weights %.1f MB", held / 1e6, weights / 1e6);
    result.accept(Figure.atMost("memory over weights, 1x128", held / weights, "x", 1.3, note));
  }

  private double weightBytes() {
    JsonNode manifest = harness.fetchJson("/api/v1/models/" + MODEL);
    for (JsonNode file : manifest.get("files")) {
      if (file.get("role").asString().equals("model")) {
        return file.get("bytes").asDouble();
      }
    }
    throw new IllegalStateException("the manifest of " + MODEL + " names no model file");
  }

  private void reference() {
    try (Loaded generated = harness.session(MODEL, fixed().put("threads", 1));
        Loaded reference = harness.session(MODEL, fixed().put("device", "reference"))) {
      List<Double> ratios = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        double slow = reference.run(Inputs.tokens(1, 16)).timing().milliseconds();
        double fast = generated.run(Inputs.tokens(1, 16)).timing().milliseconds();
        if (i > 0) {
          ratios.add(slow / fast);
        }
      }
      result.accept(
          Figure.plain(
              "speed over the reference kernels, 1x16, 1 thread",
              median(ratios),
              "x",
              "interleaved"));
    }
  }

  /** The matmul of a model by itself, against a probe of the peak in the same page, alternating. */
  private void matmul() {
    boolean fma = harness.capabilities().get("fma").get("available").asBoolean();
    String module = Front.PREFIX + "peak.wasm";
    front.serve(module, "application/wasm", PeakProbe.module(fma), Map.of());
    front.serve(
        Front.PREFIX + "matmul.onnx", "application/octet-stream", MatmulModel.of(K, N), Map.of());
    TensorData x = TensorData.of(Inputs.random(M * K), M, K);
    ObjectNode options =
        Harness.options().put("threads", 1).put("schedules", false).put("tune", true);
    try (Loaded model = harness.session(front.origin() + Front.PREFIX + "matmul.onnx", options)) {
      double untuned = share(model, module, x, 12);
      tune(model, x, Duration.ofSeconds(20));
      model.tuning(false);
      double tuned = share(model, module, x, 40);
      JsonNode row = model.describe().get("schedules").path(0);
      result.accept(
          Figure.plain("matmul [128x768]x[768x3072] over peak, untuned", untuned, "x", "1 thread"));
      result.accept(
          Figure.atLeast(
              "matmul [128x768]x[768x3072] over peak, tuned",
              tuned,
              "x",
              0.7,
              "1 thread, "
                  + (fma ? "FMA" : "mul+add")
                  + " peak, "
                  + row.path("schedule").asString()));
    }
  }

  private void tune(Loaded model, TensorData x, Duration most) {
    long end = System.nanoTime() + most.toNanos();
    while (System.nanoTime() < end) {
      model.run(Map.of("x", x));
      JsonNode steps = model.describe().get("progress").path("tune");
      JsonNode last = steps.path(steps.size() - 1);
      if (last.size() == 2 && last.get(0).asInt() >= last.get(1).asInt()) {
        return;
      }
    }
  }

  /** The median share of the peak: each run of the model between two runs of the probe. */
  private double share(Loaded model, String module, TensorData x, int pairs) {
    List<Double> shares = new ArrayList<>();
    double before = peak(module);
    for (int i = 0; i < pairs; i++) {
      double reached = model.run(Map.of("x", x)).timing().gflops();
      double after = peak(module);
      shares.add(reached / ((before + after) / 2));
      before = after;
    }
    return median(shares);
  }

  private double peak(String module) {
    ObjectNode request = Harness.options().put("url", module).put("flops", PeakProbe.FLOPS);
    return harness.call("peak", request).asDouble();
  }

  private void download() {
    EngineDownload download = EngineDownload.of(front, asked);
    result.accept(
        Figure.atMost(
            "download of the engine and SDK, brotli",
            download.bytes() / 1000.0,
            "KB",
            150,
            download.text()));
  }

  private static List<Timing> runs(Loaded model, Map<String, TensorData> inputs, int count) {
    List<Timing> timings = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      timings.add(model.run(inputs).timing());
    }
    return timings;
  }

  private static List<Double> times(Loaded model, Map<String, TensorData> inputs, int count) {
    return runs(model, inputs, count).stream().map(Timing::milliseconds).toList();
  }

  private static Timing medianTiming(List<Timing> timings) {
    return timings.stream()
        .sorted((a, b) -> Double.compare(a.milliseconds(), b.milliseconds()))
        .toList()
        .get(timings.size() / 2);
  }

  static double median(List<Double> values) {
    return values.stream().sorted().toList().get(values.size() / 2);
  }

  /** The engine starts while the model is downloaded; the other phases follow each other. */
  private static String loading(Loaded model, Timing first) {
    return phases(model) + String.format(Locale.ROOT, ", first run %.1f", first.milliseconds());
  }

  private static String phases(Loaded model) {
    List<String> parts = new ArrayList<>();
    model
        .facts()
        .get("phases")
        .properties()
        .forEach(phase ->
            parts.add(
                phase.getKey() + String.format(Locale.ROOT, " %.1f", phase.getValue().asDouble())));
    return String.join(", ", parts);
  }

  static void pause(Duration length) {
    try {
      Thread.sleep(length);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }
}
