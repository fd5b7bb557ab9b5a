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
 * A loop that reads a memory larger than the caches and does next to nothing else: some streams
 * side by side, since one alone does not fill the bandwidth.
 */
final class ReadProbe {
  /** How many streams to try: which number is best depends on the machine. */
  static final List<Integer> STREAMS = List.of(2, 4, 8);

  private static final int SUMS = 8;

  /** Vectors of a stream that a pass reads: a cache line. */
  private static final int UNROLL = 4;

  private ReadProbe() {}

  /**
   * A module whose export {@code peak(turns: i32): f32} reads the memory so many times.
   *
   * @param bytes of the memory, a multiple of 64 KB
   */
  static byte[] module(int streams, int bytes) {
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
                        code.i32(bytes / streams).set(end);
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
                                    for (int i = 0; i < streams * UNROLL; i++) {
                                      Local sum = sums.get(i % SUMS);
                                      long from = (long) bytes / streams * (i % streams);
                                      from += 16L * (i / streams);
                                      code.get(sum).get(at).mem(V128_LOAD, from);
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
