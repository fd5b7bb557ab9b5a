package dev.quern.bridge;

import org.teavm.jso.JSObject;
import org.teavm.jso.JSProperty;

/**
 * What the worker's JavaScript gives the engine (machine.js): the memories, the clock, the
 * instances. Addresses and sizes are bytes; functions that can fail return -1 and keep the reason
 * in {@link #failure}.
 */
interface Host extends JSObject {
  /** Reads and writes of the kernels' memory. */
  @JSProperty
  Access getMemory();

  /** Reads and writes of the staging memory, through which bytes cross to JavaScript. */
  @JSProperty
  Access getStage();

  /** Whether relaxed SIMD validates. */
  @JSProperty
  boolean isRelaxedSimd();

  /** Whether the kernels' memory is shared, so that modules import a shared one. */
  @JSProperty
  boolean isShared();

  /** Threads that compute, the engine's own among them. */
  @JSProperty
  int getThreads();

  /** Why the last call returned -1. */
  String failure();

  /** Milliseconds of a monotonic clock. */
  double now();

  /** Pages of 64 KiB that the kernels' memory has. */
  int pages();

  /** Grows the kernels' memory to at least so many bytes. */
  int ensure(double bytes);

  /** Grows the staging memory. */
  int ensureStage(double bytes);

  /** Copies the bytes of an input of the run to the kernels' memory. */
  void input(int index, int to);

  /** Copies the bytes of an input of the run to the start of the staging memory. */
  void stageInput(int index);

  /** Whether the module at the start of the staging memory validates: 1 or 0. */
  int validate(int length);

  /** Instantiates that module on this thread: its handle. */
  int load(int length);

  /** Instantiates that module on every thread. */
  int install(int length);

  /** Compiles that module for the page, which runs short programs itself. */
  int share(int length);

  /** Calls an export with {@code count} doubles that lie at the start of the staging memory. */
  double call(int handle, String name, int count);

  /** Runs steps of a program on all threads. */
  int run(int program, int first, int last);

  /** Loads and stores of one memory; little-endian, unaligned, addresses unsigned. */
  interface Access extends JSObject {
    byte getByte(int at);

    int getInt(int at);

    float getFloat(int at);

    double getDouble(int at);

    void putByte(int at, int value);

    void putInt(int at, int value);

    void putFloat(int at, float value);

    void putDouble(int at, double value);

    void move(int from, int to, int length);

    void clear(int at, int length);
  }
}
