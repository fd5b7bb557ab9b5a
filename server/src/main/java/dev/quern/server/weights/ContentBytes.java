package dev.quern.server.weights;

import dev.quern.onnx.Bytes;
import dev.quern.server.http.Content;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Objects;

/**
 * A view of content that is read in pages, as it is asked for: a file may be larger than memory.
 */
final class ContentBytes implements Bytes {
  private static final int PAGE = 64 << 10;

  /** The page that was read last; all views of a content share it. */
  private static final class Pages {
    private final Content content;
    private long page = -1;
    private byte[] bytes = new byte[0];

    Pages(Content content) {
      this.content = content;
    }

    byte get(long at) {
      if (at / PAGE != page) {
        page = at / PAGE;
        bytes = read(page * PAGE, Math.min(PAGE, content.length() - page * PAGE));
      }
      return bytes[(int) (at % PAGE)];
    }

    byte[] read(long from, long length) {
      ByteArrayOutputStream out = new ByteArrayOutputStream(Math.toIntExact(length));
      try {
        content.write(from, length, out);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      return out.toByteArray();
    }
  }

  private final Pages pages;
  private final long position;
  private final long size;

  private ContentBytes(Pages pages, long position, long size) {
    this.pages = pages;
    this.position = position;
    this.size = size;
  }

  static ContentBytes of(Content content) {
    return new ContentBytes(new Pages(content), 0, content.length());
  }

  Content content() {
    return pages.content;
  }

  /** Where the view begins in the content. */
  long position() {
    return position;
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public byte get(long at) {
    return pages.get(position + Objects.checkIndex(at, size));
  }

  @Override
  public int getInt(long at) {
    Objects.checkFromIndexSize(at, 4, size);
    int value = 0;
    for (int i = 3; i >= 0; i--) {
      value = value << 8 | get(at + i) & 255;
    }
    return value;
  }

  @Override
  public long getLong(long at) {
    return (getInt(at) & 0xFFFFFFFFL) | (long) getInt(at + 4) << 32;
  }

  @Override
  public Bytes slice(long from, long length) {
    Objects.checkFromIndexSize(from, length, size);
    return new ContentBytes(pages, position + from, length);
  }

  @Override
  public void copyTo(long from, byte[] target, int at, int length) {
    Objects.checkFromIndexSize(from, length, size);
    System.arraycopy(pages.read(position + from, length), 0, target, at, length);
  }
}
