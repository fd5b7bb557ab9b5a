package dev.quern.e2e.browser;

import java.time.Duration;
import java.util.List;

/** Small things that every browser shares. */
final class Problems {
  private Problems() {}

  /** Page errors as the end of a message; empty if there are none. */
  static String of(List<String> errors) {
    return errors.isEmpty() ? "" : "; the page reported: " + String.join(" | ", errors);
  }

  static void pause(Duration length) {
    try {
      Thread.sleep(length);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BrowserException("interrupted while waiting for the browser", e);
    }
  }

  /**
   * A JavaScript function body that resolves to {@code {ok: JSON text}} or {@code {error:
   * message}}, so that neither driver's own conversion of values and errors is met. A promise that
   * does not settle becomes an error too.
   */
  static String guarded(String expression, Duration limit) {
    return """
    const settle = Promise.resolve().then(() => (%s)).then(
        value => { const text = JSON.stringify(value); return {ok: text === undefined ? 'null' : text}; });
    let timer;
    const late = new Promise(resolve => { timer = setTimeout(
        () => resolve({error: 'no answer within %d ms'}), %d); });
    return Promise.race([settle, late]).catch(e => ({error: String(e && e.message || e),
        kind: String(e && e.name || ''), code: e && e.code ? String(e.code) : '', stack: String(e && e.stack || '')}))
      .finally(() => clearTimeout(timer));
    """
        .formatted(expression, limit.toMillis(), limit.toMillis());
  }
}
