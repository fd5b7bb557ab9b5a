package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.kernel.KernelSpec.Gather;
import dev.quern.onnx.DataType;
import dev.quern.wasm.Function;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;

/**
 * Copies the rows that indices name: {@code [outer, axis, inner]} by {@code [count]} to {@code
 * [outer, count, inner]}. Items are the output's rows, outer · count. Negative indices count from
 * the end; one outside the axis is reported (see {@link Faults}) and nothing is copied.
 */
public final class GatherKernel {
  public static final int DATA = 0;
  public static final int INDICES = 1;
  public static final int OUT = 2;
  public static final int AXIS = 3;
  public static final int INNER_BYTES = 4;
  public static final int COUNT = 5;

  private GatherKernel() {}

  static Function emit(WasmModule.Builder module, String name, Gather spec) {
    boolean wide = spec.index() == DataType.INT64;
    return module.function(
        name,
        Kernels.TYPE,
        Kernels.PARAMETERS,
        code -> {
          Local axis = Rows.argument(code, AXIS, "axis");
          Local inner = Rows.argument(code, INNER_BYTES, "inner");
          Local count = Rows.argument(code, COUNT, "count");
          Local row = code.parameter(1);
          Local index = code.local(ValueType.I32, "index");
          Local at = code.local(ValueType.I32, "at");
          Rows.items(
              code,
              () -> {
                Rows.arg(code, INDICES).get(row).get(count).op(I32_REM_S);
                code.i32(wide ? 3 : 2).op(I32_SHL, I32_ADD);
                if (wide) {
                  // Outside 32 bits is outside every axis: saturate instead of wrapping.
                  Local full = code.local(ValueType.I64, "full");
                  code.mem(I64_LOAD, 0).set(full);
                  code.get(full).op(I32_WRAP_I64).i32(Integer.MAX_VALUE);
                  code.get(full).op(I32_WRAP_I64, I64_EXTEND_I32_S).get(full).op(I64_EQ, SELECT);
                } else {
                  code.mem(I32_LOAD, 0);
                }
                code.set(index);
                code.get(index).get(axis).op(I32_ADD).get(index).get(index).i32(0);
                code.op(I32_LT_S, SELECT).tee(at).get(axis).op(I32_GE_U);
                code.ifElse(
                    () -> Faults.report(code, code.parameter(0), Faults.INDEX_OUT_OF_RANGE, index),
                    () -> {
                      Rows.arg(code, OUT).get(row).get(inner).op(I32_MUL, I32_ADD);
                      Rows.arg(code, DATA);
                      code.get(row).get(count).op(I32_DIV_S).get(axis).op(I32_MUL);
                      code.get(at).op(I32_ADD).get(inner).op(I32_MUL, I32_ADD);
                      code.get(inner).op(MEMORY_COPY);
                    });
              });
        });
  }
}
