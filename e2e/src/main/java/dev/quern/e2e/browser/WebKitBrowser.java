package dev.quern.e2e.browser;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.openqa.selenium.MutableCapabilities;
import org.openqa.selenium.WebDriverException;
import org.openqa.selenium.remote.HttpCommandExecutor;
import org.openqa.selenium.remote.RemoteWebDriver;
import org.openqa.selenium.remote.http.ClientConfig;

/**
 * WebKitGTK's test browser, driven by Selenium over {@code WebKitWebDriver}, on a display of its
 * own (Xvfb). Each page is a session of its own, because a WebKit session holds one storage and its
 * driver one session at a time: opening a page closes the one before.
 */
final class WebKitBrowser implements Browser {
  static final Duration LOAD = Duration.ofSeconds(60);
  private static final Duration START = Duration.ofSeconds(30);
  private static final Duration STEP = Duration.ofMillis(50);

  private final Path folder;
  private final ProcessTree display;
  private final ProcessTree driver;
  private final URI address;
  private final Path program;
  private volatile WebKitPage page;
  private volatile String version = "WebKit";
  private volatile boolean closed;

  private WebKitBrowser(
      Path folder, ProcessTree display, ProcessTree driver, URI address, Path program) {
    this.folder = folder;
    this.display = display;
    this.driver = driver;
    this.address = address;
    this.program = program;
  }

  static WebKitBrowser start(Set<Option> options) {
    Path program = Programs.require(BrowserKind.WEBKIT.program(), BrowserKind.WEBKIT.aptPackage());
    Path xvfb = Programs.require("Xvfb", "xvfb");
    Path miniBrowser = Programs.requireMiniBrowser();
    synchronized (ProcessTree.LAUNCH) {
      Path folder = ProcessTree.privateFolder(BrowserKind.WEBKIT.option());
      ProcessTree display = null;
      ProcessTree driver = null;
      try {
        Path number = folder.resolve("display");
        // Without -noreset the display starts over when a session's last window is gone, and the
        // next session's browser may then find none.
        Process x =
            new ProcessBuilder(
                    xvfb.toString(),
                    "-displayfd",
                    "1",
                    "-screen",
                    "0",
                    "1600x1200x24",
                    "-nolisten",
                    "tcp",
                    "-noreset")
                .redirectOutput(number.toFile())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        display = ProcessTree.of(x.toHandle());
        int port = freePort();
        ProcessBuilder starting =
            new ProcessBuilder(program.toString(), "--host=127.0.0.1", "--port=" + port)
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("driver.log").toFile());
        Map<String, String> environment = starting.environment();
        environment.put("DISPLAY", ":" + displayNumber(x, number));
        environment.put("XDG_RUNTIME_DIR", folder.toString());
        environment.put("HOME", folder.toString());
        environment.remove("WAYLAND_DISPLAY");
        environment.remove("DBUS_SESSION_BUS_ADDRESS");
        if (options.contains(Option.WEBKIT_SHARED_MEMORY)) {
          environment.put("JSC_useSharedArrayBuffer", "1");
        }
        if (options.contains(Option.WEBKIT_RELAXED_SIMD)) {
          environment.put("JSC_useWasmRelaxedSIMD", "1");
        }
        Process process = starting.start();
        driver = ProcessTree.of(process.toHandle());
        URI address = URI.create("http://127.0.0.1:" + port);
        awaitDriver(process, address, folder.resolve("driver.log"));
        return new WebKitBrowser(folder, display, driver, address, miniBrowser);
      } catch (IOException e) {
        clean(driver, display, folder);
        throw new BrowserException("WebKit did not start: " + e.getMessage(), e);
      } catch (RuntimeException e) {
        clean(driver, display, folder);
        throw e;
      }
    }
  }

  private static String displayNumber(Process x, Path number) throws IOException {
    long end = System.nanoTime() + START.toNanos();
    while (System.nanoTime() < end && x.isAlive()) {
      String text = Files.readString(number);
      if (text.endsWith("\n")) {
        return text.strip();
      }
      Problems.pause(STEP);
    }
    throw new BrowserException("the virtual display (Xvfb) did not start");
  }

  private static void awaitDriver(Process process, URI address, Path log) throws IOException {
    HttpRequest status =
        HttpRequest.newBuilder(address.resolve("/status")).timeout(Duration.ofSeconds(5)).build();
    long end = System.nanoTime() + START.toNanos();
    try (HttpClient client = HttpClient.newHttpClient()) {
      while (System.nanoTime() < end && process.isAlive()) {
        try {
          if (client.send(status, HttpResponse.BodyHandlers.discarding()).statusCode() == 200) {
            return;
          }
        } catch (IOException e) {
          // Not listening yet.
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new BrowserException("interrupted while WebKit's driver started", e);
        }
        Problems.pause(STEP);
      }
    }
    throw new BrowserException("WebKit's driver did not start: " + Files.readString(log).strip());
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  @Override
  public BrowserKind kind() {
    return BrowserKind.WEBKIT;
  }

  @Override
  public boolean isOpen() {
    return !closed;
  }

  @Override
  public String version() {
    if (version.equals("WebKit")) {
      // The driver tells the version with the first session.
      open("about:blank").close();
    }
    return version;
  }

  @Override
  public synchronized Page open(String url) {
    if (closed) {
      throw new BrowserException("WebKit is closed: it cannot open a tab");
    }
    if (page != null) {
      page.close();
    }
    MutableCapabilities capabilities = new MutableCapabilities();
    capabilities.setCapability("browserName", "MiniBrowser");
    capabilities.setCapability(
        "webkitgtk:browserOptions",
        Map.of("binary", program.toString(), "args", List.of("--automation")));
    try {
      RemoteWebDriver session =
          new RemoteWebDriver(
              new HttpCommandExecutor(
                  ClientConfig.defaultConfig()
                      .baseUri(address)
                      .connectionTimeout(START)
                      .readTimeout(Duration.ofMinutes(15))),
              capabilities);
      version = "WebKit " + session.getCapabilities().getBrowserVersion();
      session.manage().timeouts().pageLoadTimeout(LOAD);
      page = new WebKitPage(this, session);
    } catch (WebDriverException e) {
      throw new BrowserException("WebKit could not open a tab: " + firstLine(e), e);
    }
    try {
      page.open(url);
      return page;
    } catch (RuntimeException e) {
      page.close();
      throw e;
    }
  }

  static String firstLine(Exception e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse(e.getClass().getSimpleName());
  }

  /** Ends everything at once; for a browser that no longer answers. */
  void kill() {
    closed = true;
    clean(driver, display, folder);
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    if (page != null) {
      page.close();
    }
    kill();
  }

  private static void clean(ProcessTree driver, ProcessTree display, Path folder) {
    if (driver != null) {
      driver.kill();
    }
    if (display != null) {
      display.kill();
    }
    ProcessTree.delete(folder);
  }
}
