package dev.quern.wgsl;

/** The types that emitted shaders use, by WGSL's names. */
public enum Type {
  BOOL("bool", 0),
  I32("i32", 4),
  U32("u32", 4),
  F32("f32", 4),
  VEC2U("vec2<u32>", 8),
  VEC2F("vec2<f32>", 8),
  VEC4B("vec4<bool>", 0),
  VEC4U("vec4<u32>", 16),
  VEC4F("vec4<f32>", 16);

  private final String text;
  private final int bytes;

  Type(String text, int bytes) {
    this.text = text;
    this.bytes = bytes;
  }

  /** WGSL's name. */
  public String text() {
    return text;
  }

  /** Bytes in a buffer; 0 for what no buffer holds. */
  public int bytes() {
    return bytes;
  }

  /** Whether this is one number or a vector of four. */
  boolean isFloat() {
    return this == F32 || this == VEC2F || this == VEC4F;
  }

  boolean isInteger() {
    return this == I32 || this == U32 || this == VEC4U || this == VEC2U;
  }

  boolean isBool() {
    return this == BOOL || this == VEC4B;
  }

  /** The type of a comparison of two of this. */
  Type comparison() {
    return this == VEC4F || this == VEC4U ? VEC4B : BOOL;
  }

  /** The type of an element. */
  Type element() {
    return switch (this) {
      case VEC4F, VEC2F -> F32;
      case VEC4U, VEC2U -> U32;
      case VEC4B -> BOOL;
      default -> this;
    };
  }
}
