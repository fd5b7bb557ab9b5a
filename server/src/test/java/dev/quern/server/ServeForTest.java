package dev.quern.server;

import java.nio.file.Path;

/** A server in a process of its own, which a test can kill; prints its address, then serves. */
final class ServeForTest {
  private ServeForTest() {}

  public static void main(String[] args) {
    App app =
        App.start(Options.in(Path.of(args[0])).withDatabase(Path.of(args[1])).withTelemetry(true));
    System.out.println(app.address());
  }
}
