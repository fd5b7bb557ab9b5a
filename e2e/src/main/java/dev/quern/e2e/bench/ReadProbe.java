package dev.quern.e2e.bench;

import static dev.quern.wasm.Opcode.*;

import dev.quern.wasm.Function;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.ArrayList;
import java.util.List;

/**
 * A loop that reads a memory larger than the caches and does next to nothing else: as many streams
 * side by side as panels of weights are read, since one stream alone does not fill the bandwidth.
 */
final class ReadProbe {
  /** Bytes that one turn reads. */
  static final int BYTES = 96 << 20;

  /** Pages of memory that the probe wants. */
  static final int PAGES = BYTES >> 16;

  private static final int SUMS = 8;

  private static final int UNROLL = 4;

  private ReadProbe() {}

  /** A module whose export {@code peak(turns: i32): f32} reads the memory so many times. */
  static byte[] module() {
    return WasmModule.build(
            module -> {
              module.importMemory(false);
              Function peak =
                  module.function(
                      "peak",
                      FunctionType.of("i:f"),
                      code -> {
                        Local turn = code.local(ValueType.I32, "turn");
                        Local at = code.local(ValueType.I32, "at");
                        Local end = code.local(ValueType.I32, "end");
                        List<Local> sums = new ArrayList<>();
                        for (int i = 0; i < SUMS; i++) {
                          sums.add(code.local(ValueType.V128, "sum" + i));
                        }
                        code.i32(BYTES / SUMS).set(end);
                        code.whileLess(
                            turn,
                            code.parameter(0),
                            1,
                            () -> {
                              code.i32(0).set(at);
                              code.whileLess(
                                  at,
                                  end,
                                  16 * UNROLL,
                                  () -> {
                                    for (int i = 0; i < SUMS * UNROLL; i++) {
                                      Local sum = sums.get(i % SUMS);
                                      long from = (long) BYTES / SUMS * (i % SUMS);
                                      code.get(sum).get(at).mem(V128_LOAD, from + 16L * (i / SUMS));
                                      code.op(V128_OR).set(sum);
                                    }
                                  });
                            });
                        code.get(sums.getFirst());
                        for (Local sum : sums.subList(1, SUMS)) {
                          code.get(sum).op(V128_OR);
                        }
                        code.lane(F32X4_EXTRACT_LANE, 0);
                      });
              module.export(peak);
            })
        .encode();
  }
}
