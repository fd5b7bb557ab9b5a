package dev.quern.e2e.browser;

import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.PlaywrightException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Chromium or Firefox through Playwright. Playwright objects belong to one thread and have calls
 * without time limit, so one thread owns them all, callers wait for it with a limit, and a browser
 * that exceeds it is killed.
 */
final class PlaywrightBrowser implements Browser {
  static final Duration LOAD = Duration.ofSeconds(60);
  private static final Duration START = Duration.ofSeconds(90);

  /** Where Debian's mesa-vulkan-drivers says which library is Vulkan in software. */
  private static final Path LAVAPIPE = Path.of("/usr/share/vulkan/icd.d/lvp_icd.x86_64.json");

  private static final String NO_GPU = "--disable-gpu";

  /**
   * Background services of Chromium look up hosts that a closed network refuses, many at a time;
   * the GPU process is of no use without a GPU.
   */
  private static final List<String> CHROMIUM_ARGUMENTS =
      List.of(
          "--no-sandbox",
          NO_GPU,
          "--disable-quic",
          "--no-first-run",
          "--disable-background-networking",
          "--disable-component-update",
          "--disable-sync");

  /** For all browsers of this JVM, because Playwright keeps the environment of its first driver. */
  private static final Path TEMPORARY = ProcessTree.privateFolder("browsers");

  private final BrowserKind kind;
  private final ExecutorService thread;
  private final ProcessTree processes;
  private final Playwright playwright;
  private final com.microsoft.playwright.Browser browser;
  private volatile boolean closed;

  private PlaywrightBrowser(
      BrowserKind kind,
      ExecutorService thread,
      ProcessTree processes,
      Playwright playwright,
      com.microsoft.playwright.Browser browser) {
    this.kind = kind;
    this.thread = thread;
    this.processes = processes;
    this.playwright = playwright;
    this.browser = browser;
  }

