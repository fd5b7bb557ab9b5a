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
import tools.jackson.databind.node.ObjectNode;

/** Generated kernels in a browser, through the SDK: a session a case. */
final class BrowserSubject implements Subject {
  /** A case takes tenths of a second; a machine that does other things, too, may need more. */
  private static final Duration LIMIT = Duration.ofSeconds(60);

  /** The SDK's codes for a model, or a type of tensors, that is refused. */
  private static final Set<String> REFUSALS = Set.of("model", "argument");

  private final Harness harness;
  private final int threads;

  BrowserSubject(Harness harness, int threads) {
    this.harness = harness;
    this.threads = threads;
    harness.limit(LIMIT);
  }

  @Override
  public List<Map<String, TensorData>> run(Case one, OnnxModel model, List<DataSet> sets) {
    ObjectNode options =
        Harness.options().put("device", "wasm").put("threads", threads).put("tune", false);
    try (Loaded loaded = harness.session(one.modelFile(), options)) {
      List<Map<String, TensorData>> results = new ArrayList<>();
      for (DataSet set : sets) {
        results.add(loaded.run(set.inputs()).tensors());
      }
      return results;
    } catch (SdkException e) {
      if (REFUSALS.contains(e.code())) {
        String reason = e.problems().isEmpty() ? e.getMessage() : e.problems().getFirst();
        throw new Unsupported(reason, e);
      }
      throw e;
    }
  }

  @Override
  public void close() {
    // The page belongs to whoever opened it.
  }
}
