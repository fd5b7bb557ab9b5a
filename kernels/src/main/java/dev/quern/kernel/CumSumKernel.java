package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.kernel.KernelSpec.CumSum;
import dev.quern.onnx.DataType;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.Local;
import dev.quern.wasm.Opcode;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.List;

/** Sums along an axis {@code [outer, axis, inner]}. Items are lines, outer times inner. */
public final class CumSumKernel {
  public static final int SRC = 0;
  public static final int DST = 1;

  /** Elements of the axis, and of what lies behind it. */
  public static final int AXIS = 2;

  public static final int INNER = 3;

  private CumSumKernel() {}

  static Function emit(WasmModule.Builder module, String name, CumSum spec) {
    return module.function(name, Kernels.TYPE, Kernels.PARAMETERS, code -> body(code, spec));
  }

  private static void body(Code code, CumSum spec) {
    DataType type = spec.type();
    Local axis = Rows.argument(code, AXIS, "axis");
    Local inner = Rows.argument(code, INNER, "inner");
    Local sum = code.local(ElementwiseCode.valueType(type, false), "sum");
    Local value = code.local(ElementwiseCode.valueType(type, false), "value");
    Local at = code.local(ValueType.I32, "at");
    Local left = code.local(ValueType.I32, "left");
    Rows.items(
        code,
        () -> {
          // The element's number: outer · axis · inner + the place in inner.
          code.get(code.parameter(1)).get(inner).op(I32_DIV_U);
          code.get(axis).op(I32_MUL);
          if (spec.reverse()) {
            code.get(axis).op(I32_ADD).i32(1).op(I32_SUB);
          }
          code.get(inner).op(I32_MUL);
          code.get(code.parameter(1)).get(inner).op(I32_REM_U, I32_ADD);
          code.i32(type.bytes()).op(I32_MUL).set(at);
          zero(code, type);
          code.set(sum).get(axis).set(left);
          Rows.times(
              code,
              left,
              List.of(),
              0,
              () -> {
                Rows.arg(code, SRC).get(at).op(I32_ADD);
                ScalarCode.load(code, type);
                code.set(value);
                if (spec.exclusive()) {
                  store(code, type, at, sum);
                }
                code.get(sum).get(value).op(add(type)).set(sum);
                if (!spec.exclusive()) {
                  store(code, type, at, sum);
                }
                code.get(at).get(inner).i32(type.bytes()).op(I32_MUL);
                code.op(spec.reverse() ? I32_SUB : I32_ADD).set(at);
              });
        });
  }

  private static void store(Code code, DataType type, Local at, Local value) {
    Rows.arg(code, DST).get(at).op(I32_ADD).get(value);
    ScalarCode.store(code, type);
  }

  private static void zero(Code code, DataType type) {
    switch (type) {
      case FLOAT -> code.f32(0);
      case INT64 -> code.i64(0);
      default -> code.i32(0);
    }
  }

  private static Opcode add(DataType type) {
    return switch (type) {
      case FLOAT -> F32_ADD;
      case INT32 -> I32_ADD;
      case INT64 -> I64_ADD;
      default -> throw new KernelException("no kernel sums " + type.label());
    };
  }
}
