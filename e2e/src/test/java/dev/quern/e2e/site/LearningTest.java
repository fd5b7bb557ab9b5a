package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.harness.Harness;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/**
 * What a page learns outlives it: in the browser for the next visit, and, where the site wants it,
 * in the database.
 */
@InEachBrowser
class LearningTest {
  private static final List<String> TEXTS =
      List.of("a cat sleeps on the sofa while it rains outside");
  private static final Duration SEARCH = Duration.ofSeconds(60);

  private final BrowserKind kind;

  LearningTest(BrowserKind kind) {
    this.kind = kind;
  }

  /** Runs until the tuner has settled something, as a visitor's queries would. */
  private static JsonNode learn(Harness.Loaded model) {
    long end = System.nanoTime() + SEARCH.toNanos();
    JsonNode state;
    do {
      model.embed(TEXTS);
      state = model.describe();
    } while (state.get("tuned").isEmpty() && System.nanoTime() < end);
    return state;
  }

  private static Set<String> sources(JsonNode state) {
    Set<String> sources = new TreeSet<>();
    state.get("schedules").forEach(row -> sources.add(row.get("source").asString()));
    return sources;
  }

  @Test
  void aSecondVisitStartsFromWhatTheFirstOneLearnt() {
    try (Harness harness = Site.harness(TestBrowsers.get(kind), true)) {
      String learnt;
      try (Harness.Loaded first =
          harness.pipeline("all-MiniLM-L6-v2", Harness.options().put("schedules", true))) {
        JsonNode state = learn(first);
        assertThat(state.get("tuned").isEmpty()).as("nothing was tuned: %s", state).isFalse();
        learnt = state.get("tuned").get(0).get("record").get("schedule").asString();
      }
      harness.revisit();
      try (Harness.Loaded second =
          harness.pipeline("all-MiniLM-L6-v2", Harness.options().put("tune", false))) {
        second.embed(TEXTS);
        JsonNode state = second.describe();
        assertThat(sources(state)).contains("stored");
        assertThat(state.get("schedules").toString()).contains(learnt);
      }
    }
  }

  @Test
  void telemetryArrivesInTheDatabaseOnlyWhereItIsOn() {
    Map<String, Long> before = Site.app().records().counts();
    try (Harness harness = Site.harness(TestBrowsers.get(kind), true)) {
      try (Harness.Loaded quiet = harness.pipeline("all-MiniLM-L6-v2", Harness.options())) {
        quiet.embed(TEXTS);
      }
      assertThat(Site.app().records().counts()).isEqualTo(before);

      try (Harness.Loaded telling =
          harness.pipeline("all-MiniLM-L6-v2", Harness.options().put("telemetry", true))) {
        telling.embed(TEXTS);
      }
      Map<String, Long> after = Site.app().records().counts();
      assertThat(after.getOrDefault("load", 0L)).isEqualTo(before.getOrDefault("load", 0L) + 1);
      assertThat(after.getOrDefault("inference", 0L))
          .isGreaterThan(before.getOrDefault("inference", 0L));
    }
  }

  @Test
  void anotherVisitorOfTheSameDeviceClassStartsFromTheServersSchedules() {
    try (Harness giving = Site.harness(TestBrowsers.get(kind), true);
        Harness.Loaded model =
            giving.pipeline("all-MiniLM-L6-v2", Harness.options().put("telemetry", true))) {
      assertThat(learn(model).get("tuned").isEmpty()).isFalse();
    }
    // A page of its own storage has learnt nothing itself.
    try (Harness taking = Site.harness(TestBrowsers.get(kind), true);
        Harness.Loaded model =
            taking.pipeline("all-MiniLM-L6-v2", Harness.options().put("tune", false))) {
      model.embed(TEXTS);
      taking.page().waitFor("true", Duration.ofSeconds(1));
      assertThat(sources(model.describe())).contains("server").doesNotContain("stored");
    }
  }
}
