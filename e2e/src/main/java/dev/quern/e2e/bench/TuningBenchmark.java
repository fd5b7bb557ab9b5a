package dev.quern.e2e.bench;

import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.harness.Harness.Loaded;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Measures the search for faster schedules as a caller sees it: calls of all-MiniLM-L6-v2 in a
 * loop, from the page and back, each next to a call of a second session that keeps the heuristic's
 * schedules. What counts is the ratio of the two: a machine that drifts moves both.
 */
public final class TuningBenchmark {
  private static final String MODEL = "all-MiniLM-L6-v2";

  /** A schedule that no heuristic would choose: one accumulator, no fused multiply-add. */
  private static final String BAD = "mr=1 nr=4 mc=1 nc=64 kc=64 unroll=1 fma=0 order=n";

  private static final int SECONDS = 40;
  private static final int MOST_ROUNDS = 2000;

  /** Rounds after the search's end, whose median is the final speed. */
  private static final int REST = 25;

  /** Calls of a moving median. */
  private static final int WINDOW = 7;

  private final Harness harness;
  private final Map<String, TensorData> inputs;
  private final int threads;
  private final Consumer<Figure> result;

  /**
   * @param inputs of one call
   * @param threads of the sessions; 0 lets them choose
   * @param result is handed each figure as it is measured
   */
  public TuningBenchmark(
      Harness harness, Map<String, TensorData> inputs, int threads, Consumer<Figure> result) {
    this.harness = harness;
    this.inputs = inputs;
    this.threads = threads;
    this.result = result;
  }

  /** Measures a first visit, a second one, and a visit with bad schedules; about two minutes. */
  public void run() {
    harness.call("forget", Harness.options());
    try (Loaded fixed = session(Harness.options().put("tune", false).put("schedules", false))) {
      warm(fixed);
      firstVisit(fixed);
      secondVisit(fixed);
      harness.call("forget", Harness.options());
      badSchedules(fixed);
      harness.call("forget", Harness.options());
    }
  }

  private Loaded session(ObjectNode options) {
    return harness.session(MODEL, options.put("threads", threads));
  }

  private void warm(Loaded model) {
    for (int i = 0; i < 10; i++) {
      model.run(inputs);
    }
  }

  private void firstVisit(Loaded fixed) {
    try (Loaded cold = session(Harness.options().put("tune", true).put("schedules", false))) {
      Series series = series(cold.alternate(List.of(fixed), inputs, MOST_ROUNDS, SECONDS, REST));
      tell("from cold", series, tuned(cold));
      result.accept(
          Figure.atMost(
              "tuning from cold: worst call over the heuristic's",
              series.worst(),
              "x",
              1.5,
              String.format(
                  Locale.ROOT,
                  "of the heuristic's own calls: %.2f; first call %.2f",
                  series.worstFixed(),
                  series.ratios()[0])));
    }
  }

  private void secondVisit(Loaded fixed) {
    try (Loaded again = session(Harness.options().put("tune", false).put("schedules", true))) {
      Series series = series(again.alternate(List.of(fixed), inputs, 40, SECONDS, MOST_ROUNDS));
      double[] steady = Arrays.copyOfRange(series.ratios(), 10, series.ratios().length);
      JsonNode rows = again.describe().get("schedules");
      long stored = 0;
      for (JsonNode row : rows) {
        stored += row.get("source").asString().equals("stored") ? 1 : 0;
      }
      result.accept(
          Figure.atMost(
              "tuning from records: first call over the final",
              series.ratios()[0] / median(steady),
              "x",
              1.1,
              String.format(
                  Locale.ROOT,
                  "second call %.2f, %d of %d kernels from records, final over the heuristic %.3f",
                  series.ratios()[1] / median(steady),
                  stored,
                  rows.size(),
                  median(steady))));
    }
  }

