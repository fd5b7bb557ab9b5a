package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.oracle.Oracle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Runs that are repeated by their addresses in shared memory give what a first run gives, whatever
 * comes between them; where memory is not shared every run goes through the engine.
 */
@InEachBrowser
class RepeatTest {
  private static final Duration SOON = Duration.ofSeconds(30);

  /** Counts the messages to the page's workers by their type. */
  private static final String LISTEN =
      """
      (() => {
        const post = Worker.prototype.postMessage;
        window.told = {};
        Worker.prototype.postMessage = function (message, transfer) {
          told[message.type] = (told[message.type] ?? 0) + 1;
          return post.call(this, message, transfer);
        };
      })()
      """;

  private final BrowserKind kind;
  private Oracle oracle;
  private Path file;

  RepeatTest(BrowserKind kind) {
    this.kind = kind;
  }

  @BeforeEach
  void write(@TempDir Path folder) throws Exception {
    file = Files.write(folder.resolve("mlp.onnx"), TestModels.mlp());
    oracle = new Oracle(TestModels.mlp());
  }

  @AfterEach
  void close() {
    oracle.close();
  }

  private static int told(Harness harness, String type) {
    return Integer.parseInt(harness.page().evaluate("told['" + type + "'] ?? 0"));
  }

  private static Map<String, TensorData> input(int rows, float factor) {
    float[] values = TestModels.input(rows).floats();
    for (int i = 0; i < values.length; i++) {
      values[i] *= factor;
    }
    Map<String, TensorData> inputs = new LinkedHashMap<>();
    inputs.put("x", TensorData.of(values, rows, values.length / rows));
    return inputs;
  }

  private void agrees(Harness.Loaded model, int rows, float factor) {
    Map<String, TensorData> inputs = input(rows, factor);
    TensorData expected = oracle.run(inputs).values().iterator().next();
    TensorData got = model.run(inputs).tensors().get("y");
    assertThat(got.shape()).isEqualTo(expected.shape());
    assertThat(got.floats()).usingComparatorWithPrecision(1e-5f).containsExactly(expected.floats());
  }

  /** Runs until the device is measured and the page repeats runs without the engine. */
  private void untilRepeated(Harness harness, Harness.Loaded model, String type) {
    long end = System.nanoTime() + SOON.toNanos();
    int before = told(harness, type);
    for (int i = 1; told(harness, type) == before; i++) {
      assertThat(System.nanoTime()).as("no run was repeated").isLessThan(end);
      agrees(model, 3, i);
    }
  }

  @Test
  void runsAreRepeatedWhateverComesBetweenThem() {
    try (Harness harness = Site.harness(TestBrowsers.get(kind), true)) {
      harness.page().evaluate(LISTEN);
      try (Harness.Loaded model = harness.session(file, Site.fixed())) {
        if (harness.page().evaluate("typeof SharedArrayBuffer").equals("\"undefined\"")) {
          return;
        }
        untilRepeated(harness, model, "repeat");
        // A short program: the page soon runs it on its own thread, without a word to the engine.
        untilRepeated(harness, model, "share");
        int messages = told(harness, "run") + told(harness, "repeat");
        for (int i = 0; i < 20; i++) {
          agrees(model, 3, i);
        }
        assertThat(told(harness, "run") + told(harness, "repeat")).isLessThan(messages + 10);
        // More sizes than programs are kept, then the first again.
        for (int rows = 1; rows < 14; rows++) {
          agrees(model, rows, 2);
          agrees(model, rows, -3);
        }
        agrees(model, 3, 1);
        agrees(model, 3, 0.5f);
        int before = told(harness, "run");
        model.tuning(true);
        model.tuning(false);
        agrees(model, 3, 4);
        assertThat(told(harness, "run")).isEqualTo(before + 1);
        agrees(model, 3, 5);
        assertThat(told(harness, "run")).isEqualTo(before + 1);
      }
    }
  }

  @ParameterizedTest(name = "isolated: {0}")
  @ValueSource(booleans = {true, false})
  void severalSessionsOfAPageTakeTurns(boolean isolate) {
    try (Harness harness = Site.harness(TestBrowsers.get(kind), isolate)) {
      harness.page().evaluate(LISTEN);
      try (Harness.Loaded one = harness.session(file, Site.fixed());
          Harness.Loaded other = harness.session(file, Site.fixed())) {
        for (int i = 1; i < 40; i++) {
          agrees(one, 2, i);
          agrees(other, 2, -i);
        }
        if (!isolate) {
          assertThat(told(harness, "repeat")).isZero();
        }
      }
    }
  }
}
