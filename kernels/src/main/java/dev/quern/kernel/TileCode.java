package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.wasm.Code;
import dev.quern.wasm.Local;
import dev.quern.wasm.Opcode;
import dev.quern.wasm.ValueType;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * Emits the heart of every matrix product: a register tile of C that runs along k. Accumulators are
 * locals, an element of A is loaded and splatted in one instruction, offsets that are known are
 * folded into the accesses.
 */
final class TileCode {
  /** A distance in bytes that is known when the kernel is emitted, or a local that holds it. */
  record Stride(long known, Local local) {
    static Stride of(long bytes) {
      return new Stride(bytes, null);
    }

    static Stride of(Local local) {
      return new Stride(0, local);
    }

    boolean isKnown() {
      return local == null;
    }
  }

  private final Code code;
  private final int rows;

  /** Whether it has one row of sums, so that a vector of B is used once. */
  private final boolean single;

  private final int vectors;
  private final WeightFormat format;
  private final boolean fma;
  private final List<Local> accumulators = new ArrayList<>();
  private final List<Local> panels = new ArrayList<>();
  private final Local splat;
  private final Opcode load;

  /** A tile of f32. */
  TileCode(Code code, int rows, int vectors, boolean fma) {
    this(code, rows, vectors, WeightFormat.F32, fma);
  }

  /**
   * @param rows rows of the tile
   * @param vectors its width in vectors of four columns
   */
  TileCode(Code code, int rows, int vectors, WeightFormat format, boolean fma) {
    this.code = code;
    this.rows = rows;
    this.vectors = vectors;
    this.format = format;
    this.fma = fma;
    this.load = format == WeightFormat.I8 ? V128_LOAD8X8_S : V128_LOAD;
    for (int r = 0; r < rows * format.digits(); r++) {
      for (int j = 0; j < vectors; j++) {
        accumulators.add(code.local(ValueType.V128, "c" + r + "_" + j));
      }
    }
    single = rows * format.digits() == 1;
    for (int j = 0; j < (single ? 1 : vectors); j++) {
      panels.add(code.local(ValueType.V128, "b_" + j));
    }
    splat = code.local(ValueType.V128, "a_s");
  }

  Code code() {
    return code;
  }

  int rows() {
    return rows;
  }

  int vectors() {
    return vectors;
  }

  /** The sums of a row; those of lower digits stand behind the last row. */
  Local accumulator(int row, int vector) {
    return accumulators.get(row * vectors + vector);
  }

  /** Sets all accumulators to zero. */
  void clear() {
    for (Local accumulator : accumulators) {
      code.f32x4(0).set(accumulator);
    }
  }

  /**
   * Sets the accumulators of bytes to the sums of B's columns, times a number, so that A's distance
   * from its zero point is taken out of them; those of lower digits to zero.
   *
   * @param factor i32 in four lanes
   * @param sums address of the sums of the tile's columns
   */
  void clear(Local factor, Local sums) {
    for (int i = 0; i < accumulators.size(); i++) {
      if (i >= rows * vectors) {
        code.i32x4(0);
      } else if (i < vectors) {
        code.get(sums).mem(V128_LOAD, 16L * i).get(factor).op(I32X4_MUL);
      } else {
        code.get(accumulators.get(i % vectors));
      }
      code.set(accumulators.get(i));
    }
  }

  /**
   * {@code c += a·b} over {@code count} steps of k.
   *
   * @param a address of the tile's first row; changed
   * @param aRow bytes from one row of A to the next
   * @param b address of the first vector of B; changed
   * @param bStep bytes from one k to the next
   * @param bVector bytes from one vector of B to the next at the same k
   * @param count steps of k, a local that is changed, or null where it is known
   * @param known steps of k where they are known
   */
  void multiply(
      Local a,
      Stride aRow,
      Local b,
      Stride bStep,
      long bVector,
      Local count,
      int known,
      int unroll) {
    List<Local> aRows = rowPointers(a, aRow);
    if (count == null) {
      repeat(known, unroll, steps -> steps(aRows, aRow, b, bStep, bVector, steps));
      return;
    }
    if (unroll > 1) {
      repeat(count, unroll, () -> steps(aRows, aRow, b, bStep, bVector, unroll));
    }
    repeat(count, 1, () -> steps(aRows, aRow, b, bStep, bVector, 1));
  }

  /** Runs the body for so many steps, {@code unroll} in a pass of a loop, then what is left. */
  void repeat(int known, int unroll, IntConsumer body) {
    int whole = known / unroll;
    if (whole > 1) {
      Local left = code.local(ValueType.I32, "left");
      code.i32(whole).set(left);
      code.loop(again -> {
        body.accept(unroll);
        code.get(left).i32(1).op(I32_SUB).tee(left).brIf(again);
      });
    } else if (whole == 1) {
      body.accept(unroll);
    }
    if (known % unroll > 0) {
      body.accept(known % unroll);
    }
  }

