package dev.quern.e2e.browser;

import java.time.Duration;
import java.util.List;

/**
 * One tab. Its storage lives as long as it does: {@link #open} visits another address with the same
 * storage.
 */
public interface Page extends AutoCloseable {

  /** Goes to another address in the same tab and waits until it has loaded. */
  void open(String url);

  /**
   * Evaluates a JavaScript expression, awaits it if it is a promise, and returns its value as JSON
   * text ({@code null} for a value without JSON form).
   *
   * @throws BrowserException if it throws, rejects, or takes longer than {@code limit}
   */
  String evaluate(String expression, Duration limit);

  /** {@link #evaluate(String, Duration)} with thirty seconds. */
  default String evaluate(String expression) {
    return evaluate(expression, Duration.ofSeconds(30));
  }

  /**
   * Waits until an expression is truthy; it is evaluated about ten times a second.
   *
   * @throws BrowserException if that does not happen within {@code limit}; the message holds the
   *     page's errors
   */
  default void waitFor(String expression, Duration limit) {
    long end = System.nanoTime() + limit.toNanos();
    while (true) {
      long left = end - System.nanoTime();
      Duration patience = Duration.ofNanos(Math.max(left, Duration.ofSeconds(1).toNanos()));
      if (evaluate("!!(" + expression + ")", patience).equals("true")) {
        return;
      }
      if (System.nanoTime() >= end) {
        throw new BrowserException(
            "the page did not reach '"
                + expression
                + "' within "
                + limit.toMillis()
                + " ms"
                + Problems.of(errors()));
      }
      Problems.pause(Duration.ofMillis(100));
    }
  }

  /** Sets the size of the visible area in CSS pixels. */
  void resize(int width, int height);

  /** The visible area as a PNG file. */
  byte[] screenshot();

  /** Lines written to the console so far, oldest first, each as {@code level: text}. */
  List<String> console();

  /** Uncaught errors and unhandled rejections so far, oldest first. */
  List<String> errors();

  /** Whether it can still be used: neither closed, nor its browser ended. */
  boolean isOpen();

  @Override
  void close();
}
