package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.List;

/**
 * Products of i32 for what no quantised product takes in: right, not fast. Items are rows of C; the
 * products of 8 bits that become i32 before are exact.
 */
public final class IntegerMatmulKernel {
  public static final int A = 0;
  public static final int B = 1;
  public static final int C = 2;
  public static final int M = 3;
  public static final int K = 4;
  public static final int N = 5;

  private IntegerMatmulKernel() {}

  static Function emit(WasmModule.Builder module, String name) {
    return module.function(name, Kernels.TYPE, Kernels.PARAMETERS, IntegerMatmulKernel::body);
  }

  private static void body(Code code) {
    Local item = code.parameter(1);
    Local k = Rows.argument(code, K, "k");
    Local n = Rows.argument(code, N, "n");
    Local row = code.local(ValueType.I32, "row");
    Local first = code.local(ValueType.I32, "first");
    Local a = code.local(ValueType.I32, "a");
    Local b = code.local(ValueType.I32, "b");
    Local c = code.local(ValueType.I32, "c");
    Local left = code.local(ValueType.I32, "k_left");
    Local four = code.local(ValueType.V128, "four");
    Local one = code.local(ValueType.I32, "one");
    code.get(n).i32(2).op(I32_SHL).set(row);
    Rows.items(
        code,
        () -> {
          Rows.arg(code, C).get(item).get(row).op(I32_MUL, I32_ADD).set(c);
          // The matrix of B that belongs to the row's matrix of the batch.
          Rows.arg(code, B).get(item);
          Rows.arg(code, M).op(I32_DIV_S).get(k).op(I32_MUL).get(row).op(I32_MUL, I32_ADD);
          code.set(first);
          Runnable start =
              () -> {
                Rows.arg(code, A).get(item).get(k).op(I32_MUL).i32(2).op(I32_SHL, I32_ADD).set(a);
                code.get(first).set(b).get(k).set(left);
              };
          Rows.floats(
              code,
              n,
              List.of(c, first),
              () -> {
                start.run();
                code.i32x4(0).set(four);
                Rows.times(
                    code,
                    left,
                    List.of(a),
                    4,
                    () -> {
                      code.get(four).get(a).mem(V128_LOAD32_SPLAT, 0).get(b).mem(V128_LOAD, 0);
                      code.op(I32X4_MUL, I32X4_ADD).set(four).increase(b, row);
                    });
                code.get(c).get(four).mem(V128_STORE, 0);
              },
              () -> {
                start.run();
                code.i32(0).set(one);
                Rows.times(
                    code,
                    left,
                    List.of(a),
                    4,
                    () -> {
                      code.get(one).get(a).mem(I32_LOAD, 0).get(b).mem(I32_LOAD, 0);
                      code.op(I32_MUL, I32_ADD).set(one).increase(b, row);
                    });
                code.get(c).get(one).mem(I32_STORE, 0);
              });
        });
  }
}
