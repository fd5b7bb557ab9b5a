package dev.quern.wasm;

import java.util.ArrayList;
import java.util.List;

/** The value types that kernels use. */
public enum ValueType {
  I32('i', 0x7f, "i32"),
  I64('l', 0x7e, "i64"),
  F32('f', 0x7d, "f32"),
  F64('d', 0x7c, "f64"),
  V128('v', 0x7b, "v128");

  private final char letter;
  private final int code;
  private final String text;

  ValueType(char letter, int code, String text) {
    this.letter = letter;
    this.code = code;
    this.text = text;
  }

  /** Its byte in the binary format. */
  public int code() {
    return code;
  }

  /** Its name in the text format. */
  public String text() {
    return text;
  }

  static ValueType of(char letter) {
    for (ValueType type : ALL) {
      if (type.letter == letter) {
        return type;
      }
    }
    throw new EmitException("no value type has the letter '" + letter + "'");
  }

  /** The types that the letters of a signature name. */
  static List<ValueType> list(String letters) {
    List<ValueType> types = new ArrayList<>();
    for (int i = 0; i < letters.length(); i++) {
      types.add(of(letters.charAt(i)));
    }
    return types;
  }

  private static final ValueType[] ALL = values();
}
