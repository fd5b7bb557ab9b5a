package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.Page;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Front;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.models.CopyingDecoder;
import dev.quern.e2e.models.DecoderGraph;
import dev.quern.e2e.models.Greedy;
import dev.quern.e2e.models.LlamaGraph;
import dev.quern.e2e.models.Translator;
import dev.quern.e2e.oracle.Oracle;
import dev.quern.onnx.DataType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A decoder whose continuation is known says it, token by token, in each browser. */
@InEachBrowser
class GenerationTest {
  private static final Duration LOADING = Duration.ofMinutes(1);

  /** Largest difference of a score; scores reach 12. */
  private static final float TOLERANCE = 1e-3f;

  private static final DecoderGraph.Sizes LLAMA = new DecoderGraph.Sizes(2, 4, 2, 64, 96, 64, 64);

  /** Tokens that follow one another again and again; two of them are parts of characters. */
  private static final String ROUND = " green caf\u00e9 \ud83c\udf0d blue red";

  private static final String GENERATE =
      """
      (async () => {
        const { pipeline } = await import('/quern.js');
        const generate = await pipeline('text-generation', 'MODEL', { tokenizer: 'TOKENIZER', tune: false });
        const prompt = 'go red' + ROUND;
        const answer = {};
        try {
          const whole = await generate(prompt, { maxNewTokens: 44 });
          answer.text = whole.text;
          answer.reason = whole.reason;
          answer.count = whole.tokens.length;
          answer.parts = [];
          for await (const { text } of generate.stream(prompt, { maxNewTokens: 44 })) answer.parts.push(text);
          const stopped = await generate(prompt, { stop: [' blue'] });
          answer.stopped = [stopped.text, stopped.reason];
          const ended = await generate([3, 4, 5, 0, 3, 4], { maxNewTokens: 44 });
          answer.ended = [ended.tokens, ended.reason];
          const drawn = async (seed) => (await generate(prompt, { temperature: 5, seed, maxNewTokens: 16 })).tokens.join();
          answer.drawn = [await drawn(1), await drawn(1), await drawn(2)];
          const controller = new AbortController();
          let heard = 0;
          try {
            for await (const part of generate.stream(prompt, { signal: controller.signal, maxNewTokens: 44 })) {
              if (++heard === 3) controller.abort();
            }
            answer.aborted = 'not';
          } catch (error) {
            answer.aborted = error.code + ' after ' + heard;
          }
          answer.wrong = await generate(prompt, { topP: 2 }).catch(({ code, message }) => code + ': ' + message);
          // Two texts at once: what the one keeps makes the other's be forgotten.
          const pair = [generate.stream(prompt, { maxNewTokens: 4 }), generate.stream('o caf blue green caf', { maxNewTokens: 4 })];
          const texts = ['', ''];
          for (let i = 0; i < 8; i++) texts[i % 2] += (await pair[i % 2].next()).value.text;
          answer.pair = texts;
          answer.again = (await generate(prompt, { maxNewTokens: 44 })).text === answer.text;
          return answer;
        } finally {
          await generate.release();
        }
      })()\
      """;

  private static final String IDS =
      """
      (async () => {
        const { pipeline } = await import('/quern.js');
        const generate = await pipeline('text-generation', 'MODEL', { device: 'DEVICE', tune: false });
        try {
          return (await generate([9, 3, 4, 5, 6, 7, 3, 4], { maxNewTokens: 10 })).tokens;
        } finally {
          await generate.release();
        }
      })()\
      """;

