package dev.quern.e2e;

import dev.quern.e2e.bench.Benchmark;
import dev.quern.e2e.bench.Figure;
import dev.quern.e2e.bench.GemvFigures;
import dev.quern.e2e.bench.GenerationFigures;
import dev.quern.e2e.bench.StartFigures;
import dev.quern.e2e.browser.Browser;
import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.peers.Comparison;
import dev.quern.e2e.peers.ComparisonPlot;
import dev.quern.e2e.peers.ComparisonResult;
import dev.quern.e2e.peers.ComparisonTable;
import dev.quern.e2e.peers.Engine;
import dev.quern.e2e.peers.ModelWorkload;
import dev.quern.e2e.peers.Settings;
import dev.quern.e2e.peers.Workload;
import dev.quern.onnx.ModelException;
import dev.quern.server.weights.ImportException;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * {@code quern bench}: the figures about speed and memory that the project reports, and the
 * comparison with other engines.
 */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures the figures about speed and memory that the project reports, in a headless browser;",
      "with --peers, --filter or --model instead: the cases of the comparison with other engines.",
      "Times mean something only on a machine that does nothing else."
    },
    footer = {
      "",
      "Examples:",
      "  quern bench --peers --threads=1,2 --markdown",
      "  quern bench --peers=ort --filter=\"minilm f32 1x\" --threads=2",
      "  quern bench --filter=matmul --json",
      "  quern bench --device=webgpu --peers --filter=minilm",
      "  quern bench --architectures --peers=ort --filter=resnet",
      "  quern bench --model=model.onnx --dim height=224 --dim width=224 --peers=ort",
      "  quern bench --filter=gemv"
    })
final class BenchCommand implements Callable<Integer> {
  /** The filter that asks for decoding at batch 1 and nothing else. */
  private static final String GEMV = "gemv";

  /** The filter that asks for the speed of decoders. */
  private static final String GENERATION = "generation";

  @Spec private CommandSpec spec;

  @Option(
      names = "--browser",
      paramLabel = "NAME",
      defaultValue = "chromium",
      converter = RunCommand.BrowserOption.class,
      description = "chromium, firefox or webkit (default: ${DEFAULT-VALUE}).")
  private BrowserKind browser;

  @Option(
      names = "--device",
      paramLabel = "NAME",
      defaultValue = "wasm",
      description = {
        "What computes in the comparison: wasm; webgpu, where what each engine asks of the GPU is",
        "counted too; or webgpu-compatibility, Chromium's adapter on OpenGL ES (default: wasm)."
      })
  private String device;

  @Option(
      names = "--peers",
      paramLabel = "NAMES",
      arity = "0..1",
      fallbackValue = "all",
      split = ",",
      description =
          "Run the other engines too: all, or some of those of e2e/peers (ort, ...). They come from npm.")
  private List<String> peers = List.of();

  @Option(
      names = "--filter",
      paramLabel = "WORDS",
      defaultValue = "",
      description =
          "Only cases with these words in their names, such as \"minilm f32 1x\"; "
              + "or tuning, gemv, generation: only the figures about the search for schedules, about "
              + "decoding at batch 1, about whole decoders; or start, with --device=webgpu: what "
              + "a GPU costs the first inference.")
  private String filter;

  @Option(
      names = "--architectures",
      description = "Compare on networks of full size of the architectures that people bring.")
  private boolean architectures;

  @Option(
      names = "--model",
      paramLabel = "FILE",
      description = "Compare on a model of yours, an .onnx file, instead of the cases there are.")
  private Path model;

  @Option(
      names = "--dim",
      paramLabel = "NAME=N",
      description = "Size of a named dimension of that model's inputs; may be repeated.")
  private Map<String, Integer> dims = new LinkedHashMap<>();

  @Option(
      names = "--seq",
      paramLabel = "N",
      defaultValue = "128",
      description =
          "Size of any other named dimension that is no batch (default: ${DEFAULT-VALUE}).")
  private int sequence;

  @Option(
      names = "--threads",
      paramLabel = "N",
      split = ",",
      description =
          "Threads, 1 to 64. Of the comparison: any number of them (default: 1,2); "
              + "else one (default: as many as the engine chooses).")
  private List<Integer> threads = List.of();

  @Option(
      names = "--seconds",
      paramLabel = "N",
      defaultValue = "6",
      description = "How long a case of the comparison is measured (default: ${DEFAULT-VALUE}).")
  private int seconds;

  @Option(
      names = "--tune",
      paramLabel = "N",
      defaultValue = "3",
      description =
          "Seconds in which Quern may search for faster kernels before each case of the comparison "
              + "(default: ${DEFAULT-VALUE}).")
  private int tune;

  @Option(
      names = "--idle",
      paramLabel = "N",
      defaultValue = "60",
      description =
          "Seconds in which the comparison waits for a machine that does nothing else "
              + "(default: ${DEFAULT-VALUE}).")
  private int idle;

  @Option(
      names = "--store",
      paramLabel = "DIR",
      description = "Directory of the weights (default: the user's data directory).")
  private Path store;

  @Option(names = "--json", description = "Print one JSON object instead of text.")
  private boolean json;

  @Option(names = "--markdown", description = "Print the comparison as a table of Markdown.")
  private boolean markdown;

  @Option(
      names = "--svg",
      paramLabel = "FILE",
      description = "Where the comparison's picture goes (default: e2e/target/bench.svg).")
  private Path svg;

