package dev.quern.e2e.browser;

import java.util.Map;

/** What {@link Problems#guarded} returned. */
final class Answer {
  private Answer() {}

  static String text(Map<?, ?> answer, String expression) {
    if (answer.get("ok") instanceof String text) {
      return text;
    }
    throw new BrowserException(
        "'" + PlaywrightPage.shorten(expression) + "' failed in the page: " + answer.get("error"));
  }
}
