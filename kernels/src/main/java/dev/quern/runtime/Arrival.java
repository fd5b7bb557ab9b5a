package dev.quern.runtime;

import dev.quern.onnx.Bytes;
import java.util.List;

/**
 * Files in linear memory whose large tensors are still on their way: what a model is and how it
 * will run is known from the rest. Views behave like those of whole files, but that reading what
 * has not arrived throws {@link MissingException}; sizes and addresses are known from the start.
 */
public final class Arrival {
  private boolean complete;

  /**
   * Bytes of a file that are on their way.
   *
   * @param from their position in the file
   */
  public record Gap(long from, long length) {
    long to() {
      return from + length;
    }
  }

  /** Something wanted to read bytes that are on their way. */
  public static final class MissingException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    MissingException(long at) {
      super("byte " + at + " of a file has not arrived");
    }
  }

  /** Says that all bytes are there. */
  public void complete() {
    complete = true;
  }

  /**
   * A file, or a part of one.
   *
   * @param gaps in ascending order
   */
  public Bytes view(Addressed file, List<Gap> gaps) {
    return new View(file, gaps, 0).slice(0, file.size());
  }

  private final class View implements Addressed {
    private final Addressed bytes;
    private final List<Gap> gaps;

    /** Position in the file. */
    private final long start;

    View(Addressed bytes, List<Gap> gaps, long start) {
      this.bytes = bytes;
      this.gaps = gaps;
      this.start = start;
    }

    /** Whether any of these bytes are in a gap. */
    private boolean touches(long from, long length) {
      int low = 0;
      int high = gaps.size();
      // The first gap that ends behind the first byte.
      while (low < high) {
        int middle = (low + high) >>> 1;
        if (gaps.get(middle).to() <= start + from) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      return low < gaps.size() && gaps.get(low).from() < start + from + length;
    }

    private void want(long from, long length) {
      if (!complete && touches(from, length)) {
        throw new MissingException(start + from);
      }
    }

    @Override
    public long address() {
      return bytes.address();
    }

    @Override
    public long size() {
      return bytes.size();
    }

    @Override
    public byte get(long at) {
      want(at, 1);
      return bytes.get(at);
    }

    @Override
    public int getInt(long at) {
      want(at, 4);
      return bytes.getInt(at);
    }

    @Override
    public long getLong(long at) {
      want(at, 8);
      return bytes.getLong(at);
    }

    @Override
    public float getFloat(long at) {
      want(at, 4);
      return bytes.getFloat(at);
    }

    @Override
    public double getDouble(long at) {
      want(at, 8);
      return bytes.getDouble(at);
    }

    @Override
    public Bytes slice(long from, long length) {
      Addressed slice = (Addressed) bytes.slice(from, length);
      return touches(from, length) ? new View(slice, gaps, start + from) : slice;
    }

    @Override
    public void copyTo(long from, byte[] target, int at, int length) {
      want(from, length);
      bytes.copyTo(from, target, at, length);
    }
  }
}
