package dev.quern.runtime;

import com.caoccao.javet.exceptions.JavetException;
import com.caoccao.javet.values.reference.V8ValueArrayBuffer;
import dev.quern.onnx.Bytes;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;

/** A memory of V8 through a direct buffer over its bytes, which is renewed when it grows. */
final class JavetMemory implements LinearMemory {
  private static final int PAGE = 65536;

  private final JavetMachine machine;
  private V8ValueArrayBuffer owner;
  private ByteBuffer bytes;

  JavetMemory(JavetMachine machine) {
    this.machine = machine;
    renew();
  }

  /** Growing detaches the buffer that JavaScript sees, and with it ours. */
  private void renew() {
    close();
    owner = machine.buffer();
    bytes = owner.getByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  void close() {
    try {
      if (owner != null) {
        owner.close();
        owner = null;
      }
    } catch (JavetException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public long size() {
    return bytes.capacity();
  }

  @Override
  public void ensure(long size) {
    if (size <= size()) {
      return;
    }
    if (size > Integer.MAX_VALUE) {
      throw new MachineException(
          "memory of " + size() + " bytes cannot grow to " + size + ": a buffer ends at 2 GiB");
    }
    machine.grow((int) ((size - size() + PAGE - 1) / PAGE));
    renew();
  }

  /** An address as a position of the buffer. */
  private int at(long address, long length) {
    return (int) Objects.checkFromIndexSize(address, length, size());
  }

  @Override
  public Bytes view(long from, long length) {
    at(from, length);
    return new View(from, length);
  }

  @Override
  public byte getByte(long at) {
    return bytes.get(at(at, 1));
  }

  @Override
  public int getInt(long at) {
    return bytes.getInt(at(at, 4));
  }

  @Override
  public float getFloat(long at) {
    return bytes.getFloat(at(at, 4));
  }

  @Override
  public double getDouble(long at) {
    return bytes.getDouble(at(at, 8));
  }

  @Override
  public void putInt(long at, int value) {
    bytes.putInt(at(at, 4), value);
  }

  @Override
  public void write(long at, byte[] source, int from, int length) {
    bytes.put(at(at, length), source, from, length);
  }

  @Override
  public void writeInts(long at, int[] source, int from, int length) {
    part(at, length * 4L).asIntBuffer().put(source, from, length);
  }

  @Override
  public void writeFloats(long at, float[] source, int from, int length) {
    part(at, length * 4L).asFloatBuffer().put(source, from, length);
  }

  @Override
  public void readFloats(long at, float[] target, int from, int length) {
    part(at, length * 4L).asFloatBuffer().get(target, from, length);
  }

  @Override
  public void move(long from, long to, long length) {
    bytes.put(at(to, length), bytes, at(from, length), (int) length);
  }

  @Override
  public void clear(long at, long length) {
    ByteBuffer part = part(at, length);
    while (part.remaining() >= 8) {
      part.putLong(0);
    }
    while (part.hasRemaining()) {
      part.put((byte) 0);
    }
  }

  private ByteBuffer part(long from, long length) {
    return bytes.slice(at(from, length), (int) length).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Part of the memory, found anew at each access because the buffer changes. */
  private final class View implements Addressed {
    private final long from;
    private final long length;

    View(long from, long length) {
      this.from = from;
      this.length = length;
    }

    private int position(long at, long count) {
      return (int) (from + Objects.checkFromIndexSize(at, count, length));
    }

    @Override
    public long address() {
      return from;
    }

    @Override
    public long size() {
      return length;
    }

    @Override
    public byte get(long at) {
      return bytes.get(position(at, 1));
    }

    @Override
    public int getInt(long at) {
      return bytes.getInt(position(at, 4));
    }

    @Override
    public long getLong(long at) {
      return bytes.getLong(position(at, 8));
    }

    @Override
    public Bytes slice(long start, long count) {
      return new View(position(start, count), count);
    }

    @Override
    public void copyTo(long start, byte[] target, int at, int count) {
      bytes.get(position(start, count), target, at, count);
    }
  }
}
