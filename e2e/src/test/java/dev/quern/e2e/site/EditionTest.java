package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.harness.Front;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.harness.SdkException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The full engine is loaded by the models that need it, and by no others. */
@InEachBrowser
class EditionTest {
  private static final String CORE = "/engine/engine.wasm";
  private static final String FULL = "/engine/engine-full.wasm";

  /**
   * All operators; what a browser takes that refuses the others, or in which they are not sound.
   */
  private static final String JAVASCRIPT = "/engine/engine.mjs";

  private final BrowserKind kind;
  @TempDir private Path folder;

  EditionTest(BrowserKind kind) {
    this.kind = kind;
  }

  private static Front front() {
    return Front.start(Optional.of(Site.app().address()), true);
  }

  /**
   * That these editions were loaded, of those in WebAssembly; WebKit takes the one in JavaScript.
   */
  private void assertLoaded(Front front, String... editions) {
    List<String> loaded = kind == BrowserKind.WEBKIT ? List.of(JAVASCRIPT) : List.of(editions);
    assertThat(front.forwarded())
        .filteredOn(List.of(CORE, FULL, JAVASCRIPT)::contains)
        .containsExactlyInAnyOrderElementsOf(loaded);
  }

  /** Firefox sometimes gives no worker back: the page starts another one, which downloads, too. */
  private void assertDownloadedOnce(Front front) {
    int most = kind == BrowserKind.FIREFOX ? 2 : 1;
    assertThat(front.answered(Front.PREFIX + "model-")).isBetween(1, most);
  }

  private Path file(byte[] model) throws Exception {
    return Files.write(folder.resolve("model.onnx"), model);
  }

  private static float[] run(Harness.Loaded model) {
    return model.run(Map.of("x", TestModels.input(3))).tensors().get("y").floats();
  }

  @Test
  void theCoreIsEnoughForTheUsualOperators() throws Exception {
    try (Front front = front();
        Harness harness = Harness.open(TestBrowsers.get(kind), front);
        Harness.Loaded model = harness.session(file(TestModels.mlp()), Site.fixed())) {
      assertThat(run(model)).hasSize(12);
      assertLoaded(front, CORE);
    }
  }

  @Test
  void aRareOperatorLoadsTheFullEngineOnTheSameFile() throws Exception {
    float[] shares;
    try (Harness harness = Site.harness(TestBrowsers.get(kind), true);
        Harness.Loaded model = harness.session(file(TestModels.mlp()), Site.fixed())) {
      shares = run(model);
    }
    try (Front front = front();
        Harness harness = Harness.open(TestBrowsers.get(kind), front);
        Harness.Loaded model = harness.session(file(TestModels.rareOperator()), Site.fixed())) {
      float[] logarithms = run(model);
      for (int i = 0; i < shares.length; i++) {
        assertThat(Math.exp(logarithms[i])).isCloseTo(shares[i], within(1e-6));
      }
      assertLoaded(front, CORE, FULL);
      assertDownloadedOnce(front);
    }
  }

  @Test
  void theReferenceDeviceIsTheFullEngineAtOnce() throws Exception {
    try (Front front = front();
        Harness harness = Harness.open(TestBrowsers.get(kind), front);
        Harness.Loaded model =
            harness.session(file(TestModels.mlp()), Site.fixed().put("device", "reference"))) {
      assertThat(run(model)).hasSize(12);
      assertLoaded(front, FULL);
    }
  }

  @Test
  void whatNeitherKnowsIsRefusedAsByOne() throws Exception {
    Path unknown = file(TestModels.unknownOperators());
    try (Front front = front();
        Harness harness = Harness.open(TestBrowsers.get(kind), front)) {
      assertThatThrownBy(() -> harness.session(unknown, Site.fixed()))
          .asInstanceOf(type(SdkException.class))
          .satisfies(failure -> {
            assertThat(failure.code()).isEqualTo("model");
            assertThat(failure.problems()).hasSize(2);
          });
      assertDownloadedOnce(front);
    }
  }
}
