package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.Page;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.harness.Front;
import dev.quern.e2e.oracle.MiniLm;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The element in a page of another site, which sends no headers at all, with one script and one
 * line of HTML.
 */
@InEachBrowser
class ElementTest {
  private static final String TEXT = "a cat sleeps on the sofa";

  private final BrowserKind kind;

  ElementTest(BrowserKind kind) {
    this.kind = kind;
  }

  @Test
  void embedsTextInAForeignPage() {
    try (Front foreign = Front.start(Optional.empty(), false);
        MiniLm oracle = new MiniLm()) {
      // The server is at 127.0.0.1 and the page at localhost: two sites.
      String server = Site.app().address().toString();
      foreign.serve(
          "/listen.js",
          "text/javascript",
          """
          window.heard = [];
          const element = document.querySelector('quern-embed');
          for (const kind of ['ready', 'result', 'error']) {
            element.addEventListener(kind, ({detail}) => heard.push({kind, ...detail,
                ...(detail.vectors ? {vectors: detail.vectors.map(vector => [...vector])} : {})}));
          }
          """);
      foreign.serve(
          "/",
          "text/html; charset=utf-8",
          """
          <!doctype html><title>Another site</title>
          <quern-embed text="%s"></quern-embed>
          <script src="/listen.js"></script>
          <script type="module" src="%selement.js"></script>
          """
              .formatted(TEXT, server));
      try (Page page = TestBrowsers.get(kind).open(foreign.origin() + "/")) {
        page.waitFor(
            "heard.some(e => e.kind === 'result' || e.kind === 'error')", Duration.ofMinutes(1));
        JsonNode heard = JsonMapper.shared().readTree(page.evaluate("heard"));
        assertThat(heard.get(0).get("kind").asString()).as(heard.toString()).isEqualTo("ready");
        JsonNode result = heard.get(1);
        assertThat(result.get("kind").asString()).as(heard.toString()).isEqualTo("result");
        assertThat(result.get("texts").get(0).asString()).isEqualTo(TEXT);
        assertThat(
                AgreementTest.difference(
                    new float[][] {vector(result)}, oracle.embed(List.of(TEXT))))
            .isLessThan(1e-4);

        String cosine =
            page.evaluate(
                "document.querySelector('quern-embed').embed(['a kitten naps', 'stocks fell']).then(r => r.vectors.map(v => [...v]))",
                Duration.ofSeconds(60));
        assertThat(JsonMapper.shared().readTree(cosine).size()).isEqualTo(2);
        assertThat(page.errors()).isEmpty();
      }
    }
  }

  private static float[] vector(JsonNode result) {
    JsonNode values = result.get("vectors").get(0);
    float[] vector = new float[values.size()];
    for (int i = 0; i < vector.length; i++) {
      vector[i] = (float) values.get(i).asDouble();
    }
    return vector;
  }
}
