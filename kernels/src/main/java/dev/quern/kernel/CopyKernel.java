package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.kernel.KernelSpec.Copy;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.Local;
import dev.quern.wasm.Opcode;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;

/**
 * Copies a box of any rank between two strided layouts. Items are rows: the product of all
 * dimensions but the last. Arguments: the constants, then for each outer dimension its size and
 * both strides in bytes.
 */
public final class CopyKernel {
  public static final int SRC = 0;
  public static final int DST = 1;

  /** Elements of the last dimension, and its strides in bytes. */
  public static final int INNER = 2;

  public static final int SRC_INNER = 3;
  public static final int DST_INNER = 4;

  /** Three words a dimension: size, stride of the source, stride of the target. */
  public static final int OUTER = 5;

  private CopyKernel() {}

  static Function emit(WasmModule.Builder module, String name, Copy spec) {
    return module.function(name, Kernels.TYPE, Kernels.PARAMETERS, code -> body(code, spec));
  }

  private static void body(Code code, Copy spec) {
    Local inner = Rows.argument(code, INNER, "inner");
    Local src = code.local(ValueType.I32, "src");
    Local dst = code.local(ValueType.I32, "dst");
    Local rest = code.local(ValueType.I32, "rest");
    Local index = code.local(ValueType.I32, "index");
    Rows.items(
        code,
        () -> {
          Rows.arg(code, SRC).set(src);
          Rows.arg(code, DST).set(dst);
          code.get(code.parameter(1)).set(rest);
          for (int d = spec.rank() - 2; d >= 0; d--) {
            int word = OUTER + 3 * d;
            code.get(rest);
            Rows.arg(code, word).op(I32_REM_S).set(index);
            code.get(rest);
            Rows.arg(code, word).op(I32_DIV_S).set(rest);
            code.get(src).get(index);
            Rows.arg(code, word + 1).op(I32_MUL, I32_ADD).set(src);
            code.get(dst).get(index);
            Rows.arg(code, word + 2).op(I32_MUL, I32_ADD).set(dst);
          }
          if (spec.contiguous()) {
            code.get(dst).get(src).get(inner).i32(spec.bytes()).op(I32_MUL, MEMORY_COPY);
          } else {
            elements(code, spec.bytes(), inner, src, dst, rest);
          }
        });
  }

  private static void elements(
      Code code, int bytes, Local inner, Local src, Local dst, Local left) {
    code.get(inner).set(left);
    code.get(left);
    code.if_(() ->
        code.loop(again -> {
          code.get(dst).get(src).mem(load(bytes), 0).mem(store(bytes), 0);
          code.get(src);
          Rows.arg(code, SRC_INNER).op(I32_ADD).set(src);
          code.get(dst);
          Rows.arg(code, DST_INNER).op(I32_ADD).set(dst);
          code.get(left).i32(1).op(I32_SUB).tee(left).brIf(again);
        }));
  }

  private static Opcode load(int bytes) {
    return switch (bytes) {
      case 1 -> I32_LOAD8_U;
      case 2 -> I32_LOAD16_U;
      case 4 -> I32_LOAD;
      case 8 -> I64_LOAD;
      default -> throw new KernelException("no element has " + bytes + " bytes");
    };
  }

  private static Opcode store(int bytes) {
    return switch (bytes) {
      case 1 -> I32_STORE8;
      case 2 -> I32_STORE16;
      case 4 -> I32_STORE;
      default -> I64_STORE;
    };
  }
}
