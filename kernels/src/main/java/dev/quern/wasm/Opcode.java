package dev.quern.wasm;

import static dev.quern.wasm.Immediate.*;

import java.util.List;

/**
 * The instructions that kernels use, as data: one row an instruction, with its encoding, what
 * follows the code in the binary, and the types that it takes and leaves; its mnemonic follows from
 * its name. Every row is in every page's download, so one is added when it is first needed. The
 * letters of a signature are {@code i} i32, {@code l} i64, {@code f} f32, {@code d} f64, {@code v}
 * v128; operands stand before the colon, results after it. Control instructions and the accesses to
 * locals, whose types depend on their immediates, are completed by {@link Code}.
 *
 * <p>Source: the WebAssembly core specification 3.0 (appendix A.7, index of instructions) and the
 * threads proposal.
 */
public enum Opcode {
  // Core.
  UNREACHABLE(0, 0x0, NONE, ":"),
  NOP(0, 0x1, NONE, ":"),
  BLOCK(0, 0x2, BLOCK_TYPE, ":"),
  LOOP(0, 0x3, BLOCK_TYPE, ":"),
  IF(0, 0x4, BLOCK_TYPE, "i:"),
  ELSE(0, 0x5, NONE, ":"),
  END(0, 0xb, NONE, ":"),
  BR(0, 0xc, LABEL, ":"),
  BR_IF(0, 0xd, LABEL, "i:"),
  RETURN(0, 0xf, NONE, ":"),
  CALL(0, 0x10, FUNCTION, ":"),
  CALL_INDIRECT(0, 0x11, TYPE, "i:"),
  DROP(0, 0x1a, NONE, ":"),
  SELECT(0, 0x1b, NONE, "i:"),
  LOCAL_GET(0, 0x20, LOCAL, ":"),
  LOCAL_SET(0, 0x21, LOCAL, ":"),
  LOCAL_TEE(0, 0x22, LOCAL, ":"),
  I32_LOAD(0, 0x28, MEM4, "i:i"),
  I64_LOAD(0, 0x29, MEM8, "i:l"),
  F32_LOAD(0, 0x2a, MEM4, "i:f"),
  F64_LOAD(0, 0x2b, MEM8, "i:d"),
  I32_LOAD8_S(0, 0x2c, MEM1, "i:i"),
  I32_LOAD8_U(0, 0x2d, MEM1, "i:i"),
  I32_LOAD16_S(0, 0x2e, MEM2, "i:i"),
  I32_LOAD16_U(0, 0x2f, MEM2, "i:i"),
  I32_STORE(0, 0x36, MEM4, "ii:"),
  I64_STORE(0, 0x37, MEM8, "il:"),
  F32_STORE(0, 0x38, MEM4, "if:"),
  F64_STORE(0, 0x39, MEM8, "id:"),
  I32_STORE8(0, 0x3a, MEM1, "ii:"),
  I32_STORE16(0, 0x3b, MEM2, "ii:"),
  I32_CONST(0, 0x41, CONST_I32, ":i"),
  I64_CONST(0, 0x42, CONST_I64, ":l"),
  F32_CONST(0, 0x43, CONST_F32, ":f"),
  F64_CONST(0, 0x44, CONST_F64, ":d"),
  I32_EQZ(0, 0x45, NONE, "i:i"),
  I32_EQ(0, 0x46, NONE, "ii:i"),
  I32_NE(0, 0x47, NONE, "ii:i"),
  I32_LT_S(0, 0x48, NONE, "ii:i"),
  I32_LT_U(0, 0x49, NONE, "ii:i"),
  I32_GT_S(0, 0x4a, NONE, "ii:i"),
  I32_GT_U(0, 0x4b, NONE, "ii:i"),
  I32_LE_S(0, 0x4c, NONE, "ii:i"),
  I32_LE_U(0, 0x4d, NONE, "ii:i"),
  I32_GE_S(0, 0x4e, NONE, "ii:i"),
  I32_GE_U(0, 0x4f, NONE, "ii:i"),
  I64_EQZ(0, 0x50, NONE, "l:i"),
  I64_EQ(0, 0x51, NONE, "ll:i"),
  I64_NE(0, 0x52, NONE, "ll:i"),
  I64_LT_S(0, 0x53, NONE, "ll:i"),
  I64_LT_U(0, 0x54, NONE, "ll:i"),
  I64_GT_S(0, 0x55, NONE, "ll:i"),
  I64_GT_U(0, 0x56, NONE, "ll:i"),
  I64_LE_S(0, 0x57, NONE, "ll:i"),
  I64_LE_U(0, 0x58, NONE, "ll:i"),
  I64_GE_S(0, 0x59, NONE, "ll:i"),
  I64_GE_U(0, 0x5a, NONE, "ll:i"),
  F32_EQ(0, 0x5b, NONE, "ff:i"),
  F32_NE(0, 0x5c, NONE, "ff:i"),
  F32_LT(0, 0x5d, NONE, "ff:i"),
  F32_GT(0, 0x5e, NONE, "ff:i"),
  F32_LE(0, 0x5f, NONE, "ff:i"),
  F32_GE(0, 0x60, NONE, "ff:i"),
  F64_EQ(0, 0x61, NONE, "dd:i"),
  F64_NE(0, 0x62, NONE, "dd:i"),
  F64_LT(0, 0x63, NONE, "dd:i"),
  F64_GT(0, 0x64, NONE, "dd:i"),
  F64_LE(0, 0x65, NONE, "dd:i"),
  F64_GE(0, 0x66, NONE, "dd:i"),
  I32_ADD(0, 0x6a, NONE, "ii:i"),
  I32_SUB(0, 0x6b, NONE, "ii:i"),
  I32_MUL(0, 0x6c, NONE, "ii:i"),
  I32_DIV_S(0, 0x6d, NONE, "ii:i"),
  I32_DIV_U(0, 0x6e, NONE, "ii:i"),
  I32_REM_S(0, 0x6f, NONE, "ii:i"),
  I32_REM_U(0, 0x70, NONE, "ii:i"),
  I32_AND(0, 0x71, NONE, "ii:i"),
  I32_OR(0, 0x72, NONE, "ii:i"),
  I32_XOR(0, 0x73, NONE, "ii:i"),
  I32_SHL(0, 0x74, NONE, "ii:i"),
  I32_SHR_S(0, 0x75, NONE, "ii:i"),
  I32_SHR_U(0, 0x76, NONE, "ii:i"),
  I64_ADD(0, 0x7c, NONE, "ll:l"),
  I64_SUB(0, 0x7d, NONE, "ll:l"),
  I64_MUL(0, 0x7e, NONE, "ll:l"),
  I64_DIV_S(0, 0x7f, NONE, "ll:l"),
  I64_DIV_U(0, 0x80, NONE, "ll:l"),
  I64_REM_S(0, 0x81, NONE, "ll:l"),
  I64_REM_U(0, 0x82, NONE, "ll:l"),
  I64_AND(0, 0x83, NONE, "ll:l"),
  I64_OR(0, 0x84, NONE, "ll:l"),
  I64_XOR(0, 0x85, NONE, "ll:l"),
  I64_SHL(0, 0x86, NONE, "ll:l"),
  I64_SHR_S(0, 0x87, NONE, "ll:l"),
  F32_ABS(0, 0x8b, NONE, "f:f"),
  F32_NEG(0, 0x8c, NONE, "f:f"),
  F32_CEIL(0, 0x8d, NONE, "f:f"),
  F32_FLOOR(0, 0x8e, NONE, "f:f"),
  F32_NEAREST(0, 0x90, NONE, "f:f"),
  F32_SQRT(0, 0x91, NONE, "f:f"),
  F32_ADD(0, 0x92, NONE, "ff:f"),
  F32_SUB(0, 0x93, NONE, "ff:f"),
  F32_MUL(0, 0x94, NONE, "ff:f"),
  F32_DIV(0, 0x95, NONE, "ff:f"),
  F32_MIN(0, 0x96, NONE, "ff:f"),
  F32_MAX(0, 0x97, NONE, "ff:f"),
  F64_ABS(0, 0x99, NONE, "d:d"),
  F64_NEG(0, 0x9a, NONE, "d:d"),
  F64_CEIL(0, 0x9b, NONE, "d:d"),
  F64_FLOOR(0, 0x9c, NONE, "d:d"),
  F64_TRUNC(0, 0x9d, NONE, "d:d"),
  F64_NEAREST(0, 0x9e, NONE, "d:d"),
  F64_SQRT(0, 0x9f, NONE, "d:d"),
  F64_ADD(0, 0xa0, NONE, "dd:d"),
  F64_SUB(0, 0xa1, NONE, "dd:d"),
  F64_MUL(0, 0xa2, NONE, "dd:d"),
  F64_DIV(0, 0xa3, NONE, "dd:d"),
  F64_MIN(0, 0xa4, NONE, "dd:d"),
  F64_MAX(0, 0xa5, NONE, "dd:d"),
  F64_COPYSIGN(0, 0xa6, NONE, "dd:d"),
  I32_WRAP_I64(0, 0xa7, NONE, "l:i"),
  I64_EXTEND_I32_S(0, 0xac, NONE, "i:l"),
  I64_EXTEND_I32_U(0, 0xad, NONE, "i:l"),
  F32_CONVERT_I32_S(0, 0xb2, NONE, "i:f"),
  F32_CONVERT_I32_U(0, 0xb3, NONE, "i:f"),
  F32_CONVERT_I64_S(0, 0xb4, NONE, "l:f"),
  F32_CONVERT_I64_U(0, 0xb5, NONE, "l:f"),
  F32_DEMOTE_F64(0, 0xb6, NONE, "d:f"),
  F64_CONVERT_I32_S(0, 0xb7, NONE, "i:d"),
  F64_CONVERT_I32_U(0, 0xb8, NONE, "i:d"),
  F64_CONVERT_I64_S(0, 0xb9, NONE, "l:d"),
  F64_CONVERT_I64_U(0, 0xba, NONE, "l:d"),
  F64_PROMOTE_F32(0, 0xbb, NONE, "f:d"),
  I32_REINTERPRET_F32(0, 0xbc, NONE, "f:i"),
  I64_REINTERPRET_F64(0, 0xbd, NONE, "d:l"),
  F32_REINTERPRET_I32(0, 0xbe, NONE, "i:f"),
  F64_REINTERPRET_I64(0, 0xbf, NONE, "l:d"),
  I32_EXTEND8_S(0, 0xc0, NONE, "i:i"),
  I32_EXTEND16_S(0, 0xc1, NONE, "i:i"),

