package dev.quern.web;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Bundles the browser's files. Arguments: the module's folder and the folder to write to. Gets the
 * pinned packages with {@code npm ci} when the lock file is newer than they are, so that a second
 * build needs no network.
 */
public final class Bundle {
  /** A file of the site and the source that esbuild makes it from. */
  record Entry(String output, String source) {}

  static final List<Entry> ENTRIES =
      List.of(
          new Entry("quern", "src/main/js/quern.ts"),
          new Entry("quern-tokenizer", "src/main/js/quern-tokenizer.ts"),
          new Entry("quern-vision", "src/main/js/quern-vision.ts"),
          new Entry("quern-audio", "src/main/js/quern-audio.ts"),
          new Entry("quern-text", "src/main/js/quern-text.ts"),
          new Entry("quern-worker", "src/main/js/engine/worker.js"),
          new Entry("quern-gpu", "src/main/js/engine/gpu.js"),
          new Entry("quern-compute", "src/main/js/engine/compute.js"),
          new Entry("quern-loader", "src/main/js/engine/loader.js"),
          new Entry("element", "src/main/js/element.ts"),
          new Entry("demo/demo", "src/main/js/demo/demo.ts"),
          new Entry("demo/read", "src/main/js/demo/read.ts"),
          new Entry("demo/classify", "src/main/js/demo/classify.ts"),
          new Entry("demo/listen", "src/main/js/demo/listen.ts"),
          new Entry("demo/open", "src/main/js/demo/open.ts"),
          new Entry("demo/gpu", "src/main/js/demo/gpu.ts"),
          new Entry("demo/style", "src/main/pages/demo/style.css"),
          new Entry("embed/embed", "src/main/js/embed/embed.ts"),
          new Entry("embed/style", "src/main/pages/embed/style.css"));

  /** Files of the site that stay separate, because not every page needs them. */
  private static final List<String> EXTERNAL =
      List.of(
          "./quern-tokenizer.js",
          "./quern-vision.js",
          "./quern-audio.js",
          "./quern-text.js",
          "./quern-gpu.js",
          "../quern.js",
          "./engine/*");

  private final Path module;

  private Bundle(Path module) {
    this.module = module;
  }

  public static void main(String[] arguments) throws IOException, InterruptedException {
    if (arguments.length != 2) {
      throw new IllegalArgumentException("Bundle takes two folders: the module's and the output's");
    }
    Path module = Path.of(arguments[0]).toAbsolutePath();
    Bundle bundle = new Bundle(module);
    bundle.packages();
    Path site = Path.of(arguments[1]).toAbsolutePath();
    bundle.site(site);
    Smaller.engines(module, site, bundle::run);
  }

  /** {@code node_modules} as the lock file says. */
  private void packages() throws IOException, InterruptedException {
    Path installed = module.resolve("node_modules/.package-lock.json");
    Path lock = module.resolve("package-lock.json");
    if (Files.exists(installed)
        && Files.getLastModifiedTime(installed).compareTo(Files.getLastModifiedTime(lock)) >= 0) {
      return;
    }
    boolean windows = System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("windows");
    run(List.of(windows ? "npm.cmd" : "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"));
  }

  private void site(Path output) throws IOException, InterruptedException {
    delete(output);
    Files.createDirectories(output);
    List<String> command = new ArrayList<>();
    command.add("node");
    command.add("node_modules/esbuild/bin/esbuild");
    for (Entry entry : ENTRIES) {
      command.add(entry.output() + "=" + entry.source());
    }
    command.add("--outdir=" + output);
    command.addAll(
        List.of(
            "--bundle",
            "--minify",
            "--format=esm",
            "--target=es2022",
            "--charset=utf8",
            "--legal-comments=none",
            "--log-level=warning",
            "--log-override:unsupported-dynamic-import=silent"));
    for (String external : EXTERNAL) {
      command.add("--external:" + external);
    }
    run(command);
    copy(module.resolve("src/main/pages"), output);
    copy(module.resolve("src/main/types"), output);
    Files.copy(
        module.resolve("node_modules/@huggingface/tokenizers/LICENSE"),
        output.resolve("quern-tokenizer.LICENSE.txt"));
  }

  /** Everything but style sheets, which esbuild has written already. */
  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
        if (file.toString().endsWith(".css")) {
          continue;
        }
        Path target = to.resolve(from.relativize(file).toString());
        Files.createDirectories(target.getParent());
        Files.copy(file, target, StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }

  private static void delete(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private void run(List<String> command) throws IOException, InterruptedException {
    Process process;
    try {
      process = new ProcessBuilder(command).directory(module.toFile()).inheritIO().start();
    } catch (IOException e) {
      throw new IOException(
          "cannot start "
              + command.getFirst()
              + ": the browser's files need Node 20 or newer with npm on the PATH",
          e);
    }
    int status = process.waitFor();
    if (status != 0) {
      throw new IOException(
          String.join(" ", command.subList(0, 2)) + " ended with " + status + "; see above");
    }
  }
}
