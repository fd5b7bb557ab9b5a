package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.kernel.KernelSpec.Iota;
import dev.quern.onnx.DataType;
import dev.quern.wasm.Function;
import dev.quern.wasm.WasmModule;

/** Numbers at even distances: {@code y[i] = start + i·step}. Items are elements. */
public final class IotaKernel {
  public static final int OUT = 0;

  /** Both as i32. */
  public static final int START = 1;

  public static final int STEP = 2;

  private IotaKernel() {}

  static Function emit(WasmModule.Builder module, String name, Iota spec) {
    boolean wide = spec.type() == DataType.INT64;
    return module.function(
        name,
        Kernels.TYPE,
        Kernels.PARAMETERS,
        code ->
            Rows.items(
                code,
                () -> {
                  Rows.arg(code, OUT).get(code.parameter(1)).i32(spec.type().bytes());
                  code.op(I32_MUL, I32_ADD);
                  Rows.arg(code, STEP).get(code.parameter(1)).op(I32_MUL);
                  Rows.arg(code, START).op(I32_ADD);
                  if (wide) {
                    code.op(I64_EXTEND_I32_S).mem(I64_STORE, 0);
                  } else {
                    code.mem(I32_STORE, 0);
                  }
                }));
  }
}
