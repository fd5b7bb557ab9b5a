package dev.quern.e2e.browser;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quern.e2e.harness.Front;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Each browser starts, shows what Quern needs of it, reports errors, and ends when closed. */
@ParameterizedClass
@MethodSource("dev.quern.e2e.browser.TestBrowsers#chosen")
@ExtendWith(TestBrowsers.class)
@Tag("slow")
class BrowserTest {
  private static final String PROBE =
      """
      (async () => {
        const valid = (...bytes) => WebAssembly.validate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0,
            1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, bytes.length + 4, 1, bytes.length + 2, 0, ...bytes, 11]));
        const v = Array(16).fill(0);
        const simd = valid(253, 12, ...v);
        const relaxed = valid(253, 12, ...v, 253, 12, ...v, 253, 12, ...v, 253, 0x85, 2);
        let step = Infinity;
        for (let i = 0; i < 50; i++) {
          const from = performance.now();
          let to = from;
          while (to === from) to = performance.now();
          step = Math.min(step, to - from);
        }
        return {isolated: crossOriginIsolated, shared: typeof SharedArrayBuffer !== 'undefined', simd, relaxed, step,
            agent: navigator.userAgent};
      })()\
      """;

  private static final Front ISOLATED = front(true);
  private static final Front PLAIN = front(false);

  private final BrowserKind kind;
  private final Browser browser;

  BrowserTest(BrowserKind kind) {
    this.kind = kind;
    this.browser = TestBrowsers.get(kind);
  }

  private static Front front(boolean isolate) {
    Front front = Front.start(Optional.empty(), isolate);
    front.serve(
        "/", "text/html; charset=utf-8", "<!doctype html><title>probe</title><h1>Quern</h1>");
    return front;
  }

  @AfterAll
  static void end() {
    ISOLATED.close();
    PLAIN.close();
  }

  private static JsonNode json(String text) {
    return JsonMapper.shared().readTree(text);
  }

  @Test
  void runsWhatKernelsNeedInAnIsolatedPage() {
    try (Page page = browser.open(ISOLATED.origin() + "/")) {
      JsonNode found = json(page.evaluate(PROBE));
      assertThat(found.get("isolated").asBoolean()).isTrue();
      assertThat(found.get("simd").asBoolean()).isTrue();
      assertThat(found.get("relaxed").asBoolean()).isEqualTo(kind != BrowserKind.WEBKIT);
      assertThat(found.get("shared").asBoolean()).isEqualTo(kind != BrowserKind.WEBKIT);
      assertThat(found.get("step").asDouble()).isPositive();
      assertThat(browser.version()).startsWith(kind.label() + " ");
    }
  }

  @Test
  void isNotIsolatedWithoutTheHeaders() {
    try (Page page = browser.open(PLAIN.origin() + "/")) {
      JsonNode found = json(page.evaluate(PROBE));
      assertThat(found.get("isolated").asBoolean()).isFalse();
      assertThat(found.get("simd").asBoolean()).isTrue();
    }
  }

  @Test
  void collectsTheConsoleAndUncaughtErrors() {
    try (Page page = browser.open(ISOLATED.origin() + "/")) {
      page.evaluate(
          "(console.warn('a line'), setTimeout(() => { throw new Error('thrown later') }, 0),"
              + " new Promise(go => setTimeout(go, 200)))");
      assertThat(page.console())
          .anyMatch(line -> line.startsWith("warn") && line.endsWith(": a line"));
      assertThat(page.errors()).anyMatch(line -> line.contains("thrown later"));
    }
  }

  @Test
  void reportsFailureOfAnExpressionAndOneThatNeverEnds() {
    try (Page page = browser.open(ISOLATED.origin() + "/")) {
      assertThatThrownBy(() -> page.evaluate("(() => { throw new Error('no luck') })()"))
          .isInstanceOf(BrowserException.class)
          .hasMessageContaining("no luck");
      assertThatThrownBy(() -> page.evaluate("new Promise(() => {})", Duration.ofMillis(300)))
          .hasMessageContaining("within 300 ms");
      assertThatThrownBy(() -> page.waitFor("window.never", Duration.ofMillis(300)))
          .hasMessageContaining("window.never");
      assertThat(page.evaluate("[1, 'two', {three: null}]"))
          .isEqualTo("[1,\"two\",{\"three\":null}]");
      assertThat(page.evaluate("undefined")).isEqualTo("null");
    }
  }

  @Test
  void takesPicturesOfTheSizeAsked() {
    try (Page page = browser.open(ISOLATED.origin() + "/")) {
      page.resize(640, 480);
      byte[] picture = page.screenshot();
      assertThat(picture).startsWith(0x89, 'P', 'N', 'G');
    }
  }

  @Test
  void namesTheAddressThatCannotBeLoaded() {
    assertThatThrownBy(() -> browser.open("http://localhost:9/"))
        .hasMessageContaining("http://localhost:9/");
  }

  @Test
  void keepsStorageWithinAPageAndNotBeyondIt() {
    try (Page page = browser.open(ISOLATED.origin() + "/")) {
      page.evaluate("localStorage.setItem('visit', '1')");
      page.open(ISOLATED.origin() + "/?again");
      assertThat(page.evaluate("localStorage.getItem('visit')")).isEqualTo("\"1\"");
    }
    try (Page page = browser.open(ISOLATED.origin() + "/")) {
      assertThat(page.evaluate("localStorage.getItem('visit')")).isEqualTo("null");
    }
  }

  @Test
  void isKilledWhenThePageHangs() {
    try (Browser second = Browser.launch(kind)) {
      Page page = second.open(ISOLATED.origin() + "/");
      assertThatThrownBy(() -> page.evaluate("(() => { for (;;); })()", Duration.ofMillis(500)))
          .isInstanceOf(BrowserException.class)
          .hasMessageContaining("was ended");
      assertThatThrownBy(() -> second.open(ISOLATED.origin() + "/"))
          .hasMessageContaining("is closed");
    }
  }
}
