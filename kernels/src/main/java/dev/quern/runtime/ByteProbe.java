package dev.quern.runtime;

import static dev.quern.wasm.Opcode.*;

import dev.quern.schedule.ByteDot;
import dev.quern.wasm.Function;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.WasmModule;

/** Finds out how a machine sums products of bytes, by three sums that tell the ways apart. */
public final class ByteProbe {
  private static final String NAME = "dot";

  private ByteProbe() {}

  /** What a machine with relaxed SIMD does. */
  public static ByteDot of(Machine machine) {
    int handle = machine.load(module());
    // The sum of four products, twice with the largest magnitudes that there are.
    double low = machine.call(handle, NAME, -128, 255);
    double high = machine.call(handle, NAME, 127, 255);
    double middle = machine.call(handle, NAME, 127, 128);
    if (low == -128 * 255 * 4 && high == 127 * 255 * 4 && middle == 127 * 128 * 4) {
      return ByteDot.UNSIGNED;
    }
    if (low == 128 * 4 && high == -127 * 4 && middle == -127 * 128 * 4) {
      return ByteDot.SIGNED;
    }
    return ByteDot.NONE;
  }

  /** {@code dot(a, b)}: the sum of four products of two bytes. */
  private static byte[] module() {
    return WasmModule.build(
            module -> {
              Function dot =
                  module.function(
                      NAME,
                      FunctionType.of("ii:i"),
                      code -> {
                        for (int i = 0; i < 2; i++) {
                          code.get(code.parameter(i)).i32(255).op(I32_AND);
                          code.i32(0x01010101).op(I32_MUL, I32X4_SPLAT);
                        }
                        code.i32x4(0).op(I32X4_RELAXED_DOT_I8X16_I7X16_ADD_S);
                        code.lane(I32X4_EXTRACT_LANE, 0);
                      });
              module.export(dot);
            })
        .encode();
  }
}
