package dev.quern.e2e.peers;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** The npm packages of the peers, as {@code e2e/peers/package-lock.json} pins them. */
final class PeerPackages {
  private static final String STAMP = ".quern-lock";

  private PeerPackages() {}

  /** The folder {@code node_modules}; what is missing in it is installed first. */
  static Path ready(Consumer<String> progress) {
    Path folder = folder();
    Path lock = folder.resolve("package-lock.json");
    Path modules = folder.resolve("node_modules");
    Path stamp = modules.resolve(STAMP);
    try {
      byte[] pinned = Files.readAllBytes(lock);
      if (!Files.isRegularFile(stamp) || !Arrays.equals(pinned, Files.readAllBytes(stamp))) {
        progress.accept("installing the peers' packages by npm");
        install(folder);
        Files.write(stamp, pinned);
      }
    } catch (IOException e) {
      throw new PeerException("the peers' packages cannot be installed: " + e.getMessage(), e);
    }
    return modules;
  }

  /** Whether they are installed already, so that nothing needs to be fetched. */
  static boolean installed() {
    return Files.isRegularFile(folder().resolve("node_modules").resolve(STAMP));
  }

  /** {@code e2e/peers}, from where this class was loaded: a jar or a folder of {@code target}. */
  private static Path folder() {
    try {
      Path from =
          Path.of(PeerPackages.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      for (Path above = from; above != null; above = above.getParent()) {
        Path folder = above.resolve("peers");
        if (Files.isRegularFile(folder.resolve("package-lock.json"))) {
          return folder;
        }
      }
      throw new PeerException("there is no e2e/peers/package-lock.json above " + from);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void install(Path folder) throws IOException {
    Process npm =
        new ProcessBuilder(List.of("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"))
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .start();
    npm.getOutputStream().close();
    try {
      // Its few lines fit the pipe or are read as they come; the time is bounded below.
      Thread late =
          Thread.startVirtualThread(() -> {
            try {
              if (!npm.waitFor(10, TimeUnit.MINUTES)) {
                npm.destroyForcibly();
              }
            } catch (InterruptedException e) {
              Thread.currentThread().interrupt();
            }
          });
      String said = new String(npm.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int status = npm.waitFor();
      late.interrupt();
      if (status != 0) {
        throw new PeerException(
            "npm could not install the peers' packages: "
                + said.lines().filter(line -> !line.isBlank()).findFirst().orElse("no reason"));
      }
    } catch (InterruptedException e) {
      npm.destroyForcibly();
      Thread.currentThread().interrupt();
      throw new PeerException("interrupted while npm installs the peers' packages", e);
    }
  }
}
