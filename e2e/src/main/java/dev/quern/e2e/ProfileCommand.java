package dev.quern.e2e;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.harness.Harness.Loaded;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code quern profile}: where a model's time goes, step by step, in a headless browser. */
@Command(
    name = "profile",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Runs a model on made-up inputs in a headless browser and prints where its time goes:",
      "for each step its milliseconds, GFLOP/s, GB/s, share of the peak and of the whole, sums by",
      "kernel family, and what lies outside the steps. Times mean something only on a machine that",
      "does nothing else."
    },
    footer = {
      "",
      "Examples:",
      "  quern profile all-MiniLM-L6-v2 --seq 128 --threads 2",
      "  quern profile model.onnx --dim height=224 --dim width=224 --json"
    })
final class ProfileCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description = "A model's name in the store, or an .onnx file.")
  private String model;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "1",
      description = "Size of a named first dimension of the inputs (default: ${DEFAULT-VALUE}).")
  private int batch;

  @Option(
      names = "--seq",
      paramLabel = "N",
      defaultValue = "128",
      description = "Size of any other named dimension (default: ${DEFAULT-VALUE}).")
  private int sequence;

  @Option(
      names = "--dim",
      paramLabel = "NAME=N",
      description = "Size of one named dimension; may be repeated.")
  private Map<String, Integer> dims = new LinkedHashMap<>();

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
      description = "Threads, 1 to 64 (default: 0 = as many as a measurement finds to help).")
  private int threads;

  @Option(
      names = "--device",
      paramLabel = "NAME",
      defaultValue = "wasm",
      description = "wasm or auto; the reference device has no steps (default: ${DEFAULT-VALUE}).")
  private String device;

  @Option(
      names = "--runs",
      paramLabel = "N",
      defaultValue = "25",
      description = "Runs that are measured (default: ${DEFAULT-VALUE}).")
  private int runs;

  @Option(
      names = "--tune",
      paramLabel = "SECONDS",
      defaultValue = "0",
      description = "Search for faster schedules first, at most so long (default: not at all).")
  private int tune;

  @Option(
      names = "--store",
      paramLabel = "DIR",
      description = "Directory of the weights (default: the user's data directory).")
  private Path store;

  @Option(names = "--json", description = "Print one JSON object instead of text.")
  private boolean json;

  @Override
  public Integer call() {
    check(batch >= 1 && sequence >= 1, "--batch and --seq are at least 1");
    check(threads >= 0 && threads <= 64, "--threads is 1 to 64, or 0");
    check(runs >= 3 && runs <= 1000, "--runs is 3 to 1000");
    dims.forEach((name, size) -> check(size >= 1, "--dim " + name + " is at least 1"));
    boolean file = model.endsWith(".onnx") || Files.isRegularFile(Path.of(model));
    if (file && !Files.isRegularFile(Path.of(model))) {
      throw new CommandException("there is no file " + model);
    }
    PrintWriter out = spec.commandLine().getOut();
    try (Workbench workbench = Workbench.start(browser, Optional.ofNullable(store))) {
      ObjectNode options =
          Harness.options()
              .put("threads", threads)
              .put("device", device)
              .put("tune", tune > 0)
              .put("schedules", false);
      if (!file) {
        workbench.requireModel(model);
      }
      Harness harness = workbench.harness();
      try (Loaded loaded =
          file ? harness.session(Path.of(model), options) : harness.session(model, options)) {
        JsonNode declared = loaded.facts().get("inputs");
        checkNames(declared);
        Map<String, TensorData> inputs = SyntheticInputs.of(declared, dims, batch, sequence);
        tune(loaded, inputs);
        JsonNode profile = loaded.profile(inputs, runs);
        List<Double> calls = new ArrayList<>();
        for (int i = 0; i < Math.min(runs, 15); i++) {
          calls.add(loaded.run(inputs).timing().milliseconds());
        }
        ProfileReport report =
            ProfileReport.of(model, workbench.browser().version(), loaded.facts(), profile, calls);
        out.println(json ? report.json() : report.text());
      }
    }
    out.flush();
    return 0;
  }

  private void check(boolean right, String otherwise) {
    if (!right) {
      throw new CommandLine.ParameterException(spec.commandLine(), otherwise);
    }
  }

  private void checkNames(JsonNode declared) {
    List<String> names = new ArrayList<>();
    for (JsonNode input : declared) {
      for (JsonNode dim : input.get("dims")) {
        if (!dim.isNumber() && !names.contains(dim.asString())) {
          names.add(dim.asString());
        }
      }
    }
    for (String name : dims.keySet()) {
      if (!names.contains(name)) {
        throw new CommandException(
            "the model's inputs have no dimension '" + name + "'; they have " + names);
      }
    }
  }

  private void tune(Loaded loaded, Map<String, TensorData> inputs) {
    long end = System.nanoTime() + tune * 1_000_000_000L;
    while (System.nanoTime() < end) {
      loaded.run(inputs);
      JsonNode told = loaded.describe().get("progress").path("tune");
      JsonNode last = told.path(told.size() - 1);
      if (last.size() == 2 && last.get(0).asInt() >= last.get(1).asInt()) {
        break;
      }
    }
    loaded.tuning(false);
  }
}