  @Override
  public Integer call() {
    for (int count : threads) {
      if (count < 0 || count > 64) {
        throw new ParameterException(spec.commandLine(), "there are no " + count + " threads");
      }
    }
    List<Engine> engines = engines();
    List<Workload> workloads = workloads();
    Browser.Option[] adapter = adapter();
    boolean gpu = adapter.length > 0;
    boolean start = filter.equals(StartFigures.START);
    if (start && !gpu) {
      throw new ParameterException(
          spec.commandLine(), "--filter=start compares with a GPU: add --device=webgpu");
    }
    try (Workbench workbench = Workbench.start(browser, Optional.ofNullable(store), adapter)) {
      workbench.requireModel("all-MiniLM-L6-v2");
      if (start) {
        figures(workbench);
      } else if (model == null
          && !architectures
          && peers.isEmpty()
          && !gpu
          && Set.of("", Benchmark.TUNING, GEMV, GENERATION).contains(filter)) {
        figures(workbench);
      } else {
        compare(workbench, engines, workloads, gpu);
      }
    }
    spec.commandLine().getOut().flush();
    return 0;
  }

  private List<Engine> engines() {
    if (peers.equals(List.of("all"))) {
      return Engine.peers();
    }
    return peers.stream()
        .map(id ->
            Engine.peer(id)
                .orElseThrow(() ->
                    new ParameterException(
                        spec.commandLine(),
                        "'" + id + "' is no peer; there are: " + Engine.peerIds())))
        .toList();
  }

  private List<Workload> workloads() {
    if (model == null) {
      return architectures ? ModelWorkload.architectures() : Workload.all();
    }
    if (!Files.isRegularFile(model)) {
      throw new CommandException("there is no file " + model);
    }
    try {
      String name = model.getFileName().toString();
      return List.of(ModelWorkload.of(name, Files.readAllBytes(model), dims, sequence));
    } catch (IOException | ModelException | ImportException e) {
      throw new CommandException(model + ": " + e.getMessage(), e);
    }
  }

  /** What the browser is started with for the device. */
  private Browser.Option[] adapter() {
    if (device.equals("wasm")) {
      return new Browser.Option[0];
    }
    Browser.Option option =
        switch (browser) {
          case CHROMIUM -> Browser.Option.CHROMIUM_WEBGPU;
          case FIREFOX -> Browser.Option.FIREFOX_WEBGPU;
          case WEBKIT -> null;
        };
    if (device.equals("webgpu-compatibility")) {
      option = browser == BrowserKind.CHROMIUM ? Browser.Option.CHROMIUM_COMPATIBILITY : null;
    } else if (!device.equals("webgpu")) {
      throw new ParameterException(
          spec.commandLine(),
          "'" + device + "' is no device; there are: wasm, webgpu, webgpu-compatibility");
    }
    if (option == null) {
      throw new ParameterException(
          spec.commandLine(), browser.label() + " has no " + device + " here; use chromium");
    }
    return new Browser.Option[] {option};
  }

  private void compare(
      Workbench workbench, List<Engine> engines, List<Workload> workloads, boolean gpu) {
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    boolean fma = workbench.harness().capabilities().get("fma").get("available").asBoolean();
    Settings settings =
        new Settings(
            gpu ? "webgpu" : "wasm",
            engines,
            workloads,
            filter,
            threads.isEmpty() ? gpu ? List.of(2) : List.of(1, 2) : threads,
            Duration.ofSeconds(tune),
            Duration.ofSeconds(seconds),
            Duration.ofSeconds(idle),
            target());
    ComparisonResult result =
        new Comparison(
                workbench.browser(),
                workbench.front(),
                settings,
                fma,
                line -> {
                  err.println("quern: " + line);
                  err.flush();
                })
            .run();
    if (json) {
      out.println(result.json());
    } else {
      ComparisonTable table = new ComparisonTable(result);
      out.println(markdown ? table.markdown() : table.text());
    }
    if (gpu) {
      return; // the picture is of speed, which says little of a driver in software
    }
    Path picture = svg == null ? target().resolve("bench.svg") : svg;
    try {
      Files.writeString(picture, new ComparisonPlot(result).svg());
      err.println("quern: drawn to " + picture);
    } catch (IOException e) {
      throw new CommandException(picture + " cannot be written: " + e.getMessage(), e);
    }
  }

  /** The build's output folder of this module: it holds the jar or the classes. */
  private static Path target() {
    try {
      return Path.of(BenchCommand.class.getProtectionDomain().getCodeSource().getLocation().toURI())
          .getParent();
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private void figures(Workbench workbench) {
    PrintWriter out = spec.commandLine().getOut();
    ObjectNode root = JsonMapper.shared().createObjectNode();
    ArrayNode figures = root.putArray("figures");
    String version = workbench.browser().version();
    root.put("browser", version);
    if (!json) {
      out.println(version);
      out.flush();
    }
    int count = threads.isEmpty() ? 0 : threads.getFirst();
    Consumer<Figure> listener = figure -> tell(out, figures, figure);
    Benchmark benchmark = new Benchmark(workbench.harness(), workbench.front(), count, listener);
    if (filter.equals(GEMV)) {
      new GemvFigures(workbench.harness(), workbench.front(), listener)
          .run(threads.isEmpty() ? List.of(1, 2) : threads);
    } else if (filter.equals(GENERATION)) {
      new GenerationFigures(workbench.harness(), workbench.front(), listener)
          .run(threads.isEmpty() ? List.of(1, 2) : threads);
    } else if (filter.equals(StartFigures.START)) {
      new StartFigures(workbench.harness(), listener).run();
    } else if (filter.isEmpty()) {
      benchmark.run();
    } else {
      benchmark.tuning();
    }
    if (json) {
      out.println(root);
    }
  }

  private void tell(PrintWriter out, ArrayNode figures, Figure figure) {
    figure.addTo(figures.addObject());
    if (!json) {
      out.println(figure.text());
      out.flush();
    }
  }
}
