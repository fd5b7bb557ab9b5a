package dev.quern.server;

import java.nio.file.Path;

/**
 * How a server is set up.
 *
 * @param host address to listen on
 * @param port to listen on; 0 takes any free one
 * @param store directory of the weight store
 * @param database file of the record store
 * @param telemetry whether the site takes telemetry
 * @param isolation whether pages are cross-origin isolated, which threads in the browser need
 */
public record Options(
    String host, int port, Path store, Path database, boolean telemetry, boolean isolation) {

  public Options {
    if (port < 0 || port > 65535) {
      throw new StartException("--port is 0 (any free one) to 65535, not " + port, null);
    }
  }

  /** On 127.0.0.1 at any free port, with all data below a directory; no telemetry, isolated. */
  public static Options in(Path directory) {
    return new Options(
        "127.0.0.1", 0, directory.resolve("weights"), directory.resolve("quern.db"), false, true);
  }

  /**
   * Where data lies unless an option says otherwise: {@code quern} in the user's data directory.
   */
  public static Path home() {
    String data = System.getenv("XDG_DATA_HOME");
    Path base =
        data == null || data.isBlank()
            ? Path.of(System.getProperty("user.home"), ".local", "share")
            : Path.of(data);
    return base.resolve("quern");
  }

  public Options withHost(String host) {
    return new Options(host, port, store, database, telemetry, isolation);
  }

  public Options withPort(int port) {
    return new Options(host, port, store, database, telemetry, isolation);
  }

  public Options withStore(Path store) {
    return new Options(host, port, store, database, telemetry, isolation);
  }

  public Options withDatabase(Path database) {
    return new Options(host, port, store, database, telemetry, isolation);
  }

  public Options withTelemetry(boolean telemetry) {
    return new Options(host, port, store, database, telemetry, isolation);
  }

  public Options withIsolation(boolean isolation) {
    return new Options(host, port, store, database, telemetry, isolation);
  }
}
