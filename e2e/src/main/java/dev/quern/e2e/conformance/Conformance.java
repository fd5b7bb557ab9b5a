package dev.quern.e2e.conformance;

import dev.quern.e2e.harness.Harness;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Runs the cases of a folder. */
public final class Conformance {
  private Conformance() {}

  /** Runs them on the scalar kernels, in this process. */
  public static ConformanceReport onReference(Path root) {
    try (Subject subject = new ReferenceSubject()) {
      return run(root, subject);
    }
  }

  /** Runs them with generated kernels, in a browser's page. */
  public static ConformanceReport inBrowser(Path root, Harness harness, int threads) {
    try (Subject subject = new BrowserSubject(harness, threads)) {
      return run(root, subject);
    }
  }

  static ConformanceReport run(Path root, Subject subject) {
    List<Verdict> verdicts = new ArrayList<>();
    for (Case one : Case.below(root)) {
      verdicts.add(Verdict.of(one, subject));
    }
    return new ConformanceReport(verdicts);
  }
}