  // Saturating truncation and bulk memory.
  I32_TRUNC_SAT_F32_S(0xfc, 0x0, NONE, "f:i"),
  I32_TRUNC_SAT_F32_U(0xfc, 0x1, NONE, "f:i"),
  I32_TRUNC_SAT_F64_S(0xfc, 0x2, NONE, "d:i"),
  I32_TRUNC_SAT_F64_U(0xfc, 0x3, NONE, "d:i"),
  I64_TRUNC_SAT_F32_S(0xfc, 0x4, NONE, "f:l"),
  I64_TRUNC_SAT_F32_U(0xfc, 0x5, NONE, "f:l"),
  I64_TRUNC_SAT_F64_S(0xfc, 0x6, NONE, "d:l"),
  I64_TRUNC_SAT_F64_U(0xfc, 0x7, NONE, "d:l"),
  MEMORY_COPY(0xfc, 0xa, ZERO2, "iii:"),
  MEMORY_FILL(0xfc, 0xb, ZERO, "iii:"),

  // SIMD and relaxed SIMD.
  V128_LOAD(0xfd, 0x0, MEM16, "i:v"),
  V128_LOAD8X8_S(0xfd, 0x1, MEM8, "i:v"),
  V128_LOAD16X4_S(0xfd, 0x3, MEM8, "i:v"),
  V128_LOAD32_SPLAT(0xfd, 0x9, MEM4, "i:v"),
  V128_STORE(0xfd, 0xb, MEM16, "iv:"),
  V128_CONST(0xfd, 0xc, CONST_V128, ":v"),
  I8X16_SHUFFLE(0xfd, 0xd, SHUFFLE, "vv:v"),
  I32X4_SPLAT(0xfd, 0x11, NONE, "i:v"),
  F32X4_SPLAT(0xfd, 0x13, NONE, "f:v"),
  I32X4_EXTRACT_LANE(0xfd, 0x1b, LANE, "v:i"),
  I64X2_EXTRACT_LANE(0xfd, 0x1d, LANE, "v:l"),
  F32X4_EXTRACT_LANE(0xfd, 0x1f, LANE, "v:f"),
  F32X4_REPLACE_LANE(0xfd, 0x20, LANE, "vf:v"),
  F32X4_EQ(0xfd, 0x41, NONE, "vv:v"),
  F32X4_NE(0xfd, 0x42, NONE, "vv:v"),
  F32X4_LT(0xfd, 0x43, NONE, "vv:v"),
  F32X4_GT(0xfd, 0x44, NONE, "vv:v"),
  F32X4_LE(0xfd, 0x45, NONE, "vv:v"),
  F32X4_GE(0xfd, 0x46, NONE, "vv:v"),
  V128_NOT(0xfd, 0x4d, NONE, "v:v"),
  V128_AND(0xfd, 0x4e, NONE, "vv:v"),
  V128_OR(0xfd, 0x50, NONE, "vv:v"),
  V128_XOR(0xfd, 0x51, NONE, "vv:v"),
  V128_BITSELECT(0xfd, 0x52, NONE, "vvv:v"),
  V128_ANY_TRUE(0xfd, 0x53, NONE, "v:i"),
  V128_LOAD32_LANE(0xfd, 0x56, MEM4_LANE, "iv:v"),
  V128_STORE32_LANE(0xfd, 0x5a, MEM4_LANE, "iv:"),
  V128_STORE64_LANE(0xfd, 0x5b, MEM8_LANE, "iv:"),
  V128_LOAD32_ZERO(0xfd, 0x5c, MEM4, "i:v"),
  I8X16_NARROW_I16X8_S(0xfd, 0x65, NONE, "vv:v"),
  I8X16_NARROW_I16X8_U(0xfd, 0x66, NONE, "vv:v"),
  F32X4_CEIL(0xfd, 0x67, NONE, "v:v"),
  F32X4_FLOOR(0xfd, 0x68, NONE, "v:v"),
  F32X4_NEAREST(0xfd, 0x6a, NONE, "v:v"),
  I32X4_EXTADD_PAIRWISE_I16X8_S(0xfd, 0x7e, NONE, "v:v"),
  I16X8_NARROW_I32X4_S(0xfd, 0x85, NONE, "vv:v"),
  I16X8_EXTEND_LOW_I8X16_U(0xfd, 0x89, NONE, "v:v"),
  I16X8_SHL(0xfd, 0x8b, NONE, "vi:v"),
  I16X8_SHR_S(0xfd, 0x8c, NONE, "vi:v"),
  I16X8_SHR_U(0xfd, 0x8d, NONE, "vi:v"),
  I16X8_ADD(0xfd, 0x8e, NONE, "vv:v"),
  I32X4_EXTEND_LOW_I16X8_U(0xfd, 0xa9, NONE, "v:v"),
  I32X4_SHL(0xfd, 0xab, NONE, "vi:v"),
  I32X4_SHR_S(0xfd, 0xac, NONE, "vi:v"),
  I32X4_SHR_U(0xfd, 0xad, NONE, "vi:v"),
  I32X4_ADD(0xfd, 0xae, NONE, "vv:v"),
  I32X4_SUB(0xfd, 0xb1, NONE, "vv:v"),
  I32X4_MUL(0xfd, 0xb5, NONE, "vv:v"),
  I32X4_DOT_I16X8_S(0xfd, 0xba, NONE, "vv:v"),
  F32X4_ABS(0xfd, 0xe0, NONE, "v:v"),
  F32X4_NEG(0xfd, 0xe1, NONE, "v:v"),
  F32X4_SQRT(0xfd, 0xe3, NONE, "v:v"),
  F32X4_ADD(0xfd, 0xe4, NONE, "vv:v"),
  F32X4_SUB(0xfd, 0xe5, NONE, "vv:v"),
  F32X4_MUL(0xfd, 0xe6, NONE, "vv:v"),
  F32X4_DIV(0xfd, 0xe7, NONE, "vv:v"),
  F32X4_MIN(0xfd, 0xe8, NONE, "vv:v"),
  F32X4_MAX(0xfd, 0xe9, NONE, "vv:v"),
  F32X4_PMIN(0xfd, 0xea, NONE, "vv:v"),
  F32X4_PMAX(0xfd, 0xeb, NONE, "vv:v"),
  I32X4_TRUNC_SAT_F32X4_S(0xfd, 0xf8, NONE, "v:v"),
  F32X4_CONVERT_I32X4_S(0xfd, 0xfa, NONE, "v:v"),
  F32X4_RELAXED_MADD(0xfd, 0x105, NONE, "vvv:v"),
  F32X4_RELAXED_NMADD(0xfd, 0x106, NONE, "vvv:v"),
  I16X8_RELAXED_DOT_I8X16_I7X16_S(0xfd, 0x112, NONE, "vv:v"),
  I32X4_RELAXED_DOT_I8X16_I7X16_ADD_S(0xfd, 0x113, NONE, "vvv:v"),

