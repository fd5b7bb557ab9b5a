package dev.quern.e2e;

import dev.quern.e2e.bench.Benchmark;
import dev.quern.e2e.bench.Figure;
import dev.quern.e2e.browser.BrowserKind;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code quern bench}: the figures about speed and memory that the project reports. */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures the figures about speed and memory that the project reports, in a headless browser.",
      "Times mean something only on a machine that does nothing else."
    })
final class BenchCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

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
      defaultValue = "0",
      description = "Threads of the model, 1 to 64 (default: 0 = as many as the engine chooses).")
  private int threads;

  @Option(
      names = "--store",
      paramLabel = "DIR",
      description = "Directory of the weights (default: the user's data directory).")
  private Path store;

  @Option(names = "--json", description = "Print one JSON object instead of text.")
  private boolean json;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    ObjectNode root = JsonMapper.shared().createObjectNode();
    ArrayNode figures = root.putArray("figures");
    try (Workbench workbench = Workbench.start(browser, Optional.ofNullable(store))) {
      workbench.requireModel("all-MiniLM-L6-v2");
      String version = workbench.browser().version();
      root.put("browser", version);
      if (!json) {
        out.println(version);
        out.flush();
      }
      new Benchmark(
              workbench.harness(), workbench.front(), threads, figure -> tell(out, figures, figure))
          .run();
    }
    if (json) {
      out.println(root);
    }
    out.flush();
    return 0;
  }

  private void tell(PrintWriter out, ArrayNode figures, Figure figure) {
    figure.addTo(figures.addObject());
    if (!json) {
      out.println(figure.text());
      out.flush();
    }
  }
}
