package dev.quern.bridge;

import org.teavm.jso.JSExport;
import org.teavm.jso.JSExportClasses;

/**
 * The entry of {@code engine-gpu.wasm} and {@code engine.mjs}: the full engine, and what writes
 * WGSL. Of WebAssembly GC only sessions that may use a GPU, and have one, load it.
 */
@JSExportClasses({Engine.class, GpuCalls.class})
public final class GpuEngine {
  private GpuEngine() {}

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