  private static final String TRANSLATE =
      """
      (async () => {
        const { pipeline } = await import('/quern.js');
        const options = { tokenizer: 'TOKENIZER', tune: false, DECODERS };
        const translate = await pipeline('text2text-generation', 'ENCODER', options);
        const answer = {};
        try {
          const whole = await translate('two red trees and one house');
          answer.whole = [whole.text, whole.reason, whole.promptTokens];
          answer.stopped = (await translate('one house', { stop: 'Haus' })).text;
          answer.parts = [];
          for await (const { text } of translate.stream('red red', { maxNewTokens: 2 })) answer.parts.push(text);
          // Two texts at once: what the one keeps makes the other's be forgotten.
          const pair = [translate.stream('one red house'), translate.stream('two trees and')];
          const texts = ['', ''];
          for (let i = 0; i < 8; i++) texts[i % 2] += (await pair[i % 2].next()).value.text;
          answer.pair = texts;
          answer.wrong = await pipeline('text2text-generation', 'ENCODER', { ...options, decoder: 'ENCODER' })
            .catch(({ code, message }) => code + ': ' + message);
          answer.missing = await pipeline('text2text-generation', 'ENCODER', { tokenizer: 'TOKENIZER', tune: false })
            .catch(({ code, message }) => code + ': ' + message);
          return answer;
        } finally {
          await translate.release();
        }
      })()\
      """;

  private final BrowserKind kind;

  GenerationTest(BrowserKind kind) {
    this.kind = kind;
  }

  @Test
  void writesWhatItWasBuiltToWrite() {
    String model = Front.PREFIX + "decoder.onnx";
    String tokenizer = Front.PREFIX + "decoder.json";
    Front front = Site.front(true);
    front.serve(model, "application/octet-stream", CopyingDecoder.file(), Map.of());
    byte[] json = CopyingDecoder.tokenizer().getBytes(StandardCharsets.UTF_8);
    front.serve(tokenizer, "application/json", json, Map.of());
    try (Page page = TestBrowsers.get(kind).open(front.origin() + "/embed/index.html")) {
      String script =
          GENERATE
              .replace("MODEL", model)
              .replace("TOKENIZER", tokenizer)
              .replace("ROUND", JsonMapper.shared().writeValueAsString(ROUND));
      check(JsonMapper.shared().readTree(page.evaluate(script, LOADING)));
      assertThat(page.errors()).isEmpty();
    } finally {
      front.withdraw(model);
      front.withdraw(tokenizer);
    }
  }

  private static void check(JsonNode answer) {
    // A round is eleven tokens: four words, a space, and six bytes of the other characters.
    assertThat(answer.get("count").asInt()).isEqualTo(44);
    String text = answer.get("text").asString();
    assertThat(text).isEqualTo(ROUND.repeat(4));
    assertThat(answer.get("reason").asString()).isEqualTo("length");
    List<String> parts = answer.get("parts").valueStream().map(JsonNode::asString).toList();
    assertThat(String.join("", parts)).isEqualTo(text);
    assertThat(parts).contains("\u00e9", "", "\ud83c\udf0d").doesNotContain("\ufffd");
    assertThat(answer.get("stopped").toString())
        .isEqualTo("[\" green caf\u00e9 \ud83c\udf0d\",\"stop\"]");
    assertThat(answer.get("ended").toString()).isEqualTo("[[5],\"end\"]");
    JsonNode drawn = answer.get("drawn");
    assertThat(drawn.get(0)).isEqualTo(drawn.get(1)).isNotEqualTo(drawn.get(2));
    assertThat(answer.get("aborted").asString()).isEqualTo("aborted after 3");
    assertThat(answer.get("wrong").asString()).startsWith("argument: topP is 2");
    assertThat(answer.get("pair").toString())
        .isEqualTo("[\" green caf\u00e9\",\" blue green caf blue\"]");
    assertThat(answer.get("again").asBoolean()).isTrue();
  }

  /** Without threads, and by the scalar kernels, where the page keeps what a run leaves. */
  @ParameterizedTest
  @ValueSource(strings = {"wasm", "reference"})
  void keepsWithoutSharedMemory(String device) {
    String model = Front.PREFIX + "decoder.onnx";
    Front front = Site.front(false);
    front.serve(model, "application/octet-stream", CopyingDecoder.file(), Map.of());
    try (Page page = TestBrowsers.get(kind).open(front.origin() + "/embed/index.html")) {
      String answer = page.evaluate(IDS.replace("MODEL", model).replace("DEVICE", device), LOADING);
      assertThat(answer).isEqualTo("[5,6,7,3,4,5,6,7,3,4]");
    } finally {
      front.withdraw(model);
    }
  }