  private void badSchedules(Loaded fixed) {
    ObjectNode options = Harness.options().put("tune", true);
    ArrayNode records = options.putArray("schedules");
    String device = fixed.facts().get("capabilities").get("class").asString();
    for (JsonNode row : fixed.describe().get("schedules")) {
      ObjectNode record = records.addObject();
      record.put("version", 1).put("kernel", row.get("kernel").asString());
      record.put("bucket", row.get("bucket").asString()).put("device", device);
      record.put("schedule", BAD).put("seconds", 1.0).put("samples", 10);
      record.put("engine", "bench").put("browser", "bench");
    }
    try (Loaded bad = session(options)) {
      Series series = series(bad.alternate(List.of(fixed), inputs, MOST_ROUNDS, SECONDS, REST));
      tell("from bad records", series, tuned(bad));
      result.accept(
          Figure.atLeast(
              "tuning from bad records: first calls over the final",
              median(Arrays.copyOf(series.ratios(), 3)) / series.last(),
              "x",
              2,
              BAD));
    }
  }

  private static String tuned(Loaded model) {
    int won = 0;
    JsonNode state = model.describe();
    for (JsonNode event : state.get("tuned")) {
      won += event.get("ratio").asDouble() > 1 ? 1 : 0;
    }
    JsonNode steps = state.path("progress").path("tune");
    JsonNode end = steps.path(steps.size() - 1);
    return end.path(0).asInt() + " candidates tried, " + won + " won";
  }

  private void tell(String start, Series series, String note) {
    result.accept(
        Figure.atMost(
            "tuning " + start + ": inference to 95 % of the final",
            series.secondsTo(0.95),
            "s",
            3,
            String.format(
                Locale.ROOT,
                "%s; %d calls, search %s",
                note,
                series.ratios().length,
                series.settled() < 0
                    ? "not ended"
                    : "ended after " + series.settled() + " calls")));
    result.accept(
        Figure.plain(
            "tuning " + start + ": final over the heuristic's",
            series.last(),
            "x",
            String.format(
                Locale.ROOT,
                "%.1f ms, heuristic %.1f ms, medians of the last %d calls",
                median(tail(series.tuned())),
                median(tail(series.fixed())),
                REST)));
  }

  private static double[] tail(double[] values) {
    return Arrays.copyOfRange(values, Math.max(0, values.length - REST), values.length);
  }

  /**
   * Calls in turns.
   *
   * @param fixed milliseconds of the session that keeps its schedules
   * @param tuned milliseconds of the other
   * @param ratios of each call of the other to the median of the calls around it that keep theirs
   * @param settled calls until the search ended, or -1
   */
  private record Series(double[] fixed, double[] tuned, double[] ratios, int settled) {
    double last() {
      return median(tail(ratios));
    }

    double worst() {
      return Arrays.stream(ratios).skip(1).max().orElse(0);
    }

    double worstFixed() {
      return Arrays.stream(fixed).skip(1).max().orElse(0) / median(fixed);
    }

    /** Seconds of calls until the moving median was last slower than a share of the final speed. */
    double secondsTo(double share) {
      double limit = last() / share;
      int from = 0;
      for (int i = 0; i + WINDOW <= ratios.length; i++) {
        if (median(Arrays.copyOfRange(ratios, i, i + WINDOW)) > limit) {
          from = i + WINDOW / 2 + 1;
        }
      }
      return Arrays.stream(tuned).limit(from).sum() / 1000;
    }
  }

  private static Series series(JsonNode told) {
    JsonNode rounds = told.get("rounds");
    double[] fixed = new double[rounds.size()];
    double[] tuned = new double[rounds.size()];
    for (int i = 0; i < fixed.length; i++) {
      fixed[i] = rounds.get(i).get(0).asDouble();
      tuned[i] = rounds.get(i).get(1).asDouble();
    }
    double[] ratios = new double[fixed.length];
    for (int i = 0; i < ratios.length; i++) {
      int from = Math.max(0, i - WINDOW / 2);
      int to = Math.min(fixed.length, i + WINDOW / 2 + 1);
      ratios[i] = tuned[i] / median(Arrays.copyOfRange(fixed, from, to));
    }
    return new Series(fixed, tuned, ratios, told.get("settled").asInt());
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
