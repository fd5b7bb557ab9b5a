package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.quern.e2e.browser.Browser;
import dev.quern.e2e.browser.BrowserException;
import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.Page;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Front;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.harness.SdkException;
import dev.quern.e2e.models.CopyingDecoder;
import dev.quern.e2e.models.DecoderGraph;
import dev.quern.e2e.models.Greedy;
import dev.quern.e2e.models.LlamaGraph;
import dev.quern.e2e.models.Models;
import dev.quern.e2e.oracle.MiniLm;
import dev.quern.e2e.oracle.Oracle;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Models on WebGPU, on drivers in software: the CPU answers until the shaders are there, then the
 * GPU does, with the same results; and what has no GPU runs on the CPU and says why.
 */
@ExtendWith(Site.class)
@Tag("slow")
@Tag("browser")
@ParameterizedClass
@EnumSource
class GpuTest {
  private static final Duration SOON = Duration.ofSeconds(60);

  /** Who offers WebGPU, and the level of its features. */
  enum Adapter {
    SWIFTSHADER(BrowserKind.CHROMIUM, Browser.Option.CHROMIUM_WEBGPU, "core"),
    OPENGL_ES(BrowserKind.CHROMIUM, Browser.Option.CHROMIUM_COMPATIBILITY, "compatibility"),
    FIREFOX(BrowserKind.FIREFOX, Browser.Option.FIREFOX_WEBGPU, "core");

    final BrowserKind kind;
    final Browser.Option option;
    final String featureLevel;

    Adapter(BrowserKind kind, Browser.Option option, String featureLevel) {
      this.kind = kind;
      this.option = option;
      this.featureLevel = featureLevel;
    }
  }

  /**
   * Writes texts until the GPU has written a whole one, then two at once, and one that is ended.
   */
  private static final String GENERATE =
      """
      (async () => {
        const { pipeline } = await import('/quern.js');
        const generate = await pipeline('text-generation', 'MODEL', { device: 'webgpu', tune: false });
        const { session } = generate;
        const prompt = [9, 3, 4, 5, 6, 7, 3, 4];
        const write = async (ids, maxNewTokens) => (await generate(ids, { maxNewTokens })).tokens.join();
        let devices = [];
        session.addEventListener('latency', ({ detail }) => devices.push(detail.device));
        const answer = { texts: [] };
        try {
          const end = performance.now() + 60000;
          do {
            devices = [];
            answer.texts.push(await write(prompt, 12));
            await new Promise((go) => setTimeout(go, 50));
          } while (devices.includes('wasm') && performance.now() < end);
          answer.devices = [...new Set(devices)];
          const pair = [generate.stream(prompt, { maxNewTokens: 4 }), generate.stream([8, 2, 6, 8, 2], { maxNewTokens: 4 })];
          answer.pair = [[], []];
          for (let i = 0; i < 8; i++) answer.pair[i % 2].push(...(await pair[i % 2].next()).value.tokens);
          const controller = new AbortController();
          let heard = 0;
          try {
            for await (const part of generate.stream(prompt, { signal: controller.signal })) {
              if (++heard === 3) controller.abort();
            }
          } catch (error) {
            answer.aborted = error.code + ' after ' + heard;
          }
          answer.again = await write(prompt, 12);
          answer.wrong = await write([3, 1000], 2).catch(({ code, message }) => code + ': ' + message);
          answer.gpu = session.capabilities.gpu.available;
          return answer;
        } finally {
          await generate.release();
        }
      })()\
      """;

  /** Writes texts until it is decided who writes the tokens, and then another. */
  private static final String CHOOSE =
      """
      (async () => {
        const { pipeline } = await import('/quern.js');
        const generate = await pipeline('text-generation', 'MODEL', { device: 'auto', tune: false });
        const { session } = generate;
        const write = async () => (await generate([9, 3, 4, 5, 6, 7, 3, 4], { maxNewTokens: 12 })).tokens.join();
        const answer = { texts: [] };
        try {
          const end = performance.now() + 60000;
          while (!session.capabilities.gpu.measured && performance.now() < end) answer.texts.push(await write());
          answer.measured = session.capabilities.gpu.measured;
          const devices = [];
          session.addEventListener('latency', ({ detail }) => devices.push(detail.device));
          answer.texts.push(await write());
          answer.devices = [...new Set(devices.slice(1))];
          return answer;
        } finally {
          await generate.release();
        }
      })()\
      """;

