package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.conformance.Conformance;
import dev.quern.e2e.conformance.ConformanceReport;
import dev.quern.e2e.harness.Harness;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/**
 * A sample of ONNX's operator cases with generated kernels in each browser; all of them take
 * minutes ({@code quern conformance --backend=wasm}), and run in V8 on the JVM anyway.
 */
@InEachBrowser
class ConformanceTest {
  private static final Path CASES =
      Path.of(System.getProperty("quern.node.cases", "/usr/share/libonnx-testdata/data/node"));

  private final BrowserKind kind;

  ConformanceTest(BrowserKind kind) {
    this.kind = kind;
  }

  @Test
  void noCaseIsWrong() {
    assumeTrue(Files.isDirectory(CASES), "the package libonnx-testdata is not installed");
    int every = kind == BrowserKind.CHROMIUM ? 7 : 19;
    try (Harness harness = Site.harness(TestBrowsers.get(kind), true)) {
      ConformanceReport report = Conformance.inBrowser(CASES, harness, "wasm", 1, every);
      assertThat(report.failed()).as(report.text()).isZero();
      // Of all 932 cases 59 are refused, by the operator table.
      assertThat(report.passed()).as(report.text()).isGreaterThan(8 * report.unsupported());
    }
  }
}
