package dev.quern.e2e;

import dev.quern.e2e.browser.Browser;
import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.harness.Front;
import dev.quern.e2e.harness.Harness;
import dev.quern.server.App;
import dev.quern.server.Options;
import dev.quern.server.weights.ModelImport;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A server in this process, a front before it, a browser, and the harness page in it: what a
 * command works with.
 */
final class Workbench implements AutoCloseable {
  private final Path scratch;
  private final App app;
  private final Front front;
  private final Browser browser;
  private final Harness harness;

  private Workbench(Path scratch, App app, Front front, Browser browser, Harness harness) {
    this.scratch = scratch;
    this.app = app;
    this.front = front;
    this.browser = browser;
    this.harness = harness;
  }

  /**
   * Starts everything. Weights lie in the user's store unless another is given, which the other
   * commands use too; records are this command's own, because what one command measures should not
   * depend on what another did.
   */
  static Workbench start(BrowserKind kind, Optional<Path> store, Browser.Option... options) {
    Path scratch = scratch();
    App app = null;
    Front front = null;
    Browser browser = null;
    try {
      Options settings = Options.in(Options.home()).withDatabase(scratch.resolve("records.db"));
      app = App.start(store.map(settings::withStore).orElse(settings));
      app.prepare();
      front = Front.start(Optional.of(app.address()), true);
      browser = Browser.launch(kind, options);
      return new Workbench(scratch, app, front, browser, Harness.open(browser, front));
    } catch (IOException e) {
      close(browser, front, app, scratch);
      throw new CommandException("the store of weights cannot be used: " + e.getMessage(), e);
    } catch (RuntimeException e) {
      close(browser, front, app, scratch);
      throw e;
    }
  }

  private static Path scratch() {
    try {
      return Files.createTempDirectory("quern-run");
    } catch (IOException e) {
      throw new CommandException("no temporary folder could be made: " + e.getMessage(), e);
    }
  }

  /** Makes sure that the server has a model of that name. */
  void requireModel(String name) {
    try {
      if (ModelImport.names().contains(name)) {
        new ModelImport(app.weights()).catalogue();
      } else if (app.weights().manifest(name).isEmpty()) {
        throw new CommandException(
            "there is no model '"
                + name
                + "' in the store: give the path of an .onnx file, take one in with './quern import', or use "
                + String.join(" or ", ModelImport.names()));
      }
    } catch (IOException e) {
      throw new CommandException("the store of weights cannot be used: " + e.getMessage(), e);
    }
  }

  Front front() {
    return front;
  }

  Harness harness() {
    return harness;
  }

  Browser browser() {
    return browser;
  }

  @Override
  public void close() {
    close(browser, front, app, scratch);
  }

  private static void close(Browser browser, Front front, App app, Path scratch) {
    if (browser != null) {
      browser.close();
    }
    if (front != null) {
      front.close();
    }
    if (app != null) {
      app.close();
    }
    try (Stream<Path> files = Files.walk(scratch)) {
      files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
    } catch (IOException | UncheckedIOException e) {
      // A left-over temporary file does no harm.
    }
  }
}
