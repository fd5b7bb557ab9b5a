package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.wasm.Code;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes f32 of f16. A vector holds two steps of four columns. The bits of a number lie turned, sign
 * 1, lowest mantissa bits 3, exponent 5, highest mantissa bits 7, so that the halves of an f32 are
 * masked out of it and two interleavings put them together. The f32 so made is too small by {@link
 * #BIAS}, exactly, denormal numbers too; infinities and NaN look like numbers from 65536.
 *
 * <p>A product that knows that its weights are finite multiplies A by the bias instead of each
 * weight: exact as long as A stays below {@link #LARGE}.
 */
final class HalfCode {
  private static final int HIGH = 0x8fff8fff;
  private static final int LOW = 0xe000e000;
  static final float BIAS = 0x1p112f;

  /** The least magnitude of A whose product with the bias overflows. */
  static final float LARGE = 65536f;

  private final Code code;
  private final Local high;
  private final Local low;
  private final Local x;

  HalfCode(Code code) {
    this.code = code;
    high = code.local(ValueType.V128, "high");
    low = code.local(ValueType.V128, "low");
    x = code.local(ValueType.V128, "halves");
  }

  /** Takes the vector on the stack apart. */
  void read() {
    code.set(x).get(x).i32x4(HIGH).op(V128_AND).set(high);
    code.get(x).get(x).op(I16X8_ADD).i32x4(LOW).op(V128_AND).set(low);
  }

  /** Leaves the first or second step of the vector that was read, too small by the bias. */
  void step(int which) {
    int[] lanes = new int[16];
    for (int i = 0; i < 16; i++) {
      lanes[i] = 8 * which + i / 4 * 2 + i % 2 + (i % 4 < 2 ? 0 : 16);
    }
    code.get(low).get(high).shuffle(lanes);
  }

  /** Leaves it as it is, infinities and NaN too. */
  void exact(int which, Local number) {
    step(which);
    code.f32x4(BIAS).op(F32X4_MUL).tee(number);
    code.get(number).op(F32X4_ABS).f32x4(LARGE).op(F32X4_GE);
    code.f32x4(Float.POSITIVE_INFINITY).op(V128_AND, V128_OR);
  }

  /** Makes f32 of pairs of steps: {@code (src, dst, count)}, count steps of k at least. */
  static void widen(Code code) {
    HalfCode half = new HalfCode(code);
    Local src = code.parameter(0);
    Local dst = code.parameter(1);
    Local left = code.parameter(2);
    Local number = code.local(ValueType.V128, "number");
    code.loop(again -> {
      code.get(src).mem(V128_LOAD, 0);
      half.read();
      for (int s = 0; s < 2; s++) {
        code.get(dst);
        half.exact(s, number);
        code.mem(V128_STORE, 16L * s);
      }
      code.increase(src, 16).increase(dst, 32);
      code.get(left).i32(2).op(I32_SUB).tee(left).i32(0).op(I32_GT_S).brIf(again);
    });
  }

  /** Leaves the turned bits of an f16. */
  static void turn(Code code, Local half) {
    code.get(half).i32(0x8000).op(I32_AND);
    code.get(half).i32(7).op(I32_AND).i32(12).op(I32_SHL, I32_OR);
    code.get(half).i32(3).op(I32_SHR_U).i32(0xfff).op(I32_AND, I32_OR);
  }

  /**
   * {@code c += a·b} along all of k, for tiles of few rows.
   *
   * @param fast whether weights are finite and A small
   */
  static void multiply(
      TileCode tile, Local a, long aRow, Local b, long panel, int k, int unroll, boolean fast) {
    Code code = tile.code();
    HalfCode half = new HalfCode(code);
    List<Local> left = new ArrayList<>();
    for (int i = 0; i < 2 * tile.rows(); i++) {
      left.add(code.local(ValueType.V128, "a_s" + i));
    }
    Local number = code.local(ValueType.V128, "number");
    int pairs = Math.max(1, unroll / 2);
    tile.repeat(
        k / 2,
        pairs,
        count -> {
          for (int u = 0; u < count; u++) {
            half.steps(tile, left, number, a, aRow, b, panel, u, 2, fast);
          }
          code.increase(a, 8 * count);
          code.increase(b, 16 * count);
        });
    if (k % 2 > 0) {
      half.steps(tile, left, number, a, aRow, b, panel, 0, 1, fast);
    }
  }

  private void steps(
      TileCode tile,
      List<Local> left,
      Local number,
      Local a,
      long aRow,
      Local b,
      long panel,
      int pair,
      int steps,
      boolean fast) {
    for (int i = 0; i < left.size(); i++) {
      if (i % 2 < steps) {
        code.get(a).mem(V128_LOAD32_SPLAT, i / 2 * aRow + 8L * pair + i % 2 * 4L);
        if (fast) {
          code.f32x4(BIAS).op(F32X4_MUL);
        }
        code.set(left.get(i));
      }
    }
    for (int j = 0; j < tile.vectors(); j++) {
      code.get(b).mem(V128_LOAD, j * panel + 16L * pair);
      read();
      for (int s = 0; s < steps; s++) {
        if (fast) {
          step(s);
        } else {
          exact(s, number);
        }
        code.set(number);
        for (int r = 0; r < tile.rows(); r++) {
          Local splat = left.get(2 * r + s);
          tile.accumulate(tile.accumulator(r, j), () -> code.get(splat), number);
        }
      }
    }
  }
}
