package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.schedule.Features;
import dev.quern.wasm.Code;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.IntConsumer;

/**
 * Products with weights of few bits in blocks, {@code (number - zero point) · scale}. A block of
 * four columns is
 *
 * <pre>
 *   scales        f32 [4]
 *   numbers       [block / per][4] words of 32 bits, the first of their {@code per} k in the lowest bits
 *   zero points   u8 [4], if the format has them
 * </pre>
 *
 * <p>A is f32, or lies in blocks, too, as {@link BlockQuantizeKernel} leaves it. Then products of
 * whole numbers are summed exactly, a block for itself: by {@code
 * i32x4.relaxed_dot_i8x16_i7x16_add_s} where that is one instruction of the machine, by {@code
 * i16x8.relaxed_dot_i8x16_i7x16_s} where there is relaxed SIMD (numbers of 4 bits are below 128, so
 * that the results of both are the same on every machine), otherwise by {@code i32x4.dot_i16x8_s}.
 */
final class BlockCode {
  /** Vectors of numbers in a pass: eight sums of two products of 8 by 4 bits fit into an i16. */
  private static final int PASS = 4;

  private static final int NIBBLES = 0x0f0f0f0f;
  private static final int NIBBLE = 0x000f000f;

  private final Code code;
  private final WeightFormat format;
  private final int per;
  private final Local x;
  private final Local scale;
  private final Local zero;

  BlockCode(Code code, WeightFormat format) {
    this.code = code;
    this.format = format;
    per = 32 / format.bits();
    x = code.local(ValueType.V128, "numbers");
    scale = code.local(ValueType.V128, "scale");
    zero = code.local(ValueType.V128, "zero");
  }

  /** Bytes of a block of a row of A: scale, sum of its numbers, numbers, of 16 bits at most. */
  static int leftBytes(int block) {
    return 8 + 2 * block;
  }

  // --- numbers made f32 ---

  /** Reads scales and zero points of a block at {@code b + offset}. */
  private void start(Local b, long offset) {
    code.get(b).mem(V128_LOAD, offset).set(scale);
    zeros(b, offset);
  }

  private void zeros(Local b, long offset) {
    if (format.zeros()) {
      code.get(b).mem(V128_LOAD32_ZERO, offset + 16 + format.numberBytes());
      code.op(I16X8_EXTEND_LOW_I8X16_U, I32X4_EXTEND_LOW_I16X8_U).set(zero);
    }
  }

  /** Leaves the f32 of four columns at one k of the vector in {@link #x}. */
  private void number(int k) {
    code.get(x);
    if (k > 0) {
      code.i32(format.bits() * k).op(I32X4_SHR_U);
    }
    if (k + 1 < per) {
      code.i32x4((1 << format.bits()) - 1).op(V128_AND);
    }
    if (format.zeros()) {
      code.get(zero);
    } else {
      code.i32x4(1 << format.bits() - 1);
    }
    code.op(I32X4_SUB, F32X4_CONVERT_I32X4_S).get(scale).op(F32X4_MUL);
  }

  /**
   * Runs the body for the vectors of {@code count} numbers in passes of a loop; it is given the
   * vector in the pass and how many numbers of it count.
   *
   * @param advance moves pointers behind a pass
   */
  private void vectors(int count, BiConsumer<Integer, Integer> body, Runnable advance) {
    int each = PASS * per;
    int passes = count / each;
    Runnable whole =
        () -> {
          for (int v = 0; v < PASS; v++) {
            body.accept(v, per);
          }
        };
    if (passes > 1) {
      Local left = code.local(ValueType.I32, "passes");
      code.i32(passes).set(left);
      code.loop(again -> {
        whole.run();
        advance.run();
        code.get(left).i32(1).op(I32_SUB).tee(left).brIf(again);
      });
    } else if (passes == 1) {
      whole.run();
      advance.run();
    }
    int rest = count % each;
    for (int v = 0; v * per < rest; v++) {
      body.accept(v, Math.min(per, rest - v * per));
    }
  }

  /** Makes f32 of whole blocks: {@code (src, dst, count)}, count steps of k at least. */
  void widen() {
    Local src = code.parameter(0);
    Local dst = code.parameter(1);
    Local left = code.parameter(2);
    Local from = code.local(ValueType.I32, "from");
    code.loop(again -> {
      start(src, 0);
      code.get(src).set(from);
      vectors(
          format.block(),
          (v, numbers) -> {
            code.get(from).mem(V128_LOAD, 16 + 16L * v).set(x);
            for (int k = 0; k < numbers; k++) {
              code.get(dst);
              number(k);
              code.mem(V128_STORE, 16L * (v * per + k));
            }
          },
          () -> code.increase(from, 16 * PASS).increase(dst, 16 * PASS * per));
      code.increase(dst, format.block() % (PASS * per) * 16).increase(src, format.blockBytes());
      code.get(left).i32(format.block()).op(I32_SUB).tee(left).i32(0).op(I32_GT_S).brIf(again);
    });
  }

