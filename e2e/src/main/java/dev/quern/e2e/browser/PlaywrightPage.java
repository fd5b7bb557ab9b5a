package dev.quern.e2e.browser;

import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.options.WaitUntilState;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

/** A tab of {@link PlaywrightBrowser}, in a context of its own. */
final class PlaywrightPage implements Page {
  private static final Duration GRACE = Duration.ofSeconds(5);
  private static final Duration SHORT = Duration.ofSeconds(30);

  private final PlaywrightBrowser browser;
  private final BrowserContext context;
  private final com.microsoft.playwright.Page page;
  private volatile boolean closed;
  private final List<String> console = new CopyOnWriteArrayList<>();
  private final List<String> errors = new CopyOnWriteArrayList<>();

  PlaywrightPage(
      PlaywrightBrowser browser, BrowserContext context, com.microsoft.playwright.Page page) {
    this.browser = browser;
    this.context = context;
    this.page = page;
    page.onConsoleMessage(message -> console.add(message.type() + ": " + message.text()));
    page.onPageError(errors::add);
    page.onCrash(crashed -> errors.add("the page crashed"));
  }

  @Override
  public void open(String url) {
    browser.call(
        () ->
            page.navigate(
                url,
                new com.microsoft.playwright.Page.NavigateOptions()
                    .setWaitUntil(WaitUntilState.LOAD)
                    .setTimeout((double) PlaywrightBrowser.LOAD.toMillis())),
        PlaywrightBrowser.LOAD.plus(GRACE),
        "load " + url);
  }

  @Override
  public String evaluate(String expression, Duration limit) {
    Object answer =
        browser.call(
            () -> page.evaluate("() => {" + Problems.guarded(expression, limit) + "}"),
            limit.plus(GRACE),
            "evaluate '" + shorten(expression) + "'");
    return Answer.text((Map<?, ?>) answer, expression);
  }

  @Override
  public void resize(int width, int height) {
    browser.call(
        () -> {
          page.setViewportSize(width, height);
          return true;
        },
        SHORT,
        "resize the tab");
  }

  @Override
  public byte[] screenshot() {
    return browser.call(page::screenshot, SHORT, "take a picture");
  }

  @Override
  public List<String> console() {
    deliver();
    return List.copyOf(console);
  }

  @Override
  public List<String> errors() {
    deliver();
    return List.copyOf(errors);
  }

  /** Playwright hands events over only while one of its calls runs. */
  private void deliver() {
    browser.call(
        () -> {
          page.waitForTimeout(20);
          return true;
        },
        SHORT,
        "deliver its messages");
  }

  @Override
  public boolean isOpen() {
    return !closed && browser.isOpen();
  }

  @Override
  public void close() {
    closed = true;
    browser.callIfOpen(
        () -> {
          context.close();
          return true;
        },
        SHORT,
        "close a tab");
  }

  static String shorten(String expression) {
    return expression.length() <= 120 ? expression : expression.substring(0, 117) + "...";
  }
}
