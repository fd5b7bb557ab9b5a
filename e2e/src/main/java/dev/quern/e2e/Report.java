package dev.quern.e2e;

import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Harness.Embeddings;
import dev.quern.e2e.harness.Harness.Timing;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What {@code quern run} tells, as text or as one JSON object.
 *
 * @param facts what the SDK said when it had loaded the model
 * @param state what it said at the end: schedules, peak, memory
 * @param timings of each run, the first one first
 */
record Report(
    String model,
    String browser,
    JsonNode facts,
    JsonNode state,
    List<Timing> timings,
    List<String> texts,
    Embeddings embeddings,
    Map<String, Written> outputs) {

  /** An output tensor and the file that it went to. */
  record Written(Path file, TensorData tensor) {}

  Report(String model, String browser, JsonNode facts, JsonNode state, List<Timing> timings) {
    this(model, browser, facts, state, timings, List.of(), null, Map.of());
  }

  Report withEmbeddings(List<String> texts, Embeddings embeddings) {
    return new Report(model, browser, facts, state, timings, texts, embeddings, outputs);
  }

  Report withOutputs(Map<String, Written> outputs) {
    return new Report(model, browser, facts, state, timings, texts, embeddings, outputs);
  }

  /**
   * The run that stands in the middle of those after the first, or the first if it is the only one.
   */
  private Timing median() {
    List<Timing> steady = timings.size() > 1 ? timings.subList(1, timings.size()) : timings;
    return steady.stream()
        .sorted((a, b) -> Double.compare(a.milliseconds(), b.milliseconds()))
        .toList()
        .get((steady.size() - 1) / 2);
  }

  private double cosine(int a, int b) {
    float[] x = embeddings.vectors()[a];
    float[] y = embeddings.vectors()[b];
    double dot = 0;
    double xx = 0;
    double yy = 0;
    for (int i = 0; i < x.length; i++) {
      dot += (double) x[i] * y[i];
      xx += (double) x[i] * x[i];
      yy += (double) y[i] * y[i];
    }
    return xx == 0 || yy == 0 ? 0 : dot / Math.sqrt(xx * yy);
  }

  String json() {
    ObjectNode root = JsonMapper.shared().createObjectNode();
    root.put("model", model).put("browser", browser);
    if (embeddings != null) {
      ArrayNode vectors = root.putArray("embeddings");
      ArrayNode similarity = root.putArray("similarity");
      for (int i = 0; i < texts.size(); i++) {
        ArrayNode vector = vectors.addArray();
        for (float value : embeddings.vectors()[i]) {
          vector.add(value);
        }
        ArrayNode row = similarity.addArray();
        for (int j = 0; j < texts.size(); j++) {
          row.add(cosine(i, j));
        }
      }
      ArrayNode tokens = root.putArray("tokens");
      embeddings.tokens().forEach(tokens::add);
      ArrayNode truncated = root.putArray("truncated");
      embeddings.truncated().forEach(truncated::add);
    }
    if (!outputs.isEmpty()) {
      ObjectNode files = root.putObject("outputs");
      outputs.forEach((name, written) -> {
        ObjectNode entry = files.putObject(name);
        entry.put("file", written.file().toString()).put("type", written.tensor().type().label());
        ArrayNode shape = entry.putArray("shape");
        written.tensor().shape().forEach(shape::add);
      });
    }
    root.put("latencyMs", median().milliseconds());
    root.put("firstLatencyMs", timings.getFirst().milliseconds());
    ArrayNode all = root.putArray("runsMs");
    timings.forEach(timing -> all.add(timing.milliseconds()));
    root.put("gflops", median().gflops());
    root.set("peakGflops", state.path("peakGflops"));
    root.set("memoryBytes", state.path("memoryBytes"));
    root.put("threads", facts.path("threads").asInt());
    root.set("device", facts.path("capabilities"));
    root.set("phases", facts.path("phases"));
    root.set("schedules", state.path("schedules"));
    return root.toString();
  }

  String text() {
    List<String> lines = new ArrayList<>();
    lines.add(
        "%s in %s: %s, %s, class %s"
            .formatted(
                model,
                browser,
                facts.path("device").asString(),
                plural(facts.path("threads").asInt(), "thread"),
                facts.path("capabilities").path("class").asString()));
    lines.add("");
    if (embeddings != null) {
      cosineMatrix(lines);
    }
    outputs.forEach((name, written) ->
        lines.add("output %s %s -> %s".formatted(name, written.tensor(), written.file())));
    lines.add("");
    Timing median = median();
    lines.add(
        String.format(
            Locale.ROOT,
            "latency  first %.1f ms; median of %s after it %.1f ms",
            timings.getFirst().milliseconds(),
            plural(timings.size() - 1, "run"),
            median.milliseconds()));
    String peak =
        state.path("peakGflops").isNumber()
            ? String.format(
                Locale.ROOT,
                " (peak of one core, measured: %.1f)",
                state.path("peakGflops").asDouble())
            : "";
    lines.add(String.format(Locale.ROOT, "speed    %.1f GFLOP/s", median.gflops()) + peak);
    phases(lines);
    lines.add(
        String.format(Locale.ROOT, "memory   %.1f MB", state.path("memoryBytes").asDouble() / 1e6));
    lines.add("");
    schedules(lines);
    return String.join("\n", lines);
  }

  private void cosineMatrix(List<String> lines) {
    StringBuilder head = new StringBuilder("cosine ");
    for (int i = 0; i < texts.size(); i++) {
      head.append(String.format(Locale.ROOT, "%8d", i + 1));
    }
    lines.add(head.toString());
    for (int i = 0; i < texts.size(); i++) {
      StringBuilder line = new StringBuilder(String.format(Locale.ROOT, "%6d ", i + 1));
      for (int j = 0; j < texts.size(); j++) {
        line.append(String.format(Locale.ROOT, "%8.4f", cosine(i, j)));
      }
      String cut = embeddings.truncated().get(i) ? ", cut to the model's length" : "";
      line.append("  ").append(shorten(texts.get(i)));
      line.append(" (").append(plural(embeddings.tokens().get(i), "token")).append(cut).append(')');
      lines.add(line.toString());
    }
  }

  private void phases(List<String> lines) {
    List<String> parts = new ArrayList<>();
    facts
        .path("phases")
        .properties()
        .forEach(phase ->
            parts.add(
                String.format(
                    Locale.ROOT, "%s %.1f ms", phase.getKey(), phase.getValue().asDouble())));
    if (!parts.isEmpty()) {
      lines.add("load     " + String.join(", ", parts));
    }
  }

  private void schedules(List<String> lines) {
    JsonNode rows = state.path("schedules");
    if (rows.isEmpty()) {
      return;
    }
    lines.add("kernels");
    for (JsonNode row : rows) {
      String speed =
          row.path("gflops").isNumber()
              ? String.format(Locale.ROOT, " %.1f GFLOP/s", row.path("gflops").asDouble())
              : "";
      lines.add(
          "  %s  rows %s  %s  %s%s  x%d"
              .formatted(
                  row.path("kernel").asString(),
                  row.path("bucket").asString(),
                  row.path("schedule").asString(),
                  row.path("source").asString(),
                  speed,
                  row.path("layers").asInt()));
    }
  }

  private static String plural(int count, String noun) {
    return count + " " + noun + (count == 1 ? "" : "s");
  }

  private static String shorten(String text) {
    String line = text.strip().replaceAll("\\s+", " ");
    return line.codePointCount(0, line.length()) <= 48
        ? line
        : line.substring(0, line.offsetByCodePoints(0, 47)) + "…";
  }
}