  private static final Map<Adapter, Browser> LAUNCHED = new EnumMap<>(Adapter.class);

  private final Adapter adapter;
  private final Browser browser;
  @TempDir private Path folder;

  GpuTest(Adapter adapter) {
    this.adapter = adapter;
    browser = LAUNCHED.computeIfAbsent(adapter, GpuTest::launch);
  }

  private static Browser launch(Adapter adapter) {
    assumeTrue(
        TestBrowsers.chosen().anyMatch(kind -> kind == adapter.kind),
        adapter.kind.label() + " is not among the browsers of this run");
    Browser launched;
    try {
      launched = Browser.launch(adapter.kind, adapter.option);
    } catch (BrowserException e) {
      boolean missing = String.valueOf(e.getMessage()).contains("is not installed");
      assumeTrue(
          !missing || System.getenv("QUERN_REQUIRE_BROWSERS") != null,
          String.valueOf(e.getMessage()));
      throw e;
    }
    return launched;
  }

  /** Machines without the drivers' packages have no adapter. */
  @BeforeEach
  void requireAdapter() {
    try (Harness harness = Site.harness(browser, true)) {
      JsonNode gpu = harness.capabilities().get("gpu");
      assumeTrue(gpu.get("available").asBoolean(), gpu.get("why").asString());
    }
  }

