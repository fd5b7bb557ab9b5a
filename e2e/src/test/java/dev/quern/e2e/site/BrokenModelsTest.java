package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.harness.Harness;
import dev.quern.onnx.BrokenModels;
import dev.quern.onnx.BrokenModels.Broken;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;

/** The corpus of broken models in a page where a good one is running all the while. */
@InEachBrowser
class BrokenModelsTest {
  private static final String FILE = "/broken-models.bin";

  private final BrowserKind kind;

  BrokenModelsTest(BrowserKind kind) {
    this.kind = kind;
  }

  /** All in Chromium; a sample in the others, which start an engine more slowly. */
  private List<Broken> models() {
    List<Broken> all = BrokenModels.all();
    return kind == BrowserKind.CHROMIUM
        ? all
        : all.stream().filter(model -> all.indexOf(model) % 12 == 0).toList();
  }

  /** Tries the models, two at a time; the good session must go on giving the same numbers. */
  private static final String SCRIPT =
      """
      (async () => {
        const { session } = quernHarness.opened.get('GOOD');
        const x = () => new quern.Tensor('float32', new Float32Array(32).fill(0.5), [2, 16]);
        const before = Array.from((await session.run({ x: x() })).y.data).join();
        const file = await (await fetch('FILE')).arrayBuffer();
        const ends = ENDS;
        const answers = [];
        const attempt = async (i) => {
          const bytes = file.slice(ends[i - 1] ?? 0, ends[i]);
          const options = { tune: false, schedules: false, threads: 1 };
          const answer = await quern.Session.create(bytes, options).then(
            async (s) => { await s.release(); return { code: 'accepted', text: '' }; },
            (e) => ({ code: e.code ?? 'none', text: [e.message, ...(e.problems ?? [])].join(' ') }));
          const now = Array.from((await session.run({ x: x() })).y.data).join();
          if (now !== before) {
            answer.text = `the running session gave ${now} and not ${before}`;
          }
          answers[i] = answer;
        };
        let next = 0;
        const lane = async () => { while (next < ends.length) await attempt(next++); };
        await Promise.all([lane(), lane()]);
        return answers;
      })()\
      """;

  @Test
  void eachIsRefusedAndTheRunningSessionGoesOn(@TempDir Path folder) throws Exception {
    List<Broken> models = models();
    ByteArrayOutputStream together = new ByteArrayOutputStream();
    ArrayNode ends = JsonMapper.shared().createArrayNode();
    for (Broken model : models) {
      together.write(model.file());
      ends.add(together.size());
    }
    Site.front(true).serve(FILE, "application/octet-stream", together.toByteArray(), Map.of());
    Path good = Files.write(folder.resolve("good.onnx"), TestModels.mlp());
    try (Harness harness = Site.harness(TestBrowsers.get(kind), true);
        Harness.Loaded running = harness.session(good, Site.fixed())) {
      JsonNode answers =
          JsonMapper.shared()
              .readTree(
                  harness
                      .page()
                      .evaluate(
                          SCRIPT
                              .replace("GOOD", running.id())
                              .replace("FILE", FILE)
                              .replace("ENDS", ends.toString()),
                          Duration.ofMinutes(8)));
      assertThat(answers).hasSize(models.size());
      for (int i = 0; i < models.size(); i++) {
        JsonNode answer = answers.get(i);
        assertThat(answer.get("code").asString())
            .as(models.get(i).name() + ": " + answer.get("text").asString())
            .isEqualTo("model");
        assertThat(answer.get("text").asString())
            .as(models.get(i).name())
            .contains(models.get(i).place());
      }
    } finally {
      Site.front(true).withdraw(FILE);
    }
  }
}
