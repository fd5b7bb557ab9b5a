package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.wasm.Code;
import dev.quern.wasm.Local;

/** Reads steps of packed weights into registers. */
final class Panels {
  /** Sign, exponent and mantissa of an f16 that was sign-extended and shifted up by 13. */
  private static final int F16_BITS = 0x8fffe000;

  private static final float F16_BIAS = 0x1p112f;

  private Panels() {}

  /** Puts four columns of a step, from the address on the stack, as a tile multiplies them. */
  static void load(Code code, WeightFormat format, long offset, Local target) {
    switch (format) {
      case F32, I16 -> code.mem(V128_LOAD, offset).set(target);
      case I8 -> code.mem(V128_LOAD8X8_S, offset).set(target);
      case F16 -> {
        // The mantissa moves up, and a product corrects the exponent: right for denormals, too.
        // What then is 65536 or more was an infinity or NaN.
        code.mem(V128_LOAD16X4_S, offset).i32(13).op(I32X4_SHL).i32x4(F16_BITS).op(V128_AND);
        code.f32x4(F16_BIAS).op(F32X4_MUL).tee(target);
        code.get(target).op(F32X4_ABS).f32x4(65536f).op(F32X4_GE);
        code.f32x4(Float.POSITIVE_INFINITY).op(V128_AND, V128_OR).set(target);
      }
    }
  }
}
