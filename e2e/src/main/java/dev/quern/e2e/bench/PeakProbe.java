package dev.quern.e2e.bench;

import static dev.quern.wasm.Opcode.F32X4_ADD;
import static dev.quern.wasm.Opcode.F32X4_EXTRACT_LANE;
import static dev.quern.wasm.Opcode.F32X4_MUL;
import static dev.quern.wasm.Opcode.F32X4_RELAXED_MADD;

import dev.quern.wasm.Function;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.ArrayList;
import java.util.List;

/**
 * A module that does nothing but multiply and add in registers: the rate that no kernel can pass.
 */
public final class PeakProbe {
  /** Sums that do not depend on each other: enough to hide the latency of an addition. */
  private static final int SUMS = 12;

  private static final int UNROLL = 4;

  /** Floating-point operations of one turn of the loop. */
  public static final int FLOPS = SUMS * UNROLL * 8;

  private PeakProbe() {}

  /** A module whose export {@code peak(turns: i32): f32} runs the loop. */
  public static byte[] module(boolean fma) {
    return WasmModule.build(
            module -> {
              Function peak =
                  module.function(
                      "peak",
                      FunctionType.of("i:f"),
                      code -> {
                        Local turns = code.parameter(0);
                        Local turn = code.local(ValueType.I32, "turn");
                        Local factor = code.local(ValueType.V128, "factor");
                        Local term = code.local(ValueType.V128, "term");
                        List<Local> sums = new ArrayList<>();
                        // Values that neither overflow nor become denormal: sum = sum · 0.5 + 0.5.
                        code.f32x4(0.5f).set(factor).f32x4(0.5f).set(term);
                        for (int i = 0; i < SUMS; i++) {
                          Local sum = code.local(ValueType.V128, "sum" + i);
                          code.f32x4(i).set(sum);
                          sums.add(sum);
                        }
                        code.whileLess(
                            turn,
                            turns,
                            1,
                            () -> {
                              for (int i = 0; i < UNROLL; i++) {
                                for (Local sum : sums) {
                                  code.get(sum).get(factor);
                                  if (fma) {
                                    code.get(term).op(F32X4_RELAXED_MADD);
                                  } else {
                                    code.op(F32X4_MUL).get(term).op(F32X4_ADD);
                                  }
                                  code.set(sum);
                                }
                              }
                            });
                        code.get(sums.getFirst());
                        for (Local sum : sums.subList(1, SUMS)) {
                          code.get(sum).op(F32X4_ADD);
                        }
                        code.lane(F32X4_EXTRACT_LANE, 0);
                      });
              module.export(peak);
            })
        .encode();
  }
}
