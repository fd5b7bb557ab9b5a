package dev.quern.onnx;

import java.util.List;

/**
 * The text of lists, {@code [a, b]}, for messages. A list's own {@code toString} would call that of
 * whatever it may hold: TeaVM would have to compile the text of all that is in any list, numbers of
 * f64 among it, for 20 KB of engine.
 */
public final class Lists {
  private Lists() {}

  /** The text of a list of names. */
  public static String text(Iterable<String> names) {
    StringBuilder out = new StringBuilder("[");
    for (String name : names) {
      out.append(out.length() == 1 ? "" : ", ").append(name);
    }
    return out.append(']').toString();
  }

  /** The text of a list of numbers. */
  public static String numbers(List<Long> numbers) {
    StringBuilder out = new StringBuilder("[");
    for (long number : numbers) {
      out.append(out.length() == 1 ? "" : ", ").append(number);
    }
    return out.append(']').toString();
  }
}
