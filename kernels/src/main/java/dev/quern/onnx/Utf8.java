package dev.quern.onnx;

/** UTF-8 without the class library's charsets, which would be 3 KB of engine. */
final class Utf8 {
  private static final int REPLACEMENT = 0xfffd;

  private Utf8() {}

  /** The text of bytes; what is not UTF-8 becomes U+FFFD. */
  static String text(Bytes bytes) {
    StringBuilder out = new StringBuilder();
    int size = (int) bytes.size();
    for (int at = 0; at < size; ) {
      int first = bytes.get(at++) & 255;
      int more = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
      if (more < 0 || first > 0xf4) {
        out.append((char) REPLACEMENT);
        continue;
      }
      int code = more == 0 ? first : first & 0x3f >> more;
      int left = more;
      while (left > 0 && at < size && continues(first, more - left, bytes.get(at) & 255)) {
        code = code << 6 | bytes.get(at++) & 0x3f;
        left--;
      }
      append(out, left > 0 ? REPLACEMENT : code);
    }
    return out.toString();
  }

  /** Whether a byte may follow; the second one rules out long forms, surrogates and too much. */
  private static boolean continues(int first, int before, int next) {
    int least = before > 0 ? 0x80 : first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    int most = before > 0 ? 0xbf : first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return next >= least && next <= most;
  }

  private static void append(StringBuilder out, int code) {
    if (code < 0x10000) {
      out.append((char) code);
    } else {
      out.append((char) (0xd7c0 + (code >> 10))).append((char) (0xdc00 + (code & 0x3ff)));
    }
  }
}