  /** Runs the body while at least {@code step} are left of a count. */
  private void repeat(Local count, int step, Runnable body) {
    code.get(count).i32(step).op(I32_GE_S);
    code.if_(() ->
        code.loop(again -> {
          body.run();
          code.get(count).i32(step).op(I32_SUB).tee(count);
          code.i32(step).op(I32_GE_S).brIf(again);
        }));
  }

  private List<Local> rowPointers(Local a, Stride aRow) {
    List<Local> pointers = new ArrayList<>();
    pointers.add(a);
    if (!aRow.isKnown()) {
      for (int r = 1; r < rows; r++) {
        Local pointer = code.local(ValueType.I32, "a" + r);
        code.get(pointers.get(r - 1)).get(aRow.local()).op(I32_ADD).set(pointer);
        pointers.add(pointer);
      }
    }
    return pointers;
  }

  private void steps(
      List<Local> aRows, Stride aRow, Local b, Stride bStep, long bVector, int count) {
    for (int u = 0; u < count; u++) {
      long step = bStep.isKnown() ? u * bStep.known() : 0;
      for (int j = 0; j < vectors && !single; j++) {
        code.get(b).mem(load, j * bVector + step).set(panels.get(j));
      }
      for (int r = 0; r < rows * format.digits(); r++) {
        Local pointer = aRow.isKnown() ? aRows.get(0) : aRows.get(r);
        long offset = 4L * u + (aRow.isKnown() ? rowOffset(r, aRow.known()) : 0);
        if (vectors == 1 && !single) {
          accumulate(
              accumulator(r, 0),
              () -> code.get(pointer).mem(V128_LOAD32_SPLAT, offset),
              panels.get(0));
          continue;
        }
        code.get(pointer).mem(V128_LOAD32_SPLAT, offset).set(splat);
        for (int j = 0; j < vectors; j++) {
          if (single) {
            // Nothing else multiplies it: one register serves all panels.
            code.get(b).mem(load, j * bVector + step).set(panels.get(0));
          }
          accumulate(accumulator(r, j), () -> code.get(splat), panels.get(single ? 0 : j));
        }
      }
      if (!bStep.isKnown()) {
        code.increase(b, bStep.local());
      }
    }
    for (Local pointer : aRows) {
      code.increase(pointer, 4 * count);
    }
    if (bStep.isKnown()) {
      code.increase(b, (int) (bStep.known() * count));
    }
  }

  /** Bytes from A's first row of bytes to one of a row's digits. */
  private long rowOffset(int row, long aRow) {
    return row % rows * aRow + row / rows * (aRow / format.digits());
  }

  /** {@code accumulator += a·b}, a being what is left on the stack. */
  void accumulate(Local accumulator, Runnable a, Local b) {
    if (format.isBytes()) {
      code.get(b);
      a.run();
      code.get(accumulator).op(I32X4_RELAXED_DOT_I8X16_I7X16_ADD_S).set(accumulator);
    } else if (format.isWhole()) {
      a.run();
      code.get(b).op(I32X4_DOT_I16X8_S);
      code.get(accumulator).op(I32X4_ADD).set(accumulator);
    } else if (fma) {
      a.run();
      code.get(b).get(accumulator).op(F32X4_RELAXED_MADD).set(accumulator);
    } else {
      code.get(accumulator);
      a.run();
      code.get(b).op(F32X4_MUL, F32X4_ADD).set(accumulator);
    }
  }

  /** Makes sums of whole numbers f32. */
  void finish() {
    if (!format.isWhole()) {
      return;
    }
    for (int i = 0; i < rows * vectors; i++) {
      code.get(accumulators.get(i)).op(F32X4_CONVERT_I32X4_S);
      if (format.digits() > 1) {
        code.f32x4(256).op(F32X4_MUL);
        code.get(accumulators.get(rows * vectors + i)).op(F32X4_CONVERT_I32X4_S, F32X4_ADD);
      }
      code.set(accumulators.get(i));
    }
  }

  /** The powers of two below a tile's rows: how the last rows of a matrix are covered. */
  static List<Integer> tails(int rows) {
    List<Integer> tails = new ArrayList<>();
    for (int t = Integer.highestOneBit(Math.max(1, rows - 1)); t >= 1 && rows > 1; t /= 2) {
      tails.add(t);
    }
    return tails;
  }
}
