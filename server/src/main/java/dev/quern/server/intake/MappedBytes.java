package dev.quern.server.intake;

import dev.quern.onnx.Bytes;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;

/** A file in memory that the system pages in: it may be larger than the heap. */
final class MappedBytes implements Bytes {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MemorySegment segment;

  private MappedBytes(MemorySegment segment) {
    this.segment = segment;
  }

  /** Maps a file until the arena is closed. */
  static MappedBytes of(Path file, Arena arena) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return new MappedBytes(channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena));
    }
  }

  @Override
  public long size() {
    return segment.byteSize();
  }

  @Override
  public byte get(long at) {
    return segment.get(ValueLayout.JAVA_BYTE, at);
  }

  @Override
  public int getInt(long at) {
    return segment.get(INT, at);
  }

  @Override
  public long getLong(long at) {
    return segment.get(LONG, at);
  }

  @Override
  public Bytes slice(long from, long length) {
    Objects.checkFromIndexSize(from, length, size());
    return new MappedBytes(segment.asSlice(from, length));
  }

  @Override
  public void copyTo(long from, byte[] target, int at, int length) {
    MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, from, target, at, length);
  }
}
