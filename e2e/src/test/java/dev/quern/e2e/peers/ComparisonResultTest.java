package dev.quern.e2e.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.quern.e2e.peers.Measured.Refused;
import dev.quern.e2e.peers.Measured.Timed;
import dev.quern.e2e.peers.Measured.Wrong;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What is made of measured times, without a browser. */
class ComparisonResultTest {
  private static final JsonNode NONE = JsonMapper.shared().createObjectNode();
  private static final Timed FAST =
      new Timed(List.of(List.of(2.0, 4.0), List.of(3.0)), List.of(1.5), 1e-6, NONE, null);
  private static final Timed SLOW =
      new Timed(List.of(List.of(9.0, 6.0)), List.of(), 2e-6, NONE, null);

  private static CaseResult row(Map<Engine, Measured> engines) {
    return new CaseResult("matmul 1x2x3", 2, 12, engines, 100, 0.75, false);
  }

  private static ComparisonResult result(CaseResult row) {
    return new ComparisonResult("Chromium 1", List.of(Engine.ORT), List.of(row));
  }

  @Test
  void ratiosAreThoseOfMediansOfAllRuns() {
    CaseResult row = row(Map.of(Engine.QUERN, FAST, Engine.ORT, SLOW));
    assertThat(row.ratioToBestPeer()).hasValueCloseTo(2.5, within(1e-12));
    JsonNode json = result(row).json();
    assertThat(json.propertyNames()).contains("machine", "peakGflops", "cases");
    assertThat(json.get("machine").propertyNames()).contains("cpu", "cores", "browser", "date");
    JsonNode only = json.get("cases").get(0);
    assertThat(only.get("case").asString()).isEqualTo("matmul 1x2x3");
    assertThat(only.get("threads").asInt()).isEqualTo(2);
    assertThat(only.get("quern").get("minMs").asDouble()).isEqualTo(2);
    assertThat(only.get("quern").get("medianMs").asDouble()).isEqualTo(3);
    assertThat(only.get("quern").get("engineMedianMs").asDouble()).isEqualTo(1.5);
    assertThat(only.get("peers").get("ort").get("medianMs").asDouble()).isEqualTo(7.5);
    assertThat(only.get("ratioToBestPeer").asDouble()).isEqualTo(2.5);
    assertThat(only.get("shareOfPeak").asDouble()).isEqualTo(0.75);
  }

  @Test
  void whatIsRefusedOrWrongIsSaidAndHasNoRatio() {
    CaseResult refused =
        row(Map.of(Engine.QUERN, new Refused("no such operator\n- Conv"), Engine.ORT, SLOW));
    assertThat(refused.ratioToBestPeer()).isEmpty();
    JsonNode json = result(refused).json().get("cases").get(0);
    assertThat(json.get("quern").get("notSupported").asString()).startsWith("no such operator");
    assertThat(json.has("ratioToBestPeer")).isFalse();
    assertThat(new ComparisonTable(result(refused)).text())
        .contains("not supported")
        .contains("matmul 1x2x3 at 2 threads, Quern: no such operator");

    CaseResult wrong = row(Map.of(Engine.QUERN, FAST, Engine.ORT, new Wrong(0.5, 1e-4)));
    assertThat(wrong.ratioToBestPeer()).isEmpty();
    assertThat(new ComparisonTable(result(wrong)).markdown())
        .contains("| 2.00/3.00 (1.50) | wrong |")
        .contains("off by 5.0e-01 of the largest value, allowed 1.0e-04");
  }

  @Test
  void casesAreNamedByWords() {
    Settings settings =
        new Settings(
            "wasm", List.of(), Workload.all(), "minilm f32 1x", List.of(1), null, null, null, null);
    assertThat(settings.cases().stream().map(Workload::name))
        .containsExactly("MiniLM f32 1x32", "MiniLM f32 1x128");
  }

  @Test
  void countsTheOperationsOfMiniLm() {
    // Per token: 6 layers of 12 · 384² weights, and 2 · 128 · 384 for attention; two operations
    // each.
    assertThat(new Workload.MiniLm(1, 128, false).flops())
        .isEqualTo(2.0 * 128 * 6 * (12.0 * 384 * 384 + 2 * 128 * 384));
  }
}
