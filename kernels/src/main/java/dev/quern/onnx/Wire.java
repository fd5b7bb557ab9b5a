package dev.quern.onnx;

/**
 * Walks the fields of one protobuf message.
 *
 * <pre>
 * message := (tag value)*        tag := varint(field &lt;&lt; 3 | type)
 * value   := varint              type 0
 *          | 8 bytes             type 1
 *          | varint(n) n bytes   type 2
 *          | 4 bytes             type 5
 * </pre>
 *
 * Types 3 and 4 (groups) have been deprecated since before ONNX and are refused. Nothing is
 * allocated but views. Malformed input throws {@link Malformed}.
 *
 * @see <a href="https://protobuf.dev/programming-guides/encoding/">Protobuf encoding</a>
 */
final class Wire {
  static final int VARINT = 0;
  static final int FIXED64 = 1;
  static final int CHUNK = 2;
  static final int FIXED32 = 5;

  /** The bytes are no protobuf message, or not the message that was expected. */
  static final class Malformed extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Malformed(String message) {
      super(message);
    }
  }

  private final Bytes bytes;
  private final long end;
  private long at;
  private int field;
  private int type;

  Wire(Bytes bytes) {
    this.bytes = bytes;
    this.end = bytes.size();
  }

  /** Steps to the next field; false at the end of the message. */
  boolean next() {
    if (at == end) {
      return false;
    }
    long tag = rawVarint();
    if (tag < 8 || tag >>> 32 != 0) {
      throw new Malformed("the field tag " + tag + " at byte " + at + " of a message is not legal");
    }
    field = (int) (tag >>> 3);
    type = (int) tag & 7;
    return true;
  }

  boolean atEnd() {
    return at == end;
  }

  int field() {
    return field;
  }

  int type() {
    return type;
  }

  /** The value of a field that must be a varint. */
  long varint() {
    expect(VARINT);
    return rawVarint();
  }

  /** The value of a field that must be a single. */
  float real() {
    expect(FIXED32);
    return Float.intBitsToFloat((int) fixed(4));
  }

  /** A view of the value of a field that must be bytes, a text or a message. */
  Bytes chunk() {
    expect(CHUNK);
    long length = rawVarint();
    if (length < 0 || length > end - at) {
      throw new Malformed(
          "field "
              + field
              + " claims "
              + (length < 0 ? "more than 2^63" : Long.toString(length))
              + " bytes where "
              + (end - at)
              + " are left: the file is cut off or damaged");
    }
    Bytes view = bytes.slice(at, length);
    at += length;
    return view;
  }

  /** The value of a field that must be a text. */
  String text() {
    Bytes view = chunk();
    if (view.size() > OnnxReader.LONGEST_NAME) {
      throw new Malformed("a name of " + view.size() + " bytes in field " + field);
    }
    return Utf8.text(view);
  }

  /** Steps over a value of any type. */
  void skip() {
    switch (type) {
      case VARINT -> rawVarint();
      case FIXED64 -> fixed(8);
      case CHUNK -> chunk();
      case FIXED32 -> fixed(4);
      default -> throw new Malformed("wire type " + type + " in field " + field);
    }
  }

  /** The next varint, without a tag: an element of a packed field. */
  long rawVarint() {
    long result = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at == end) {
        throw new Malformed("a number is cut off at the end of a message");
      }
      byte next = bytes.get(at++);
      result |= (long) (next & 127) << shift;
      if (next >= 0) {
        return result;
      }
    }
    throw new Malformed("a number of more than ten bytes at byte " + at + " of a message");
  }

  /** The next 4 or 8 bytes, without a tag, as they are. */
  long fixed(int width) {
    if (end - at < width) {
      throw new Malformed("a number is cut off at the end of a message");
    }
    long value = width == 4 ? bytes.getInt(at) & 0xFFFFFFFFL : bytes.getLong(at);
    at += width;
    return value;
  }

  private void expect(int wanted) {
    if (type != wanted) {
      throw new Malformed("field " + field + " has wire type " + type + ", expected " + wanted);
    }
  }
}
