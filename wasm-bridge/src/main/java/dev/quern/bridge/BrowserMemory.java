package dev.quern.bridge;

import dev.quern.onnx.Bytes;
import dev.quern.runtime.LinearMemory;
import dev.quern.runtime.MachineException;

/** The session's WebAssembly memory. Its size is kept here, because growth is rare. */
final class BrowserMemory implements LinearMemory {
  private static final int PAGE = 65536;

  private static boolean refused;

  private final Host host;
  private long size;

  BrowserMemory(Host host) {
    this.host = host;
    this.size = (long) host.pages() * PAGE;
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public void ensure(long bytes) {
    if (bytes <= size) {
      return;
    }
    if (host.ensure((double) bytes) < 0) {
      refused = true;
      throw new MachineException(host.failure());
    }
    size = (long) host.pages() * PAGE;
  }

  /** Whether growth was refused since the last call: an error of its own for the page. */
  static boolean takeRefusal() {
    boolean was = refused;
    refused = false;
    return was;
  }

  @Override
  public Bytes view(long from, long length) {
    check(from, length);
    return new MemoryBytes(from, length);
  }

  @Override
  public byte getByte(long at) {
    check(at, 1);
    return Native.getByte((int) at);
  }

  @Override
  public int getInt(long at) {
    check(at, 4);
    return Native.getInt((int) at);
  }

  @Override
  public float getFloat(long at) {
    check(at, 4);
    return Native.getFloat((int) at);
  }

  @Override
  public double getDouble(long at) {
    check(at, 8);
    return Native.getDouble((int) at);
  }

  @Override
  public void putInt(long at, int value) {
    check(at, 4);
    Native.putInt((int) at, value);
  }

  @Override
  public void write(long at, byte[] source, int from, int length) {
    check(at, length);
    int place = (int) at;
    int i = 0;
    for (; i + 4 <= length; i += 4) {
      Native.putInt(place + i, word(source, from + i));
    }
    for (; i < length; i++) {
      Native.putByte(place + i, source[from + i]);
    }
  }

  /** Four bytes of an array as they lie in memory. */
  static int word(byte[] source, int at) {
    return (source[at] & 255)
        | (source[at + 1] & 255) << 8
        | (source[at + 2] & 255) << 16
        | source[at + 3] << 24;
  }

  @Override
  public void writeInts(long at, int[] source, int from, int length) {
    check(at, 4L * length);
    for (int i = 0; i < length; i++) {
      Native.putInt((int) at + 4 * i, source[from + i]);
    }
  }

  @Override
  public void writeFloats(long at, float[] source, int from, int length) {
    check(at, 4L * length);
    for (int i = 0; i < length; i++) {
      Native.putFloat((int) at + 4 * i, source[from + i]);
    }
  }

  @Override
  public void readFloats(long at, float[] target, int from, int length) {
    check(at, 4L * length);
    for (int i = 0; i < length; i++) {
      target[from + i] = Native.getFloat((int) at + 4 * i);
    }
  }

  @Override
  public void move(long from, long to, long length) {
    check(from, length);
    check(to, length);
    Native.move((int) from, (int) to, (int) length);
  }

  @Override
  public void clear(long at, long length) {
    check(at, length);
    Native.clear((int) at, (int) length);
  }

  private void check(long at, long length) {
    if (at < 0 || length < 0 || length > size - at) {
      throw new IndexOutOfBoundsException(
          "bytes " + at + " to " + (at + length) + " of a memory of " + size);
    }
  }
}
