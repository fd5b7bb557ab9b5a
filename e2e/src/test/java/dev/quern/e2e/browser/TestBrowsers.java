package dev.quern.e2e.browser;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * The browsers of a test run: each is started at most once, at first use, and closed when the run
 * ends. The system property {@code quern.browsers}, such as {@code chromium,webkit}, narrows the
 * run down.
 */
public final class TestBrowsers implements BeforeAllCallback {
  private static final Map<BrowserKind, Browser> RUNNING = new EnumMap<>(BrowserKind.class);

  /**
   * The browsers to test, in the order of {@link BrowserKind}; a source for parameterized classes.
   */
  public static Stream<BrowserKind> chosen() {
    List<String> names =
        List.of(System.getProperty("quern.browsers", "chromium,firefox,webkit").split(","));
    return Arrays.stream(BrowserKind.values()).filter(kind -> names.contains(kind.option()));
  }

  /** The running browser of a kind; one that was ended because it hung is started anew. */
  public static synchronized Browser get(BrowserKind kind) {
    Browser browser = RUNNING.get(kind);
    if (browser == null || !browser.isOpen()) {
      browser = launch(kind);
      RUNNING.put(kind, browser);
    }
    return browser;
  }

  private static Browser launch(BrowserKind kind) {
    try {
      return Browser.launch(kind);
    } catch (BrowserException e) {
      String message = String.valueOf(e.getMessage());
      if (message.contains("is not installed") && System.getenv("QUERN_REQUIRE_BROWSERS") == null) {
        return Assumptions.abort(message);
      }
      throw e;
    }
  }

  @Override
  public void beforeAll(ExtensionContext context) {
    context
        .getRoot()
        .getStore(ExtensionContext.Namespace.create(TestBrowsers.class))
        .computeIfAbsent("closer", key -> (AutoCloseable) TestBrowsers::closeAll);
  }

  private static synchronized void closeAll() {
    RUNNING.values().forEach(Browser::close);
    RUNNING.clear();
  }
}
