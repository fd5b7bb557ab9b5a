package dev.quern.e2e.site;

import dev.quern.e2e.browser.Browser;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.harness.Front;
import dev.quern.e2e.harness.Harness;
import dev.quern.server.App;
import dev.quern.server.Options;
import dev.quern.server.http.Content;
import dev.quern.server.weights.Manifest;
import dev.quern.server.weights.ModelImport;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import tools.jackson.databind.node.ObjectNode;

/**
 * One server for all tests of a run, with telemetry on, and two fronts before it: one whose pages
 * are cross-origin isolated and one whose pages are not. The weights stay in the build's folder for
 * the next run.
 */
public final class Site implements BeforeAllCallback {
  private static App app;
  private static Front isolated;
  private static Front plain;

  @Override
  public void beforeAll(ExtensionContext context) {
    context
        .getRoot()
        .getStore(ExtensionContext.Namespace.create(Site.class))
        .computeIfAbsent(
            "site",
            key -> {
              start();
              return (AutoCloseable) Site::stop;
            });
    new TestBrowsers().beforeAll(context);
  }

  private static synchronized void start() {
    try {
      Path folder = Path.of("target", "site").toAbsolutePath();
      Files.createDirectories(folder);
      Path database = Files.createTempDirectory(folder, "records").resolve("quern.db");
      app = App.start(Options.in(folder).withDatabase(database).withTelemetry(true));
      new ModelImport(app.weights()).catalogue();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    isolated = Front.start(Optional.of(app.address()), true);
    plain = Front.start(Optional.of(app.address()), false);
  }

  private static synchronized void stop() {
    isolated.close();
    plain.close();
    app.close();
  }

  static App app() {
    return app;
  }

  /** A file of the store, whole. */
  static byte[] stored(Manifest.ModelFile file) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream((int) file.bytes());
    Content content = app.weights().find(file.sha256()).orElseThrow().identity();
    content.write(0, content.length(), bytes);
    return bytes.toByteArray();
  }

  static Front front(boolean isolate) {
    return isolate ? isolated : plain;
  }

  /** A harness page with a storage of its own. */
  static Harness harness(Browser browser, boolean isolate) {
    return Harness.open(browser, front(isolate));
  }

  /** Options for results that depend on nothing learnt: no stored schedules, no search. */
  static ObjectNode fixed() {
    return Harness.options().put("tune", false).put("schedules", false);
  }
}
