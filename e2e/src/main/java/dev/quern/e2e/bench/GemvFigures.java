package dev.quern.e2e.bench;

import dev.quern.e2e.bench.GemvModel.Stored;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Front;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.harness.Harness.Loaded;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Decoding at batch 1: a row times weights of 64 MB in each format. What bounds it is the lower of
 * two measured rates: that of a probe that only reads, run between the runs, and that of the same
 * kernels with weights that the second-level cache holds, which is the kernels' own limit.
 */
public final class GemvFigures {
  private static final int LARGE = 64 << 20;
  private static final int SMALL = 256 << 10;

  /** Rows that are multiplied with small weights in turn, so that a clock of 5 µs suffices. */
  private static final int ROWS = 8;

  private static final int PAIRS = 15;

  private final Harness harness;
  private final Front front;
  private final Consumer<Figure> result;

  /** Figures that are handed on as they are measured. */
  public GemvFigures(Harness harness, Front front, Consumer<Figure> result) {
    this.harness = harness;
    this.front = front;
    this.result = result;
  }

  /** Measures each format on so many threads; takes a quarter of a minute for each. */
  public void run(List<Integer> threads) {
    Map<Stored, Double> limits = new LinkedHashMap<>();
    for (Stored stored : Stored.values()) {
      limits.put(stored, limit(stored));
    }
    for (int count : threads) {
      ReadRate reading = new ReadRate(harness, front, count);
      for (Stored stored : Stored.values()) {
        measure(stored, count, limits.get(stored), reading);
      }
    }
  }

  private Loaded load(GemvModel model, int rows, int threads) {
    String path = Front.PREFIX + "gemv-" + model.stored() + ".onnx";
    front.serve(path, "application/octet-stream", model.file(rows), Map.of());
    ObjectNode options =
        Harness.options().put("threads", threads).put("schedules", false).put("tune", false);
    return harness.session(front.origin() + path, options);
  }

  /** GB/s of one thread's kernels with weights in its cache. */
  private double limit(Stored stored) {
    GemvModel model = GemvModel.random(stored, Math.max(32, stored.columns(SMALL)));
    Map<String, TensorData> inputs = new LinkedHashMap<>();
    for (int i = 0; i < ROWS; i++) {
      inputs.put("x" + i, TensorData.of(Inputs.random(GemvModel.DEPTH), 1, GemvModel.DEPTH));
    }
    try (Loaded loaded = load(model, ROWS, 1)) {
      // Optimised code comes late: many short runs before those that count.
      for (int i = 0; i < 4; i++) {
        loaded.profile(inputs, PAIRS);
      }
      List<Double> times = times(loaded.profile(inputs, 4 * PAIRS), "matmul");
      return ROWS * model.bytes() / median(times) / 1e6;
    }
  }

  /** Milliseconds of each run's steps of a kind together. */
  private static List<Double> times(JsonNode profile, String kind) {
    List<Double> times = new ArrayList<>();
    for (JsonNode sample : profile.get("samples")) {
      double sum = 0;
      for (int i = 0; i < profile.get("steps").size(); i++) {
        if (profile.get("steps").get(i).get("kernel").asString().contains(kind)) {
          sum += sample.get("steps").get(i).asDouble();
        }
      }
      times.add(sum);
    }
    return times;
  }

  private void measure(Stored stored, int threads, double limit, ReadRate reading) {
    GemvModel model = GemvModel.random(stored, stored.columns(LARGE));
    float[] row = Inputs.random(GemvModel.DEPTH);
    Map<String, TensorData> inputs = Map.of("x0", TensorData.of(row, 1, GemvModel.DEPTH));
    try (Loaded loaded = load(model, 1, threads)) {
      double error = error(model, row, loaded.run(inputs).tensors().get("y0"));
      loaded.profile(inputs, PAIRS);
      List<Double> shares = new ArrayList<>();
      List<Double> speeds = new ArrayList<>();
      List<Double> reads = new ArrayList<>();
      double before = reading.measure();
      for (int i = 0; i < PAIRS; i++) {
        double speed = model.bytes() / times(loaded.profile(inputs, 1), "").getFirst() / 1e6;
        double after = reading.measure();
        double read = (before + after) / 2;
        speeds.add(speed);
        reads.add(read);
        shares.add(speed / Math.min(read, threads * limit));
        before = after;
      }
      result.accept(
          Figure.atLeast(
              "row times 64 MB of "
                  + stored
                  + ", "
                  + threads
                  + (threads > 1 ? " threads" : " thread"),
              median(shares),
              "x",
              0.8,
              String.format(
                  Locale.ROOT,
                  "%.1f GB/s of %.1f read, %.1f with weights in cache; error %.1e of the largest",
                  median(speeds),
                  median(reads),
                  threads * limit,
                  error)));
    }
  }

  /** The largest error of every 61st column, relative to the largest of these numbers. */
  private static double error(GemvModel model, float[] row, TensorData y) {
    double error = 0;
    double largest = 0;
    for (int column = 0; column < model.columns(); column += 61) {
      double sum = 0;
      for (int k = 0; k < GemvModel.DEPTH; k++) {
        sum += (double) row[k] * model.weight(k, column);
      }
      largest = Math.max(largest, Math.abs(sum));
      error = Math.max(error, Math.abs(sum - y.floats()[column]));
    }
    // A of 8 bits is off by half of a 127th of a block's largest number.
    if (!(error <= (model.stored() == Stored.I4 ? 1e-2 : 1e-3) * largest)) {
      throw new IllegalStateException(model.stored() + ": the product is off by " + error);
    }
    return error / largest;
  }

  private static double median(List<Double> values) {
    return values.stream().sorted().toList().get(values.size() / 2);
  }
}
