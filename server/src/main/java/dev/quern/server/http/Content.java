package dev.quern.server.http;

import java.io.IOException;
import java.io.OutputStream;

/** Bytes of known length that can be written from any place, wherever they lie. */
public interface Content {
  long length();

  /** Writes bytes {@code from} to {@code from + count - 1}. */
  void write(long from, long count, OutputStream target) throws IOException;

  /** Content in memory. */
  static Content of(byte[] bytes) {
    return new Content() {
      @Override
      public long length() {
        return bytes.length;
      }

      @Override
      public void write(long from, long count, OutputStream target) throws IOException {
        target.write(bytes, Math.toIntExact(from), Math.toIntExact(count));
      }
    };
  }
}
