package dev.quern.bridge;

import org.teavm.jso.JSExport;

/** The engine's entry in a worker. */
public final class Engine {
  private Engine() {}

  /** Called once by the runtime when the module starts. */
  public static void main(String[] args) {
    // The exports below are the interface; nothing happens at start.
  }

  /** The engine's version, as records and telemetry carry it. */
  @JSExport
  public static String version() {
    return "0.1.0";
  }
}
