package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.quern.e2e.browser.Browser;
import dev.quern.e2e.browser.BrowserException;
import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Front;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.harness.SdkException;
import dev.quern.e2e.oracle.MiniLm;
import dev.quern.e2e.oracle.Oracle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Models on WebGPU in Chromium, on its driver in software: the CPU answers until the shaders are
 * there, then the GPU does, with the same results; and what has no GPU runs on the CPU and says
 * why.
 */
@ExtendWith(Site.class)
@Tag("slow")
@Tag("browser")
class GpuTest {
  private static final String ENGINE = "/engine/engine-gpu.wasm";
  private static final Duration SOON = Duration.ofSeconds(60);

  private static Browser browser;
  @TempDir private Path folder;

  @BeforeAll
  static void launch() {
    assumeTrue(
        TestBrowsers.chosen().anyMatch(kind -> kind == BrowserKind.CHROMIUM),
        "Chromium is not among the browsers of this run");
    try {
      browser = Browser.launch(BrowserKind.CHROMIUM, Browser.Option.CHROMIUM_WEBGPU);
    } catch (BrowserException e) {
      boolean missing = String.valueOf(e.getMessage()).contains("is not installed");
      assumeTrue(
          !missing || System.getenv("QUERN_REQUIRE_BROWSERS") != null,
          String.valueOf(e.getMessage()));
      throw e;
    }
    try (Harness harness = Site.harness(browser, true)) {
      JsonNode gpu = harness.capabilities().get("gpu");
      assumeTrue(gpu.get("available").asBoolean(), gpu.get("why").asString());
    }
  }

  @AfterAll
  static void close() {
    if (browser != null) {
      browser.close();
    }
  }

  private static ObjectNode options() {
    return Site.fixed().put("device", "webgpu");
  }

  private Path file(byte[] model) throws Exception {
    return Files.write(folder.resolve("model.onnx"), model);
  }

  /** Runs until the GPU answers; the answers before that are the CPU's. */
  private static Harness.Outputs onGpu(Harness.Loaded model, Map<String, TensorData> inputs) {
    long end = System.nanoTime() + SOON.toNanos();
    while (true) {
      Harness.Outputs outputs = model.run(inputs);
      if (outputs.timing().devices().equals(List.of("webgpu"))) {
        return outputs;
      }
      JsonNode gpu = model.describe().get("capabilities").get("gpu");
      assertThat(gpu.get("available").asBoolean()).as(gpu.toString()).isTrue();
      assertThat(System.nanoTime()).as("the GPU never answered").isLessThan(end);
      pause();
    }
  }

  /** Leaves the processor to the shaders' compiler. */
  private static void pause() {
    try {
      Thread.sleep(100);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aSmallModelRunsAtEachOfItsSizes() throws Exception {
    byte[] mlp = TestModels.mlp();
    try (Front front = Front.start(Optional.of(Site.app().address()), true);
        Harness harness = Harness.open(browser, front);
        Oracle oracle = new Oracle(mlp);
        Harness.Loaded model = harness.session(file(mlp), options())) {
      assertThat(model.facts().get("device").asString()).isEqualTo("webgpu");
      assertThat(front.forwarded()).contains(ENGINE).doesNotContain("/engine/engine.wasm");
      for (int rows : new int[] {3, 70, 3, 1}) {
        Map<String, TensorData> inputs = Map.of("x", TestModels.input(rows));
        TensorData got = onGpu(model, inputs).tensors().get("y");
        TensorData expected = oracle.run(inputs).get("y");
        assertThat(got.shape()).isEqualTo(expected.shape());
        assertThat(got.floats())
            .usingComparatorWithPrecision(1e-5f)
            .containsExactly(expected.floats());
      }
      JsonNode gpu = model.describe().get("gpu");
      assertThat(gpu.get("onCpu")).isEmpty();
      assertThat(gpu.get("dispatches").asInt()).isEqualTo(2);
      assertThat(gpu.get("featureLevel").asString()).isEqualTo("core");
      assertThatThrownBy(
              () -> model.run(Map.of("x", TestModels.input(3), "z", TestModels.input(3))))
          .asInstanceOf(type(SdkException.class))
          .satisfies(failure -> assertThat(failure.code()).isEqualTo("input"));
    }
  }

  @Test
  void miniLmAgrees() {
    try (Harness harness = Site.harness(browser, true);
        MiniLm oracle = new MiniLm();
        Harness.Loaded model = harness.session("all-MiniLM-L6-v2", options())) {
      Map<String, TensorData> inputs = AgreementTest.inputs(2, 19);
      TensorData hidden = onGpu(model, inputs).tensors().values().iterator().next();
      TensorData mask = inputs.get("attention_mask");
      float[][] want = MiniLm.pool(oracle.hidden(inputs), mask);
      assertThat(AgreementTest.difference(MiniLm.pool(hidden, mask), want)).isLessThan(1e-4);
      JsonNode gpu = model.describe().get("gpu");
      assertThat(gpu.get("onCpu")).isEmpty();
      assertThat(gpu.get("dispatches").asInt()).isLessThanOrEqualTo(60);
    }
  }

  @Test
  void withoutAnAdapterTheCpuAnswersAndSaysWhy() throws Exception {
    try (Harness harness = Site.harness(TestBrowsers.get(BrowserKind.CHROMIUM), true);
        Harness.Loaded model = harness.session(file(TestModels.mlp()), options())) {
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
