package dev.quern.onnx;

/**
 * Random access to little-endian bytes: a view, never a copy. On the JVM it reads an array; in the
 * browser it reads the Wasm linear memory that the file was streamed into.
 *
 * <p>Positions count from 0. Reading outside {@code 0 … size} throws {@link
 * IndexOutOfBoundsException}.
 */
public interface Bytes {
  /** The number of bytes. */
  long size();

  /** The byte at a position. */
  byte get(long at);

  /** The four bytes at a position, little-endian; no alignment is needed. */
  int getInt(long at);

  /** The eight bytes at a position, little-endian; no alignment is needed. */
  long getLong(long at);

  /** The IEEE 754 single at a position. */
  default float getFloat(long at) {
    return Float.intBitsToFloat(getInt(at));
  }

  /** The IEEE 754 double at a position. */
  default double getDouble(long at) {
    return Double.longBitsToDouble(getLong(at));
  }

  /** A view of {@code length} bytes that start at {@code from}. */
  Bytes slice(long from, long length);

  /** Copies {@code length} bytes that start at {@code from} into an array, at {@code at}. */
  void copyTo(long from, byte[] target, int at, int length);

  /** A view of a whole array, which must not be changed afterwards. */
  static Bytes of(byte[] array) {
    return new ArrayBytes(array, 0, array.length);
  }

  /** All bytes, copied; for small values only. */
  default byte[] toArray() {
    byte[] result = new byte[(int) size()];
    copyTo(0, result, 0, result.length);
    return result;
  }
}
