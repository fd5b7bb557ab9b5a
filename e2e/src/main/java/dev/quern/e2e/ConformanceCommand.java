package dev.quern.e2e;

import dev.quern.e2e.browser.Browser;
import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.conformance.Conformance;
import dev.quern.e2e.conformance.ConformanceReport;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code quern conformance}: operator tests in the layout of ONNX's own. */
@Command(
    name = "conformance",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Runs every operator test below a folder: model.onnx beside test_data_set_* folders of",
      "input_N.pb and output_N.pb, as ONNX's own tests are. Prints what passed, failed and is not",
      "supported, by operator. Ends with 1 if a case failed."
    },
    footer = {
      "",
      "ONNX's own cases, on Debian:",
      "  apt-get install libonnx-testdata",
      "  quern conformance /usr/share/libonnx-testdata/data/node"
    })
final class ConformanceCommand implements Callable<Integer> {
  /** What computes. */
  enum Backend {
    reference,
    wasm,
    webgpu
  }

  @Spec private CommandSpec spec;

  @Parameters(index = "0", paramLabel = "DIR", description = "The folder with the cases.")
  private Path root;

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      defaultValue = "reference",
      description =
          "reference: the scalar kernels, without a browser; wasm: generated kernels, in one;"
              + " webgpu: shaders besides, in Chromium on its driver in software"
              + " (default: ${DEFAULT-VALUE}).")
  private Backend backend;

  @Option(
      names = "--browser",
      paramLabel = "NAME",
      defaultValue = "chromium",
      converter = RunCommand.BrowserOption.class,
      description = "chromium, firefox or webkit (default: ${DEFAULT-VALUE}).")
  private BrowserKind browser;

  @Option(
      names = "--threads",
      paramLabel = "N",
      defaultValue = "1",
      description = "Threads of each session in the browser (default: ${DEFAULT-VALUE}).")
  private int threads;

  @Option(names = "--json", paramLabel = "FILE", description = "Write the verdicts there, too.")
  private Path json;

  private ConformanceReport inBrowser() {
    Browser.Option[] options =
        backend == Backend.webgpu && browser == BrowserKind.CHROMIUM
            ? new Browser.Option[] {Browser.Option.CHROMIUM_WEBGPU}
            : new Browser.Option[0];
    try (Workbench workbench = Workbench.start(browser, Optional.empty(), options)) {
      return Conformance.inBrowser(root, workbench.harness(), backend.name(), threads, 1);
    }
  }

  @Override
  public Integer call() {
    if (!Files.isDirectory(root)) {
      throw new CommandException("there is no folder " + root);
    }
    ConformanceReport report =
        switch (backend) {
          case reference -> Conformance.onReference(root);
          case wasm, webgpu -> inBrowser();
        };
    if (report.isEmpty()) {
      throw new CommandException("there is no model.onnx below " + root);
    }
    if (json != null) {
      try {
        Files.writeString(json, report.json());
      } catch (IOException e) {
        throw new CommandException(json + " cannot be written: " + e.getMessage(), e);
      }
    }
    PrintWriter out = spec.commandLine().getOut();
    out.print(report.text());
    out.flush();
    return report.failed() == 0 ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
  }
}
