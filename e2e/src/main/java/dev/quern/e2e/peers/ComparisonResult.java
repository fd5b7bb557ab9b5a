package dev.quern.e2e.peers;

import dev.quern.e2e.peers.Measured.Refused;
import dev.quern.e2e.peers.Measured.Timed;
import dev.quern.e2e.peers.Measured.Wrong;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * All rows of a comparison.
 *
 * @param browser name and version
 * @param peers those that took part
 */
public record ComparisonResult(String browser, List<Engine> peers, List<CaseResult> cases) {
  /** Takes copies. */
  public ComparisonResult {
    peers = List.copyOf(peers);
    cases = List.copyOf(cases);
  }

  /** Whether GPUs computed. */
  boolean gpu() {
    return cases.stream()
        .flatMap(row -> row.engines().values().stream())
        .anyMatch(measured -> measured instanceof Timed timed && timed.counts() != null);
  }

  /**
   * {@code {machine, peakGflops, cases: [{case, threads, quern, peers, ratioToBestPeer,
   * shareOfPeak}]}}; {@code peakGflops} is one thread's, or what the fewest threads reached
   * together.
   */
  public ObjectNode json() {
    ObjectNode root = JsonMapper.shared().createObjectNode();
    Machine.describe(browser).forEach(root.putObject("machine")::put);
    cases.stream()
        .filter(row -> !Double.isNaN(row.peakGflops()))
        .min(java.util.Comparator.comparingInt(CaseResult::threads))
        .ifPresent(fewest ->
            root.put(
                "peakGflops",
                Statistics.median(
                    cases.stream()
                        .filter(row -> row.threads() == fewest.threads())
                        .map(CaseResult::peakGflops)
                        .filter(peak -> !peak.isNaN())
                        .toList())));
    ArrayNode rows = root.putArray("cases");
    cases.forEach(row -> add(row, rows.addObject()));
    return root;
  }

  private static void add(CaseResult row, ObjectNode node) {
    node.put("case", row.name()).put("threads", row.threads());
    Measured quern = row.engines().get(Engine.QUERN);
    if (quern != null) {
      node.set("quern", measured(quern));
    }
    ObjectNode peers = node.putObject("peers");
    for (Map.Entry<Engine, Measured> entry : row.engines().entrySet()) {
      if (entry.getKey() != Engine.QUERN) {
        peers.set(entry.getKey().id(), measured(entry.getValue()));
      }
    }
    row.ratioToBestPeer().ifPresent(ratio -> node.put("ratioToBestPeer", ratio));
    if (!Double.isNaN(row.shareOfPeak())) {
      node.put("shareOfPeak", row.shareOfPeak());
    }
    if (!Double.isNaN(row.peakGflops())) {
      node.put("peakGflops", row.peakGflops());
    }
    node.put("disturbed", row.disturbed());
  }

  private static ObjectNode measured(Measured measured) {
    ObjectNode node = JsonMapper.shared().createObjectNode();
    switch (measured) {
      case Timed timed -> {
        node.put("minMs", timed.min()).put("medianMs", timed.median()).put("runs", timed.runs());
        if (!timed.engineMilliseconds().isEmpty()) {
          node.put("engineMedianMs", Statistics.median(timed.engineMilliseconds()));
        }
        node.put("error", timed.worst());
        node.set("facts", timed.facts());
        if (timed.counts() != null) {
          node.set("gpu", JsonMapper.shared().valueToTree(timed.counts()));
        }
      }
      case Refused refused -> node.put("notSupported", refused.message());
      case Wrong wrong -> node.put("wrong", wrong.worst()).put("tolerance", wrong.tolerance());
    }
    return node;
  }
}
