package dev.quern.e2e.browser;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A process that we started, with everything that it started: ended together, and at the latest
 * with this JVM.
 */
final class ProcessTree {
  /**
   * Held while a browser starts, because a driver is recognised as the child process that was not
   * there before.
   */
  static final Object LAUNCH = new Object();

  private static final Set<ProcessTree> LIVE = ConcurrentHashMap.newKeySet();
  private static final Set<Path> FOLDERS = ConcurrentHashMap.newKeySet();

  static {
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  List.copyOf(LIVE).forEach(ProcessTree::kill);
                  FOLDERS.forEach(ProcessTree::delete);
                },
                "end browsers"));
  }

  private final ProcessHandle root;

  private ProcessTree(ProcessHandle root) {
    this.root = root;
  }

  static ProcessTree of(ProcessHandle root) {
    ProcessTree tree = new ProcessTree(root);
    LIVE.add(tree);
    return tree;
  }

  /**
   * Ends the process and its descendants, children last so that none is started anew, and waits for
   * them to go.
   */
  void kill() {
    List<ProcessHandle> all = new ArrayList<>(root.descendants().toList());
    Collections.reverse(all);
    all.addFirst(root);
    all.forEach(ProcessHandle::destroyForcibly);
    for (ProcessHandle process : all) {
      try {
        process.onExit().get(5, TimeUnit.SECONDS);
      } catch (Exception e) {
        // A process that outlives SIGKILL is stuck in the kernel; there is nothing more to do about
        // it here.
        if (e instanceof InterruptedException) {
          Thread.currentThread().interrupt();
        }
      }
    }
    LIVE.remove(this);
  }

  /** A new folder that only this user may read; it is deleted with this JVM, if not before. */
  static Path privateFolder(String name) {
    try {
      Path folder =
          Files.createTempDirectory(
              "quern-" + name,
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      FOLDERS.add(folder);
      return folder;
    } catch (IOException e) {
      throw new BrowserException("no temporary folder could be made: " + e.getMessage(), e);
    }
  }

  /** Processes that were told to end may still write for a moment: half a second of attempts. */
  static void delete(Path folder) {
    for (int attempt = 0; attempt < 10 && Files.exists(folder); attempt++) {
      if (attempt > 0) {
        Problems.pause(Duration.ofMillis(50));
      }
      try (Stream<Path> files = Files.walk(folder)) {
        files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
      } catch (IOException | UncheckedIOException e) {
        // A file vanished under way; the next attempt sees what is left.
      }
    }
  }
}
