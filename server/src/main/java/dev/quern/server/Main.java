package dev.quern.server;

import dev.quern.server.records.StoreException;
import dev.quern.server.weights.ImportException;
import dev.quern.server.weights.ModelImport;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The server's command line: {@code demo}, {@code serve}, {@code import}. */
@Command(
    name = "quern",
    description = "Serves models, schedules, telemetry and pages.",
    mixinStandardHelpOptions = true,
    subcommands = {Main.Demo.class, Main.Serve.class, ImportCommand.class})
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
}
