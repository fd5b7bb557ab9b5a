package dev.quern.wgsl;

/** Numbers as WGSL writes them, without the JDK's decimal conversion, which costs the engine. */
final class Literals {
  private static final String DIGITS = "0123456789abcdef";

  private Literals() {}

  /** A finite f32: small whole numbers in decimal, others in hexadecimal with all their bits. */
  static String f32(float value) {
    int bits = Float.floatToRawIntBits(value);
    int exponent = bits >>> 23 & 0xff;
    if (exponent == 0xff) {
      throw new ShaderException("WGSL has no constant for infinity and NaN");
    }
    boolean negative = bits < 0;
    int whole = (int) value;
    if (whole == value && Math.abs(whole) < 1 << 20 && !(negative && whole == 0)) {
      return whole + ".0f";
    }
    int fraction = bits & 0x7fffff;
    String sign = negative ? "-" : "";
    if (exponent == 0) {
      return fraction == 0 ? sign + "0.0f" : sign + "0x0." + hex(fraction) + "p-126f";
    }
    return sign + "0x1." + hex(fraction) + "p" + (exponent - 127) + "f";
  }

  /** The 23 bits of a fraction as six digits. */
  private static String hex(int fraction) {
    StringBuilder out = new StringBuilder();
    for (int shift = 20; shift >= 0; shift -= 4) {
      out.append(DIGITS.charAt(fraction << 1 >>> shift & 15));
    }
    return out.toString();
  }
}
