package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.onnx.DataType;
import dev.quern.wasm.Code;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Local;
import dev.quern.wasm.Opcode;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.List;

/**
 * Packs weights into panels of formats other than f32. Those of 8 bits lose their zero points, and
 * two neighbouring k of each of four columns stand together, {@code [n/4][k/2][4][2]}, or four,
 * {@code [n/4][k/4][4][4]}; f16, their bits turned (see {@link HalfCode}), lie {@code
 * [n/4][k/2][2][4]}. One function for each format and type, called {@link #name}, takes (source,
 * target, k, n, zero points, one a column, where the sums of columns go). It returns 1 if a number
 * is infinite or NaN.
 */
public final class NarrowPacking {
  private static final FunctionType TYPE = FunctionType.of("iiiiii:i");
  private static final List<String> PARAMETERS = List.of("src", "dst", "k", "n", "zeros", "sums");

  private NarrowPacking() {}

  /** The function that packs to a format from a type. */
  public static String name(WeightFormat format, DataType from, boolean transposed) {
    // Digits are A's matter.
    String label = (format.isBytes() ? WeightFormat.BYTES : format).label();
    return "pack_" + label + "_" + from.label() + (transposed ? "_transposed" : "");
  }

  /** The module that packs. */
  public static WasmModule module(boolean shared) {
    return WasmModule.build(module -> {
      module.importMemory(shared);
      add(module);
    });
  }

  private static void add(WasmModule.Builder module) {
    for (boolean transposed : new boolean[] {false, true}) {
      for (WeightFormat format : List.of(WeightFormat.I8, WeightFormat.I16, WeightFormat.BYTES)) {
        add(module, format, DataType.INT8, transposed);
        add(module, format, DataType.UINT8, transposed);
      }
      add(module, WeightFormat.F16, DataType.FLOAT16, transposed);
    }
  }

  private static void add(
      WasmModule.Builder module, WeightFormat format, DataType from, boolean transposed) {
    module.export(
        module.function(
            name(format, from, transposed),
            TYPE,
            PARAMETERS,
            code -> body(code, format, from, transposed)));
  }

  private static void body(Code code, WeightFormat format, DataType from, boolean transposed) {
    Local dst = code.parameter(1);
    Local k = code.parameter(2);
    Local n = code.parameter(3);
    Local col = code.local(ValueType.I32, "col");
    Local row = code.local(ValueType.I32, "row");
    Local at = code.local(ValueType.I32, "at");
    Opcode load =
        switch (from) {
          case INT8 -> I32_LOAD8_S;
          case UINT8 -> I32_LOAD8_U;
          default -> I32_LOAD16_U;
        };
    int width = from.bytes();
    int bytes = format == WeightFormat.I8 || format.isBytes() ? 1 : 2;
    int depth = Math.max(2, format.depth());
    Local[] sums = new Local[format.isBytes() ? 4 : 0];
    for (int i = 0; i < sums.length; i++) {
      sums[i] = code.local(ValueType.I32, "sum" + i);
    }
    Local sumsAt = code.parameter(5);
    Local half = code.local(ValueType.I32, "half");
    Local special = code.local(ValueType.I32, "special");
    code.whileLess(
        col,
        n,
        4,
        () -> {
          code.i32(0).set(row);
          for (Local sum : sums) {
            code.i32(0).set(sum);
          }
          code.whileLess(
              row,
              k,
              depth,
              () -> {
                // The address of this column and row in the source.
                code.get(transposed ? k : n).get(transposed ? col : row).op(I32_MUL);
                code.get(transposed ? row : col).op(I32_ADD).i32(width).op(I32_MUL);
                code.get(code.parameter(0)).op(I32_ADD).set(at);
                for (int i = 0; i < 4 * depth; i++) {
                  int column = format.isWhole() ? i / depth : i % 4;
                  int below = format.isWhole() ? i % depth : i / 4;
                  code.get(dst);
                  code.get(col).i32(column).op(I32_ADD).get(n).op(I32_LT_S);
                  code.get(row).i32(below).op(I32_ADD).get(k).op(I32_LT_S, I32_AND);
                  code.ifElse(
                      ValueType.I32,
                      () -> {
                        code.get(at).get(transposed ? k : n);
                        code.i32(width * (transposed ? column : below)).op(I32_MUL, I32_ADD);
                        code.mem(load, (long) width * (transposed ? below : column));
                        if (format.isWhole()) {
                          code.get(code.parameter(4)).get(col).op(I32_ADD).mem(load, column);
                          code.op(I32_SUB);
                        } else {
                          code.tee(half).i32(0x7c00).op(I32_AND).i32(0x7c00).op(I32_EQ);
                          code.get(special).op(I32_OR).set(special);
                          HalfCode.turn(code, half);
                        }
                      },
                      () -> code.i32(0));
                  if (sums.length > 0) {
                    code.tee(half).get(half).get(sums[column]).op(I32_ADD).set(sums[column]);
                  }
                  code.mem(bytes == 1 ? I32_STORE8 : I32_STORE16, (long) bytes * i);
                }
                code.increase(dst, 4 * depth * bytes);
              });
          for (int i = 0; i < sums.length; i++) {
            code.get(sumsAt).get(sums[i]).mem(I32_STORE, 4L * i);
          }
          if (sums.length > 0) {
            code.increase(sumsAt, 16);
          }
        });
    code.get(special);
  }
}
