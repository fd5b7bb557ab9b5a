package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.kernel.KernelSpec.LayerNorm;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.ArrayList;
import java.util.List;

/** Layer normalisation of rows in three passes: mean, variance about it, result. Items are rows. */
public final class LayerNormKernel {
  public static final int X = 0;
  public static final int SCALE = 1;
  public static final int BIAS = 2;
  public static final int Y = 3;
  public static final int COLUMNS = 4;

  /** Vectors in a pass of the loops. */
  private static final int VECTORS = 4;

  private final Code code;
  private final LayerNorm spec;
  private final Local columns;
  private final Local x;
  private final Local y;
  private final Local scale;
  private final Local bias;
  private final List<Local> sums = new ArrayList<>();
  private final Local value;
  private final Local splat;
  private final Local factor;
  private final Local sum;
  private final Local mean;
  private final Local inverse;
  private final Local one;

  private LayerNormKernel(Code code, LayerNorm spec) {
    this.code = code;
    this.spec = spec;
    columns = Rows.argument(code, COLUMNS, "columns");
    x = code.local(ValueType.I32, "x");
    y = code.local(ValueType.I32, "y");
    scale = code.local(ValueType.I32, "scale");
    bias = code.local(ValueType.I32, "bias");
    for (int i = 0; i < VECTORS; i++) {
      sums.add(code.local(ValueType.V128, "four" + i));
    }
    value = code.local(ValueType.V128, "value");
    splat = code.local(ValueType.V128, "mean_four");
    factor = code.local(ValueType.V128, "inverse_four");
    sum = code.local(ValueType.F32, "sum");
    mean = code.local(ValueType.F32, "mean");
    inverse = code.local(ValueType.F32, "inverse");
    one = code.local(ValueType.F32, "one");
  }

  static Function emit(WasmModule.Builder module, String name, LayerNorm spec, boolean fma) {
    return module.function(
        name,
        Kernels.TYPE,
        Kernels.PARAMETERS,
        code -> {
          LayerNormKernel kernel = new LayerNormKernel(code, spec);
          Rows.items(code, kernel::row);
        });
  }

  private void row() {
    start(x, X);
    total(() -> {}, () -> {});
    code.get(columns).op(F32_CONVERT_I32_S, F32_DIV).set(mean);
    code.get(mean).op(F32X4_SPLAT).set(splat);
    start(x, X);
    total(
        () -> {
          code.get(splat).op(F32X4_SUB).set(value);
          code.get(value).get(value).op(F32X4_MUL);
        },
        () -> {
          code.get(mean).op(F32_SUB).set(one);
          code.get(one).get(one).op(F32_MUL);
        });
    code.get(columns).op(F32_CONVERT_I32_S, F32_DIV).f32(spec.epsilon()).op(F32_ADD, F32_SQRT);
    code.set(inverse).f32(1).get(inverse).op(F32_DIV).tee(inverse).op(F32X4_SPLAT).set(factor);
    result();
  }

  private void start(Local pointer, int argument) {
    Rows.arg(code, argument).get(code.parameter(1)).get(columns).op(I32_MUL);
    code.i32(2).op(I32_SHL, I32_ADD).set(pointer);
  }

  /** Leaves the sum over the row of what the bodies make of each element. */
  private void total(Runnable vector, Runnable scalar) {
    sums.forEach(part -> code.f32x4(0).set(part));
    code.f32(0).set(sum);
    Rows.floats(
        code,
        columns,
        List.of(x),
        VECTORS,
        i -> {
          code.get(x).mem(V128_LOAD, 16L * i);
          vector.run();
          code.get(sums.get(i)).op(F32X4_ADD).set(sums.get(i));
        },
        () -> {
          code.get(x).mem(F32_LOAD, 0);
          scalar.run();
          code.get(sum).op(F32_ADD).set(sum);
        });
    Local first = sums.getFirst();
    for (Local part : sums.subList(1, VECTORS)) {
      code.get(first).get(part).op(F32X4_ADD).set(first);
    }
    Rows.fold(code, first, F32_ADD);
    code.get(sum).op(F32_ADD);
  }

  private void result() {
    start(x, X);
    start(y, Y);
    Rows.arg(code, SCALE).set(scale);
    List<Local> pointers = new ArrayList<>(List.of(x, y, scale));
    if (spec.bias()) {
      Rows.arg(code, BIAS).set(bias);
      pointers.add(bias);
    }
    Rows.floats(
        code,
        columns,
        pointers,
        VECTORS,
        i -> {
          code.get(y).get(x).mem(V128_LOAD, 16L * i).get(splat).op(F32X4_SUB).get(factor);
          code.op(F32X4_MUL).get(scale).mem(V128_LOAD, 16L * i).op(F32X4_MUL);
          if (spec.bias()) {
            code.get(bias).mem(V128_LOAD, 16L * i).op(F32X4_ADD);
          }
          code.mem(V128_STORE, 16L * i);
        },
        () -> {
          code.get(y).get(x).mem(F32_LOAD, 0).get(mean).op(F32_SUB).get(inverse);
          code.op(F32_MUL).get(scale).mem(F32_LOAD, 0).op(F32_MUL);
          if (spec.bias()) {
            code.get(bias).mem(F32_LOAD, 0).op(F32_ADD);
          }
          code.mem(F32_STORE, 0);
        });
  }
}
