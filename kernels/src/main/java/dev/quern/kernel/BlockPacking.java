package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.wasm.Code;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.List;

/**
 * Packs weights of few bits from ONNX Runtime's order, {@code [n, blocks, block·bits/8]}, into
 * blocks of four columns (see {@link BlockCode}): words of 32 bits of four columns come to stand
 * side by side.
 */
public final class BlockPacking {
  private static final List<String> PARAMETERS =
      List.of("numbers", "scales", "zeros", "dst", "blocks", "n", "words");

  private BlockPacking() {}

  /**
   * The function for a format: (numbers, scales, zero points, target, blocks along k, n, words of a
   * column of a block).
   */
  public static String name(WeightFormat format) {
    return name(format.bits(), format.zeros());
  }

  private static String name(int bits, boolean zeros) {
    return "pack_blocks_" + bits + (zeros ? "_zeros" : "");
  }

  /** The module that packs. */
  public static WasmModule module(boolean shared) {
    return WasmModule.build(module -> {
      module.importMemory(shared);
      for (int bits = 4; bits <= 8; bits += 4) {
        for (int zeros = 0; zeros < 2; zeros++) {
          int width = bits;
          boolean points = zeros == 1;
          module.export(
              module.function(
                  name(bits, points),
                  FunctionType.of("iiiiiii:"),
                  PARAMETERS,
                  code -> body(code, width, points)));
        }
      }
    });
  }

  private static void body(Code code, int bits, boolean zeros) {
    Local blocks = code.parameter(4);
    Local n = code.parameter(5);
    Local words = code.parameter(6);
    Local dst = code.parameter(3);
    Local column = code.local(ValueType.I32, "column");
    Local block = code.local(ValueType.I32, "block");
    Local word = code.local(ValueType.I32, "word");
    Runnable four = () -> code.increase(dst, 16);
    code.whileLess(
        column,
        n,
        4,
        () -> {
          code.i32(0).set(block);
          code.whileLess(
              block,
              blocks,
              1,
              () -> {
                lanes(
                    code,
                    column,
                    n,
                    2,
                    lane -> {
                      code.get(code.parameter(1));
                      index(code, column, lane, blocks, block);
                      code.i32(2).op(I32_SHL, I32_ADD).mem(I32_LOAD, 0);
                    });
                four.run();
                code.i32(0).set(word);
                code.whileLess(
                    word,
                    words,
                    1,
                    () -> {
                      lanes(
                          code,
                          column,
                          n,
                          2,
                          lane -> {
                            code.get(code.parameter(0));
                            index(code, column, lane, blocks, block);
                            code.get(words).op(I32_MUL).get(word).op(I32_ADD);
                            code.i32(2).op(I32_SHL, I32_ADD).mem(I32_LOAD, 0);
                          });
                      four.run();
                    });
                if (zeros) {
                  lanes(code, column, n, 0, lane -> zero(code, bits, column, lane, blocks, block));
                  code.increase(dst, 4);
                }
              });
        });
  }

  private interface Lane {
    void emit(int lane);
  }

  /** Stores four words or bytes, 0 for columns that do not exist. */
  private static void lanes(Code code, Local column, Local n, int shift, Lane value) {
    for (int lane = 0; lane < 4; lane++) {
      int l = lane;
      code.get(code.parameter(3)).get(column).i32(lane).op(I32_ADD).get(n).op(I32_LT_S);
      code.ifElse(ValueType.I32, () -> value.emit(l), () -> code.i32(0));
      code.mem(shift == 0 ? I32_STORE8 : I32_STORE, (long) lane << shift);
    }
  }

  private static void index(Code code, Local column, int lane, Local blocks, Local block) {
    code.get(column).i32(lane).op(I32_ADD).get(blocks).op(I32_MUL).get(block).op(I32_ADD);
  }

  /** The zero point of a block: rows of them begin at whole bytes. */
  private static void zero(Code code, int bits, Local column, int lane, Local blocks, Local block) {
    int shift = bits == 4 ? 1 : 0;
    code.get(code.parameter(2)).get(column).i32(lane).op(I32_ADD);
    code.get(blocks).i32(shift).op(I32_ADD).i32(shift).op(I32_SHR_U, I32_MUL, I32_ADD);
    code.get(block).i32(shift).op(I32_SHR_U, I32_ADD).mem(I32_LOAD8_U, 0);
    if (bits == 4) {
      code.get(block).i32(1).op(I32_AND).i32(2).op(I32_SHL, I32_SHR_U).i32(15).op(I32_AND);
    }
  }
}
