package dev.quern.e2e;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.data.TensorFile;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.harness.Harness.Embeddings;
import dev.quern.e2e.harness.Harness.Loaded;
import dev.quern.e2e.harness.Harness.Outputs;
import dev.quern.e2e.harness.Harness.Timing;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ObjectNode;

/** {@code quern run}: a model in a headless browser, on texts or on tensors. */
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Runs a model in a headless browser.",
      "With --text: embeddings, their cosine matrix, milliseconds, GFLOP/s and the chosen tiles.",
      "With --input: tensors from files; the outputs are written to --output as .npy."
    },
    footer = {
      "",
      "Examples:",
      "  quern run all-MiniLM-L6-v2 --text \"a cat sleeps\" --text \"a kitten naps\"",
      "  quern run model.onnx --input x=x.npy --output out --browser firefox"
    })
final class RunCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description = "A model's name in the store, or an .onnx file.")
  private String model;

  @Option(names = "--text", paramLabel = "TEXT", description = "A text to embed; may be repeated.")
  private List<String> texts = List.of();

  @Option(
      names = "--input",
      paramLabel = "NAME=FILE",
      description = "A tensor from a .npy or .pb (ONNX TensorProto) file; may be repeated.")
  private Map<String, Path> inputs = new LinkedHashMap<>();

  @Option(
      names = "--output",
      paramLabel = "DIR",
      description = "Where output tensors go, one .npy file each.")
  private Path output;

  @Option(
      names = "--browser",
      paramLabel = "NAME",
      defaultValue = "chromium",
      converter = BrowserOption.class,
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
      defaultValue = "auto",
      description = "wasm, reference (slow and plain) or auto (default: ${DEFAULT-VALUE}).")
  private String device;

  @Option(
      names = "--runs",
      paramLabel = "N",
      defaultValue = "10",
      description = "Runs after the first one; their median is told (default: ${DEFAULT-VALUE}).")
  private int runs;

  @Option(
      names = "--no-tune",
      description = "Keep the first schedules instead of searching for faster ones.")
  private boolean fixed;

  @Option(
      names = "--store",
      paramLabel = "DIR",
      description = "Directory of the weights (default: the user's data directory).")
  private Path store;

  @Option(names = "--json", description = "Print one JSON object instead of text.")
  private boolean json;

  /** Takes the browsers' names in any case. */
  static final class BrowserOption implements CommandLine.ITypeConverter<BrowserKind> {
    @Override
    public BrowserKind convert(String value) {
      for (BrowserKind kind : BrowserKind.values()) {
        if (kind.option().equals(value.toLowerCase(Locale.ROOT))) {
          return kind;
        }
      }
      throw new CommandLine.TypeConversionException(
          "'" + value + "' is no browser; use chromium, firefox or webkit");
    }
  }

  @Override
  public Integer call() {
    checkArguments();
    Map<String, TensorData> tensors = new LinkedHashMap<>();
    inputs.forEach((name, file) -> tensors.put(name, TensorFile.read(file)));
    PrintWriter out = spec.commandLine().getOut();
    try (Workbench workbench = Workbench.start(browser, Optional.ofNullable(store))) {
      ObjectNode options =
          Harness.options().put("threads", threads).put("device", device).put("tune", !fixed);
      Harness harness = workbench.harness();
      Report report;
      if (texts.isEmpty()) {
        report = tensors(workbench, harness, options, tensors);
      } else {
        workbench.requireModel(model);
        try (Loaded loaded = harness.pipeline(model, options)) {
          Series<Embeddings> series = series(() -> loaded.embed(texts), Embeddings::timing);
          report =
              new Report(
                      model,
                      workbench.browser().version(),
                      loaded.facts(),
                      loaded.describe(),
                      series.timings())
                  .withEmbeddings(texts, series.last());
        }
      }
      out.println(json ? report.json() : report.text());
      out.flush();
      return 0;
    }
  }

  private void checkArguments() {
    if (texts.isEmpty() == inputs.isEmpty()) {
      throw new CommandLine.ParameterException(
          spec.commandLine(), "give either --text (embeddings) or --input NAME=FILE (tensors)");
    }
    if (!inputs.isEmpty() && output == null) {
      throw new CommandLine.ParameterException(
          spec.commandLine(), "say with --output DIR where the output tensors go");
    }
    if (threads < 0 || threads > 64) {
      throw new CommandLine.ParameterException(spec.commandLine(), "--threads is 1 to 64, or 0");
    }
    if (runs < 0 || runs > 10_000) {
      throw new CommandLine.ParameterException(spec.commandLine(), "--runs is 0 to 10000");
    }
    if (isFile() && !Files.isRegularFile(Path.of(model))) {
      throw new CommandException("there is no file " + model);
    }
    if (isFile() && !texts.isEmpty()) {
      throw new CommandException(
          "texts need a tokenizer beside the model: put both into the store with './quern import DIR --name NAME"
              + " --task feature-extraction' and run NAME");
    }
  }

  private boolean isFile() {
    return model.endsWith(".onnx") || Files.isRegularFile(Path.of(model));
  }

  private Report tensors(
      Workbench workbench, Harness harness, ObjectNode options, Map<String, TensorData> tensors) {
    if (!isFile()) {
      workbench.requireModel(model);
    }
    try (Loaded loaded =
        isFile() ? harness.session(Path.of(model), options) : harness.session(model, options)) {
      Series<Outputs> series = series(() -> loaded.run(tensors), Outputs::timing);
      return new Report(
              model,
              workbench.browser().version(),
              loaded.facts(),
              loaded.describe(),
              series.timings())
          .withOutputs(write(series.last().tensors()));
    }
  }

  private Map<String, Report.Written> write(Map<String, TensorData> tensors) {
    Map<String, Report.Written> written = new LinkedHashMap<>();
    try {
      Files.createDirectories(output);
    } catch (IOException e) {
      throw new CommandException("the folder " + output + " cannot be made: " + e.getMessage(), e);
    }
    tensors.forEach((name, tensor) -> {
      // Names of values may hold slashes and colons, which are no part of a file's name.
      Path file = output.resolve(name.replaceAll("[^A-Za-z0-9._-]", "_") + ".npy");
      TensorFile.write(file, name, tensor);
      written.put(name, new Report.Written(file, tensor));
    });
    return written;
  }

  /** The last answer, and the timing of every run, the first one first. */
  private record Series<T>(T last, List<Timing> timings) {}

  private <T> Series<T> series(Supplier<T> run, java.util.function.Function<T, Timing> timing) {
    List<Timing> timings = new ArrayList<>();
    T last = run.get();
    timings.add(timing.apply(last));
    for (int i = 0; i < runs; i++) {
      last = run.get();
      timings.add(timing.apply(last));
    }
    return new Series<>(last, timings);
  }
}
