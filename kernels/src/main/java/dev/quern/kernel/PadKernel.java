package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.kernel.KernelSpec.Pad;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;

/**
 * Copies {@code [n, h, row]} into a larger {@code [n, top + h + bottom, left + row + right]} and
 * fills what is around. Items are rows of the target.
 */
public final class PadKernel {
  public static final int SRC = 0;
  public static final int DST = 1;

  /** Rows of the source, rows above it in the target, rows of the target. */
  public static final int H = 2;

  public static final int TOP = 3;
  public static final int OUT_H = 4;

  /** Bytes of a row of the source, and of what is before and behind it in the target. */
  public static final int ROW = 5;

  public static final int LEFT = 6;
  public static final int RIGHT = 7;

  private PadKernel() {}

  static Function emit(WasmModule.Builder module, String name, Pad spec) {
    return module.function(name, Kernels.TYPE, Kernels.PARAMETERS, code -> body(code, spec));
  }

  private static void body(Code code, Pad spec) {
    Local h = Rows.argument(code, H, "h");
    Local outH = Rows.argument(code, OUT_H, "out_h");
    Local row = Rows.argument(code, ROW, "row");
    Local left = Rows.argument(code, LEFT, "left");
    Local right = Rows.argument(code, RIGHT, "right");
    Local y = code.local(ValueType.I32, "y");
    Local dst = code.local(ValueType.I32, "dst");
    Local whole = code.local(ValueType.I32, "whole");
    Local bytes = code.local(ValueType.I32, "bytes");
    code.get(left).get(row).get(right).op(I32_ADD, I32_ADD).set(whole);
    Rows.items(
        code,
        () -> {
          Local item = code.parameter(1);
          Rows.arg(code, DST).get(item).get(whole).op(I32_MUL, I32_ADD).set(dst);
          code.get(item).get(outH).op(I32_REM_S);
          Rows.arg(code, TOP).op(I32_SUB).tee(y).get(h).op(I32_LT_U);
          code.ifElse(
              () -> {
                fill(code, spec, dst, left, bytes);
                code.get(dst);
                Rows.arg(code, SRC).get(item).get(outH).op(I32_DIV_S).get(h);
                code.op(I32_MUL).get(y).op(I32_ADD).get(row).op(I32_MUL, I32_ADD);
                code.get(row).op(MEMORY_COPY).increase(dst, row);
                fill(code, spec, dst, right, bytes);
              },
              () -> fill(code, spec, dst, whole, bytes));
        });
  }

  /** Fills as many bytes as the local says and moves the target on. */
  private static void fill(Code code, Pad spec, Local dst, Local count, Local left) {
    if (spec.bits() == 0) {
      code.get(dst).i32(0).get(count).op(MEMORY_FILL).increase(dst, count);
      return;
    }
    code.get(count).tee(left);
    code.if_(() ->
        code.loop(again -> {
          code.get(dst);
          switch (spec.bytes()) {
            case 1 -> code.i32((int) spec.bits()).mem(I32_STORE8, 0);
            case 2 -> code.i32((int) spec.bits()).mem(I32_STORE16, 0);
            case 4 -> code.i32((int) spec.bits()).mem(I32_STORE, 0);
            case 8 -> code.i64(spec.bits()).mem(I64_STORE, 0);
            default -> throw new KernelException("no element has " + spec.bytes() + " bytes");
          }
          code.increase(dst, spec.bytes());
          code.get(left).i32(spec.bytes()).op(I32_SUB).tee(left).brIf(again);
        }));
  }
}
