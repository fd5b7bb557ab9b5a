package dev.quern.bridge;

import org.teavm.jso.JSExport;

/** The engine's entry in a worker. */
public final class Engine {
  private static BrowserMachine machine;

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

  /** Connects the engine to the worker's JavaScript, before anything else. */
  @JSExport
  public static void start(Host host) {
    Native.connect(host);
    machine = new BrowserMachine(host);
  }

  /** Bytes of the kernels' memory. */
  @JSExport
  public static double memoryBytes() {
    return machine.memory().size();
  }
}
