package dev.quern.e2e.browser;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.openqa.selenium.Dimension;
import org.openqa.selenium.OutputType;
import org.openqa.selenium.remote.RemoteWebDriver;

/**
 * A tab of {@link WebKitBrowser}: one WebDriver session. Its driver reports no console, so a script
 * listens in the page; it is put there when the page has loaded, and does not hear what came
 * before.
 */
final class WebKitPage implements Page {
  private static final Duration GRACE = Duration.ofSeconds(5);
  private static final Duration SHORT = Duration.ofSeconds(30);
  private static final String UNCAUGHT = "uncaught: ";
  private static final String LISTEN =
      """
      if (!window.__heard) {
        const heard = window.__heard = [];
        for (const level of ['debug', 'log', 'info', 'warn', 'error']) {
          const before = console[level];
          console[level] = (...words) => { heard.push(level + ': ' + words.join(' ')); before.apply(console, words); };
        }
        addEventListener('error', e => heard.push('uncaught: ' + (e.message || 'a resource did not load')));
        addEventListener('unhandledrejection', e => heard.push('uncaught: ' + (e.reason && e.reason.message || e.reason)));
      }\
      """;

  private final WebKitBrowser browser;
  private final RemoteWebDriver session;
  private final List<String> console = new ArrayList<>();
  private final List<String> errors = new ArrayList<>();
  private boolean closed;

  WebKitPage(WebKitBrowser browser, RemoteWebDriver session) {
    this.browser = browser;
    this.session = session;
  }

  @Override
  public void open(String url) {
    harvest();
    boolean loaded =
        call(
            () -> {
              session.get(url);
              session.executeScript(LISTEN);
              // A failed load leaves an empty document, without an error from the driver.
              return url.startsWith("about:") || !session.getCurrentUrl().startsWith("about:");
            },
            WebKitBrowser.LOAD.plus(GRACE),
            "load " + url);
    if (!loaded) {
      throw new BrowserException("WebKit could not load " + url);
    }
  }

  @Override
  public String evaluate(String expression, Duration limit) {
    Object answer =
        call(
            () -> {
              session.manage().timeouts().scriptTimeout(limit.plus(GRACE));
              return session.executeAsyncScript(
                  "const done = arguments[arguments.length - 1]; (() => {"
                      + Problems.guarded(expression, limit)
                      + "})().then(done)");
            },
            limit.plus(GRACE).plus(GRACE),
            "evaluate '" + PlaywrightPage.shorten(expression) + "'");
    return Answer.text((Map<?, ?>) answer, expression);
  }

  @Override
  public void resize(int width, int height) {
    call(
        () -> {
          // The size of a window counts its frame; the second step adds what the first one lacks.
          session.manage().window().setSize(new Dimension(width, height));
          List<?> inner = (List<?>) session.executeScript("return [innerWidth, innerHeight]");
          int wider = width - ((Number) inner.get(0)).intValue();
          int higher = height - ((Number) inner.get(1)).intValue();
          session.manage().window().setSize(new Dimension(width + wider, height + higher));
          return true;
        },
        SHORT,
        "resize the tab");
  }

  @Override
  public byte[] screenshot() {
    return call(() -> session.getScreenshotAs(OutputType.BYTES), SHORT, "take a picture");
  }

  @Override
  public List<String> console() {
    harvest();
    return List.copyOf(console);
  }

  @Override
  public List<String> errors() {
    harvest();
    return List.copyOf(errors);
  }

  /** Moves what {@link #LISTEN} gathered over here; a page that was never heard gives nothing. */
  private void harvest() {
    Object lines =
        call(
            () -> session.executeScript("return window.__heard ? window.__heard.splice(0) : []"),
            SHORT,
            "report its messages");
    for (Object line : (List<?>) lines) {
      String text = String.valueOf(line);
      if (text.startsWith(UNCAUGHT)) {
        errors.add(text.substring(UNCAUGHT.length()));
      } else {
        console.add(text);
      }
    }
  }

  @Override
  public boolean isOpen() {
    return !closed && browser.isOpen();
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      call(
          () -> {
            session.quit();
            return true;
          },
          SHORT,
          "close a tab");
    } catch (BrowserException e) {
      // The session is gone already, or the browser was ended.
    }
  }

  /**
   * Selenium's calls have no limit of their own: a browser that does not come back in time is
   * killed.
   */
  private <T> T call(Callable<T> action, Duration limit, String what) {
    FutureTask<T> task = new FutureTask<>(action);
    Thread.ofVirtual().start(task);
    try {
      return task.get(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      browser.kill();
      throw new BrowserException(
          "WebKit did not " + what + " within " + limit.toMillis() + " ms and was ended", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BrowserException("interrupted while WebKit should " + what, e);
    } catch (ExecutionException e) {
      throw new BrowserException(
          "WebKit could not " + what + ": " + WebKitBrowser.firstLine((Exception) e.getCause()),
          e.getCause());
    }
  }
}
