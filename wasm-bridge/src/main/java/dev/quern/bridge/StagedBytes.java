package dev.quern.bridge;

import dev.quern.onnx.Bytes;

/** A view of the staging memory, valid until anything else is staged. */
final class StagedBytes implements Bytes {
  private final int offset;
  private final long size;

  StagedBytes(long offset, long size) {
    this.offset = (int) offset;
    this.size = size;
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public byte get(long at) {
    check(at, 1);
    return Native.stagedByte(offset + (int) at);
  }

  @Override
  public int getInt(long at) {
    check(at, 4);
    return Native.stagedInt(offset + (int) at);
  }

  @Override
  public long getLong(long at) {
    check(at, 8);
    int place = offset + (int) at;
    return (Native.stagedInt(place) & 0xffffffffL) | (long) Native.stagedInt(place + 4) << 32;
  }

  @Override
  public Bytes slice(long from, long length) {
    check(from, length);
    return new StagedBytes(offset + from, length);
  }

  @Override
  public void copyTo(long from, byte[] target, int at, int length) {
    check(from, length);
    for (int i = 0; i < length; i++) {
      target[at + i] = Native.stagedByte(offset + (int) from + i);
    }
  }

  private void check(long from, long length) {
    if (from < 0 || length < 0 || length > size - from) {
      throw new IndexOutOfBoundsException(
          "bytes " + from + " to " + (from + length) + " of " + size);
    }
  }
}
