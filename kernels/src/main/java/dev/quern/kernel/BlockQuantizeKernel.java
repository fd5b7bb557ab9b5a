package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.kernel.KernelSpec.QuantizeBlocks;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.List;

/**
 * Rounds rows of f32 to whole numbers of -127 to 127, by blocks of k whose largest magnitude is
 * 127: off by 1/254 of it at most. A block with NaN or an infinity has the scale NaN, and all that
 * it is multiplied with becomes that. The last block is filled up with zeros.
 *
 * <p>Items are blocks; arguments {@link #X} and {@link #Y}. A block lies as {@code scale f32, sum
 * of its numbers i32, numbers}; of each eight k, 0 to 7, the numbers are i8 in the order 0 2 4 6 1
 * 3 5 7, or without relaxed SIMD i16 in the order 0 4 1 5 2 6 3 7: as the bits of weights come
 * apart in {@link BlockCode}.
 */
public final class BlockQuantizeKernel {
  public static final int X = 0;
  public static final int Y = 1;

  private static final float MOST = 127;

  private BlockQuantizeKernel() {}

  /** Bytes of a row. */
  public static long rowBytes(int k, int block) {
    return (long) MatmulKernel.blocks(k, block) * BlockCode.leftBytes(block);
  }

  /** Bytes of scratch that a thread needs, to fill the last block up. */
  public static int scratch(int block) {
    return 4 * block;
  }

  static Function emit(
      WasmModule.Builder module, String name, QuantizeBlocks spec, boolean relaxed) {
    return module.function(
        name, Kernels.TYPE, Kernels.PARAMETERS, code -> body(code, spec, relaxed));
  }

  private static void body(Code code, QuantizeBlocks spec, boolean relaxed) {
    int blocks = MatmulKernel.blocks(spec.k(), spec.block());
    Local item = code.parameter(1);
    Local x = code.local(ValueType.I32, "x");
    Local y = code.local(ValueType.I32, "y");
    Local block = code.local(ValueType.I32, "block");
    Rows.items(
        code,
        () -> {
          code.get(item).i32(blocks).op(I32_REM_U).set(block);
          Rows.arg(code, X).get(item).i32(blocks).op(I32_DIV_U).i32(spec.k()).op(I32_MUL);
          code.get(block).i32(spec.block()).op(I32_MUL, I32_ADD);
          code.i32(2).op(I32_SHL, I32_ADD).set(x);
          int rest = spec.k() % spec.block();
          if (rest > 0) {
            code.get(block).i32(blocks - 1).op(I32_EQ);
            code.if_(() -> fill(code, x, rest, spec.block()));
          }
          Rows.arg(code, Y).get(item).i32(BlockCode.leftBytes(spec.block()));
          code.op(I32_MUL, I32_ADD).set(y);
          quantise(code, x, y, spec.block(), relaxed);
        });
  }

  /** Puts what is left of a row and zeros into scratch. */
  private static void fill(Code code, Local x, int rest, int block) {
    Local at = code.local(ValueType.I32, "at");
    Local end = code.local(ValueType.I32, "end");
    Local scratch = code.parameter(3);
    code.i32(0).set(at).i32(4 * block).set(end);
    code.whileLess(
        at,
        end,
        4,
        () -> {
          code.get(scratch).get(at).op(I32_ADD);
          code.get(at).i32(4 * rest).op(I32_LT_S);
          code.ifElse(
              ValueType.I32,
              () -> code.get(x).get(at).op(I32_ADD).mem(I32_LOAD, 0),
              () -> code.i32(0));
          code.mem(I32_STORE, 0);
        });
    code.get(scratch).set(x);
  }

  private static void quantise(Code code, Local x, Local y, int block, boolean relaxed) {
    Local left = code.local(ValueType.I32, "left");
    Local from = code.local(ValueType.I32, "from");
    Local to = code.local(ValueType.I32, "to");
    Local most = code.local(ValueType.V128, "most");
    Local sum = code.local(ValueType.V128, "sum");
    Local eight = code.local(ValueType.V128, "eight");
    Local scale = code.local(ValueType.F32, "scale");
    code.f32x4(0).set(most).i32x4(0).set(sum).get(x).set(from).get(y).set(to);
    code.i32(block / 4).set(left);
    Rows.times(
        code,
        left,
        List.of(from),
        16,
        () -> code.get(most).get(from).mem(V128_LOAD, 0).op(F32X4_ABS, F32X4_MAX).set(most));
    Rows.fold(code, most, F32_MAX);
    code.f32(MOST).op(F32_DIV).set(scale);
    // Less itself it is 0, or NaN.
    code.get(y).get(scale).get(scale).get(scale).op(F32_SUB, F32_ADD).mem(F32_STORE, 0);
    code.get(scale).op(F32X4_SPLAT).set(most).get(x).set(from).i32(block / 8).set(left);
    Rows.times(
        code,
        left,
        List.of(from),
        32,
        () -> {
          for (int half = 0; half < 2; half++) {
            code.get(from).mem(V128_LOAD, 16L * half).get(most);
            code.op(F32X4_DIV, F32X4_NEAREST, I32X4_TRUNC_SAT_F32X4_S);
          }
          code.op(I16X8_NARROW_I32X4_S).set(eight);
          code.get(sum).get(eight).op(I32X4_EXTADD_PAIRWISE_I16X8_S, I32X4_ADD).set(sum);
          code.get(to).get(eight).get(eight);
          if (relaxed) {
            code.op(I8X16_NARROW_I16X8_S).set(eight).get(eight).get(eight);
            code.shuffle(0, 2, 4, 6, 1, 3, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            code.mem(V128_STORE64_LANE, 8, 0).increase(to, 8);
          } else {
            code.shuffle(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
            code.mem(V128_STORE, 8).increase(to, 16);
          }
        });
    code.get(y);
    for (int lane = 0; lane < 4; lane++) {
      code.get(sum).lane(I32X4_EXTRACT_LANE, lane);
      if (lane > 0) {
        code.op(I32_ADD);
      }
    }
    code.mem(I32_STORE, 4);
  }
}
