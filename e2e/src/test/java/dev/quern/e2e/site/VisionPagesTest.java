package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.Page;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.harness.Front;
import dev.quern.e2e.models.ReceiptPhoto;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The demo pages read the text of a photograph, and tell what pictures show. */
@InEachBrowser
class VisionPagesTest {
  private static final Duration LOADING = Duration.ofMinutes(2);
  private static final String READY = "document.documentElement.dataset.state === 'ready'";

  private final BrowserKind kind;

  VisionPagesTest(BrowserKind kind) {
    this.kind = kind;
  }

  private Page open(String path) {
    Page page = TestBrowsers.get(kind).open(Site.front(true).origin() + path);
    page.resize(1280, 1000);
    return page;
  }

  @Test
  void readsAPhotographedReceipt() {
    try (Page page = open("/read.html")) {
      page.waitFor(READY + " && document.getElementById('text').textContent", LOADING);
      give(page, "receipt.jpg", "image/jpeg", ReceiptPhoto.jpeg());
      page.waitFor(READY, LOADING);
      String text = json(page, "document.getElementById('text').textContent").asString();
      assertThat(Arrays.asList(text.split("\n"))).isEqualTo(ReceiptPhoto.text());
      int polygons = json(page, "document.querySelectorAll('#overlay polygon').length").asInt();
      assertThat(polygons).isEqualTo(ReceiptPhoto.parts());
      assertThat(page.errors()).isEmpty();
      assertThat(json(page, "document.getElementById('trouble').hidden").asBoolean()).isTrue();
      keep(page, "read");
    }
  }

  @Test
  void saysThatAFileIsNoPictureAndReadsTheNext() {
    try (Page page = open("/read.html")) {
      page.waitFor(READY + " && document.getElementById('text').textContent", LOADING);
      give(page, "notes.png", "image/png", new byte[] {1, 2, 3});
      page.waitFor("document.documentElement.dataset.state === 'error'", LOADING);
      assertThat(json(page, "document.getElementById('trouble-text').textContent").asString())
          .contains("no image that this browser can decode");
      give(page, "receipt.jpg", "image/jpeg", ReceiptPhoto.jpeg());
      page.waitFor(READY, LOADING);
      assertThat(json(page, "document.getElementById('trouble').hidden").asBoolean()).isTrue();
      assertThat(json(page, "document.getElementById('text').textContent").asString())
          .contains("CORNER HARDWARE");
    }
  }

  @Test
  void tellsADrawingFromALandscape() {
    try (Page page = open("/classify.html")) {
      page.waitFor(READY + " && document.querySelector('#results li')", LOADING);
      assertThat(best(page)).isEqualTo("Drawing");
      page.evaluate("document.querySelectorAll('#tries button')[1].click()");
      page.waitFor(READY, LOADING);
      assertThat(best(page)).isEqualTo("Neutral");
      JsonNode scores =
          json(page, "[...document.querySelectorAll('#results .score')].map(s => +s.textContent)");
      assertThat(scores.size()).isEqualTo(5);
      double sum = 0;
      for (JsonNode score : scores) {
        sum += score.asDouble();
      }
      assertThat(sum).isBetween(0.99, 1.01);
      assertThat(page.errors()).isEmpty();
      keep(page, "classify");
    }
  }

  private static String best(Page page) {
    return json(page, "document.querySelector('#results .text').textContent").asString();
  }

  private static JsonNode json(Page page, String expression) {
    return JsonMapper.shared().readTree(page.evaluate(expression));
  }

  /** Chooses a file, as a visitor does; the page is busy when this returns. */
  private static void give(Page page, String name, String type, byte[] bytes) {
    String path = Front.PREFIX + name;
    Site.front(true).serve(path, type, bytes, Map.of());
    page.evaluate(
        """
        (async () => {
          const bytes = await (await fetch('%s')).blob();
          const list = new DataTransfer();
          list.items.add(new File([bytes], '%s', {type: '%s'}));
          const choose = document.getElementById('choose');
          choose.files = list.files;
          choose.dispatchEvent(new Event('change'));
        })()\
        """
            .formatted(path, name, type));
    Site.front(true).withdraw(path);
  }

  /**
   * Keeps a picture of the page in the build's folder, for whoever wants to look. Playwright adds a
   * style to the page for it, which the page's policy refuses in Firefox: not before the page's
   * errors were looked at.
   */
  private void keep(Page page, String name) {
    try {
      Path folder = Files.createDirectories(Path.of("target", "screenshots"));
      Files.write(folder.resolve(name + "-" + kind.option() + ".png"), page.screenshot());
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
