package dev.quern.server;

import dev.quern.server.records.StoreException;
import dev.quern.server.weights.FileWeightStore;
import dev.quern.server.weights.ImportException;
import dev.quern.server.weights.Manifest;
import dev.quern.server.weights.ModelImport;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The server's command line: {@code demo}, {@code serve}, {@code import}. */
@Command(
    name = "quern",
    description = "Serves models, schedules, telemetry and pages.",
    mixinStandardHelpOptions = true,
    subcommands = {Main.Demo.class, Main.Serve.class, Main.Import.class})
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    int status = commandLine().execute(args);
    if (status != 0) {
      System.exit(status);
    }
  }

  static CommandLine commandLine() {
    return new CommandLine(new Main())
        .setUsageHelpLongOptionsMaxWidth(30)
        .setExecutionExceptionHandler((exception, command, parsed) -> {
          if (exception instanceof StartException
              || exception instanceof ImportException
              || exception instanceof StoreException) {
            command.getErr().println("quern: " + exception.getMessage());
            return CommandLine.ExitCode.SOFTWARE;
          }
          throw exception;
        });
  }

  /** Options that each command that serves has. */
  private static final class Data {
    @Option(
        names = "--store",
        paramLabel = "DIR",
        description = "Directory of the weights (default: the user's data directory).")
    private Path store;

    @Option(
        names = "--database",
        paramLabel = "FILE",
        description = "SQLite file of schedules and telemetry (default: beside the store).")
    private Path database;

    @Option(
        names = "--telemetry",
        description = "Take telemetry: numbers and coarse device facts, never inputs or addresses.")
    private boolean telemetry;

    @Option(
        names = "--no-isolation",
        description = "Serve pages without COOP and COEP: they run one thread. For tests.")
    private boolean notIsolated;

    Options options(String host, int port) {
      Options options =
          Options.in(Options.home())
              .withHost(host)
              .withPort(port)
              .withTelemetry(telemetry)
              .withIsolation(!notIsolated);
      if (store != null) {
        options = options.withStore(store);
      }
      return database == null ? options : options.withDatabase(database);
    }
  }

  /** Starts, says where, and stays until the process is told to end. */
  private static void serve(Options options, PrintWriter out) throws IOException {
    App app = App.start(options);
    Runtime.getRuntime().addShutdownHook(new Thread(app::close, "quern-stop"));
    ModelImport models = new ModelImport(app.weights());
    for (String name : models.catalogue()) {
      out.println("Put " + name + " into " + options.store());
    }
    app.prepare();
    out.println("Quern is at " + app.address() + "  (Ctrl-C ends it)");
    out.flush();
  }

  @Command(
      name = "demo",
      mixinStandardHelpOptions = true,
      description = "Serves the demo pages and their models on this machine only.")
  static final class Demo implements Callable<Integer> {
    @Spec private CommandSpec spec;
    @CommandLine.Mixin private Data data;

    @Option(
        names = "--port",
        paramLabel = "N",
        defaultValue = "8080",
        description = "Port; 0 = any free one (default: ${DEFAULT-VALUE}).")
    private int port;

    @Override
    public Integer call() throws IOException {
      serve(data.options("127.0.0.1", port), spec.commandLine().getOut());
      return 0;
    }
  }

  @Command(
      name = "serve",
      mixinStandardHelpOptions = true,
      description = "Serves a site: weights, schedules, telemetry if turned on, pages.")
  static final class Serve implements Callable<Integer> {
    @Spec private CommandSpec spec;
    @CommandLine.Mixin private Data data;

    @Option(
        names = "--host",
        paramLabel = "ADDRESS",
        defaultValue = "127.0.0.1",
        description = "Address to listen on (default: ${DEFAULT-VALUE}; 0.0.0.0 = all).")
    private String host;

    @Option(
        names = "--port",
        paramLabel = "N",
        defaultValue = "8080",
        description = "Port; 0 = any free one (default: ${DEFAULT-VALUE}).")
    private int port;

    @Override
    public Integer call() throws IOException {
      serve(data.options(host, port), spec.commandLine().getOut());
      return 0;
    }
  }

  @Command(
      name = "import",
      mixinStandardHelpOptions = true,
      description =
          "Puts an ONNX file, or a directory with one (and tokenizer.json, external data), into"
              + " the store under a name.")
  static final class Import implements Callable<Integer> {
    @Spec private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "NAME", description = "Name that sites ask for.")
    private String name;

    @Parameters(index = "1", paramLabel = "FILE|DIR", description = "What to take in.")
    private Path path;

    @Option(
        names = "--store",
        paramLabel = "DIR",
        description = "Directory of the weights (default: the user's data directory).")
    private Path store;

    @Option(
        names = "--task",
        paramLabel = "TASK",
        defaultValue = "tensors",
        description = "tensors or feature-extraction (default: ${DEFAULT-VALUE}).")
    private String task;

    @Option(
        names = "--licence",
        paramLabel = "SPDX",
        defaultValue = "unknown",
        description = "SPDX identifier of the licence (default: ${DEFAULT-VALUE}).")
    private String licence;

    @Option(
        names = "--pooling",
        paramLabel = "KIND",
        defaultValue = "mean",
        description = "mean or cls, for feature-extraction (default: ${DEFAULT-VALUE}).")
    private String pooling;

    @Option(
        names = "--no-normalize",
        negatable = false,
        description = "Leave vectors as long as they are, for feature-extraction.")
    private boolean raw;

    @Option(
        names = "--max-length",
        paramLabel = "TOKENS",
        defaultValue = "512",
        description = "Tokens that the model takes (default: ${DEFAULT-VALUE}).")
    private int maxLength;

    @Override
    public Integer call() throws IOException {
      Manifest.PipelineOptions pipeline = null;
      if (task.equals("feature-extraction")) {
        if (!pooling.equals("mean") && !pooling.equals("cls")) {
          throw new ImportException("--pooling is mean or cls, not '" + pooling + "'");
        }
        if (maxLength < 1) {
          throw new ImportException("--max-length is at least 1, not " + maxLength);
        }
        pipeline = new Manifest.PipelineOptions(pooling, !raw, maxLength);
      } else if (!task.equals("tensors")) {
        throw new ImportException("--task is tensors or feature-extraction, not '" + task + "'");
      }
      Path directory = store == null ? Options.in(Options.home()).store() : store;
      Manifest manifest =
          new ModelImport(new FileWeightStore(directory))
              .files(new ModelImport.Description(name, task, licence, pipeline), path);
      PrintWriter out = spec.commandLine().getOut();
      for (Manifest.ModelFile file : manifest.files()) {
        out.println(file.role() + "  " + file.path() + "  " + file.bytes() + " bytes");
      }
      out.println("Put " + name + " into " + directory);
      out.flush();
      return 0;
    }
  }
}