  @Test
  void scoresOfEachStepAreThoseOfOnnxRuntime(@TempDir Path folder) throws Exception {
    Path file = Files.write(folder.resolve("decoder.onnx"), CopyingDecoder.file());
    List<Integer> prompt = new ArrayList<>(IntStream.range(1, 13).boxed().toList());
    prompt.add(1);
    try (Harness harness = Site.harness(TestBrowsers.get(kind), true);
        Harness.Loaded model = harness.session(file, Site.fixed());
        Oracle oracle = new Oracle(CopyingDecoder.file())) {
      Greedy kept =
          new Greedy(inputs -> held(model, oracle, inputs, TOLERANCE), CopyingDecoder.SIZES);
      List<Integer> said = kept.kept(prompt, 6);
      assertThat(said).containsExactly(2, 3, 4, 5, 6, 7);
      assertThat(
              new Greedy(inputs -> model.run(inputs).tensors(), CopyingDecoder.SIZES)
                  .afresh(prompt, 6))
          .isEqualTo(said);
    }
  }

  /** As one network in an If, as two, and as one that reads all tokens again each time. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "decoder: 'MERGED'",
        "decoder: 'BEGINS', decoderWithPast: 'GOES_ON'",
        "decoder: 'BEGINS'"
      })
  void translates(String decoders) {
    Map<String, byte[]> files = new LinkedHashMap<>();
    files.put("ENCODER", Translator.encoder());
    files.put("MERGED", Translator.merged());
    files.put("BEGINS", Translator.decoder());
    files.put("GOES_ON", Translator.decoderWithPast());
    Front front = Site.front(true);
    String script = TRANSLATE.replace("DECODERS", decoders);
    for (Map.Entry<String, byte[]> file : files.entrySet()) {
      String path = Front.PREFIX + file.getKey() + ".onnx";
      front.serve(path, "application/octet-stream", file.getValue(), Map.of());
      script = script.replace("'" + file.getKey() + "'", "'" + path + "'");
    }
    String tokenizer = Front.PREFIX + "words.json";
    byte[] json = Translator.tokenizer().getBytes(StandardCharsets.UTF_8);
    front.serve(tokenizer, "application/json", json, Map.of());
    script = script.replace("TOKENIZER", tokenizer);
    try (Page page = TestBrowsers.get(kind).open(front.origin() + "/embed/index.html")) {
      JsonNode answer = JsonMapper.shared().readTree(page.evaluate(script, LOADING));
      assertThat(answer.get("whole").toString())
          .isEqualTo("[\"zwei zwei rotes B\u00e4ume und ein Haus\",\"end\",8]");
      assertThat(answer.get("stopped").asString()).isEqualTo("ein ein ");
      assertThat(answer.get("parts").toString()).isEqualTo("[\"rotes\",\" rotes\"]");
      assertThat(answer.get("pair").toString())
          .isEqualTo("[\"ein ein rotes Haus\",\"zwei zwei B\u00e4ume und\"]");
      assertThat(answer.get("wrong").asString())
          .startsWith("model: These are no encoder and decoder");
      assertThat(answer.get("missing").asString()).startsWith("argument: The model is an encoder");
      assertThat(page.errors()).isEmpty();
    } finally {
      files.keySet().forEach(name -> front.withdraw(Front.PREFIX + name + ".onnx"));
      front.withdraw(tokenizer);
    }
  }

  @Test
  void scoresOfBothBranchesAreThoseOfOnnxRuntime(@TempDir Path folder) throws Exception {
    Path file = Files.write(folder.resolve("merged.onnx"), Translator.merged());
    List<Integer> source = Translator.tokens("one red house");
    long[] ids = source.stream().mapToLong(Integer::longValue).toArray();
    long[] mask = new long[ids.length];
    Arrays.fill(mask, 1);
    TensorData attended = TensorData.of(mask, 1, mask.length);
    try (Harness harness = Site.harness(TestBrowsers.get(kind), true);
        Harness.Loaded model = harness.session(file, Site.fixed());
        Oracle encoder = new Oracle(Translator.encoder());
        Oracle oracle = new Oracle(Translator.merged())) {
      TensorData states =
          encoder
              .run(
                  Map.of(
                      "input_ids", TensorData.of(ids, 1, ids.length), "attention_mask", attended))
              .get("last_hidden_state");
      Map<String, TensorData> inputs = new LinkedHashMap<>();
      inputs.put("encoder_attention_mask", attended);
      inputs.put("encoder_hidden_states", states);
      Translator.nothing()
          .forEach(name -> inputs.put(name, TensorData.of(new float[0], 1, 2, 0, 64)));
      List<Integer> said = new ArrayList<>(List.of(Translator.START));
      while (said.getLast() != Translator.END && said.size() < 10) {
        inputs.put("input_ids", TensorData.of(new long[] {said.getLast()}, 1, 1));
        inputs.put(
            "use_cache_branch",
            new TensorData(
                DataType.BOOL, List.of(1L), new byte[] {(byte) (said.size() > 1 ? 1 : 0)}));
        Map<String, TensorData> outputs = held(model, oracle, inputs, TOLERANCE);
        Greedy.past(outputs)
            .forEach((name, tensor) -> {
              if (tensor.shape().getFirst() > 0) {
                inputs.put(name, tensor);
              }
            });
        said.add(Greedy.best(outputs.get("logits")));
      }
      assertThat(said).containsExactly(0, 9, 9, 10, 11, Translator.END);
    }
  }

  /** A run's outputs, held against ONNX Runtime's. */
  private static Map<String, TensorData> held(
      Harness.Loaded model, Oracle oracle, Map<String, TensorData> inputs, float tolerance) {
    Map<String, TensorData> got = model.run(inputs).tensors();
    oracle
        .run(inputs)
        .forEach((name, expected) -> {
          assertThat(got.get(name).shape()).as(name).isEqualTo(expected.shape());
          assertThat(got.get(name).floats())
              .as(name)
              .usingComparatorWithPrecision(tolerance)
              .containsExactly(expected.floats());
        });
    return got;
  }