  /** {@code c += a·b} along all of k, A being f32. */
  static void multiply(
      TileCode tile, WeightFormat format, Local a, long aRow, Local b, long panel, int k) {
    BlockCode block = new BlockCode(tile.code(), format);
    IntConsumer one = count -> block.floats(tile, a, aRow, b, panel, count);
    block.blocks(k, one, a, 4 * format.block(), b);
  }

  /** Runs the body for each block of k, which may end in a part of one. */
  private void blocks(int k, IntConsumer body, Local a, int aBlock, Local b) {
    int whole = k / format.block();
    Runnable one =
        () -> {
          body.accept(format.block());
          code.increase(a, aBlock).increase(b, format.blockBytes());
        };
    if (whole > 1) {
      Local left = code.local(ValueType.I32, "left");
      code.i32(whole).set(left);
      code.loop(again -> {
        one.run();
        code.get(left).i32(1).op(I32_SUB).tee(left).brIf(again);
      });
    } else if (whole == 1) {
      one.run();
    }
    if (k % format.block() > 0) {
      body.accept(k % format.block());
    }
  }

  private void floats(TileCode tile, Local a, long aRow, Local b, long panel, int count) {
    Local left = code.local(ValueType.I32, "a_k");
    Local from = code.local(ValueType.I32, "b_k");
    Local number = code.local(ValueType.V128, "number");
    for (int j = 0; j < tile.vectors(); j++) {
      int column = j;
      start(b, j * panel);
      code.get(a).set(left).get(b).set(from);
      vectors(
          count,
          (v, numbers) -> {
            code.get(from).mem(V128_LOAD, column * panel + 16 + 16L * v).set(x);
            for (int k = 0; k < numbers; k++) {
              number(k);
              code.set(number);
              for (int r = 0; r < tile.rows(); r++) {
                long at = r * aRow + 4L * (v * per + k);
                tile.accumulate(
                    tile.accumulator(r, column),
                    () -> code.get(left).mem(V128_LOAD32_SPLAT, at),
                    number);
              }
            }
          },
          () -> code.increase(left, 4 * PASS * per).increase(from, 16 * PASS));
    }
  }

  // --- sums of whole numbers ---

  /** {@code c += a·b} along all of k, A being quantised, by whole blocks. */
  static void quantised(
      TileCode tile,
      WeightFormat format,
      Local a,
      long aRow,
      Local b,
      long panel,
      int k,
      Features features) {
    BlockCode block = new BlockCode(tile.code(), format);
    int size = format.block();
    Quantised sums = block.new Quantised(tile, a, aRow, b, panel, features);
    int all = (k + size - 1) / size * size;
    block.blocks(all, count -> sums.block(), a, leftBytes(size), b);
  }

  /** A tile's sums over one block. */
  private final class Quantised {
    private final TileCode tile;
    private final Local a;
    private final long aRow;
    private final Local b;
    private final long panel;
    private final boolean relaxed;

    /** Whether four products are added to i32 at once. */
    private final boolean fours;

    private final int vectors;

    /** Panels that are read side by side, so that they share the splats of A. */
    private final int group;

    private final Local left;
    private final Local from;
    private final Local low;
    private final Local splat;
    private final List<Local> numbers;
    private final List<Local> factors;
    private final List<Local> totals;
    private final List<Local> sums;
    private final List<Local> shorts;

    Quantised(TileCode tile, Local a, long aRow, Local b, long panel, Features features) {
      this.tile = tile;
      this.a = a;
      this.aRow = aRow;
      this.b = b;
      this.panel = panel;
      this.relaxed = features.relaxedSimd();
      this.fours = features.sumsBytes();
      int rows = tile.rows();
      // A pass of the loop, whole blocks of the usual sizes where a tile has one row.
      vectors = Math.min(format.block() / per, rows == 1 ? 4 * PASS : PASS);
      group = rows == 1 ? 2 : 1;
      low = code.local(ValueType.V128, "low");
      splat = code.local(ValueType.V128, "a_s");
      numbers = locals("numbers", group);
      factors = locals("a_scale", rows);
      totals = locals("a_sum", rows);
      sums = locals("sum", group * rows);
      shorts = relaxed && !fours ? locals("short", group * rows) : sums;
      boolean loops = format.block() > vectors * per;
      left = loops ? code.local(ValueType.I32, "a_k") : a;
      from = loops ? code.local(ValueType.I32, "b_k") : b;
    }

