package dev.quern.e2e.conformance;

import dev.quern.e2e.conformance.Case.DataSet;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.harness.Harness.Loaded;
import dev.quern.e2e.harness.SdkException;
import dev.quern.onnx.OnnxModel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Generated kernels in a browser, through the SDK: a session a case. */
final class BrowserSubject implements Subject {
  /** A case takes tenths of a second; a machine that does other things, too, may need more. */
  private static final Duration LIMIT = Duration.ofSeconds(60);

  /** The SDK's codes for a model, or a type of tensors, that is refused. */
  private static final Set<String> REFUSALS = Set.of("model", "argument");

  private final Harness harness;
  private final ObjectNode options;

  BrowserSubject(Harness harness, String device, int threads) {
    this.harness = harness;
    options = Harness.options().put("device", device).put("threads", threads).put("tune", false);
    harness.limit(LIMIT);
  }

  @Override
  public Answer run(Case one, OnnxModel model, List<DataSet> sets) {
    try (Loaded loaded = harness.session(one.modelFile(), options)) {
      List<Map<String, TensorData>> results = new ArrayList<>();
      String offGpu = "";
      for (DataSet set : sets) {
        if (options.get("device").asString().equals("webgpu")) {
          loaded.settle(set.inputs());
        }
        results.add(loaded.run(set.inputs()).tensors());
        offGpu = offGpu.isEmpty() ? offGpu(loaded.describe()) : offGpu;
      }
      return new Answer(results, offGpu);
    } catch (SdkException e) {
      if (REFUSALS.contains(e.code())) {
        String reason = e.problems().isEmpty() ? e.getMessage() : e.problems().getFirst();
        throw new Unsupported(reason, e);
      }
      throw e;
    }
  }

  private static String offGpu(JsonNode facts) {
    JsonNode gpu = facts.get("capabilities").get("gpu");
    if (!gpu.get("available").asBoolean()) {
      return gpu.get("why").asString();
    }
    JsonNode onCpu = facts.get("gpu").get("onCpu");
    return onCpu.isEmpty() ? "" : onCpu.get(0).asString();
  }

  @Override
  public void close() {
    // The page belongs to whoever opened it.
  }
}
