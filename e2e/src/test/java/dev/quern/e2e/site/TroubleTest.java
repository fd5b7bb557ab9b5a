package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Front;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.harness.SdkException;
import dev.quern.e2e.oracle.MiniLm;
import dev.quern.server.weights.Manifest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What is broken or cut short ends in one clear error, soon, and leaves the page usable. */
@InEachBrowser
class TroubleTest {
  private static final List<String> TEXTS = List.of("a cat sleeps");

  private final BrowserKind kind;

  TroubleTest(BrowserKind kind) {
    this.kind = kind;
  }

  private Harness open() {
    Harness harness = Site.harness(TestBrowsers.get(kind), true);
    harness.limit(Duration.ofSeconds(90));
    return harness;
  }

  static Stream<Arguments> brokenModels() {
    byte[] whole = TestModels.mlp();
    byte[] noise = new byte[10_000];
    new java.util.Random(7).nextBytes(noise);
    return Stream.of(
        Arguments.of("empty", new byte[0], List.of()),
        Arguments.of("noise", noise, List.of()),
        Arguments.of("truncated", Arrays.copyOf(whole, whole.length * 2 / 3), List.of()),
        Arguments.of(
            "unknown operators",
            TestModels.unknownOperators(),
            List.of("Frobnicate", "Wibble", "first", "second")),
        Arguments.of("shapes that do not fit", TestModels.misfit(), List.of("MatMul", "product")),
        Arguments.of("a cycle", TestModels.cycle(), List.of("around")),
        Arguments.of("a tensor that claims to be huge", TestModels.huge(), List.of("weight")));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("brokenModels")
  void brokenModelsAreRefusedWithEveryProblem(
      String what, byte[] file, List<String> words, @TempDir Path folder) throws Exception {
    Path path = Files.write(folder.resolve("model.onnx"), file);
    try (Harness harness = open()) {
      assertThatThrownBy(() -> harness.session(path, Site.fixed()))
          .as(what)
          .asInstanceOf(type(SdkException.class))
          .satisfies(failure -> {
            assertThat(failure.code()).isEqualTo("model");
            String all = failure.getMessage() + failure.problems();
            words.forEach(word -> assertThat(all).contains(word));
          });
      // The page goes on: a good model runs after the bad one.
      Path good = Files.write(folder.resolve("good.onnx"), TestModels.mlp());
      try (Harness.Loaded model = harness.session(good, Site.fixed())) {
        assertThat(model.run(Map.of("x", TestModels.input(2))).tensors()).containsOnlyKeys("y");
      }
    }
  }

  @Test
  void inputsThatDoNotFitAreAllNamed(@TempDir Path folder) throws Exception {
    Path path = Files.write(folder.resolve("model.onnx"), TestModels.mlp());
    try (Harness harness = open();
        Harness.Loaded model = harness.session(path, Site.fixed())) {
      assertThatThrownBy(() ->
              model.run(
                  Map.of(
                      "x", TensorData.of(new float[6], 2, 3), "z", TensorData.of(new float[1], 1))))
          .asInstanceOf(type(SdkException.class))
          .satisfies(failure -> {
            assertThat(failure.code()).isEqualTo("input");
            assertThat(failure.problems()).hasSize(2);
            assertThat(failure.getMessage()).contains("\"x\"").contains("\"z\"");
          });
    }
  }

  @Test
  void aServerThatDiesHalfWayThroughTheWeightsEndsInANetworkError() {
    try (Front front = Front.start(Optional.of(Site.app().address()), true)) {
      front.dieAfter("/weights/", 30_000_000);
      try (Harness harness = Harness.open(TestBrowsers.get(kind), front)) {
        assertThatThrownBy(() -> harness.session("all-MiniLM-L6-v2", Site.fixed()))
            .asInstanceOf(type(SdkException.class))
            .satisfies(failure -> assertThat(failure.code()).isEqualTo("network"));
        // Once it is back the same page loads the model.
        front.mend();
        try (MiniLm oracle = new MiniLm();
            Harness.Loaded model = harness.pipeline("all-MiniLM-L6-v2", Site.fixed())) {
          assertThat(AgreementTest.difference(model.embed(TEXTS).vectors(), oracle.embed(TEXTS)))
              .isLessThan(1e-4);
        }
      }
    }
  }

  @Test
  void aDownloadThatBreaksOffIsTakenUpWhereItEnded() {
    try (Front front = Front.start(Optional.of(Site.app().address()), true)) {
      front.breakEach("/weights/", 40_000_000);
      try (Harness harness = Harness.open(TestBrowsers.get(kind), front);
          MiniLm oracle = new MiniLm();
          Harness.Loaded model = harness.pipeline("all-MiniLM-L6-v2", Site.fixed())) {
        assertThat(AgreementTest.difference(model.embed(TEXTS).vectors(), oracle.embed(TEXTS)))
            .isLessThan(1e-4);
      }
    }
  }

  @Test
  void weightsThatAreNotThePublishedOnesAreRefused() throws Exception {
    try (Front front = Front.start(Optional.of(Site.app().address()), true)) {
      Manifest.ModelFile file =
          Site.app().weights().manifest("all-MiniLM-L6-v2").orElseThrow().files().getFirst();
      byte[] damaged = Site.stored(file);
      damaged[60_000_000] ^= 1;
      front.serve(file.url(), "application/octet-stream", damaged, Map.of());
      try (Harness harness = Harness.open(TestBrowsers.get(kind), front)) {
        assertThatThrownBy(() -> harness.session("all-MiniLM-L6-v2", Site.fixed()))
            .asInstanceOf(type(SdkException.class))
            .satisfies(failure -> assertThat(failure.code()).isEqualTo("integrity"));
      }
    }
  }

  @Test
  void anAbortWhileWeightsArriveEndsTheLoadAndThePageGoesOn() {
    try (Harness harness = open();
        MiniLm oracle = new MiniLm()) {
      String outcome =
          harness
              .page()
              .evaluate(
                  """
                  (async () => {
                    const stop = new AbortController();
                    const onProgress = ({phase, loaded}) => phase === 'download' && loaded > 1e6 && stop.abort();
                    return quern.Session.create('all-MiniLM-L6-v2', {signal: stop.signal, onProgress})
                        .then(() => 'finished', e => e.code);
                  })()\
                  """,
                  Duration.ofSeconds(60));
      assertThat(outcome).isEqualTo("\"aborted\"");
      try (Harness.Loaded model = harness.pipeline("all-MiniLM-L6-v2", Site.fixed())) {
        assertThat(AgreementTest.difference(model.embed(TEXTS).vectors(), oracle.embed(TEXTS)))
            .isLessThan(1e-4);
      }
    }
  }

  @Test
  void aReleaseDuringARunEndsItWithReleased() {
    try (Harness harness = open()) {
      Harness.Loaded model = harness.pipeline("all-MiniLM-L6-v2", Site.fixed());
      String outcome =
          harness
              .page()
              .evaluate(
                  """
                  (async () => {
                    const {extract} = quernHarness.opened.get('%s');
                    const running = extract(Array(8).fill('word '.repeat(600))).then(() => 'finished', e => e.code);
                    await new Promise(go => setTimeout(go, 60));
                    await extract.release();
                    const after = await extract(['again']).then(() => 'finished', e => e.code);
                    return [await running, after];
                  })()\
                  """
                      .formatted(model.id()),
                  Duration.ofSeconds(60));
      assertThat(outcome).isEqualTo("[\"released\",\"released\"]");
    }
  }

  @Test
  void anAbortEndsARunAndTheSessionGoesOn() {
    try (Harness harness = open();
        MiniLm oracle = new MiniLm();
        Harness.Loaded model = harness.pipeline("all-MiniLM-L6-v2", Site.fixed())) {
      String outcome =
          harness
              .page()
              .evaluate(
                  """
                  (async () => {
                    const {extract} = quernHarness.opened.get('%s');
                    const stop = new AbortController();
                    const running = extract(Array(16).fill('word '.repeat(600)), {signal: stop.signal})
                        .then(() => 'finished', e => e.code);
                    await new Promise(go => setTimeout(go, 60));
                    stop.abort();
                    return running;
                  })()\
                  """
                      .formatted(model.id()),
                  Duration.ofSeconds(60));
      assertThat(outcome).isEqualTo("\"aborted\"");
      assertThat(AgreementTest.difference(model.embed(TEXTS).vectors(), oracle.embed(TEXTS)))
          .isLessThan(1e-4);
    }
  }

  @Test
  void twoSessionsRunAtOnceAndDoNotDisturbEachOther(@TempDir Path folder) throws Exception {
    Path path = Files.write(folder.resolve("model.onnx"), TestModels.mlp());
    try (Harness harness = open();
        MiniLm oracle = new MiniLm();
        Harness.Loaded text = harness.pipeline("all-MiniLM-L6-v2", Site.fixed());
        Harness.Loaded tensors = harness.session(path, Site.fixed())) {
      String outcome =
          harness
              .page()
              .evaluate(
                  """
                  (async () => {
                    const {extract} = quernHarness.opened.get('%s');
                    const {session} = quernHarness.opened.get('%s');
                    const x = new quern.Tensor('float32', new Float32Array(2 * 16).fill(1), [2, 16]);
                    const all = await Promise.all([extract(['one']), session.run({x}), extract(['two']), session.run({x})]);
                    return all.map(a => a.vectors ? a.vectors[0].length : a.y.dims);
                  })()\
                  """
                      .formatted(text.id(), tensors.id()),
                  Duration.ofSeconds(60));
      assertThat(outcome).isEqualTo("[384,[2,4],384,[2,4]]");
      assertThat(AgreementTest.difference(text.embed(TEXTS).vectors(), oracle.embed(TEXTS)))
          .isLessThan(1e-4);
    }
  }
}
