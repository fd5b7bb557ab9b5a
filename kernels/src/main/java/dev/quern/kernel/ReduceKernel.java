package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.kernel.KernelSpec.Reduce;
import dev.quern.kernel.KernelSpec.Reduction;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.Local;
import dev.quern.wasm.Opcode;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.List;

/**
 * Reduces the middle of {@code [outer, middle, inner]}, f32. Items are outer. Nothing to reduce
 * gives the operation's neutral element; a mean of nothing is NaN.
 */
public final class ReduceKernel {
  public static final int X = 0;
  public static final int Y = 1;
  public static final int MIDDLE = 2;

  /** 1 in the rows variant, which does not read it. */
  public static final int INNER = 3;

  private final Code code;
  private final Reduction reduction;
  private final Local middle;
  private final Local x;
  private final Local y;

  private ReduceKernel(Code code, Reduction reduction) {
    this.code = code;
    this.reduction = reduction;
    middle = Rows.argument(code, MIDDLE, "middle");
    x = code.local(ValueType.I32, "x");
    y = code.local(ValueType.I32, "y");
  }

  static Function emit(WasmModule.Builder module, String name, Reduce spec) {
    return module.function(
        name,
        Kernels.TYPE,
        Kernels.PARAMETERS,
        code -> {
          ReduceKernel kernel = new ReduceKernel(code, spec.reduction());
          if (spec.columns()) {
            kernel.columns();
          } else {
            kernel.rows();
          }
        });
  }

  private void rows() {
    Local four = code.local(ValueType.V128, "four");
    Local one = code.local(ValueType.F32, "one");
    Rows.items(
        code,
        () -> {
          Rows.arg(code, X).get(code.parameter(1)).get(middle).op(I32_MUL);
          code.i32(2).op(I32_SHL, I32_ADD).set(x);
          code.f32x4(neutral()).set(four).f32(neutral()).set(one);
          Rows.floats(
              code,
              middle,
              List.of(x),
              () -> code.get(four).get(x).mem(V128_LOAD, 0).op(vector()).set(four),
              () -> code.get(one).get(x).mem(F32_LOAD, 0).op(scalar()).set(one));
          Rows.arg(code, Y).get(code.parameter(1)).i32(2).op(I32_SHL, I32_ADD);
          Rows.fold(code, four, scalar());
          code.get(one).op(scalar());
          if (reduction == Reduction.MEAN) {
            code.get(middle).op(F32_CONVERT_I32_S, F32_DIV);
          }
          code.mem(F32_STORE, 0);
        });
  }

  private void columns() {
    Local inner = Rows.argument(code, INNER, "inner");
    Local stride = code.local(ValueType.I32, "stride");
    Local moving = code.local(ValueType.I32, "moving");
    Local left = code.local(ValueType.I32, "rows_left");
    Local four = code.local(ValueType.V128, "four");
    Local one = code.local(ValueType.F32, "one");
    code.get(inner).i32(2).op(I32_SHL).set(stride);
    Rows.items(
        code,
        () -> {
          Rows.arg(code, X).get(code.parameter(1)).get(middle).op(I32_MUL);
          code.get(stride).op(I32_MUL, I32_ADD).set(x);
          Rows.arg(code, Y).get(code.parameter(1)).get(stride).op(I32_MUL, I32_ADD).set(y);
          Rows.floats(
              code,
              inner,
              List.of(x, y),
              () -> {
                code.f32x4(neutral()).set(four);
                down(
                    moving,
                    left,
                    stride,
                    () -> code.get(four).get(moving).mem(V128_LOAD, 0).op(vector()).set(four));
                code.get(y).get(four);
                if (reduction == Reduction.MEAN) {
                  code.get(middle).op(F32_CONVERT_I32_S, F32X4_SPLAT, F32X4_DIV);
                }
                code.mem(V128_STORE, 0);
              },
              () -> {
                code.f32(neutral()).set(one);
                down(
                    moving,
                    left,
                    stride,
                    () -> code.get(one).get(moving).mem(F32_LOAD, 0).op(scalar()).set(one));
                code.get(y).get(one);
                if (reduction == Reduction.MEAN) {
                  code.get(middle).op(F32_CONVERT_I32_S, F32_DIV);
                }
                code.mem(F32_STORE, 0);
              });
        });
  }

  private void down(Local moving, Local left, Local stride, Runnable body) {
    code.get(x).set(moving).get(middle).set(left).get(left);
    code.if_(() ->
        code.loop(again -> {
          body.run();
          code.increase(moving, stride);
          code.get(left).i32(1).op(I32_SUB).tee(left).brIf(again);
        }));
  }

  private float neutral() {
    return switch (reduction) {
      case MEAN, SUM -> 0f;
      case PROD -> 1f;
      case MAX -> Float.NEGATIVE_INFINITY;
      case MIN -> Float.POSITIVE_INFINITY;
    };
  }

  private Opcode vector() {
    return switch (reduction) {
      case MEAN, SUM -> F32X4_ADD;
      case PROD -> F32X4_MUL;
      case MAX -> F32X4_MAX;
      case MIN -> F32X4_MIN;
    };
  }

  private Opcode scalar() {
    return switch (reduction) {
      case MEAN, SUM -> F32_ADD;
      case PROD -> F32_MUL;
      case MAX -> F32_MAX;
      case MIN -> F32_MIN;
    };
  }
}
