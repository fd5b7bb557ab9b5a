package dev.quern.e2e.bench;

import java.util.Locale;
import tools.jackson.databind.node.ObjectNode;

/**
 * One measured figure.
 *
 * @param name what was measured
 * @param value in {@code unit}
 * @param goal what the project wants, in the same unit; NaN if it wants nothing
 * @param atMost whether smaller is better
 * @param note how it came about
 */
public record Figure(
    String name, double value, String unit, double goal, boolean atMost, String note) {

  static Figure atMost(String name, double value, String unit, double goal, String note) {
    return new Figure(name, value, unit, goal, true, note);
  }

  static Figure atLeast(String name, double value, String unit, double goal, String note) {
    return new Figure(name, value, unit, goal, false, note);
  }

  static Figure plain(String name, double value, String unit, String note) {
    return new Figure(name, value, unit, Double.NaN, true, note);
  }

  private boolean hasGoal() {
    return !Double.isNaN(goal);
  }

  /** Whether the goal is reached; a figure without one always is. */
  public boolean met() {
    return !hasGoal() || (atMost ? value <= goal : value >= goal);
  }

  /** One line of the table. */
  public String text() {
    String wanted =
        hasGoal() ? String.format(Locale.ROOT, "%s %s", atMost ? "<=" : ">=", number(goal)) : "";
    String verdict = hasGoal() ? (met() ? "met" : "MISSED") : "";
    return String.format(
            Locale.ROOT,
            "%-46s %9s %-9s %-9s %-7s %s",
            name,
            number(value),
            unit,
            wanted,
            verdict,
            note)
        .stripTrailing();
  }

  private static String number(double value) {
    return Math.abs(value) >= 100
        ? String.format(Locale.ROOT, "%.0f", value)
        : String.format(Locale.ROOT, "%.2f", value);
  }

  /** Adds the figure to an object. */
  public void addTo(ObjectNode node) {
    node.put("name", name).put("value", value).put("unit", unit);
    if (hasGoal()) {
      node.put("goal", goal).put("atMost", atMost).put("met", met());
    }
    node.put("note", note);
  }
}
