package dev.quern.bridge;

import org.teavm.jso.JSExport;
import org.teavm.jso.JSExportClasses;

/** The entry of {@code engine-full.wasm}, which knows every operator. */
@JSExportClasses(Engine.class)
public final class FullEngine {
  private FullEngine() {}

  /** Called once by the runtime when the module starts. */
  public static void main(String[] args) {
    // The exports are the interface; nothing happens at start.
  }

  /** Connects the engine to the worker's JavaScript, before anything else. */
  @JSExport
  public static void start(Host to) {
    Engine.start(to, Edition.full());
  }
}
