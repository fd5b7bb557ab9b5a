package dev.quern.e2e.conformance;

import dev.quern.e2e.conformance.Verdict.Status;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The verdicts as a table by operator, and as JSON. */
public final class ConformanceReport {
  private final List<Verdict> verdicts;

  ConformanceReport(List<Verdict> verdicts) {
    this.verdicts = List.copyOf(verdicts);
  }

  /** Whether there was no case. */
  public boolean isEmpty() {
    return verdicts.isEmpty();
  }

  private long count(Status status) {
    return verdicts.stream().filter(verdict -> verdict.status() == status).count();
  }

  /** Cases whose outputs are right. */
  public long passed() {
    return count(Status.PASSED);
  }

  /** Cases that are refused. */
  public long unsupported() {
    return count(Status.UNSUPPORTED);
  }

  /** Cases that were computed and came out wrong. */
  public long failed() {
    return count(Status.FAILED);
  }

  /** The table, the failures, and the reasons of what is not supported. */
  public String text() {
    Map<String, int[]> rows = new TreeMap<>();
    for (Verdict verdict : verdicts) {
      for (String operator : verdict.operators()) {
        rows.computeIfAbsent(operator, name -> new int[3])[verdict.status().ordinal()]++;
      }
    }
    StringBuilder out = new StringBuilder();
    line(out, "operator", "passed", "failed", "unsupported");
    rows.forEach((name, counts) -> line(out, name, counts[0], counts[1], counts[2]));
    line(out, "cases", count(Status.PASSED), count(Status.FAILED), count(Status.UNSUPPORTED));
    for (Status status : List.of(Status.UNSUPPORTED, Status.FAILED)) {
      for (Verdict verdict : verdicts) {
        if (verdict.status() == status) {
          out.append(label(status)).append(' ').append(verdict.name()).append(": ");
          out.append(verdict.message().lines().findFirst().orElse("")).append('\n');
        }
      }
    }
    return out.toString();
  }

  private static void line(StringBuilder out, Object name, Object... counts) {
    out.append(String.format(Locale.ROOT, "%-40s", name));
    for (Object count : counts) {
      out.append(String.format(Locale.ROOT, " %11s", count));
    }
    out.append('\n');
  }

  private static String label(Status status) {
    return status.name().toLowerCase(Locale.ROOT);
  }

  /** {@code passed, failed, unsupported, onGpu, cases: [{name, status, message}]}. */
  public String json() {
    ObjectNode root = JsonMapper.shared().createObjectNode();
    for (Status status : Status.values()) {
      root.put(label(status), count(status));
    }
    root.put("onGpu", 0);
    ArrayNode cases = root.putArray("cases");
    for (Verdict verdict : verdicts) {
      cases
          .addObject()
          .put("name", verdict.name())
          .put("status", label(verdict.status()))
          .put("message", verdict.message());
    }
    return root.toPrettyString();
  }
}
