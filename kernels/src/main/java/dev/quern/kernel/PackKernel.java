package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.wasm.Code;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.List;

/**
 * Packs weights into panels of four columns, {@code [n/4][k][4]}, the last one padded with zeros.
 * Exports {@code pack} for B as {@code [k, n]} and {@code pack_transposed} for B as {@code [n, k]};
 * both take (source, target, k, n).
 */
public final class PackKernel {
  private static final FunctionType TYPE = FunctionType.of("iiii:");
  private static final List<String> PARAMETERS = List.of("src", "dst", "k", "n");

  private PackKernel() {}

  /** The module that packs. */
  public static WasmModule module(boolean shared) {
    return WasmModule.build(module -> {
      module.importMemory(shared);
      module.export(
          module.function(
              "pack", TYPE, PARAMETERS, code -> new PackKernel.Body(code, false).emit()));
      module.export(
          module.function(
              "pack_transposed", TYPE, PARAMETERS, code -> new PackKernel.Body(code, true).emit()));
    });
  }

  private static final class Body {
    private final Code code;
    private final boolean transposed;
    private final Local src;
    private final Local dst;
    private final Local k;
    private final Local n;
    private final Local col;
    private final Local from;
    private final Local left;
    private final Local row;

    Body(Code code, boolean transposed) {
      this.code = code;
      this.transposed = transposed;
      src = code.parameter(0);
      dst = code.parameter(1);
      k = code.parameter(2);
      n = code.parameter(3);
      col = code.local(ValueType.I32, "col");
      from = code.local(ValueType.I32, "from");
      left = code.local(ValueType.I32, "left");
      row = code.local(ValueType.I32, "row");
    }

    /** Panel by panel; the target is written from its start to its end. */
    void emit() {
      // Bytes from one k to the next, and from one column to the next.
      code.get(transposed ? k : n).i32(2).op(I32_SHL).set(row);
      code.whileLess(
          col,
          n,
          4,
          () -> {
            code.get(src).get(col);
            if (transposed) {
              code.get(row).op(I32_MUL, I32_ADD).set(from);
            } else {
              code.i32(2).op(I32_SHL, I32_ADD).set(from);
            }
            code.get(k).set(left);
            code.get(col).i32(4).op(I32_ADD).get(n).op(I32_LE_S);
            code.ifElse(this::whole, this::partial);
          });
    }

    private void whole() {
      Rows.times(
          code,
          left,
          List.of(dst),
          16,
          () -> {
            code.get(dst);
            if (transposed) {
              Local moving = code.local(ValueType.I32, "moving");
              code.get(from).set(moving);
              code.get(moving).mem(V128_LOAD32_ZERO, 0);
              Local vector = code.local(ValueType.V128, "panel");
              code.set(vector);
              for (int lane = 1; lane < 4; lane++) {
                code.increase(moving, row);
                code.get(moving).get(vector).mem(V128_LOAD32_LANE, 0, lane).set(vector);
              }
              code.get(vector);
            } else {
              code.get(from).mem(V128_LOAD, 0);
            }
            code.mem(V128_STORE, 0);
            advance();
          });
    }

    private void partial() {
      Rows.times(
          code,
          left,
          List.of(dst),
          16,
          () -> {
            for (int lane = 0; lane < 4; lane++) {
              int column = lane;
              code.get(dst);
              code.get(col).i32(column).op(I32_ADD).get(n).op(I32_LT_S);
              code.ifElse(
                  ValueType.I32,
                  () -> {
                    code.get(from);
                    if (transposed) {
                      code.get(row).i32(column).op(I32_MUL, I32_ADD).mem(I32_LOAD, 0);
                    } else {
                      code.mem(I32_LOAD, 4L * column);
                    }
                  },
                  () -> code.i32(0));
              code.mem(I32_STORE, 4L * column);
            }
            advance();
          });
    }

    private void advance() {
      if (transposed) {
        code.increase(from, 4);
      } else {
        code.increase(from, row);
      }
    }
  }
}
