package dev.quern.e2e.peers;

import dev.quern.e2e.peers.Measured.Timed;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A comparison as an SVG picture: a group of bars a case, a bar an engine, as long as the engine is
 * fast; the fastest peer's bar ends at 1.
 */
public final class ComparisonPlot {
  private static final int WIDTH = 990;
  private static final int LEFT = 360;
  private static final int RIGHT = 130;
  private static final int TOP = 64;
  private static final int BAR = 13;
  private static final int GAP = 14;

  /** One colour an engine, in the order of {@link Engine}; Quern's stands out. */
  private static final List<String> COLOURS =
      List.of("#c2410c", "#334155", "#64748b", "#94a3b8", "#a8a29e", "#78716c");

  private final ComparisonResult result;

  public ComparisonPlot(ComparisonResult result) {
    this.result = result;
  }

  private record Bar(Engine engine, Timed timed, double speed) {}

  /** The picture's file. */
  public String svg() {
    double most = 1;
    for (CaseResult row : result.cases()) {
      for (Bar bar : bars(row)) {
        most = Math.max(most, bar.speed());
      }
    }
    double scale = (WIDTH - LEFT - RIGHT) / most;
    StringBuilder body = new StringBuilder();
    int y = TOP;
    for (CaseResult row : result.cases()) {
      List<Bar> bars = bars(row);
      if (bars.isEmpty()) {
        continue;
      }
      text(body, LEFT - 10, y + BAR - 3, "end", "bold", label(row));
      for (Bar bar : bars) {
        bar(body, bar, y, scale);
        y += BAR + 2;
      }
      y += GAP;
    }
    int bottom = y;
    StringBuilder out = new StringBuilder();
    out.append(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"11\">\n"
            .formatted(WIDTH, bottom + 30));
    out.append("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
    text(out, 16, 22, "start", "bold", "Speed over the fastest other engine (longer is faster)");
    text(out, 16, 40, "start", "normal", machine());
    for (double mark : new double[] {1, 1.5}) {
      if (mark <= most) {
        double x = LEFT + mark * scale;
        out.append(
            "<line x1=\"%s\" x2=\"%s\" y1=\"%d\" y2=\"%d\" stroke=\"#cbd5e1\" stroke-dasharray=\"%s\"/>\n"
                .formatted(number(x), number(x), TOP - 6, bottom, mark == 1 ? "none" : "3 3"));
        text(out, x, bottom + 14, "middle", "normal", number(mark) + "x");
      }
    }
    return out.append(body).append("</svg>\n").toString();
  }

  private static String label(CaseResult row) {
    return row.name() + ", " + row.threads() + (row.threads() == 1 ? " thread" : " threads");
  }

  private String machine() {
    return String.join(", ", Machine.describe(result.browser()).values().stream().toList())
            .replaceFirst(", (\\d+), ", ", $1 cores, ")
        + "; medians in milliseconds";
  }

  /**
   * The engines that have a time, the fastest first; without a peer the fastest engine ends at 1.
   */
  private static List<Bar> bars(CaseResult row) {
    double fastest =
        row.bestPeer()
            .orElseGet(() ->
                row.engines().values().stream()
                    .filter(Timed.class::isInstance)
                    .mapToDouble(measured -> ((Timed) measured).median())
                    .min()
                    .orElse(1));
    List<Bar> bars = new ArrayList<>();
    row.engines()
        .forEach((engine, measured) -> {
          if (measured instanceof Timed timed) {
            bars.add(new Bar(engine, timed, fastest / timed.median()));
          }
        });
    bars.sort((a, b) -> Double.compare(b.speed(), a.speed()));
    return bars;
  }

  private static void bar(StringBuilder out, Bar bar, int y, double scale) {
    double width = bar.speed() * scale;
    String colour = COLOURS.get(bar.engine().ordinal() % COLOURS.size());
    out.append(
        "<rect x=\"%d\" y=\"%d\" width=\"%s\" height=\"%d\" fill=\"%s\"/>\n"
            .formatted(LEFT, y, number(width), BAR, colour));
    text(
        out,
        LEFT + width + 5,
        y + BAR - 3,
        "start",
        bar.engine() == Engine.QUERN ? "bold" : "normal",
        bar.engine().label() + " " + ComparisonTable.number(bar.timed().median()));
  }

  private static void text(
      StringBuilder out, double x, int y, String anchor, String weight, String text) {
    String escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    out.append(
        "<text x=\"%s\" y=\"%d\" text-anchor=\"%s\" font-weight=\"%s\" fill=\"#1e293b\">%s</text>\n"
            .formatted(number(x), y, anchor, weight, escaped));
  }

  private static String number(double value) {
    String text = String.format(Locale.ROOT, "%.1f", value);
    return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
  }
}
