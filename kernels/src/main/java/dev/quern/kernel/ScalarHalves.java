package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.wasm.Code;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;

/** Single f16, which are computed with as f32. As {@link dev.quern.onnx.Halves}, to the bit. */
final class ScalarHalves {
  private ScalarHalves() {}

  /** From the bits on the stack to an f32; denormals, infinities and NaN too. */
  static void widen(Code code) {
    Local bits = code.local(ValueType.I32, "half");
    Local value = code.local(ValueType.F32, "wide");
    code.tee(bits).i32(0x7fff).op(I32_AND).i32(13).op(I32_SHL, F32_REINTERPRET_I32);
    code.f32(HalfCode.BIAS).op(F32_MUL).tee(value).op(I32_REINTERPRET_F32);
    code.i32(0x7f800000).i32(0).get(value).f32(HalfCode.LARGE).op(F32_GE, SELECT, I32_OR);
    code.get(bits).i32(0x8000).op(I32_AND).i32(16).op(I32_SHL, I32_OR, F32_REINTERPRET_I32);
  }

  /** From an f32 on the stack to the bits of the nearest f16, halves to even. */
  static void narrow(Code code) {
    Local bits = code.local(ValueType.I32, "float");
    Local rest = code.local(ValueType.I32, "rest");
    code.op(I32_REINTERPRET_F32).tee(bits).i32(0x7fffffff).op(I32_AND).set(rest);
    // Normal numbers: the last bit decides whether a half is rounded up.
    code.get(rest).i32(0x37fff001).op(I32_SUB);
    code.get(rest).i32(13).op(I32_SHR_U).i32(1).op(I32_AND, I32_ADD).i32(13).op(I32_SHR_U);
    // Denormal ones: adding 0.5 brings the last bit of the half to the last bit of the float.
    code.get(rest).op(F32_REINTERPRET_I32).f32(0.5f).op(F32_ADD, I32_REINTERPRET_F32);
    code.i32(0x3f000000).op(I32_SUB);
    code.get(rest).i32(0x38800000).op(I32_GE_U, SELECT);
    code.i32(0x7c00).get(rest).i32(0x477ff000).op(I32_LT_U, SELECT);
    code.i32(0x7e00).get(rest).i32(0x7f800000).op(I32_LE_U, SELECT);
    code.get(bits).i32(16).op(I32_SHR_U).i32(0x8000).op(I32_AND, I32_OR);
  }

  /** Rounds the f32 on the stack to the nearest f16. */
  static void round(Code code) {
    narrow(code);
    widen(code);
  }
}
