package dev.quern.e2e.peers;

import dev.quern.e2e.peers.Measured.Refused;
import dev.quern.e2e.peers.Measured.Timed;
import dev.quern.e2e.peers.Measured.Wrong;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A comparison as a table for people: aligned text, or Markdown. */
public final class ComparisonTable {
  private final ComparisonResult result;
  private final List<Engine> engines = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();

  public ComparisonTable(ComparisonResult result) {
    this.result = result;
    engines.add(Engine.QUERN);
    engines.addAll(result.peers());
  }

  /** Columns padded to one width. */
  public String text() {
    List<List<String>> rows = result.gpu() ? gpuRows() : rows();
    List<Integer> widths =
        IntStream.range(0, rows.getFirst().size())
            .mapToObj(column ->
                rows.stream().mapToInt(row -> row.get(column).length()).max().orElseThrow())
            .toList();
    StringBuilder out = new StringBuilder(head()).append('\n');
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < row.size(); i++) {
        line.append(("%-" + widths.get(i) + "s  ").formatted(row.get(i)));
      }
      out.append('\n').append(line.toString().stripTrailing());
    }
    notes.forEach(note -> out.append('\n').append(note));
    return out.toString();
  }

  /** A table of GitHub's Markdown. */
  public String markdown() {
    List<List<String>> rows = result.gpu() ? gpuRows() : rows();
    StringBuilder out = new StringBuilder(head()).append("\n\n");
    out.append(line(rows.getFirst()))
        .append(line(rows.getFirst().stream().map(c -> "---").toList()));
    rows.subList(1, rows.size()).forEach(row -> out.append(line(row)));
    notes.forEach(note -> out.append("\n- ").append(note));
    return out.toString().stripTrailing();
  }

  private static String line(List<String> cells) {
    return "| " + String.join(" | ", cells) + " |\n";
  }

  private String head() {
    return Machine.describe(result.browser()).entrySet().stream()
            .map(fact ->
                fact.getKey().equals("cores") ? fact.getValue() + " cores" : fact.getValue())
            .collect(Collectors.joining(", "))
        + "; minimum/median in milliseconds, outputs read back (in brackets: the median inside the engine)"
        + (result.gpu() ? "; what one run asks of WebGPU" : "");
  }

  private List<List<String>> rows() {
    notes.clear();
    List<List<String>> rows = new ArrayList<>();
    List<String> head = new ArrayList<>(List.of("case", "threads"));
    engines.forEach(engine -> head.add(engine.label()));
    head.addAll(List.of("times faster than the best peer", "peak, GFLOP/s", "share of peak"));
    rows.add(head);
    for (CaseResult row : result.cases()) {
      List<String> cells = new ArrayList<>(List.of(row.name(), Integer.toString(row.threads())));
      engines.forEach(engine -> cells.add(cell(row, engine)));
      cells.add(
          row.ratioToBestPeer().isPresent() ? number(row.ratioToBestPeer().getAsDouble()) : "");
      cells.add(Double.isNaN(row.peakGflops()) ? "" : "%.0f".formatted(row.peakGflops()));
      cells.add(
          Double.isNaN(row.shareOfPeak())
              ? ""
              : String.format(Locale.ROOT, "%.0f %%", 100 * row.shareOfPeak()));
      rows.add(cells);
      sizes(row);
      if (row.disturbed()) {
        notes.add(where(row) + ": other programs ran at the same time");
      }
    }
    return rows;
  }

  /** A row for each engine of a case on a GPU. */
  private List<List<String>> gpuRows() {
    notes.clear();
    List<List<String>> rows = new ArrayList<>();
    rows.add(
        List.of(
            "case",
            "engine",
            "time",
            "dispatches",
            "submits",
            "MB bound",
            "MB copied",
            "MB uploaded",
            "MB read back"));
    for (CaseResult row : result.cases()) {
      for (Engine engine : engines) {
        if (!row.engines().containsKey(engine)) {
          continue;
        }
        List<String> cells =
            new ArrayList<>(List.of(row.name(), engine.label(), cell(row, engine)));
        if (row.engines().get(engine) instanceof Timed timed && timed.counts() != null) {
          GpuCounts counts = timed.counts();
          cells.add(Integer.toString(counts.dispatches()));
          cells.add(Integer.toString(counts.submits()));
          for (long bytes :
              List.of(counts.bound(), counts.copied(), counts.uploaded(), counts.read())) {
            cells.add(number(bytes / 1e6));
          }
        }
        while (cells.size() < rows.getFirst().size()) {
          cells.add("");
        }
        rows.add(cells);
      }
    }
    return rows;
  }

  /** What a case of loading tells beside times. */
  private void sizes(CaseResult row) {
    row.engines()
        .forEach((engine, measured) -> {
          if (measured instanceof Timed timed && timed.facts().has("downloadBytes")) {
            notes.add(
                String.format(
                    Locale.ROOT,
                    "%s, %s: %.0f MB of WebAssembly memory, engine %.2f MB to download (brotli)",
                    where(row),
                    engine.label(),
                    timed.facts().path("memoryBytes").asDouble() / 1e6,
                    timed.facts().path("downloadBytes").asDouble() / 1e6));
          }
        });
  }

  private String cell(CaseResult row, Engine engine) {
    return switch (row.engines().get(engine)) {
      case null -> "";
      case Timed timed -> number(timed.min()) + "/" + number(timed.median()) + inside(timed);
      case Refused refused -> {
        String first = refused.message().lines().findFirst().orElse("");
        notes.add(where(row) + ", " + engine.label() + ": " + first);
        yield "not supported";
      }
      case Wrong wrong -> {
        notes.add(
            where(row)
                + ", "
                + engine.label()
                + ": off by %.1e of the largest value, allowed %.1e"
                    .formatted(wrong.worst(), wrong.tolerance()));
        yield "wrong";
      }
    };
  }

  /** The median inside the engine's worker, where that is known. */
  private static String inside(Timed timed) {
    return timed.engineMilliseconds().isEmpty()
        ? ""
        : " (" + number(Statistics.median(timed.engineMilliseconds())) + ")";
  }

  private static String where(CaseResult row) {
    return row.name() + " at " + row.threads() + (row.threads() == 1 ? " thread" : " threads");
  }

  /** Three digits. */
  static String number(double value) {
    if (value >= 100) {
      return String.format(Locale.ROOT, "%.0f", value);
    }
    return String.format(Locale.ROOT, value >= 10 ? "%.1f" : "%.2f", value);
  }
}
