package dev.quern.bridge;

import org.teavm.classlib.PlatformDetector;
import org.teavm.interop.Import;

/**
 * The host's functions that take plain numbers, by the cheapest way of each target: in WasmGC as
 * direct imports of another instance's exports (some nanoseconds; a call through JSO takes 40 ns in
 * Chromium and up to 2 µs in Firefox), in JavaScript as methods. TeaVM drops the branch that is not
 * the target's.
 */
final class Native {
  private static Host host;
  private static Host.Access memory;
  private static Host.Access stage;

  private Native() {}

  static void connect(Host to) {
    host = to;
    memory = to.getMemory();
    stage = to.getStage();
  }

  static byte getByte(int at) {
    return PlatformDetector.isWebAssemblyGC() ? (byte) Memory.getByte(at) : memory.getByte(at);
  }

  static int getInt(int at) {
    return PlatformDetector.isWebAssemblyGC() ? Memory.getInt(at) : memory.getInt(at);
  }

  static float getFloat(int at) {
    return PlatformDetector.isWebAssemblyGC() ? Memory.getFloat(at) : memory.getFloat(at);
  }

  static double getDouble(int at) {
    return PlatformDetector.isWebAssemblyGC() ? Memory.getDouble(at) : memory.getDouble(at);
  }

  static void putByte(int at, int value) {
    if (PlatformDetector.isWebAssemblyGC()) {
      Memory.putByte(at, value);
    } else {
      memory.putByte(at, value);
    }
  }

  static void putInt(int at, int value) {
    if (PlatformDetector.isWebAssemblyGC()) {
      Memory.putInt(at, value);
    } else {
      memory.putInt(at, value);
    }
  }

  static void putFloat(int at, float value) {
    if (PlatformDetector.isWebAssemblyGC()) {
      Memory.putFloat(at, value);
    } else {
      memory.putFloat(at, value);
    }
  }

  static void move(int from, int to, int length) {
    if (PlatformDetector.isWebAssemblyGC()) {
      Memory.move(from, to, length);
    } else {
      memory.move(from, to, length);
    }
  }

  static void clear(int at, int length) {
    if (PlatformDetector.isWebAssemblyGC()) {
      Memory.clear(at, length);
    } else {
      memory.clear(at, length);
    }
  }

  static byte stagedByte(int at) {
    return PlatformDetector.isWebAssemblyGC() ? (byte) Stage.getByte(at) : stage.getByte(at);
  }

  static int stagedInt(int at) {
    return PlatformDetector.isWebAssemblyGC() ? Stage.getInt(at) : stage.getInt(at);
  }

  static void stageByte(int at, int value) {
    if (PlatformDetector.isWebAssemblyGC()) {
      Stage.putByte(at, value);
    } else {
      stage.putByte(at, value);
    }
  }

  static void stageInt(int at, int value) {
    if (PlatformDetector.isWebAssemblyGC()) {
      Stage.putInt(at, value);
    } else {
      stage.putInt(at, value);
    }
  }

  static void stageDouble(int at, double value) {
    if (PlatformDetector.isWebAssemblyGC()) {
      Stage.putDouble(at, value);
    } else {
      stage.putDouble(at, value);
    }
  }

  static double now() {
    return PlatformDetector.isWebAssemblyGC() ? HostFunctions.now() : host.now();
  }

  static int run(int program, int first, int last) {
    return PlatformDetector.isWebAssemblyGC()
        ? HostFunctions.run(program, first, last)
        : host.run(program, first, last);
  }

  /** Imports of the instance that reads and writes the kernels' memory. */
  private static final class Memory {
    @Import(module = "memory", name = "getByte")
    static native int getByte(int at);

    @Import(module = "memory", name = "getInt")
    static native int getInt(int at);

    @Import(module = "memory", name = "getFloat")
    static native float getFloat(int at);

    @Import(module = "memory", name = "getDouble")
    static native double getDouble(int at);

    @Import(module = "memory", name = "putByte")
    static native void putByte(int at, int value);

    @Import(module = "memory", name = "putInt")
    static native void putInt(int at, int value);

    @Import(module = "memory", name = "putFloat")
    static native void putFloat(int at, float value);

    @Import(module = "memory", name = "move")
    static native void move(int from, int to, int length);

    @Import(module = "memory", name = "clear")
    static native void clear(int at, int length);
  }

  /** Imports of the instance that reads and writes the staging memory. */
  private static final class Stage {
    @Import(module = "stage", name = "getByte")
    static native int getByte(int at);

    @Import(module = "stage", name = "getInt")
    static native int getInt(int at);

    @Import(module = "stage", name = "putByte")
    static native void putByte(int at, int value);

    @Import(module = "stage", name = "putInt")
    static native void putInt(int at, int value);

    @Import(module = "stage", name = "putDouble")
    static native void putDouble(int at, double value);
  }

  /** Imports of the host itself. */
  private static final class HostFunctions {
    @Import(module = "host", name = "now")
    static native double now();

    @Import(module = "host", name = "run")
    static native int run(int program, int first, int last);
  }
}
