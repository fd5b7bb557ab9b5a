package dev.quern.e2e;

import dev.quern.e2e.browser.BrowserException;
import dev.quern.e2e.data.DataException;
import dev.quern.e2e.harness.SdkException;
import dev.quern.e2e.peers.PeerException;
import dev.quern.server.StartException;
import dev.quern.server.models.ModelFileException;
import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The command line of what needs a browser. */
@Command(
    name = "quern",
    description = "Runs models in a headless browser, from the terminal.",
    mixinStandardHelpOptions = true,
    subcommands = {
      RunCommand.class,
      BenchCommand.class,
      ProfileCommand.class,
      ConformanceCommand.class,
      ModelsCommand.class
    })
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    // Browsers and servers leave threads behind that should not keep a finished command alive.
    System.exit(commandLine().execute(args));
  }

  static CommandLine commandLine() {
    return new CommandLine(new Main())
        .setUsageHelpLongOptionsMaxWidth(34)
        .setExecutionExceptionHandler((exception, command, parsed) -> {
          if (!isToldInASentence(exception)) {
            throw exception;
          }
          PrintWriter err = command.getErr();
          err.println("quern: " + exception.getMessage());
          if (exception instanceof SdkException sdk && sdk.problems().size() > 1) {
            sdk.problems().forEach(problem -> err.println("  - " + problem));
          }
          err.flush();
          return CommandLine.ExitCode.SOFTWARE;
        });
  }

  private static boolean isToldInASentence(Exception exception) {
    return exception instanceof BrowserException
        || exception instanceof DataException
        || exception instanceof SdkException
        || exception instanceof PeerException
        || exception instanceof CommandException
        || exception instanceof ModelFileException
        || exception instanceof StartException;
  }
}