    private List<Local> locals(String name, int count) {
      List<Local> list = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        list.add(code.local(ValueType.V128, name + i));
      }
      return list;
    }

    void block() {
      for (int r = 0; r < tile.rows(); r++) {
        code.get(a).mem(V128_LOAD32_SPLAT, r * aRow).set(factors.get(r));
        code.get(a).mem(V128_LOAD32_SPLAT, r * aRow + 4);
        if (!format.zeros()) {
          code.i32(format.bits() - 1).op(I32X4_SHL);
        }
        code.set(totals.get(r));
      }
      for (int first = 0; first < tile.vectors(); first += group) {
        int count = Math.min(group, tile.vectors() - first);
        numbers(first, count);
        for (int j = 0; j < count; j++) {
          scaled(first + j, j * tile.rows());
        }
      }
    }

    /** Adds the sums of a panel, less what its zero points are worth, scaled to the tile's. */
    private void scaled(int j, int at) {
      zeros(b, j * panel);
      for (int r = 0; r < tile.rows(); r++) {
        Local sum = sums.get(at + r);
        code.get(sum).get(totals.get(r));
        if (format.zeros()) {
          code.get(zero).op(I32X4_MUL);
        }
        code.op(I32X4_SUB, F32X4_CONVERT_I32X4_S).set(sum);
        Local factor = factors.get(r);
        tile.accumulate(
            tile.accumulator(r, j),
            () -> code.get(factor).get(b).mem(V128_LOAD, j * panel).op(F32X4_MUL),
            sum);
      }
    }

    /** Sums the products of a block of some panels, as i32. */
    private void numbers(int first, int count) {
      int passes = format.block() / per / vectors;
      if (passes == 1) {
        pass(first, count, true);
        return;
      }
      code.get(a).set(left).get(b).set(from);
      for (int i = 0; i < count * tile.rows(); i++) {
        code.i32x4(0).set(sums.get(i));
      }
      Local more = code.local(ValueType.I32, "passes");
      code.i32(passes).set(more);
      code.loop(again -> {
        pass(first, count, false);
        code.increase(left, vectors * per * (relaxed ? 1 : 2)).increase(from, 16 * vectors);
        code.get(more).i32(1).op(I32_SUB).tee(more).brIf(again);
      });
    }

    private void pass(int first, int count, boolean fresh) {
      for (int v = 0; v < vectors; v++) {
        for (int part = 0; part < (relaxed ? 2 : 4); part++) {
          for (int r = 0; r < tile.rows(); r++) {
            long at = r * aRow + 8 + (relaxed ? 8L : 16L) * v + 4L * part;
            if (count > 1) {
              code.get(left).mem(V128_LOAD32_SPLAT, at).set(splat);
            }
            for (int j = 0; j < count; j++) {
              if (r == 0) {
                numbers(j, (first + j) * panel + 16 + 16L * v, part);
              }
              if (count > 1) {
                code.get(splat);
              } else {
                code.get(left).mem(V128_LOAD32_SPLAT, at);
              }
              code.get(low);
              Local sum = shorts.get(j * tile.rows() + r);
              if (fours) {
                if (fresh && v == 0 && part == 0) {
                  code.i32x4(0);
                } else {
                  code.get(sum);
                }
                code.op(I32X4_RELAXED_DOT_I8X16_I7X16_ADD_S).set(sum);
                continue;
              }
              code.op(relaxed ? I16X8_RELAXED_DOT_I8X16_I7X16_S : I32X4_DOT_I16X8_S);
              if (part > 0 || (relaxed ? v % PASS > 0 : !fresh || v > 0)) {
                code.get(sum).op(relaxed ? I16X8_ADD : I32X4_ADD);
              }
              code.set(sum);
            }
          }
        }
        if (relaxed && !fours && (v % PASS == PASS - 1 || v == vectors - 1)) {
          for (int i = 0; i < count * tile.rows(); i++) {
            code.get(shorts.get(i)).op(I32X4_EXTADD_PAIRWISE_I16X8_S);
            if (!fresh || v >= PASS) {
              code.get(sums.get(i)).op(I32X4_ADD);
            }
            code.set(sums.get(i));
          }
        }
      }
    }

    /**
     * Leaves in {@link #low} numbers of a vector: as bytes those of even k or of odd ones, as i16
     * those of k and k + 4.
     */
    private void numbers(int j, long at, int part) {
      if (part == 0) {
        code.get(from).mem(V128_LOAD, at).set(numbers.get(j));
      }
      code.get(numbers.get(j));
      if (part > 0) {
        code.i32(4 * part).op(I16X8_SHR_U);
      }
      if (relaxed || part < 3) {
        code.i32x4(relaxed ? NIBBLES : NIBBLE).op(V128_AND);
      }
      code.set(low);
    }
  }
}