  static PlaywrightBrowser start(BrowserKind kind, Set<Option> options) {
    Path program = Programs.require(kind.program(), kind.aptPackage());
    Path node = Programs.require("node", "nodejs");
    ExecutorService thread =
        Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("browser " + kind.option()).factory());
    synchronized (ProcessTree.LAUNCH) {
      Set<ProcessHandle> before = new HashSet<>(ProcessHandle.current().children().toList());
      try {
        return wait(
            thread.submit(() -> {
              Playwright playwright =
                  Playwright.create(
                      new Playwright.CreateOptions()
                          .setEnv(
                              Map.of(
                                  "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD",
                                  "1",
                                  "PLAYWRIGHT_NODEJS_PATH",
                                  node.toString(),
                                  "TMPDIR",
                                  TEMPORARY.toString())));
              ProcessHandle driver =
                  ProcessHandle.current()
                      .children()
                      .filter(child -> !before.contains(child))
                      .findFirst()
                      .orElseThrow(() -> new BrowserException("Playwright's driver did not start"));
              ProcessTree processes = ProcessTree.of(driver);
              return new PlaywrightBrowser(
                  kind, thread, processes, playwright, launch(playwright, kind, program, options));
            }),
            START,
            "start " + kind.label());
      } catch (RuntimeException e) {
        ProcessHandle.current()
            .children()
            .filter(child -> !before.contains(child))
            .forEach(child -> ProcessTree.of(child).kill());
        thread.shutdownNow();
        throw e instanceof Late
            ? new BrowserException(kind.label() + " did not start in time", e)
            : e;
      }
    }
  }

  private static com.microsoft.playwright.Browser launch(
      Playwright playwright, BrowserKind kind, Path program, Set<Option> chosen) {
    BrowserType.LaunchOptions options =
        new BrowserType.LaunchOptions()
            .setExecutablePath(program)
            .setHeadless(true)
            .setTimeout((double) START.toMillis());
    if (kind == BrowserKind.FIREFOX) {
      if (chosen.contains(Option.FIREFOX_WEBGPU)) {
        options.setFirefoxUserPrefs(
            Map.of("dom.webgpu.enabled", true, "gfx.webgpu.ignore-blocklist", true));
      }
      // The channel selects WebDriver BiDi, which an unpatched Firefox speaks.
      return playwright.firefox().launch(options.setChannel("moz-firefox"));
    }
    List<String> arguments = new ArrayList<>(CHROMIUM_ARGUMENTS);
    boolean compatibility = chosen.contains(Option.CHROMIUM_COMPATIBILITY);
    if (compatibility || chosen.contains(Option.CHROMIUM_WEBGPU)) {
      arguments.remove(NO_GPU);
      arguments.add("--enable-unsafe-webgpu");
    }
    if (compatibility) {
      arguments.add("--use-webgpu-adapter=opengles");
      Map<String, String> environment = new HashMap<>(System.getenv());
      environment.put("VK_DRIVER_FILES", LAVAPIPE.toString());
      options.setEnv(environment);
    }
    return playwright.chromium().launch(options.setArgs(arguments));
  }

  @Override
  public BrowserKind kind() {
    return kind;
  }

  @Override
  public boolean isOpen() {
    return !closed;
  }

  @Override
  public String version() {
    return kind.label()
        + " "
        + call(browser::version, Duration.ofSeconds(10), "report its version");
  }

  @Override
  public Page open(String url) {
    PlaywrightPage page =
        call(
            () -> {
              BrowserContext context = browser.newContext();
              context.setDefaultTimeout((double) LOAD.toMillis());
              return new PlaywrightPage(this, context, context.newPage());
            },
            LOAD,
            "open a tab");
    try {
      page.open(url);
      return page;
    } catch (RuntimeException e) {
      page.close();
      throw e;
    }
  }

  /** Runs an action on Playwright's thread; a browser that does not come back in time is killed. */
  <T> T call(Callable<T> action, Duration limit, String what) {
    if (closed) {
      throw new BrowserException(kind.label() + " is closed: it cannot " + what);
    }
    try {
      return wait(thread.submit(action), limit, what);
    } catch (Late e) {
      kill();
      throw new BrowserException(
          kind.label() + " did not " + what + " within " + limit.toMillis() + " ms and was ended",
          e);
    }
  }

  /** {@link #call}, but a browser that is gone already has nothing left to do. */
  void callIfOpen(Callable<Boolean> action, Duration limit, String what) {
    if (!closed) {
      call(action, limit, what);
    }
  }

  private static <T> T wait(java.util.concurrent.Future<T> answer, Duration limit, String what) {
    try {
      return answer.get(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      throw new Late("no answer within " + limit.toMillis() + " ms: " + what, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BrowserException("interrupted while the browser should " + what, e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof BrowserException problem) {
        throw problem;
      }
      throw new BrowserException(
          "the browser could not " + what + ": " + firstLine(e.getCause()), e.getCause());
    }
  }

  private static String firstLine(Throwable cause) {
    String message =
        cause == null ? "" : Objects.requireNonNullElse(cause.getMessage(), cause.toString());
    for (String line : new ArrayList<>(message.lines().toList())) {
      String text = line.strip();
      if (text.startsWith("message='")) {
        return text.substring("message='".length());
      }
    }
    return message.lines().findFirst().orElse("no reason given");
  }

  private void kill() {
    closed = true;
    processes.kill();
    thread.shutdownNow();
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      // Closing Playwright closes its browsers.
      wait(
          thread.submit(() -> {
            playwright.close();
            return true;
          }),
          Duration.ofSeconds(10),
          "close");
    } catch (BrowserException | PlaywrightException | Late e) {
      // What did not close by itself is ended below.
    }
    kill();
  }

  /** No answer in time. */
  private static final class Late extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Late(String message, Throwable cause) {
      super(message, cause);
    }
  }
}
