package dev.quern.onnx;

/** A part of a byte array. */
final class ArrayBytes implements Bytes {
  private final byte[] array;
  private final int start;
  private final int length;

  ArrayBytes(byte[] array, int start, int length) {
    this.array = array;
    this.start = start;
    this.length = length;
  }

  @Override
  public long size() {
    return length;
  }

  @Override
  public byte get(long at) {
    return array[index(at, 1)];
  }

  @Override
  public int getInt(long at) {
    int i = index(at, 4);
    return (array[i] & 255)
        | (array[i + 1] & 255) << 8
        | (array[i + 2] & 255) << 16
        | array[i + 3] << 24;
  }

  @Override
  public long getLong(long at) {
    index(at, 8);
    return (getInt(at) & 0xFFFFFFFFL) | (long) getInt(at + 4) << 32;
  }

  @Override
  public Bytes slice(long from, long size) {
    return new ArrayBytes(array, index(from, size), (int) size);
  }

  @Override
  public void copyTo(long from, byte[] target, int at, int size) {
    System.arraycopy(array, index(from, size), target, at, size);
  }

  /** The array's index of a position; written so that no sum overflows. */
  private int index(long at, long size) {
    if (at < 0 || size < 0 || size > length || at > length - size) {
      throw new IndexOutOfBoundsException(
          "bytes " + at + " to " + (at + size) + " of a view of " + length + " bytes");
    }
    return start + (int) at;
  }
}
