package dev.quern.web;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * Makes the engines smaller with Binaryen's wasm-opt: 9 % less to download, for some seconds of
 * build. What it made is kept under the digest of what it was made from, so that only another
 * engine costs that time.
 *
 * <p>Nothing is inlined: with -Oz, which inlines too, an engine is 4 % smaller still, but a page
 * with MiniLM answers a third later on two cores (2026-11-27: 717 ms against 530 ms; -O3 took 1071
 * ms), because the browser spends that time on optimising larger functions.
 */
final class Smaller {
  /** Resources of the module {@code wasm-bridge}, and files of the site. */
  private static final List<String> ENGINES =
      List.of("engine.wasm", "engine-full.wasm", "engine-gpu.wasm");

  /**
   * What TeaVM's modules use, named one by one: all features would let wasm-opt write what not
   * every browser reads. A closed world, which would allow more, breaks the calls from JavaScript.
   */
  private static final List<String> OPTIONS =
      List.of(
          "--enable-gc",
          "--enable-reference-types",
          "--enable-exception-handling",
          "--enable-bulk-memory",
          "--enable-nontrapping-float-to-int",
          "--enable-sign-ext",
          "--enable-tail-call",
          "--enable-mutable-globals",
          "--enable-multivalue",
          "--shrink-level=2",
          "-O1",
          "-O1");

  /** Runs a command in the module's folder. */
  @FunctionalInterface
  interface Runner {
    void run(List<String> command) throws IOException, InterruptedException;
  }

  private Smaller() {}

  /** Writes the engines to the site. */
  static void engines(Path module, Path site, Runner runner)
      throws IOException, InterruptedException {
    Files.createDirectories(site.resolve("engine"));
    for (String engine : ENGINES) {
      Path target = site.resolve("engine").resolve(engine);
      Files.copy(made(module, engine, runner), target, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  private static Path made(Path module, String name, Runner runner)
      throws IOException, InterruptedException {
    byte[] engine;
    try (InputStream in = Smaller.class.getResourceAsStream("/quern-engine/" + name)) {
      if (in == null) {
        throw new IOException("the module wasm-bridge has built no " + name);
      }
      engine = in.readAllBytes();
    }
    Path packages = module.resolve("package-lock.json");
    Path kept = module.resolve("target/smaller");
    Path made = kept.resolve(digest(engine, Files.readAllBytes(packages)) + ".wasm");
    if (!Files.exists(made)) {
      Files.createDirectories(kept);
      Path from = Files.createTempFile(kept, "engine", ".wasm");
      Path to = Files.createTempFile(kept, "smaller", ".wasm");
      Files.write(from, engine);
      List<String> command = new ArrayList<>();
      command.add("node");
      command.add("node_modules/binaryen/bin/wasm-opt");
      command.addAll(OPTIONS);
      command.addAll(List.of(from.toString(), "-o", to.toString()));
      runner.run(command);
      Files.move(to, made, StandardCopyOption.REPLACE_EXISTING);
      Files.delete(from);
    }
    return made;
  }

  private static String digest(byte[] engine, byte[] packages) {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      sha256.update(packages);
      sha256.update(String.join(" ", OPTIONS).getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(sha256.digest(engine));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
