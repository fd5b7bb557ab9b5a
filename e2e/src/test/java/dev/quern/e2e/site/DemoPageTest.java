package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.Page;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.oracle.MiniLm;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The demo page ranks real sentences by meaning, in the order in which ONNX Runtime would. */
@InEachBrowser
class DemoPageTest {
  private static final String QUERY = "How can I fix my bicycle?";
  private static final List<String> LINES =
      List.of(
          "The bakery opens at six in the morning.",
          "A puncture in a tyre is mended with a patch and some glue.",
          "Interest rates rose for the third time this year.",
          "The chain of a bike should be oiled once a month.",
          "Penguins cannot fly, but they swim very well.");

  private final BrowserKind kind;

  DemoPageTest(BrowserKind kind) {
    this.kind = kind;
  }

  @ParameterizedTest
  @ValueSource(strings = {"all-MiniLM-L6-v2", "all-MiniLM-L6-v2-int8"})
  void ranksSentencesByMeaning(String model) {
    String address = Site.front(true).origin() + "/?repeat=off&model=" + model;
    try (Page page = TestBrowsers.get(kind).open(address)) {
      page.waitFor(
          "document.documentElement.dataset.state === 'ready'"
              + " && document.querySelector('#results.ranked li') && !document.querySelector('#results.waiting')",
          Duration.ofMinutes(1));
      String lines = JsonMapper.shared().writeValueAsString(String.join("\n", LINES));
      String query = JsonMapper.shared().writeValueAsString(QUERY);
      page.evaluate(
          """
          (() => {
            for (const [id, text] of [['lines', %s], ['query', %s]]) {
              const field = document.getElementById(id);
              field.value = text;
              field.dispatchEvent(new Event('input', {bubbles: true}));
            }
          })()\
          """
              .formatted(lines, query));
      page.waitFor(
          "document.querySelectorAll('#results.ranked li').length === 5"
              + " && !document.querySelector('#results.waiting')",
          Duration.ofSeconds(30));
      JsonNode rows =
          JsonMapper.shared()
              .readTree(
                  page.evaluate(
                      "[...document.querySelectorAll('#results li')].map(li =>"
                          + " [li.querySelector('.text').textContent, +li.querySelector('.score').textContent])"));
      List<String> shown = new ArrayList<>();
      rows.forEach(row -> shown.add(row.get(0).asString()));
      List<Double> scores = new ArrayList<>();
      rows.forEach(row -> scores.add(row.get(1).asDouble()));

      if (model.endsWith("int8")) {
        assertThat(shown.subList(0, 2)).isEqualTo(expected().subList(0, 2));
      } else {
        assertThat(shown).isEqualTo(expected());
      }
      assertThat(shown.subList(0, 2))
          .allMatch(line -> line.contains("bike") || line.contains("tyre"));
      assertThat(scores).isSortedAccordingTo(Comparator.reverseOrder());
      assertThat(page.errors()).isEmpty();
      assertThat(page.evaluate("document.getElementById('trouble').hidden")).isEqualTo("true");
      assertThat(page.evaluate("document.querySelectorAll('#kernels tbody tr').length > 0"))
          .isEqualTo("true");
    }
  }

  private static List<String> expected() {
    try (MiniLm oracle = new MiniLm()) {
      float[] query = oracle.embed(List.of(QUERY))[0];
      float[][] lines = oracle.embed(LINES);
      return IntStream.range(0, LINES.size())
          .boxed()
          .sorted(Comparator.comparingDouble((Integer i) -> -MiniLm.cosine(query, lines[i])))
          .map(LINES::get)
          .toList();
    }
  }
}