  // Threads and atomics.
  MEMORY_ATOMIC_NOTIFY(0xfe, 0x0, ATOM4, "ii:i"),
  MEMORY_ATOMIC_WAIT32(0xfe, 0x1, ATOM4, "iil:i"),
  ATOMIC_FENCE(0xfe, 0x3, ZERO, ":"),
  I32_ATOMIC_LOAD(0xfe, 0x10, ATOM4, "i:i"),
  I32_ATOMIC_STORE(0xfe, 0x17, ATOM4, "ii:"),
  I32_ATOMIC_RMW_ADD(0xfe, 0x1e, ATOM4, "ii:i"),
  I32_ATOMIC_RMW_SUB(0xfe, 0x25, ATOM4, "ii:i");

  /** What a dot follows in the text format. */
  private static final List<String> DOTTED =
      List.of(
          "i32", "i64", "f32", "f64", "v128", "i8x16", "i16x8", "i32x4", "i64x2", "f32x4", "f64x2",
          "local", "memory", "atomic", "rmw");

  private final int prefix;
  private final int code;
  private final Immediate immediate;
  private final String signature;

  Opcode(int prefix, int code, Immediate immediate, String signature) {
    this.prefix = prefix;
    this.code = code;
    this.immediate = immediate;
    this.signature = signature;
  }

  /** The name in the text format: {@code i32.load8_s} of {@code I32_LOAD8_S}. */
  public String mnemonic() {
    String rest = lower(name());
    StringBuilder text = new StringBuilder();
    for (int end = rest.indexOf('_'); end > 0; end = rest.indexOf('_')) {
      if (!isDotted(rest.substring(0, end))) {
        break;
      }
      text.append(rest, 0, end).append('.');
      rest = rest.substring(end + 1);
    }
    return text.append(rest).toString();
  }

  private static String lower(String name) {
    StringBuilder lower = new StringBuilder();
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      lower.append(c >= 'A' && c <= 'Z' ? (char) (c + 'a' - 'A') : c);
    }
    return lower.toString();
  }

  private static boolean isDotted(String word) {
    for (String dotted : DOTTED) {
      if (word.equals(dotted)) {
        return true;
      }
    }
    return false;
  }

  /** The prefix byte, 0 if there is none. */
  public int prefix() {
    return prefix;
  }

  /** The code that follows the prefix. */
  public int code() {
    return code;
  }

  /** What follows the code in the binary. */
  public Immediate immediate() {
    return immediate;
  }

  /** Operand letters, a colon, result letters. */
  public String signature() {
    return signature;
  }
}
