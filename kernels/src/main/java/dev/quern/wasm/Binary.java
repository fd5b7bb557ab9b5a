package dev.quern.wasm;

import java.util.Arrays;

/** A growing byte buffer with the binary format's integers. */
final class Binary {
  private byte[] bytes = new byte[1024];
  private int size;

  void u8(int value) {
    if (size == bytes.length) {
      bytes = Arrays.copyOf(bytes, size * 2);
    }
    bytes[size++] = (byte) value;
  }

  /** Unsigned LEB128. */
  void u32(long value) {
    long rest = value;
    while (rest >= 0x80) {
      u8((int) (rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    u8((int) rest);
  }

  /** Signed LEB128. */
  void s64(long value) {
    long rest = value;
    while (rest < -0x40 || rest > 0x3f) {
      u8((int) (rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    u8((int) (rest & 0x7f));
  }

  /** Little-endian bits of a constant. */
  void fixed(long bits, int count) {
    for (int i = 0; i < count; i++) {
      u8((int) (bits >> (8 * i)));
    }
  }

  void bytes(byte[] source) {
    for (byte b : source) {
      u8(b);
    }
  }

  void name(String ascii) {
    u32(ascii.length());
    for (int i = 0; i < ascii.length(); i++) {
      u8(ascii.charAt(i));
    }
  }

  /** Appends another buffer with its length before it, as sections and bodies want it. */
  void sized(Binary part) {
    u32(part.size);
    while (size + part.size > bytes.length) {
      bytes = Arrays.copyOf(bytes, bytes.length * 2);
    }
    System.arraycopy(part.bytes, 0, bytes, size, part.size);
    size += part.size;
  }

  byte[] toByteArray() {
    return Arrays.copyOf(bytes, size);
  }
}
