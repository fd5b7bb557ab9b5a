package dev.quern.tuner;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The little JSON that records and profiles need, strict, without the JDK's number formatting,
 * which would triple the engine's size. Objects are {@code Map}s in the order of the text, arrays
 * {@code List}s, numbers {@code Double}s.
 */
public final class Json {
  /** Deep nesting in hostile text must not overflow the stack. */
  private static final int DEEPEST = 32;

  private static final double[] TENS = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22
  };

  private final String text;
  private int at;
  private int depth;

  private Json(String text) {
    this.text = text;
  }

  /**
   * Reads one JSON value.
   *
   * @throws RecordException saying what is wrong at which character
   */
  public static Object read(String text) {
    Json json = new Json(text);
    Object value = json.value();
    json.blanks();
    if (json.at < text.length()) {
      throw json.problem("something follows the value");
    }
    return value;
  }

  /** Writes maps, lists, strings, numbers, booleans and null. */
  public static String write(Object value) {
    StringBuilder out = new StringBuilder();
    write(out, value);
    return out.toString();
  }

  private static void write(StringBuilder out, Object value) {
    if (value == null || value instanceof Boolean) {
      out.append(value == null ? "null" : (Boolean) value ? "true" : "false");
    } else if (value instanceof String string) {
      quote(out, string);
    } else if (value instanceof Integer integer) {
      out.append(integer.intValue());
    } else if (value instanceof Number number) {
      out.append(number(number.doubleValue()));
    } else if (value instanceof List<?> list) {
      String separator = "[";
      for (Object item : list) {
        out.append(separator);
        write(out, item);
        separator = ",";
      }
      out.append(list.isEmpty() ? "[]" : "]");
    } else if (value instanceof Map<?, ?> map) {
      String separator = "{";
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        out.append(separator);
        quote(out, (String) entry.getKey());
        out.append(':');
        write(out, entry.getValue());
        separator = ",";
      }
      out.append(map.isEmpty() ? "{}" : "}");
    } else {
      throw new RecordException("JSON has a form for text, numbers, flags, lists and objects only");
    }
  }

  private static void quote(StringBuilder out, String string) {
    out.append('"');
    for (int i = 0; i < string.length(); i++) {
      char c = string.charAt(i);
      if (c == '"' || c == '\\') {
        out.append('\\').append(c);
      } else if (c < ' ') {
        out.append("\\u00").append(c < 16 ? '0' : '1').append("0123456789abcdef".charAt(c & 15));
      } else {
        out.append(c);
      }
    }
    out.append('"');
  }

  /** A finite number with up to nine significant digits, as JSON writes it. */
  public static String number(double value) {
    if (Double.isNaN(value) || Double.isInfinite(value)) {
      throw new RecordException("JSON has no form for a number that is not finite");
    }
    double magnitude = Math.abs(value);
    if (magnitude == 0) {
      return "0";
    }
    int exponent = 0;
    while (magnitude >= 1e9) {
      magnitude /= 10;
      exponent++;
    }
    while (magnitude < 1e8) {
      magnitude *= 10;
      exponent--;
    }
    long digits = (long) (magnitude + 0.5);
    while (digits % 10 == 0) {
      digits /= 10;
      exponent++;
    }
    StringBuilder out = new StringBuilder(value < 0 ? "-" : "");
    String shown = Long.toString(digits);
    if (exponent > 12 || exponent < -20) {
      return out.append(shown).append('e').append(exponent).toString();
    }
    int point = shown.length() + exponent;
    if (point <= 0) {
      out.append("0.");
      zeros(out, -point);
      return out.append(shown).toString();
    }
    if (exponent >= 0) {
      out.append(shown);
      zeros(out, exponent);
      return out.toString();
    }
    return out.append(shown, 0, point).append('.').append(shown.substring(point)).toString();
  }

  private static void zeros(StringBuilder out, int count) {
    for (int i = 0; i < count; i++) {
      out.append('0');
    }
  }

  private Object value() {
    blanks();
    if (at >= text.length()) {
      throw problem("the text ends where a value should be");
    }
    char c = text.charAt(at);
    return switch (c) {
      case '{' -> object();
      case '[' -> array();
      case '"' -> string();
      case 't' -> word("true", Boolean.TRUE);
      case 'f' -> word("false", Boolean.FALSE);
      case 'n' -> word("null", null);
      default -> numeral();
    };
  }

  private Object object() {
    enter();
    Map<String, Object> map = new LinkedHashMap<>();
    if (!accept('}')) {
      do {
        blanks();
        if (at >= text.length() || text.charAt(at) != '"') {
          throw problem("a name in quotes should be");
        }
        String name = string();
        expect(':');
        if (map.containsKey(name)) {
          throw problem("the name '" + name + "' comes twice");
        }
        map.put(name, value());
      } while (accept(','));
      expect('}');
    }
    depth--;
    return map;
  }

  private Object array() {
    enter();
    List<Object> list = new ArrayList<>();
    if (!accept(']')) {
      do {
        list.add(value());
      } while (accept(','));
      expect(']');
    }
    depth--;
    return list;
  }

  private void enter() {
    at++;
    if (++depth > DEEPEST) {
      throw problem("nested deeper than " + DEEPEST);
    }
  }

  private String string() {
    StringBuilder out = new StringBuilder();
    at++;
    while (at < text.length()) {
      char c = text.charAt(at++);
      if (c == '"') {
        return out.toString();
      }
      if (c < ' ') {
        throw problem("a string holds a control character");
      }
      out.append(c == '\\' ? escape() : c);
    }
    throw problem("a string does not end");
  }

  private char escape() {
    char c = at < text.length() ? text.charAt(at++) : 0;
    switch (c) {
      case '"', '\\', '/':
        return c;
      case 'b':
        return '\b';
      case 'f':
        return '\f';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'u':
        int code = 0;
        for (int i = 0; i < 4; i++) {
          int digit = at < text.length() ? Character.digit(text.charAt(at++), 16) : -1;
          if (digit < 0) {
            throw problem("\\u needs four hexadecimal digits");
          }
          code = code * 16 + digit;
        }
        return (char) code;
      default:
        throw problem("a string holds an unknown escape");
    }
  }

  private Object word(String word, Object value) {
    if (!text.startsWith(word, at)) {
      throw problem("no value");
    }
    at += word.length();
    return value;
  }

  private Double numeral() {
    boolean negative = at < text.length() && text.charAt(at) == '-';
    if (negative) {
      at++;
    }
    int start = at;
    double mantissa = digits(0);
    if (at == start || (text.charAt(start) == '0' && at > start + 1)) {
      throw problem("no value");
    }
    int exponent = 0;
    if (at < text.length() && text.charAt(at) == '.') {
      int point = ++at;
      mantissa = digits(mantissa);
      exponent = point - at;
      if (exponent == 0) {
        throw problem("a number ends in its point");
      }
    }
    if (at < text.length() && (text.charAt(at) == 'e' || text.charAt(at) == 'E')) {
      at++;
      boolean small = at < text.length() && text.charAt(at) == '-';
      if (small || (at < text.length() && text.charAt(at) == '+')) {
        at++;
      }
      int from = at;
      double power = digits(0);
      if (at == from || power > 400) {
        throw problem("a number's exponent is missing or too large");
      }
      exponent += small ? -(int) power : (int) power;
    }
    double value = scale(mantissa, exponent);
    if (Double.isInfinite(value)) {
      throw problem("a number is too large");
    }
    return negative ? -value : value;
  }

  private double digits(double value) {
    while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
      value = value * 10 + (text.charAt(at++) - '0');
    }
    return value;
  }

  private static double scale(double mantissa, int exponent) {
    double value = mantissa;
    int left = Math.min(Math.abs(exponent), 800);
    while (left > 0) {
      double power = TENS[Math.min(left, TENS.length - 1)];
      value = exponent < 0 ? value / power : value * power;
      left -= TENS.length - 1;
    }
    return value;
  }

  private boolean accept(char c) {
    blanks();
    if (at < text.length() && text.charAt(at) == c) {
      at++;
      return true;
    }
    return false;
  }

  private void expect(char c) {
    if (!accept(c)) {
      throw problem("'" + c + "' is missing");
    }
  }

  private void blanks() {
    while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
  }

  private RecordException problem(String what) {
    return new RecordException("not JSON: " + what + " at character " + at);
  }
}
