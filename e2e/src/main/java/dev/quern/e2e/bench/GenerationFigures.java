package dev.quern.e2e.bench;

import dev.quern.e2e.harness.Front;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.models.DecoderGraph;
import dev.quern.e2e.models.DecoderGraph.Sizes;
import dev.quern.e2e.models.Gpt2Graph;
import dev.quern.e2e.models.LlamaGraph;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Consumer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * How many tokens a second decoders of real sizes write, with random weights, through {@code
 * pipeline('text-generation')}; beside it what reading their weights once a token would allow.
 */
public final class GenerationFigures {
  private static final int ROUNDS = 5;
  private static final int TOKENS = 24;
  private static final int PROMPT = 32;

  private final Harness harness;
  private final Front front;
  private final Consumer<Figure> result;

  /** Figures that are handed on as they are measured. */
  public GenerationFigures(Harness harness, Front front, Consumer<Figure> result) {
    this.harness = harness;
    this.front = front;
    this.result = result;
  }

  /** Measures each model on so many threads; takes about a minute for each. */
  public void run(List<Integer> threads) {
    Sizes gpt2 = new Sizes(12, 12, 12, 768, 3072, 50_257, 1024);
    double products = 12.0 * 12 * 768 * 768 + 768.0 * 50_257;
    byte[] small = Gpt2Graph.file(gpt2, new Noise(false));
    measure("GPT-2 small, f32", small, gpt2.vocabulary(), products * 4, threads);
    Sizes llama = new Sizes(16, 32, 8, 2048, 8192, 32_000, 2048);
    double layer = 2048.0 * 2048 * 2 + 2 * 2048.0 * 512 + 3 * 2048.0 * 8192;
    double bytes = (16 * layer + 2048.0 * 32_000) * 0.625;
    byte[] large = LlamaGraph.file(llama, new Noise(true));
    measure("Llama of 1.1 billion, int4", large, llama.vocabulary(), bytes, threads);
    byte[] grouped = LlamaGraph.grouped(llama, new Noise(true));
    measure("Llama with GroupQueryAttention, int4", grouped, llama.vocabulary(), bytes, threads);
  }

  /**
   * @param bytes of the weights that a token reads
   */
  private void measure(
      String name, byte[] file, int vocabulary, double bytes, List<Integer> threads) {
    String path = Front.PREFIX + name.replaceAll("[^A-Za-z0-9]+", "-") + ".onnx";
    front.serve(path, "application/octet-stream", file, Map.of());
    for (int count : threads) {
      ReadRate reading = new ReadRate(harness, front, count);
      ObjectNode request = Harness.options().put("id", name).put("model", path);
      request
          .putObject("options")
          .put("threads", count)
          .put("schedules", false)
          .put("tune", false)
          .put("telemetry", false);
      double memory = harness.call("writer", request).asDouble();
      try {
        write(name, vocabulary);
        List<Double> speeds = new ArrayList<>();
        List<Double> shares = new ArrayList<>();
        List<Double> prompts = new ArrayList<>();
        double before = reading.measure();
        for (int i = 0; i < ROUNDS; i++) {
          JsonNode milliseconds = write(name, vocabulary).get("milliseconds");
          double after = reading.measure();
          double speed = (TOKENS - 1) * 1000 / milliseconds.get("tokens").asDouble();
          speeds.add(speed);
          shares.add(speed * bytes / ((before + after) / 2 * 1e9));
          prompts.add(milliseconds.get("prompt").asDouble());
          before = after;
        }
        result.accept(
            Figure.plain(
                name + ", " + count + (count > 1 ? " threads" : " thread"),
                median(speeds),
                "tokens/s",
                String.format(
                    Locale.ROOT,
                    "%.0f %% of what reading %.0f MB a token allows; a prompt of %d takes %.0f ms; memory %.0f MB",
                    100 * median(shares),
                    bytes / 1e6,
                    PROMPT,
                    median(prompts),
                    memory / 1e6)));
      } finally {
        harness.call("release", Harness.options().put("id", name));
      }
    }
    front.withdraw(path);
  }

  private JsonNode write(String name, int vocabulary) {
    ObjectNode request = Harness.options().put("id", name).put("count", TOKENS);
    Random random = new Random(3);
    ArrayNode prompt = request.putArray("prompt");
    for (int i = 0; i < PROMPT; i++) {
      prompt.add(random.nextInt(vocabulary));
    }
    return harness.call("write", request);
  }

  private static double median(List<Double> values) {
    return values.stream().sorted().toList().get(values.size() / 2);
  }

  /** Random weights. */
  private record Noise(boolean narrow) implements DecoderGraph.Weights {
    @Override
    public float[] of(String name, int... dims) {
      int count = 1;
      for (int dim : dims) {
        count *= dim;
      }
      Random random = new Random(name.hashCode());
      float scale = (float) (1 / Math.sqrt(dims.length > 1 ? (double) dims[0] : 1.0));
      float[] values = new float[count];
      for (int i = 0; i < count; i++) {
        values[i] = (random.nextFloat() - 0.5f) * scale;
      }
      return values;
    }

    @Override
    public Optional<byte[]> codes(String name, int from, int to) {
      if (!narrow) {
        return Optional.empty();
      }
      byte[] codes = new byte[to * (from / 2)];
      new Random(name.hashCode()).nextBytes(codes);
      return Optional.of(codes);
    }
  }
}
