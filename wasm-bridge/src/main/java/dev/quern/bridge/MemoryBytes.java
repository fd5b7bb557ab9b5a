package dev.quern.bridge;

import dev.quern.onnx.Bytes;
import dev.quern.runtime.Addressed;

/** A view of the kernels' memory: addresses stay right when the memory grows. */
final class MemoryBytes implements Addressed {
  private final int address;
  private final long size;

  /** The {@code size} bytes at an address, which lie inside the memory. */
  MemoryBytes(long address, long size) {
    this.address = (int) address;
    this.size = size;
  }

  @Override
  public long address() {
    return address & 0xffffffffL;
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public byte get(long at) {
    check(at, 1);
    return Native.getByte(address + (int) at);
  }

  @Override
  public int getInt(long at) {
    check(at, 4);
    return Native.getInt(address + (int) at);
  }

  @Override
  public long getLong(long at) {
    check(at, 8);
    int place = address + (int) at;
    return (Native.getInt(place) & 0xffffffffL) | (long) Native.getInt(place + 4) << 32;
  }

  @Override
  public float getFloat(long at) {
    check(at, 4);
    return Native.getFloat(address + (int) at);
  }

  @Override
  public double getDouble(long at) {
    check(at, 8);
    return Native.getDouble(address + (int) at);
  }

  @Override
  public Bytes slice(long from, long length) {
    check(from, length);
    return new MemoryBytes(address() + from, length);
  }

  @Override
  public void copyTo(long from, byte[] target, int at, int length) {
    check(from, length);
    int place = address + (int) from;
    int i = 0;
    for (; i + 4 <= length; i += 4) {
      int word = Native.getInt(place + i);
      target[at + i] = (byte) word;
      target[at + i + 1] = (byte) (word >> 8);
      target[at + i + 2] = (byte) (word >> 16);
      target[at + i + 3] = (byte) (word >> 24);
    }
    for (; i < length; i++) {
      target[at + i] = Native.getByte(place + i);
    }
  }

  private void check(long from, long length) {
    if (from < 0 || length < 0 || length > size - from) {
      throw new IndexOutOfBoundsException(
          "bytes " + from + " to " + (from + length) + " of " + size);
    }
  }
}