  /**
   * Turned positions, heads that share keys, a gated MLP: random weights, so what it says is noise.
   */
  @Test
  void scoresOfALlamaAreThoseOfOnnxRuntime(@TempDir Path folder) throws Exception {
    holdsLlama(folder, LlamaGraph.file(LLAMA, GenerationTest::random));
  }

  @Test
  void scoresOfAGroupedLlamaAreThoseOfOnnxRuntime(@TempDir Path folder) throws Exception {
    holdsLlama(folder, LlamaGraph.grouped(LLAMA, GenerationTest::random));
  }

  private void holdsLlama(Path folder, byte[] bytes) throws IOException {
    Path file = Files.write(folder.resolve("llama.onnx"), bytes);
    try (Harness harness = Site.harness(TestBrowsers.get(kind), true);
        Harness.Loaded model = harness.session(file, Site.fixed());
        Oracle oracle = new Oracle(bytes)) {
      Greedy kept = new Greedy(inputs -> held(model, oracle, inputs, 1e-4f), LLAMA);
      assertThat(kept.kept(List.of(7, 3, 4, 5, 6, 2, 3), 5)).hasSize(5);
    }
  }

  private static float[] random(String name, int... dims) {
    float[] values = new float[Arrays.stream(dims).reduce(1, (a, b) -> a * b)];
    Random random = new Random(name.hashCode());
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian() * 0.3f;
    }
    return values;
  }
}
