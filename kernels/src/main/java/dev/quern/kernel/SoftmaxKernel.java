package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.kernel.KernelSpec.Softmax;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.List;

/** Softmax of rows, with the row's maximum subtracted first. Items are rows. */
public final class SoftmaxKernel {
  public static final int X = 0;
  public static final int Y = 1;
  public static final int COLUMNS = 2;

  private SoftmaxKernel() {}

  static Function emit(WasmModule.Builder module, String name, Softmax spec, boolean fma) {
    Function maximum = maximum(module, name);
    Function exponentials = exponentials(module, name, fma);
    return module.function(
        name,
        Kernels.TYPE,
        Kernels.PARAMETERS,
        code -> {
          Local columns = Rows.argument(code, COLUMNS, "columns");
          Local x = code.local(ValueType.I32, "x");
          Local y = code.local(ValueType.I32, "y");
          Local top = code.local(ValueType.F32, "top");
          Local sum = code.local(ValueType.F32, "sum");
          Lanes scalar = new Lanes(code, false, fma);
          Rows.items(
              code,
              () -> {
                address(code, X, columns, x);
                address(code, Y, columns, y);
                code.get(x).get(columns).call(maximum).set(top);
                code.get(x).get(y).get(columns).get(top).call(exponentials).set(sum);
                if (spec.log()) {
                  code.get(sum);
                  scalar.log();
                  code.get(top).op(F32_ADD, F32_NEG).set(sum);
                  finish(code, columns, List.of(x, y), x, y, sum, F32X4_ADD, F32_ADD);
                } else {
                  code.f32(1).get(sum).op(F32_DIV).set(sum);
                  finish(code, columns, List.of(y), y, y, sum, F32X4_MUL, F32_MUL);
                }
              });
        });
  }

  /** The address of the item's row. */
  private static void address(Code code, int argument, Local columns, Local target) {
    Rows.arg(code, argument).get(code.parameter(1)).get(columns).op(I32_MUL);
    code.i32(2).op(I32_SHL, I32_ADD).set(target);
  }

  private static void finish(
      Code code,
      Local columns,
      List<Local> pointers,
      Local from,
      Local to,
      Local value,
      dev.quern.wasm.Opcode vector,
      dev.quern.wasm.Opcode scalar) {
    Rows.floats(
        code,
        columns,
        pointers,
        () ->
            code.get(to)
                .get(from)
                .mem(V128_LOAD, 0)
                .get(value)
                .op(F32X4_SPLAT, vector)
                .mem(V128_STORE, 0),
        () -> code.get(to).get(from).mem(F32_LOAD, 0).get(value).op(scalar).mem(F32_STORE, 0));
  }

  /** {@code (x, columns) -> the row's maximum}; a NaN is left for the exponentials to spread. */
  private static Function maximum(WasmModule.Builder module, String name) {
    return module.function(
        name + "_max",
        FunctionType.of("ii:f"),
        List.of("x", "columns"),
        code -> {
          Local x = code.parameter(0);
          Local four = code.local(ValueType.V128, "four");
          Local top = code.local(ValueType.F32, "top");
          code.f32x4(Float.NEGATIVE_INFINITY).set(four);
          code.f32(Float.NEGATIVE_INFINITY).set(top);
          Rows.floats(
              code,
              code.parameter(1),
              List.of(x),
              () -> code.get(four).get(x).mem(V128_LOAD, 0).op(F32X4_PMAX).set(four),
              () -> code.get(x).mem(F32_LOAD, 0).get(top).op(F32_MAX).set(top));
          Rows.fold(code, four, F32_MAX);
          code.get(top).op(F32_MAX);
        });
  }

  /** {@code (x, y, columns, top) -> sum}, with {@code y = e^(x - top)}; x and y may be the same. */
  private static Function exponentials(WasmModule.Builder module, String name, boolean fma) {
    return module.function(
        name + "_exp",
        FunctionType.of("iiif:f"),
        List.of("x", "y", "columns", "top"),
        code -> {
          Local x = code.parameter(0);
          Local y = code.parameter(1);
          Local top = code.parameter(3);
          Local topFour = code.local(ValueType.V128, "top_four");
          Local four = code.local(ValueType.V128, "four");
          Local value = code.local(ValueType.V128, "value");
          Local sum = code.local(ValueType.F32, "sum");
          Local one = code.local(ValueType.F32, "one");
          Lanes vector = new Lanes(code, true, fma);
          code.get(top).op(F32X4_SPLAT).set(topFour);
          Rows.floats(
              code,
              code.parameter(2),
              List.of(x, y),
              () -> {
                code.get(x).mem(V128_LOAD, 0).get(topFour).op(F32X4_SUB);
                vector.exp().set(value);
                code.get(y).get(value).mem(V128_STORE, 0);
                code.get(four).get(value).op(F32X4_ADD).set(four);
              },
              () -> {
                // By vectors too: an element's bits do not depend on where in its row it stands.
                code.get(x).mem(V128_LOAD32_ZERO, 0).get(topFour).op(F32X4_SUB);
                vector.exp();
                code.lane(F32X4_EXTRACT_LANE, 0).set(one);
                code.get(y).get(one).mem(F32_STORE, 0);
                code.get(sum).get(one).op(F32_ADD).set(sum);
              });
          Rows.fold(code, four, F32_ADD);
          code.get(sum).op(F32_ADD);
        });
  }
}
