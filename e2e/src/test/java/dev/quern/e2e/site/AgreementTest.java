package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.oracle.MiniLm;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Embeddings of the page agree with ONNX Runtime's, for short and long, alone and in batches, with
 * and without threads.
 */
@InEachBrowser
class AgreementTest {
  private static final List<Integer> LENGTHS = List.of(1, 7, 32, 128, 512);
  private static final List<Integer> BATCHES = List.of(1, 3, 8);

  /** Largest difference of an element of an embedding of length one. */
  private static final double TOLERANCE = 1e-4;

  private static final Map<String, TensorData> EXPECTED = new HashMap<>();
  private static MiniLm oracle;

  private final BrowserKind kind;

  AgreementTest(BrowserKind kind) {
    this.kind = kind;
  }

  @BeforeAll
  static void load() {
    oracle = new MiniLm();
  }

  @AfterAll
  static void close() {
    oracle.close();
  }

  /** Token ids with a padded tail in every row but the first, which differs from row to row. */
  static Map<String, TensorData> inputs(int batch, int length) {
    Random random = new Random(1000L * batch + length);
    long[] ids = new long[batch * length];
    long[] mask = new long[ids.length];
    for (int row = 0; row < batch; row++) {
      int used = Math.max(1, length - row * length / 9);
      for (int at = 0; at < used; at++) {
        ids[row * length + at] =
            at == 0 ? 101 : at == used - 1 ? 102 : 1000 + random.nextInt(28_000);
        mask[row * length + at] = 1;
      }
    }
    Map<String, TensorData> inputs = new LinkedHashMap<>();
    inputs.put("input_ids", TensorData.of(ids, batch, length));
    inputs.put("attention_mask", TensorData.of(mask, batch, length));
    inputs.put("token_type_ids", TensorData.of(new long[ids.length], batch, length));
    return inputs;
  }

  @ParameterizedTest(name = "isolated: {0}")
  @ValueSource(booleans = {true, false})
  void agreesAtEachLengthAndBatch(boolean isolate) {
    try (Harness harness = Site.harness(TestBrowsers.get(kind), isolate);
        Harness.Loaded model = harness.session("all-MiniLM-L6-v2", Site.fixed())) {
      assertThat(harness.page().evaluate("crossOriginIsolated")).isEqualTo(String.valueOf(isolate));
      assertThat(model.facts().get("device").asString()).isEqualTo("wasm");
      if (!isolate) {
        assertThat(model.facts().get("threads").asInt()).isEqualTo(1);
      }
      for (int length : LENGTHS) {
        for (int batch : BATCHES) {
          String shape = batch + "x" + length;
          Map<String, TensorData> inputs = inputs(batch, length);
          TensorData expected = EXPECTED.computeIfAbsent(shape, key -> oracle.hidden(inputs));
          Harness.Outputs outputs = model.run(inputs);
          TensorData hidden = outputs.tensors().values().iterator().next();
          assertThat(hidden.shape()).as(shape).isEqualTo(expected.shape());
          assertThat(outputs.timing().shapes()).containsExactly(shape);
          float[][] got = MiniLm.pool(hidden, inputs.get("attention_mask"));
          float[][] want = MiniLm.pool(expected, inputs.get("attention_mask"));
          assertThat(difference(got, want)).as(shape).isLessThan(TOLERANCE);
        }
      }
    }
  }

  @Test
  void agreesWithTheThreadsThatAreAskedFor() {
    try (Harness harness = Site.harness(TestBrowsers.get(kind), true);
        Harness.Loaded model =
            harness.session("all-MiniLM-L6-v2", Site.fixed().put("threads", 2))) {
      // Without shared memory there is one thread, whatever is asked for.
      boolean shared = harness.page().evaluate("typeof SharedArrayBuffer").equals("\"function\"");
      assertThat(model.facts().get("threads").asInt()).isEqualTo(shared ? 2 : 1);
      Map<String, TensorData> inputs = inputs(3, 32);
      TensorData hidden = model.run(inputs).tensors().values().iterator().next();
      float[][] want = MiniLm.pool(oracle.hidden(inputs), inputs.get("attention_mask"));
      assertThat(difference(MiniLm.pool(hidden, inputs.get("attention_mask")), want))
          .isLessThan(TOLERANCE);
    }
  }

  @Test
  void theReferenceKernelsAgreeToo() {
    try (Harness harness = Site.harness(TestBrowsers.get(kind), true);
        Harness.Loaded model =
            harness.session("all-MiniLM-L6-v2", Site.fixed().put("device", "reference"))) {
      assertThat(model.facts().get("device").asString()).isEqualTo("reference");
      Map<String, TensorData> inputs = inputs(1, 7);
      TensorData hidden = model.run(inputs).tensors().values().iterator().next();
      float[][] want = MiniLm.pool(oracle.hidden(inputs), inputs.get("attention_mask"));
      assertThat(difference(MiniLm.pool(hidden, inputs.get("attention_mask")), want))
          .isLessThan(TOLERANCE);
    }
  }

  @Test
  void embedsRealSentencesAndTellsWhatWasCut() {
    List<String> texts =
        List.of(
            "a cat sleeps",
            "Na\u00efve caf\u00e9s \u2014 don't stop; it's $3.50!",
            "\u673a\u5668\u5b66\u4e60 is machine learning",
            "pneumonoultramicroscopicsilicovolcanoconiosis",
            "word ".repeat(1000));
    try (Harness harness = Site.harness(TestBrowsers.get(kind), true);
        Harness.Loaded model = harness.pipeline("all-MiniLM-L6-v2", Site.fixed())) {
      Harness.Embeddings embeddings = model.embed(texts);
      assertThat(embeddings.truncated()).containsExactly(false, false, false, false, true);
      assertThat(embeddings.tokens())
          .isEqualTo(texts.stream().map(text -> oracle.ids(text).length).toList());
      assertThat(difference(embeddings.vectors(), oracle.embed(texts))).isLessThan(TOLERANCE);
    }
  }

  static double difference(float[][] a, float[][] b) {
    assertThat(a.length).isEqualTo(b.length);
    double most = 0;
    for (int row = 0; row < a.length; row++) {
      assertThat(a[row].length).isEqualTo(b[row].length);
      for (int i = 0; i < a[row].length; i++) {
        double difference = Math.abs((double) a[row][i] - b[row][i]);
        if (Double.isNaN(difference)) {
          return Double.POSITIVE_INFINITY;
        }
        most = Math.max(most, difference);
      }
    }
    return most;
  }
}
