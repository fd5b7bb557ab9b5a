package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.kernel.KernelSpec.Layout;
import dev.quern.kernel.KernelSpec.Matmul;
import dev.quern.kernel.TileCode.Stride;
import dev.quern.schedule.ByteDot;
import dev.quern.schedule.Features;
import dev.quern.schedule.Schedule;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Local;
import dev.quern.wasm.Opcode;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Matrix product with a fused epilogue. A work item is a block of C, {@code mc} rows by {@code nc}
 * columns; inside it, register tiles of {@code mr} by {@code nr} run along k in blocks of {@code
 * kc}. Tiles are functions of their own: they tier up by their calls, and a loop around them needs
 * no on-stack replacement.
 *
 * <p>Arguments: see the constants. Blocks along m and n are counted by {@link #blocks}; items =
 * batch · blocks(m, mc) · blocks(n, nc).
 */
public final class MatmulKernel {
  /** Addresses of A, B and C. */
  public static final int A = 0;

  public static final int B = 1;
  public static final int C = 2;

  /** Sizes of this run; k and n are read only where they are not constants of the spec. */
  public static final int M = 3;

  public static final int K = 4;
  public static final int N = 5;

  /** Bytes from one matrix of the batch to the next; 0 where one serves all. */
  public static final int A_BATCH = 6;

  public static final int B_BATCH = 7;
  public static final int C_BATCH = 8;

  /** Blocks along m and n. */
  public static final int M_BLOCKS = 9;

  public static final int N_BLOCKS = 10;

  /** Rows and columns of a block: the same kernel serves all of them. */
  public static final int M_BLOCK = 11;

  public static final int N_BLOCK = 12;

  /**
   * Three words for each extra operand: address, bytes a row of C, bytes a matrix of the batch. Of
   * an A of single bytes the first is its scale, behind which stands its zero point, an f32, too.
   */
  public static final int EXTRAS = 13;

  /**
   * In the place of K, which packed weights do not need. Of f16: 0 if all weights are finite. Of
   * blocks whose A may be quantised: the address of A as {@link BlockQuantizeKernel} leaves it. Of
   * bytes: the address of the sums of B's columns.
   */
  public static final int FACT = K;

  private static final int FIRST_BLOCK = 1;
  private static final int LAST_BLOCK = 2;

  /** Steps of k at most that are widened to scratch at once: 8 columns fill half of an L1. */
  private static final int WIDENED_DEPTH = 512;

  /** Columns of the widest tile that a schedule may have. */
  private static final int MOST_COLUMNS = 32;

  /** A tile's width: vectors, and how many columns of the last one count (4, 1-3, 0 = run time). */
  private record Width(int vectors, int last) {}

  private final WasmModule.Builder module;
  private final String name;
  private final Matmul spec;
  private final Schedule schedule;
  private final boolean packed;

  /** Whether tiles make f32 of weights in registers, or find them made in scratch. */
  private final boolean direct;

  private final boolean widened;
  private final boolean quantised;
  private final Features features;
  private final boolean blocked;
  private final int steps;
  private final int kc;
  private final long panel;
  private Function widen;
  private final Map<String, Function> tiles = new LinkedHashMap<>();
  private final MatmulEpilogue epilogue;

  private MatmulKernel(
      WasmModule.Builder module, String name, Matmul spec, Schedule schedule, Features features) {
    this.module = module;
    this.name = name;
    this.spec = spec;
    this.schedule = schedule;
    this.packed = spec.layout() == Layout.PANELS;
    this.steps = spec.steps();
    this.direct = spec.format().isDirect(schedule.mr());
    this.widened = spec.format().isNarrow() && !direct;
    this.quantised = direct && spec.format().quantised();
    this.features = features;
    if (spec.format().isBytes() && !features.sumsBytes()) {
      throw new KernelException(spec.signature() + ": this machine does not sum bytes");
    }
    this.panel = spec.format().panelBytes(spec.k());
    this.kc = widened ? widenedDepth(spec.format(), spec.k(), schedule.kc()) : schedule.kc();
    // Sums of two digits have no place to wait in.
    this.blocked = packed && !direct && kc < steps && spec.format().digits() == 1;
    this.epilogue =
        spec.epilogue() == null ? null : new MatmulEpilogue(module, name, spec, schedule.fma());
  }

  private static int widenedDepth(WeightFormat format, int k, int wanted) {
    int unit = Math.max(2, format.block());
    return blocks(Math.min(k, Math.min(wanted, WIDENED_DEPTH)), unit) * unit;
  }

  /** Bytes of scratch that a thread needs for weights of a format. */
  public static int scratch(WeightFormat format, int k) {
    return format.isNarrow() ? 4 * MOST_COLUMNS * widenedDepth(format, k, k) : 0;
  }

  /** Blocks of a size that cover a length. */
  public static int blocks(int length, int block) {
    return length / block + (length % block > 0 ? 1 : 0);
  }

  /**
   * Writes how a product is cut into blocks to the words of its step's record.
   *
   * @param words the whole record, four bytes a word
   * @return work items a matrix of the batch
   */
  public static int cut(int[] words, int rows, int columns, Schedule schedule) {
    int rowBlocks = blocks(rows, schedule.mc());
    int columnBlocks = blocks(columns, schedule.nc());
    words[StepRecord.arg(M_BLOCKS) / 4] = rowBlocks;
    words[StepRecord.arg(N_BLOCKS) / 4] = columnBlocks;
    words[StepRecord.arg(M_BLOCK) / 4] = schedule.mc();
    words[StepRecord.arg(N_BLOCK) / 4] = schedule.nc();
    return rowBlocks * columnBlocks;
  }

  /** The part of a schedule that is compiled into the kernel: all but the blocks of C. */
  public static String compiled(Schedule schedule) {
    return schedule.mr()
        + "x"
        + schedule.nr()
        + " kc="
        + schedule.kc()
        + " unroll="
        + schedule.unroll()
        + (schedule.fma() ? " fma " : " ")
        + schedule.order();
  }

  /** Adds the kernel to a module. */
  static Function emit(
      WasmModule.Builder module, String name, Matmul spec, Schedule schedule, Features features) {
    MatmulKernel kernel = new MatmulKernel(module, name, spec, schedule, features);
    if (kernel.widened) {
      kernel.widen =
          module.function(
              name + "_widen",
              FunctionType.of("iii:"),
              List.of("src", "dst", "count"),
              code -> {
                if (spec.format().kind() == WeightFormat.Kind.F16) {
                  HalfCode.widen(code);
                } else {
                  new BlockCode(code, spec.format()).widen();
                }
              });
    }
    for (Width width : kernel.widths()) {
      if (kernel.epilogue != null) {
        kernel.epilogue.prepare(width.vectors(), kernel.isBehind(width));
      }
      kernel.tile(schedule.mr(), width);
      for (int rows : TileCode.tails(schedule.mr())) {
        kernel.tile(rows, width);
      }
    }
    return module.function(
        name, Kernels.TYPE, Kernels.PARAMETERS, code -> kernel.new Body(code).emit());
  }

  private List<Width> widths() {
    List<Width> widths = new ArrayList<>();
    int nr = schedule.nr();
    if (!packed) {
      widths.add(new Width(nr / 4, 4));
      if (nr > 4) {
        widths.add(new Width(1, 4));
      }
      widths.add(new Width(1, 0));
      return widths;
    }
    if (spec.n() >= nr) {
      widths.add(new Width(nr / 4, 4));
    }
    if (spec.n() % nr > 0) {
      widths.add(tail());
    }
    return widths;
  }

  /** Whether the epilogue runs on the tile when it is stored: see {@link MatmulEpilogue}. */
  private boolean isBehind(Width width) {
    return epilogue != null && epilogue.isHeavy() && packed && width.last() == 4;
  }

  private Width tail() {
    int columns = spec.n() % schedule.nr();
    return new Width(blocks(columns, 4), columns % 4 == 0 ? 4 : columns % 4);
  }

  // --- a tile ---

  private static final FunctionType TILE = FunctionType.of("iiiiiiiii:");
  private static final List<String> TILE_PARAMETERS =
      List.of("step", "a", "b", "c", "row", "col", "batch", "count", "phase");

  private void tile(int rows, Width width) {
    String key = rows + "x" + width.vectors() + "_" + width.last();
    if (tiles.containsKey(key)) {
      return;
    }
    tiles.put(
        key,
        module.function(
            name + "_" + key, TILE, TILE_PARAMETERS, code -> new Tile(code, rows, width).emit()));
  }

  private final class Tile {
    private final Code code;
    private final int rows;
    private final Width width;
    private final Local step;
    private final Local c;
    private final Local phase;
    private final TileCode tile;
    private Stride cRow;

    Tile(Code code, int rows, Width width) {
      this.code = code;
      this.rows = rows;
      this.width = width;
      this.step = code.parameter(0);
      this.c = code.parameter(3);
      this.phase = code.parameter(8);
      WeightFormat format = spec.format().isNarrow() ? WeightFormat.F32 : spec.format();
      this.tile = new TileCode(code, rows, width.vectors(), format, schedule.fma());
    }

    void emit() {
      Stride aRow;
      Stride bStep;
      if (packed) {
        aRow = Stride.of(leftRow());
        bStep = Stride.of(widened ? 16 : spec.format().stepBytes());
        cRow = Stride.of(spec.n() * 4L);
      } else {
        aRow = Stride.of(bytes(K, "a_row"));
        bStep = Stride.of(bytes(N, "b_row"));
        cRow = bStep;
      }
      if (blocked) {
        code.get(phase).i32(FIRST_BLOCK).op(I32_AND);
        code.ifElse(this::clear, this::load);
      } else {
        clear();
      }
      if (direct) {
        multiply(aRow.known());
      } else {
        tile.multiply(
            code.parameter(1),
            aRow,
            code.parameter(2),
            bStep,
            widened ? kc * 16L : packed ? panel : 16,
            packed && !blocked ? null : code.parameter(7),
            steps,
            schedule.unroll());
      }
      boolean behind = isBehind(width);
      if (spec.format().isWhole() || (epilogue != null && !behind)) {
        whenComplete(() -> {
          tile.finish();
          if (epilogue != null && !behind) {
            epilogue.apply(code, place(), rows, width.vectors(), tile::accumulator);
          }
        });
      }
      store();
      if (behind) {
        whenComplete(() -> epilogue.applyBehind(code, place(), c, rows, width.vectors()));
      }
    }

    private void clear() {
      if (!spec.format().isBytes()) {
        tile.clear();
        return;
      }
      boolean signed = features.bytes() == ByteDot.SIGNED;
      boolean digits = spec.format().kind() == WeightFormat.Kind.DIGITS;
      if (digits && signed) {
        tile.clear();
        return;
      }
      Local factor = code.local(ValueType.V128, "zero");
      if (digits) {
        code.i32x4(-128).set(factor);
      } else {
        code.i32(signed ? 128 : 0).get(step).mem(I32_LOAD, StepRecord.arg(EXTRAS));
        code.mem(F32_LOAD, 4).op(I32_TRUNC_SAT_F32_S, I32_SUB, I32X4_SPLAT).set(factor);
      }
      Local sums = code.local(ValueType.I32, "sums");
      code.get(step).mem(I32_LOAD, StepRecord.arg(FACT)).get(code.parameter(5));
      code.i32(2).op(I32_SHL, I32_ADD).set(sums);
      tile.clear(factor, sums);
    }

    /** Sums along all of k, with weights that are made f32 in registers or stay whole. */
    private void multiply(long aRow) {
      Local a = code.parameter(1);
      Local b = code.parameter(2);
      if (quantised) {
        BlockCode.quantised(tile, spec.format(), a, aRow, b, panel, spec.k(), features);
      } else if (spec.format().kind() == WeightFormat.Kind.BLOCKS) {
        BlockCode.multiply(tile, spec.format(), a, aRow, b, panel, spec.k());
      } else {
        int unroll = schedule.unroll();
        code.get(phase);
        code.ifElse(
            () -> HalfCode.multiply(tile, a, aRow, b, panel, spec.k(), unroll, true),
            () -> HalfCode.multiply(tile, a, aRow, b, panel, spec.k(), unroll, false));
      }
    }

    /** Runs the body once the sums are complete. */
    private void whenComplete(Runnable body) {
      if (blocked) {
        code.get(phase).i32(LAST_BLOCK).op(I32_AND).if_(body);
      } else {
        body.run();
      }
    }

    private MatmulEpilogue.Place place() {
      return new MatmulEpilogue.Place(
          step, code.parameter(4), code.parameter(5), code.parameter(6));
    }

    private Local bytes(int argument, String label) {
      Local local = code.local(ValueType.I32, label);
      code.get(step).mem(I32_LOAD, StepRecord.arg(argument)).i32(2).op(I32_SHL).set(local);
      return local;
    }

    /** Walks down the tile's rows of a matrix with a pointer where the stride is not known. */
    private void rows(Local pointer, Stride stride, RowBody body) {
      if (stride.isKnown()) {
        for (int r = 0; r < rows; r++) {
          body.emit(r, pointer, r * stride.known());
        }
        return;
      }
      Local moving = code.local(ValueType.I32, pointer.name() + "_r");
      code.get(pointer).set(moving);
      for (int r = 0; r < rows; r++) {
        body.emit(r, moving, 0);
        if (r + 1 < rows) {
          code.increase(moving, stride.local());
        }
      }
    }

    private void load() {
      rows(
          c,
          cRow,
          (r, pointer, offset) -> {
            for (int j = 0; j < width.vectors(); j++) {
              code.get(pointer).mem(V128_LOAD, offset + 16L * j).set(tile.accumulator(r, j));
            }
          });
    }

    private void store() {
      rows(
          c,
          cRow,
          (r, pointer, offset) -> {
            for (int j = 0; j < width.vectors(); j++) {
              Local value = tile.accumulator(r, j);
              boolean last = j + 1 == width.vectors();
              if (!last || width.last() == 4) {
                code.get(pointer).get(value).mem(V128_STORE, offset + 16L * j);
              } else {
                partial(pointer, offset + 16L * j, value);
              }
            }
          });
    }

    /** Stores only the columns that exist: writing more would hit the next row. */
    private void partial(Local pointer, long offset, Local value) {
      for (int lane = 0; lane < (width.last() == 0 ? 3 : width.last()); lane++) {
        int column = lane;
        Runnable store =
            () -> code.get(pointer).get(value).mem(V128_STORE32_LANE, offset + 4L * column, column);
        if (width.last() == 0) {
          // The phase parameter carries the number of columns where it is not known.
          code.get(phase).i32(column).op(I32_GT_S).if_(store);
        } else {
          store.run();
        }
      }
    }
  }

  private interface RowBody {
    void emit(int row, Local pointer, long offset);
  }

  /** Bytes of a row of A. */
  private long leftRow() {
    if (!quantised) {
      return spec.format().rowBytes(spec.k());
    }
    int block = spec.format().block();
    return (long) blocks(spec.k(), block) * BlockCode.leftBytes(block);
  }

  // --- the loops around the tiles ---

  private final class Body {
    private final Code code;
    private final Local step;
    private final Local item;
    private final Local end;
    private final Local k;
    private final Local n;
    private final Local batch;
    private final Local row;
    private final Local rowEnd;
    private final Local col;
    private final Local colStart;
    private final Local colEnd;
    private final Local rowStart;
    private final Local limit;
    private final Local a;
    private final Local b;
    private final Local c;
    private final Local kBlock;
    private final Local count;
    private final Local phase;

    Body(Code code) {
      this.code = code;
      step = code.parameter(0);
      item = code.parameter(1);
      end = code.parameter(2);
      k = i32("k");
      n = i32("n");
      batch = i32("batch");
      row = i32("row");
      rowEnd = i32("row_end");
      col = i32("col");
      colStart = i32("col_start");
      colEnd = i32("col_end");
      rowStart = i32("row_start");
      limit = i32("limit");
      a = i32("a");
      b = i32("b");
      c = i32("c");
      kBlock = i32("k_block");
      count = i32("count");
      phase = i32("phase");
    }

    private Local i32(String label) {
      return code.local(ValueType.I32, label);
    }

    private Code arg(int index) {
      return code.get(step).mem(I32_LOAD, StepRecord.arg(index));
    }

    void emit() {
      if (packed) {
        code.i32(steps).set(k).i32(spec.n()).set(n);
      } else {
        arg(K).set(k);
        arg(N).set(n);
      }
      code.whileLess(item, end, 1, this::block);
    }

    /** One work item: which block of which matrix, then its loops. */
    private void block() {
      Local rest = i32("rest");
      code.get(item);
      arg(N_BLOCKS).op(I32_REM_S);
      arg(N_BLOCK).op(I32_MUL).set(colStart);
      code.get(item);
      arg(N_BLOCKS).op(I32_DIV_S).set(rest);
      code.get(rest);
      arg(M_BLOCKS).op(I32_REM_S);
      arg(M_BLOCK).op(I32_MUL).set(rowStart);
      code.get(rest);
      arg(M_BLOCKS).op(I32_DIV_S).set(batch);
      bounded(rowStart, () -> arg(M_BLOCK), () -> arg(M), rowEnd);
      bounded(colStart, () -> arg(N_BLOCK), () -> code.get(n), colEnd);
      if (quantised) {
        arg(FACT).get(batch);
        arg(M).op(I32_MUL).i32((int) leftRow()).op(I32_MUL, I32_ADD).set(a);
      } else {
        base(A, A_BATCH, a);
      }
      base(B, B_BATCH, b);
      base(C, C_BATCH, c);
      if (direct && !quantised && spec.format().kind() == WeightFormat.Kind.F16) {
        judge();
      }
      if (!blocked) {
        code.get(k).set(count);
        tilesOfBlock();
        return;
      }
      code.i32(0).set(kBlock);
      code.whileLess(
          kBlock,
          k,
          kc,
          () -> {
            bounded(kBlock, () -> code.i32(kc), () -> code.get(k), limit);
            code.get(limit).get(kBlock).op(I32_SUB).set(count);
            code.get(kBlock).op(I32_EQZ);
            code.get(limit).get(k).op(I32_EQ).i32(1).op(I32_SHL, I32_OR).set(phase);
            tilesOfBlock();
          });
    }

    /** Says in the phase whether weights are finite and the rows of A hold nothing large. */
    private void judge() {
      Local at = i32("at");
      Local numbers = i32("numbers");
      Local most = code.local(ValueType.V128, "most");
      code.get(a).get(rowStart).get(k).op(I32_MUL).i32(2).op(I32_SHL, I32_ADD).set(at);
      code.get(rowEnd).get(rowStart).op(I32_SUB).get(k).op(I32_MUL).set(numbers);
      code.f32x4(0).set(most);
      Consumer<Opcode> take =
          load -> code.get(most).get(at).mem(load, 0).op(F32X4_ABS, F32X4_PMAX).set(most);
      Rows.floats(
          code,
          numbers,
          List.of(at),
          () -> take.accept(V128_LOAD),
          () -> take.accept(V128_LOAD32_SPLAT));
      code.get(most).f32x4(HalfCode.LARGE).op(F32X4_GE, V128_ANY_TRUE);
      arg(FACT).op(I32_OR, I32_EQZ).set(phase);
    }

    /** {@code target = min(start + size, most)}. */
    private void bounded(Local start, Runnable size, Runnable most, Local target) {
      code.get(start);
      size.run();
      code.op(I32_ADD).set(target);
      most.run();
      code.get(target);
      most.run();
      code.get(target).op(I32_LT_S, SELECT).set(target);
    }

    private void base(int pointer, int stride, Local target) {
      arg(pointer).get(batch);
      arg(stride).op(I32_MUL, I32_ADD).set(target);
    }

    private void tilesOfBlock() {
      if (widened) {
        columns(width -> {
          widen(width);
          rows(rows -> call(rows, width));
        });
      } else if (schedule.order() == Schedule.Order.M) {
        columns(width -> rows(rows -> call(rows, width)));
      } else {
        rows(rows -> columns(width -> call(rows, width)));
      }
    }

    private void rows(Consumer<Integer> inner) {
      code.get(rowStart).set(row);
      while_(row, schedule.mr(), rowEnd, () -> inner.accept(schedule.mr()));
      for (int tail : TileCode.tails(schedule.mr())) {
        code.get(row).i32(tail).op(I32_ADD).get(rowEnd).op(I32_LE_S);
        code.if_(() -> {
          inner.accept(tail);
          code.increase(row, tail);
        });
      }
    }

    private void columns(Consumer<Width> inner) {
      int nr = schedule.nr();
      code.get(colStart).set(col);
      if (packed) {
        if (spec.n() >= nr) {
          while_(col, nr, colEnd, () -> inner.accept(new Width(nr / 4, 4)));
        }
        if (spec.n() % nr > 0) {
          code.get(col).get(colEnd).op(I32_LT_S).if_(() -> inner.accept(tail()));
        }
        return;
      }
      while_(col, nr, colEnd, () -> inner.accept(new Width(nr / 4, 4)));
      if (nr > 4) {
        while_(col, 4, colEnd, () -> inner.accept(new Width(1, 4)));
      }
      code.get(col).get(colEnd).op(I32_LT_S).if_(() -> inner.accept(new Width(1, 0)));
    }

    /** Runs the body while a whole step fits below the end. */
    private void while_(Local i, int size, Local most, Runnable body) {
      code.get(i).i32(size).op(I32_ADD).get(most).op(I32_LE_S);
      code.if_(() ->
          code.loop(again -> {
            body.run();
            code.get(i).i32(size).op(I32_ADD).tee(i);
            code.i32(size).op(I32_ADD).get(most).op(I32_LE_S).brIf(again);
          }));
    }

    /** Leaves the address of a panel of four columns, {@code further} ones behind the tile's. */
    private void panel(int further) {
      code.get(b).get(col).i32((int) (panel / 4)).op(I32_MUL, I32_ADD);
      if (further > 0) {
        code.i32((int) (further * panel)).op(I32_ADD);
      }
      if (blocked) {
        code.get(kBlock);
        if (spec.format().kind() == WeightFormat.Kind.BLOCKS) {
          code.i32(spec.format().block()).op(I32_DIV_U).i32(spec.format().blockBytes());
        } else {
          code.i32(spec.format().stepBytes());
        }
        code.op(I32_MUL, I32_ADD);
      }
    }

    /** Makes f32 of the tile's panels, in scratch. */
    private void widen(Width width) {
      for (int j = 0; j < width.vectors(); j++) {
        panel(j);
        code.get(code.parameter(3)).i32(16 * kc * j).op(I32_ADD).get(count).call(widen);
      }
    }

    private void call(int rows, Width width) {
      code.get(step);
      if (quantised) {
        code.get(a).get(row).i32((int) leftRow()).op(I32_MUL, I32_ADD);
      } else {
        code.get(a).get(row).get(k).op(I32_MUL);
        if (blocked) {
          code.get(kBlock).op(I32_ADD);
        }
        code.i32(1 + spec.format().digits()).op(I32_SHL, I32_ADD);
      }
      if (widened) {
        code.get(code.parameter(3));
      } else if (packed) {
        panel(0);
      } else {
        code.get(b).get(col).i32(2).op(I32_SHL, I32_ADD);
      }
      code.get(c).get(row).get(n).op(I32_MUL).get(col).op(I32_ADD).i32(2).op(I32_SHL, I32_ADD);
      code.get(row).get(col).get(batch).get(count);
      if (width.last() == 0) {
        code.get(colEnd).get(col).op(I32_SUB);
      } else {
        code.get(phase);
      }
      code.call(tiles.get(rows + "x" + width.vectors() + "_" + width.last()));
    }
  }
}
