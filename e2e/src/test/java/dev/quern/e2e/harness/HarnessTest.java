package dev.quern.e2e.harness;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.data.TensorData;
import dev.quern.onnx.DataType;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Tensors reach the page and come back bit for bit, and failures keep their code; the SDK is one
 * that echoes.
 */
@ParameterizedClass
@MethodSource("dev.quern.e2e.browser.TestBrowsers#chosen")
@ExtendWith(TestBrowsers.class)
@Tag("slow")
class HarnessTest {
  private static Front front;

  private final BrowserKind kind;

  HarnessTest(BrowserKind kind) {
    this.kind = kind;
  }

  @BeforeAll
  static void start() throws Exception {
    front = Front.start(Optional.empty(), true);
    try (var in = Objects.requireNonNull(HarnessTest.class.getResourceAsStream("echo-sdk.js"))) {
      front.serve(
          "/quern.js", "text/javascript", new String(in.readAllBytes(), StandardCharsets.UTF_8));
    }
  }

  @AfterAll
  static void stop() {
    front.close();
  }

  private Harness open() {
    return Harness.open(TestBrowsers.get(kind), front);
  }

  @Test
  void carriesTensorsOfEachTypeBitForBit() {
    Map<String, TensorData> inputs = new LinkedHashMap<>();
    inputs.put(
        "floats",
        TensorData.of(
            new float[] {1, -0f, Float.NaN, Float.MIN_VALUE, Float.POSITIVE_INFINITY, 0.1f}, 2, 3));
    inputs.put("longs", TensorData.of(new long[] {Long.MIN_VALUE, -1, Long.MAX_VALUE}, 3));
    inputs.put("scalar", TensorData.of(new float[] {7}));
    inputs.put("empty", TensorData.of(new float[0], 0, 4));
    for (DataType each :
        List.of(
            DataType.DOUBLE,
            DataType.INT8,
            DataType.UINT8,
            DataType.INT32,
            DataType.UINT16,
            DataType.FLOAT16,
            DataType.BOOL)) {
      inputs.put("a/" + each.label(), new TensorData(each, List.of(1L), new byte[each.bytes()]));
    }
    try (Harness harness = open();
        Harness.Loaded loaded = harness.session("any", Harness.options())) {
      Harness.Outputs outputs = loaded.run(inputs);
      assertThat(outputs.tensors()).containsExactlyEntriesOf(inputs);
      assertThat(outputs.timing().milliseconds()).isEqualTo(2);
      assertThat(outputs.timing().gflops()).isEqualTo(2);
      assertThat(outputs.timing().shapes()).containsExactly("1x1");
    }
  }

  @Test
  void carriesEmbeddingsAndReleasesOnce() {
    try (Harness harness = open()) {
      Harness.Loaded loaded = harness.pipeline("any", Harness.options());
      Harness.Embeddings embeddings = loaded.embed(List.of("ab", "caf\u00e9 \"\u2028\\"));
      assertThat(embeddings.vectors()).isDeepEqualTo(new float[][] {{2, -0.5f}, {8, -0.5f}});
      assertThat(embeddings.tokens()).containsExactly(2, 8);
      assertThat(embeddings.truncated()).containsExactly(false, true);
      assertThat(loaded.describe().get("progress").get("download").toString()).isEqualTo("[[1,2]]");
      loaded.close();
      loaded.close();
      assertThat(harness.page().evaluate("released")).isEqualTo("1");
    }
  }

  @Test
  void keepsCodeAndProblemsOfAFailure() {
    try (Harness harness = open()) {
      assertThatThrownBy(() -> harness.session("broken", Harness.options()))
          .hasMessage("The model is broken.")
          .asInstanceOf(type(SdkException.class))
          .satisfies(failure -> {
            assertThat(failure.code()).isEqualTo("model");
            assertThat(failure.problems()).containsExactly("node a", "node b");
          });
    }
  }
}
