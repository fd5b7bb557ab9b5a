package dev.quern.e2e.peers;

import dev.quern.e2e.bench.EngineDownload;
import dev.quern.e2e.browser.Browser;
import dev.quern.e2e.browser.BrowserException;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Front;
import dev.quern.e2e.oracle.Oracle;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import tools.jackson.databind.node.ObjectNode;

/**
 * From nothing to the first output of MiniLM, in a tab with empty storage: the engine's files, the
 * model's file, the session, one inference. All come from the same local server, the model from its
 * memory.
 */
final class LoadComparison {
  /** Loads of each engine. */
  private static final int TIMES = 3;

  /** Whose loading is compared. */
  static final Workload.MiniLm WORKLOAD = new Workload.MiniLm(1, 128, false);

  private final Browser browser;
  private final Front front;
  private final Path packages;
  private final Brotli brotli;
  private final Consumer<String> progress;

  LoadComparison(
      Browser browser, Front front, Path packages, Brotli brotli, Consumer<String> progress) {
    this.browser = browser;
    this.front = front;
    this.packages = packages;
    this.brotli = brotli;
    this.progress = progress;
  }

  /** The name of its case. */
  static String name() {
    return "load and first run of " + WORKLOAD.name();
  }

  /** Loads the engines in turn. */
  CaseResult run(List<Engine> engines, int threads) {
    Map<Engine, List<EnginePage.First>> loads = new EnumMap<>(Engine.class);
    Map<Engine, Measured> results = new EnumMap<>(Engine.class);
    boolean disturbed = false;
    try (ModelFiles files = new ModelFiles(front, WORKLOAD)) {
      TensorData expected;
      try (Oracle oracle = new Oracle(files.onnx())) {
        expected = oracle.run(WORKLOAD.inputs()).values().iterator().next();
      }
      // The first load of each does not count: the server's code and files are cold then.
      for (int i = 0; i <= TIMES; i++) {
        for (Engine engine : engines) {
          if (!results.containsKey(engine)) {
            try {
              EnginePage.First first = load(engine, threads, files, expected);
              if (i > 0) {
                loads.computeIfAbsent(engine, each -> new ArrayList<>()).add(first);
                disturbed |= first.foreignCores() > Comparison.FOREIGN;
              }
            } catch (PeerException | BrowserException e) {
              results.put(engine, new Measured.Refused(e.getMessage()));
            }
          }
        }
      }
    }
    loads.forEach((engine, firsts) -> {
      if (!results.containsKey(engine)) {
        results.put(engine, measured(engine, firsts));
      }
    });
    return new CaseResult(name(), threads, 0, results, Double.NaN, Double.NaN, disturbed);
  }

  private EnginePage.First load(Engine engine, int threads, ModelFiles files, TensorData expected) {
    ObjectNode model = files.model(engine.format(), WORKLOAD);
    front.takeFromFolders();
    try (EnginePage page = EnginePage.open(browser, front, engine.id(), threads, "wasm")) {
      page.prepare(WORKLOAD.inputs(), expected);
      MachineLoad.awaitRest();
      return page.first(model);
    }
  }

  private Measured measured(Engine engine, List<EnginePage.First> firsts) {
    double worst = firsts.stream().mapToDouble(EnginePage.First::worst).max().orElseThrow();
    if (worst > WORKLOAD.tolerance()) {
      return new Measured.Wrong(worst, WORKLOAD.tolerance());
    }
    ObjectNode facts = firsts.getLast().facts();
    facts.put("downloadBytes", download(engine, firsts.getLast().fetched()));
    return new Measured.Timed(
        firsts.stream().map(first -> List.of(first.milliseconds())).toList(),
        List.of(),
        worst,
        facts,
        null);
  }

  /** Of the engine alone, without the model and without the page's own scripts. */
  private long download(Engine engine, Set<String> fetched) {
    if (engine == Engine.QUERN) {
      return EngineDownload.of(front).bytes();
    }
    progress.accept("compressing the files of " + engine.label());
    long bytes = 0;
    for (String path : fetched) {
      bytes += brotli.size(packages.resolve(path.substring(EnginePage.PACKAGES.length())));
    }
    return bytes;
  }
}
