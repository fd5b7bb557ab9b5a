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
      return run(root, subject, 1, false);
    }
  }

  /**
   * Runs them with generated kernels, in a browser's page.
   *
   * @param device wasm or webgpu
   * @param every 1 for all cases, 10 for each tenth of them
   * @throws dev.quern.e2e.browser.BrowserException if the browser is lost or does not answer in
   *     time
   */
  public static ConformanceReport inBrowser(
      Path root, Harness harness, String device, int threads, int every) {
    try (Subject subject = new BrowserSubject(harness, device, threads)) {
      return run(root, subject, every, device.equals("webgpu"));
    }
  }

  static ConformanceReport run(Path root, Subject subject, int every, boolean gpu) {
    List<Case> cases = Case.below(root);
    List<Verdict> verdicts = new ArrayList<>();
    for (int i = 0; i < cases.size(); i += every) {
      verdicts.add(Verdict.of(cases.get(i), subject));
    }
    return new ConformanceReport(verdicts, gpu);
  }
}
