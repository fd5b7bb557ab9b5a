package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.harness.Harness;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** A session that asks for a GPU where there is none: the CPU answers, and it says why. */
@InEachBrowser
class NoGpuTest {
  private final BrowserKind kind;
  @TempDir private Path folder;

  NoGpuTest(BrowserKind kind) {
    this.kind = kind;
  }

  @Test
  void theCpuAnswers() throws Exception {
    Path file = Files.write(folder.resolve("model.onnx"), TestModels.mlp());
    try (Harness harness = Site.harness(TestBrowsers.get(kind), true);
        Harness.Loaded model = harness.session(file, Site.fixed().put("device", "webgpu"))) {
      assertThat(model.facts().get("device").asString()).isEqualTo("wasm");
      JsonNode gpu = model.facts().get("capabilities").get("gpu");
      assertThat(gpu.get("available").asBoolean()).isFalse();
      assertThat(gpu.get("why").asString()).contains("WebGPU");
      Harness.Outputs outputs = model.run(Map.of("x", TestModels.input(3)));
      assertThat(outputs.timing().devices()).containsExactly("wasm");
      assertThat(outputs.tensors().get("y").floats()).hasSize(12);
    }
  }
}