  @AfterAll
  static void close() {
    LAUNCHED.values().forEach(Browser::close);
    LAUNCHED.clear();
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
      assertThat(front.forwarded())
          .contains("/engine/engine-gpu.wasm")
          .doesNotContain("/engine/engine.wasm");
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
      assertThat(gpu.get("featureLevel").asString()).isEqualTo(adapter.featureLevel);
      assertThatThrownBy(
              () -> model.run(Map.of("x", TestModels.input(3), "z", TestModels.input(3))))
          .asInstanceOf(type(SdkException.class))
          .satisfies(failure -> assertThat(failure.code()).isEqualTo("input"));
    }
  }

  @Test
  void miniLmAgrees() {
    assumeTrue(adapter != Adapter.SWIFTSHADER, "it takes longest, and the others show it");
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

  /** Rounding to 8 bits, too, is the GPU's work. */
  @Test
  void miniLmOfEightBitsAgrees() throws Exception {
    assumeTrue(adapter == Adapter.OPENGL_ES, "one adapter shows it");
    byte[] file = resource("/all-minilm-l6-v2-q.onnx");
    try (Harness harness = Site.harness(browser, true);
        Oracle oracle = new Oracle(file);
        Harness.Loaded model = harness.session("all-MiniLM-L6-v2-int8", options())) {
      Map<String, TensorData> inputs = AgreementTest.inputs(2, 19);
      TensorData hidden = onGpu(model, inputs).tensors().values().iterator().next();
      TensorData wanted = oracle.run(inputs).values().iterator().next();
      TensorData mask = inputs.get("attention_mask");
      assertThat(AgreementTest.difference(MiniLm.pool(hidden, mask), MiniLm.pool(wanted, mask)))
          .isLessThan(0.03);
      assertThat(model.describe().get("gpu").get("onCpu")).isEmpty();
    }
  }

  private static byte[] resource(String name) throws IOException {
    try (InputStream in = Objects.requireNonNull(GpuTest.class.getResourceAsStream(name), name)) {
      return in.readAllBytes();
    }
  }

  /** GPT-2's network reads a prompt, then one token with what came before. */
  @Test
  void aDecoderAgreesAtBothOfItsSizes() throws Exception {
    assumeTrue(adapter != Adapter.SWIFTSHADER, "the others show it");
    decodes(CopyingDecoder.file(), CopyingDecoder.SIZES, 1e-3);
  }

  /** Keys and values stay on the GPU from token to token. */
  @Test
  void aTextIsWrittenOnTheGpu() {
    String path = Front.PREFIX + "decoder.onnx";
    Front front = Site.front(true);
    front.serve(path, "application/octet-stream", CopyingDecoder.file(), Map.of());
    try (Page page = browser.open(front.origin() + "/embed/index.html")) {
      String told = page.evaluate(GENERATE.replace("MODEL", path), Duration.ofMinutes(2));
      JsonNode answer = JsonMapper.shared().readTree(told);
      String text = "5,6,7,3,4,5,6,7,3,4,5,6";
      assertThat(answer.get("texts").valueStream().map(JsonNode::asString)).containsOnly(text);
      assertThat(answer.get("devices").toString()).isEqualTo("[\"webgpu\"]");
      assertThat(answer.get("pair").toString()).isEqualTo("[[5,6,7,3],[6,8,2,6]]");
      assertThat(answer.get("aborted").asString()).isEqualTo("aborted after 3");
      assertThat(answer.get("again").asString()).isEqualTo(text);
      assertThat(answer.get("wrong").asString()).startsWith("input: ").contains("1000");
      assertThat(answer.get("gpu").asBoolean()).isTrue();
      assertThat(page.errors()).isEmpty();
    } finally {
      front.withdraw(path);
    }
  }

  /** Where both may write, tokens are timed on both. */
  @Test
  void theFasterWritesTheTokens() {
    String path = Front.PREFIX + "decoder.onnx";
    Front front = Site.front(true);
    front.serve(path, "application/octet-stream", CopyingDecoder.file(), Map.of());
    try (Page page = browser.open(front.origin() + "/embed/index.html")) {
      String told = page.evaluate(CHOOSE.replace("MODEL", path), Duration.ofMinutes(2));
      JsonNode answer = JsonMapper.shared().readTree(told);
      assertThat(answer.get("texts").valueStream().map(JsonNode::asString))
          .containsOnly("5,6,7,3,4,5,6,7,3,4,5,6");
      JsonNode measured = answer.get("measured").get(0);
      assertThat(measured.get("cpu").asDouble()).isPositive();
      assertThat(measured.get("gpu").asDouble()).isPositive();
      String device = measured.get("winner").asString().equals("gpu") ? "webgpu" : "wasm";
      assertThat(answer.get("devices").toString()).isEqualTo("[\"" + device + "\"]");
      assertThat(page.errors()).isEmpty();
    } finally {
      front.withdraw(path);
    }
  }

  /** Weights of 4 bits stay so on the GPU; the CPU and ONNX Runtime round the other side. */
  @Test
  void weightsOfFourBitsAgree() throws Exception {
    assumeTrue(adapter != Adapter.OPENGL_ES, "the others show it");
    DecoderGraph.Sizes sizes = new DecoderGraph.Sizes(1, 4, 2, 64, 96, 64, 64);
    decodes(LlamaGraph.file(sizes, new Narrow()), sizes, 0.05);
  }

  private void decodes(byte[] decoder, DecoderGraph.Sizes sizes, double tolerance)
      throws Exception {
    try (Harness harness = Site.harness(browser, true);
        Oracle oracle = new Oracle(decoder);
        Harness.Loaded model = harness.session(file(decoder), options())) {
      Greedy greedy =
          new Greedy(
              inputs -> {
                Map<String, TensorData> got = onGpu(model, inputs).tensors();
                Map<String, TensorData> wanted = oracle.run(inputs);
                wanted.forEach((name, tensor) -> {
                  float[] expected = tensor.floats();
                  double largest = 0;
                  for (float value : expected) {
                    largest = Math.max(largest, Math.abs(value));
                  }
                  assertThat(got.get(name).floats())
                      .as(name)
                      .usingComparatorWithPrecision((float) (tolerance * largest))
                      .containsExactly(expected);
                });
                return wanted;
              },
              sizes);
      assertThat(greedy.kept(List.of(5, 3, 9, 1, 5), 2)).hasSize(2);
      assertThat(model.describe().get("gpu").get("onCpu")).isEmpty();
    }
  }

  /** Random weights, those of products of 4 bits. */
  private static final class Narrow implements DecoderGraph.Weights {
    @Override
    public float[] of(String name, int... dims) {
      float[] values = new float[Arrays.stream(dims).reduce(1, (a, b) -> a * b)];
      Random random = new Random(name.hashCode());
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextGaussian() * 0.3f;
      }
      return values;
    }

    @Override
    public Optional<byte[]> codes(String name, int from, int to) {
      byte[] codes = new byte[to * (from / 2)];
      new Random(name.hashCode()).nextBytes(codes);
      return Optional.of(codes);
    }
  }

  /** Recognition is convolutions, pools, attention and softmax; its width decides the sizes. */
  @Test
  void textIsReadAlike() throws Exception {
    assumeTrue(adapter == Adapter.FIREFOX, "convolutions take minutes in Chromium's software");
    Path file = Models.catalogue(CatalogueTest.Model.RECOGNITION.file);
    try (Harness harness = Site.harness(browser, true);
        Oracle oracle = new Oracle(Files.readAllBytes(file));
        Harness.Loaded model = harness.session(file, options())) {
      String input = model.facts().get("inputs").get(0).get("name").asString();
      Map<String, TensorData> inputs =
          Map.of(input, CatalogueTest.Model.RECOGNITION.images.getFirst());
      TensorData got = CatalogueTest.first(onGpu(model, inputs).tensors());
      TensorData expected = CatalogueTest.first(oracle.run(inputs));
      assertThat(got.shape()).isEqualTo(expected.shape());
      assertThat(got.floats())
          .usingComparatorWithPrecision(1e-4f)
          .containsExactly(expected.floats());
      assertThat(model.describe().get("gpu").get("onCpu")).isEmpty();
    }
  }

  @Test
  void autoTimesBothAndGoesOnWithTheFaster() throws Exception {
    byte[] mlp = TestModels.mlp();
    try (Harness harness = Site.harness(browser, true);
        Oracle oracle = new Oracle(mlp);
        Harness.Loaded model = harness.session(file(mlp), Site.fixed().put("device", "auto"))) {
      Map<String, TensorData> inputs = Map.of("x", TestModels.input(70));
      float[] expected = oracle.run(inputs).get("y").floats();
      assertThat(model.facts().get("device").asString()).isEqualTo("wasm");
      Set<String> asked = new HashSet<>();
      JsonNode facts;
      long end = System.nanoTime() + SOON.toNanos();
      do {
        Harness.Outputs outputs = model.run(inputs);
        assertThat(outputs.tensors().get("y").floats())
            .usingComparatorWithPrecision(1e-5f)
            .containsExactly(expected);
        asked.addAll(outputs.timing().devices());
        assertThat(System.nanoTime()).as("it was never decided").isLessThan(end);
        facts = model.describe();
      } while (facts.get("capabilities").get("gpu").get("measured") == null);
      assertThat(asked).containsExactlyInAnyOrder("wasm", "webgpu");
      JsonNode measured = facts.get("capabilities").get("gpu").get("measured").get(0);
      boolean faster = measured.get("gpu").asDouble() < measured.get("cpu").asDouble();
      assertThat(measured.get("winner").asString()).isEqualTo(faster ? "gpu" : "cpu");
      String device = faster ? "webgpu" : "wasm";
      assertThat(facts.get("device").asString()).isEqualTo(device);
      assertThat(model.run(inputs).timing().devices()).containsExactly(device);
    }
  }

  /** Tiles are tried while the page rests, checked, timed, and kept for the next visit. */
  @Test
  void schedulesAreTunedAndServeTheNextVisit() throws Exception {
    byte[] mlp = TestModels.mlp();
    Path file = file(mlp);
    Map<String, TensorData> inputs = Map.of("x", TestModels.input(70));
    try (Harness harness = Site.harness(browser, true);
        Oracle oracle = new Oracle(mlp)) {
      float[] expected = oracle.run(inputs).get("y").floats();
      ObjectNode tuning = Harness.options().put("device", "webgpu").put("schedules", true);
      try (Harness.Loaded model = harness.session(file, tuning)) {
        onGpu(model, inputs);
        JsonNode row = tuned(model);
        assertThat(row.get("source").asString()).as(row.toString()).isEqualTo("tuned");
        assertThat(row.get("seconds").asDouble()).isPositive();
        JsonNode state = model.describe();
        assertThat(state.get("refused")).isEmpty();
        JsonNode record = state.get("tuned").get(0).get("record");
        assertThat(record.get("device").asString())
            .isEqualTo(state.get("capabilities").get("gpu").get("schedules").asString())
            .startsWith("gpu-")
            .contains(adapter.kind.label().toLowerCase(Locale.ROOT));
        assertThat(onGpu(model, inputs).tensors().get("y").floats())
            .usingComparatorWithPrecision(1e-5f)
            .containsExactly(expected);
      }
      harness.revisit();
      try (Harness.Loaded model = harness.session(file, tuning.put("tune", false))) {
        onGpu(model, inputs);
        JsonNode row = tuned(model);
        assertThat(row.get("source").asString()).as(row.toString()).isEqualTo("stored");
        assertThat(onGpu(model, inputs).tensors().get("y").floats())
            .usingComparatorWithPrecision(1e-5f)
            .containsExactly(expected);
      }
    }
  }

  /** The only product's row, once it runs with something else than the rule's schedule. */
  private static JsonNode tuned(Harness.Loaded model) {
    long end = System.nanoTime() + SOON.toNanos();
    while (true) {
      JsonNode rows = model.describe().get("gpu").get("schedules");
      if (!rows.isEmpty() && !rows.get(0).get("source").asString().equals("heuristic")) {
        return rows.get(0);
      }
      assertThat(System.nanoTime()).as("nothing was tuned").isLessThan(end);
      pause();
    }
  }

  @Test
  void thePageShowsTheAdapterAndTimesEachStep() throws Exception {
    assumeTrue(adapter == Adapter.SWIFTSHADER, "one adapter shows it");
    try (Page page = browser.open(Site.front(true).origin() + "/gpu.html?runs=1&seconds=5")) {
      page.waitFor("!document.getElementById('measure').disabled", SOON);
      page.evaluate("document.getElementById('measure').click()");
      page.waitFor(
          "document.getElementById('status').textContent.includes('goes on with')",
          Duration.ofMinutes(3));
      JsonNode rows =
          JsonMapper.shared()
              .readTree(
                  page.evaluate(
                      "['runs', 'steps', 'tiles'].map(id => [...document.querySelectorAll(`#${id} tr`)].map(row =>"
                          + " [...row.cells].map(cell => cell.textContent)))"));
      assertThat(rows.get(0)).hasSize(2);
      rows.get(0)
          .forEach(row -> {
            assertThat(Double.parseDouble(row.get(2).asString())).isPositive();
            assertThat(Double.parseDouble(row.get(4).asString())).isLessThan(1e-3);
          });
      assertThat(rows.get(1).get(0).get(0).asString()).startsWith("f32_matmul");
      assertThat(Double.parseDouble(rows.get(1).get(0).get(3).asString())).isPositive();
      assertThat(rows.get(2).get(0).get(0).asString()).startsWith("f32_matmul");
      assertThat(page.evaluate("document.getElementById('out-tune').textContent"))
          .matches("\"(done|\\d+ / \\d+ tried)\"");
      assertThat(page.evaluate("document.getElementById('adapter').innerText"))
          .containsIgnoringCase("swiftshader");
      assertThat(page.errors()).isEmpty();
      Path shots = Files.createDirectories(Path.of("target", "screenshots"));
      Files.write(shots.resolve("gpu.png"), page.screenshot());
    }
  }
}
