package dev.quern.runtime;

import dev.quern.onnx.Bytes;

/**
 * A WebAssembly memory seen from Java: addresses are bytes from its start, numbers are
 * little-endian and need no alignment. Reads and writes outside it are a programming error and
 * throw an unchecked exception.
 */
public interface LinearMemory {
  /** Its present size in bytes. */
  long size();

  /**
   * Grows it to at least {@code bytes}; existing contents stay. Only between runs.
   *
   * @throws MachineException if the engine refuses, naming both sizes
   */
  void ensure(long bytes);

  /** A view of part of it, {@link Addressed}, that stays valid when it grows. */
  Bytes view(long from, long length);

  byte getByte(long at);

  int getInt(long at);

  float getFloat(long at);

  double getDouble(long at);

  void putInt(long at, int value);

  /** Copies {@code length} bytes of {@code source} from {@code from} to the address {@code at}. */
  void write(long at, byte[] source, int from, int length);

  void writeInts(long at, int[] source, int from, int length);

  void writeFloats(long at, float[] source, int from, int length);

  void readFloats(long at, float[] target, int from, int length);

  /** Moves bytes inside the memory; the ranges may overlap. */
  void move(long from, long to, long length);

  /** Sets {@code length} bytes to zero. */
  void clear(long at, long length);
}
