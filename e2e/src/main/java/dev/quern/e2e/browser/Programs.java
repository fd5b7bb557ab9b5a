package dev.quern.e2e.browser;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Finds installed programs, and says what to install if one is missing. */
final class Programs {
  private Programs() {}

  /** The first file of that name on the search path that may be executed. */
  static Optional<Path> find(String program) {
    String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
    for (String folder : List.of(path.split(File.pathSeparator, -1))) {
      Path candidate = Path.of(folder.isEmpty() ? "." : folder, program);
      if (Files.isRegularFile(candidate) && Files.isExecutable(candidate)) {
        return Optional.of(candidate);
      }
    }
    return Optional.empty();
  }

  static Path require(String program, String aptPackage) {
    return find(program).orElseThrow(() -> missing(program, aptPackage));
  }

  /**
   * The test browser of WebKitGTK, which lies outside the search path in a folder named after the
   * architecture.
   */
  static Path requireMiniBrowser() {
    String aptPackage = "libwebkit2gtk-4.1-0";
    for (String folder :
        List.of(
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/libexec",
            "/usr/lib")) {
      Path candidate = Path.of(folder, "webkit2gtk-4.1", "MiniBrowser");
      if (Files.isExecutable(candidate)) {
        return candidate;
      }
    }
    throw missing("MiniBrowser", aptPackage);
  }

  private static BrowserException missing(String program, String aptPackage) {
    return new BrowserException(
        "the program '"
            + program
            + "' is not installed: run 'apt-get install "
            + aptPackage
            + "' and try again");
  }
}
