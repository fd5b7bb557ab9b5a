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
  private final boolean gpu;

  /** Of a run that wanted a GPU or not. */
  ConformanceReport(List<Verdict> verdicts, boolean gpu) {
    this.verdicts = List.copyOf(verdicts);
    this.gpu = gpu;
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

  /** Cases that passed and whose data are f32, f16, i32, u32 or bool. */
  public long forGpu() {
    return verdicts.stream().filter(Verdict::forGpu).count();
  }

  /** Those of {@link #forGpu} that ran on the GPU from end to end. */
  public long onGpu() {
    return gpu ? verdicts.stream().filter(v -> v.forGpu() && v.offGpu().isEmpty()).count() : 0;
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
    if (gpu) {
      out.append("on the GPU ").append(onGpu()).append(" of ").append(forGpu());
      out.append(" whose data are f32, f16, i32, u32 or bool\n");
      for (Verdict verdict : verdicts) {
        if (verdict.forGpu() && !verdict.offGpu().isEmpty()) {
          out.append("on the CPU ").append(verdict.name()).append(": ");
          out.append(verdict.offGpu()).append('\n');
        }
      }
    }
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

  /**
   * {@code passed, failed, unsupported, onGpu, forGpu, cases: [{name, status, message, offGpu}]}.
   */
  public String json() {
    ObjectNode root = JsonMapper.shared().createObjectNode();
    for (Status status : Status.values()) {
      root.put(label(status), count(status));
    }
    root.put("onGpu", onGpu()).put("forGpu", forGpu());
    ArrayNode cases = root.putArray("cases");
    for (Verdict verdict : verdicts) {
      cases
          .addObject()
          .put("name", verdict.name())
          .put("status", label(verdict.status()))
          .put("message", verdict.message())
          .put("offGpu", verdict.offGpu());
    }
    return root.toPrettyString();
  }
}
