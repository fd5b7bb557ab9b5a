package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.kernel.KernelSpec.Pool;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.Local;
import dev.quern.wasm.Opcode;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;

/**
 * Maximum or average of windows of an image {@code [n, h, w, c]}. Items are rows of the output;
 * what lies outside of the image is left out. A maximum is NaN where the window holds one.
 */
public final class PoolKernel {
  public static final int X = 0;
  public static final int Y = 1;

  /** Rows and columns of the image and of the output. */
  public static final int H = 2;

  public static final int W = 3;
  public static final int OUT_H = 4;
  public static final int OUT_W = 5;

  /** Rows and columns that the first window starts before the image. */
  public static final int TOP = 6;

  public static final int LEFT = 7;
  public static final int CHANNELS = 8;

  private final Code code;
  private final Pool spec;
  private final Local w;
  private final Local outW;
  private final Local channels;
  private final Local pixel;
  private final Local x;
  private final Local rows;
  private final Local columns;
  private final Local src;
  private final Local dst;
  private final Local from;
  private final Local at;
  private final Local rowsLeft;
  private final Local columnsLeft;
  private final Local sum;

  private PoolKernel(Code code, Pool spec) {
    this.code = code;
    this.spec = spec;
    w = Rows.argument(code, W, "w");
    outW = Rows.argument(code, OUT_W, "out_w");
    channels = Rows.argument(code, CHANNELS, "channels");
    pixel = i32("pixel");
    x = i32("x");
    rows = i32("rows");
    columns = i32("columns");
    src = i32("src");
    dst = i32("dst");
    from = i32("from");
    at = i32("at");
    rowsLeft = i32("rows_left");
    columnsLeft = i32("columns_left");
    sum = code.local(ValueType.V128, "sum");
  }

  private Local i32(String label) {
    return code.local(ValueType.I32, label);
  }

  static Function emit(WasmModule.Builder module, String name, Pool spec) {
    return module.function(
        name, Kernels.TYPE, Kernels.PARAMETERS, code -> new PoolKernel(code, spec).emit());
  }

  private void emit() {
    Local h = Rows.argument(code, H, "h");
    Local outH = Rows.argument(code, OUT_H, "out_h");
    Local row = i32("row");
    Local firstRow = i32("first_row");
    Local firstColumn = i32("first_column");
    code.get(channels).i32(2).op(I32_SHL).set(pixel);
    Rows.items(
        code,
        () -> {
          Local item = code.parameter(1);
          code.get(item).get(outH).op(I32_REM_S).i32(spec.strideH()).op(I32_MUL);
          Rows.arg(code, TOP).op(I32_SUB).set(firstRow);
          Windows.clip(code, firstRow, h, spec.kernelH(), spec.dilationH(), rows);
          // The address of the first row of the image that the window sees.
          Rows.arg(code, X).get(item).get(outH).op(I32_DIV_S).get(h).op(I32_MUL);
          code.get(firstRow).op(I32_ADD).get(w).op(I32_MUL).get(pixel).op(I32_MUL, I32_ADD);
          code.set(row);
          Rows.arg(code, Y).get(item).get(outW).op(I32_MUL).get(pixel).op(I32_MUL, I32_ADD);
          code.set(dst).i32(0).set(x);
          code.whileLess(
              x,
              outW,
              1,
              () -> {
                code.get(x).i32(spec.strideW()).op(I32_MUL);
                Rows.arg(code, LEFT).op(I32_SUB).set(firstColumn);
                Windows.clip(code, firstColumn, w, spec.kernelW(), spec.dilationW(), columns);
                code.get(row).get(firstColumn).get(pixel).op(I32_MUL, I32_ADD).set(src);
                pixel();
              });
        });
  }

  private void pixel() {
    Local left = i32("left");
    code.get(channels).i32(2).op(I32_SHR_U).set(left);
    channels(left, V128_LOAD, V128_STORE, 16);
    code.get(channels).i32(3).op(I32_AND).set(left);
    channels(left, V128_LOAD32_ZERO, V128_STORE32_LANE, 4);
  }

  private void channels(Local left, Opcode load, Opcode store, int bytes) {
    Rows.times(
        code,
        left,
        java.util.List.of(src, dst),
        bytes,
        () -> {
          code.f32x4(spec.max() ? Float.NEGATIVE_INFINITY : 0f).set(sum);
          code.get(src).set(from).get(rows).set(rowsLeft);
          times(
              rowsLeft,
              () -> {
                code.get(from).set(at).get(columns).set(columnsLeft);
                times(
                    columnsLeft,
                    () -> {
                      code.get(sum).get(at).mem(load, 0);
                      code.op(spec.max() ? F32X4_MAX : F32X4_ADD).set(sum);
                      code.get(at).get(pixel).i32(spec.dilationW()).op(I32_MUL, I32_ADD).set(at);
                    });
                code.get(from).get(w).i32(spec.dilationH()).op(I32_MUL);
                code.get(pixel).op(I32_MUL, I32_ADD).set(from);
              });
          code.get(dst).get(sum);
          if (!spec.max()) {
            if (spec.whole()) {
              code.f32x4(spec.kernelH() * spec.kernelW());
            } else {
              code.get(rows).get(columns).op(I32_MUL, F32_CONVERT_I32_S, F32X4_SPLAT);
            }
            code.op(F32X4_DIV);
          }
          code.mem(store, 0);
        });
  }

  private void times(Local left, Runnable body) {
    Rows.times(code, left, java.util.List.of(), 0, body);
  }
}
