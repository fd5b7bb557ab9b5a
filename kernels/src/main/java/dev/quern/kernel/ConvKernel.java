package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.kernel.KernelSpec.Conv;
import dev.quern.kernel.TileCode.Stride;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Convolution of an image that is wide enough for every window: {@code PadKernel} has put zeros
 * around it. It is a matrix product whose A is never written out: a row of A, the window of one
 * output pixel, is a few pieces of the image, and the next pixel's pieces lie at the same distance.
 * So a register tile of {@code mr} neighbouring pixels by {@code nr} channels runs along one piece
 * after the other.
 *
 * <p>Items are rows of the output, {@code n · h}, or segments of such rows where there are few. Of
 * the items that it is given, a thread takes some at a time, and for each panel of weights walks
 * over them all.
 */
public final class ConvKernel {
  /** Addresses of the image, the packed weights and the output. */
  public static final int X = 0;

  public static final int W = 1;
  public static final int Y = 2;

  /** Rows and columns of the output. */
  public static final int OUT_H = 3;

  public static final int OUT_W = 4;

  /** Bytes from one image to the next, from one row to the next, from one plane to the next. */
  public static final int X_IMAGE = 5;

  public static final int X_ROW = 6;
  public static final int X_PLANE = 7;

  /** Items that share a pass over the weights. */
  public static final int SHARED = 8;

  /** Columns of the output in an item, and items in a row: the last one may have fewer columns. */
  public static final int SEGMENT = 9;

  public static final int SEGMENTS = 10;

  /** Four words for each extra operand, see {@link Epilogue}. */
  public static final int EXTRAS = 11;

  /** Steps of k in a pass of the innermost loop where a piece is longer than that. */
  private static final int UNROLL = 4;

  private static final FunctionType TILE = FunctionType.of("iiiiiiii:");
  private static final List<String> TILE_PARAMETERS =
      List.of("step", "a", "b", "c", "n", "y", "x", "channel");

  private final WasmModule.Builder module;
  private final String name;
  private final Conv spec;
  private final boolean fma;
  private final Function epilogue;
  private final Map<String, Function> tiles = new LinkedHashMap<>();

  private ConvKernel(WasmModule.Builder module, String name, Conv spec, boolean fma) {
    this.module = module;
    this.name = name;
    this.spec = spec;
    this.fma = fma;
    epilogue = Epilogue.function(module, name, spec.epilogue(), fma);
  }

  static Function emit(WasmModule.Builder module, String name, Conv spec, boolean fma) {
    ConvKernel kernel = new ConvKernel(module, name, spec, fma);
    List<Integer> heights = new ArrayList<>(List.of(spec.mr()));
    heights.addAll(TileCode.tails(spec.mr()));
    for (int rows : heights) {
      if (spec.width() >= spec.nr()) {
        kernel.tile(rows, spec.nr());
      }
      if (spec.width() % spec.nr() > 0) {
        kernel.tile(rows, spec.width() % spec.nr());
      }
    }
    return module.function(
        name, Kernels.TYPE, Kernels.PARAMETERS, code -> kernel.new Body(code).emit());
  }

  private static String key(int rows, int columns) {
    return rows + "x" + columns;
  }

  private void tile(int rows, int columns) {
    tiles.put(
        key(rows, columns),
        module.function(
            name + "_" + key(rows, columns),
            TILE,
            TILE_PARAMETERS,
            code -> new Tile(code, rows, columns).emit()));
  }

  // --- a tile ---

  /** A loop over pieces: how many, and how far apart. */
  private record Level(int count, Stride stride) {}

  private final class Tile {
    private final Code code;
    private final int rows;
    private final int columns;
    private final TileCode tile;

    Tile(Code code, int rows, int columns) {
      this.code = code;
      this.rows = rows;
      this.columns = columns;
      tile = new TileCode(code, rows, (columns + 3) / 4, fma);
    }

    void emit() {
      tile.clear();
      pieces(levels(), 0);
      if (spec.epilogue() != null) {
        epilogue();
      }
      int pixel = 4 * spec.width() * spec.groups();
      for (int r = 0; r < rows; r++) {
        for (int j = 0; 4 * j < columns; j++) {
          int lanes = Math.min(4, columns - 4 * j);
          long offset = (long) r * pixel + 16L * j;
          Epilogue.store(code, code.parameter(3), offset, tile.accumulator(r, j), lanes);
        }
      }
    }

    /** Bytes from one channel's plane, one row or one column of the window to the next. */
    private List<Level> levels() {
      List<Level> levels = new ArrayList<>();
      if (spec.planes() && spec.channels() > 1) {
        levels.add(new Level(spec.channels(), Stride.of(argument(X_PLANE, 1, "plane"))));
      }
      if (spec.kernelH() > 1) {
        Local row = argument(X_ROW, spec.dilationH(), "row");
        levels.add(new Level(spec.kernelH(), Stride.of(row)));
      }
      if (!spec.joinsColumns() && spec.kernelW() > 1) {
        levels.add(new Level(spec.kernelW(), Stride.of((long) spec.dilationW() * spec.pixel())));
      }
      return levels;
    }

    private Local argument(int index, int times, String label) {
      Local local = code.local(ValueType.I32, label);
      Rows.arg(code, index);
      if (times > 1) {
        code.i32(times).op(I32_MUL);
      }
      code.set(local);
      return local;
    }

    private void pieces(List<Level> levels, int depth) {
      Local a = code.parameter(1);
      if (depth == levels.size()) {
        int length = spec.piece();
        tile.multiply(
            a,
            Stride.of((long) spec.strideW() * spec.pixel()),
            code.parameter(2),
            Stride.of(16),
            spec.k() * 16L,
            null,
            length,
            length <= 2 * UNROLL ? length : UNROLL);
        return;
      }
      Level level = levels.get(depth);
      Local left = code.local(ValueType.I32, "level" + depth);
      Local start = code.local(ValueType.I32, "start" + depth);
      code.get(a).set(start).i32(level.count()).set(left);
      code.loop(again -> {
        pieces(levels, depth + 1);
        code.get(start);
        if (level.stride().isKnown()) {
          code.i32((int) level.stride().known());
        } else {
          code.get(level.stride().local());
        }
        code.op(I32_ADD).tee(start).set(a);
        code.get(left).i32(1).op(I32_SUB).tee(left).brIf(again);
      });
    }

    private void epilogue() {
      Epilogue extras = new Epilogue(code, spec.epilogue(), spec.extras(), epilogue, fma);
      extras.point(
          EXTRAS,
          code.parameter(4),
          code.parameter(5),
          code.parameter(6),
          () -> code.get(code.parameter(7)).i32(2).op(I32_SHL));
      for (int j = 0; 4 * j < columns; j++) {
        List<Local> pixels = new ArrayList<>();
        for (int r = 0; r < rows; r++) {
          pixels.add(tile.accumulator(r, j));
        }
        extras.apply(pixels, 16L * j);
      }
    }
  }

  // --- the loops around the tiles ---

  private final class Body {
    private final Code code;
    private final Local outH;
    private final Local outW;
    private final Local segment;
    private final Local segments;
    private final Local last;
    private final Local item;
    private final Local line;
    private final Local group;
    private final Local column;
    private final Local n;
    private final Local y;
    private final Local x;
    private final Local end;
    private final Local a;
    private final Local b;
    private final Local c;

    Body(Code code) {
      this.code = code;
      outH = Rows.argument(code, OUT_H, "out_h");
      outW = Rows.argument(code, OUT_W, "out_w");
      segment = Rows.argument(code, SEGMENT, "segment");
      segments = Rows.argument(code, SEGMENTS, "segments");
      last = i32("last");
      item = i32("item");
      line = i32("line");
      group = i32("group");
      column = i32("column");
      n = i32("n");
      y = i32("y");
      x = i32("x");
      end = i32("end");
      a = i32("a");
      b = i32("b");
      c = i32("c");
    }

    private Local i32(String label) {
      return code.local(ValueType.I32, label);
    }

    void emit() {
      Local begin = code.parameter(1);
      Local behind = code.parameter(2);
      code.loop(again -> {
        code.get(begin);
        Rows.arg(code, SHARED).op(I32_ADD).set(last);
        least(last, behind, last);
        if (spec.groups() == 1) {
          columns();
        } else {
          Local groups = i32("groups");
          code.i32(0).set(group).i32(spec.groups()).set(groups);
          code.whileLess(group, groups, 1, this::columns);
        }
        code.get(last).tee(begin).get(behind).op(I32_LT_S).brIf(again);
      });
    }

    private void least(Local one, Local other, Local target) {
      code.get(one).get(other).get(one).get(other).op(I32_LT_S, SELECT).set(target);
    }

    private void columns() {
      code.i32(0).set(column);
      int whole = spec.width() / spec.nr() * spec.nr();
      if (whole > 0) {
        Local limit = i32("limit");
        code.i32(whole).set(limit);
        code.whileLess(column, limit, spec.nr(), () -> rows(spec.nr()));
      }
      if (spec.width() > whole) {
        rows(spec.width() - whole);
      }
    }

    private void rows(int columns) {
      Rows.arg(code, W).get(column).i32(4 * spec.k()).op(I32_MUL, I32_ADD);
      if (spec.groups() > 1) {
        long bytes = WeightFormat.F32.bytes(spec.k(), spec.width());
        code.get(group).i32((int) bytes).op(I32_MUL, I32_ADD);
      }
      code.set(b).get(code.parameter(1)).set(item);
      code.whileLess(
          item,
          last,
          1,
          () -> {
            code.get(item).get(segments).op(I32_DIV_S).tee(line).get(outH).op(I32_DIV_S).set(n);
            code.get(line).get(outH).op(I32_REM_S).set(y);
            code.get(item).get(segments).op(I32_REM_S).get(segment).op(I32_MUL).tee(x);
            code.get(segment).op(I32_ADD).set(end);
            least(end, outW, end);
            Rows.arg(code, X).get(n);
            Rows.arg(code, X_IMAGE).op(I32_MUL, I32_ADD).get(y).i32(spec.strideH()).op(I32_MUL);
            Rows.arg(code, X_ROW).op(I32_MUL, I32_ADD);
            code.get(x).i32(spec.strideW() * spec.pixel()).op(I32_MUL, I32_ADD);
            if (spec.groups() > 1) {
              code.get(group).i32(4 * spec.channels()).op(I32_MUL, I32_ADD);
            }
            code.set(a);
            Rows.arg(code, Y).get(line).get(outW).op(I32_MUL).get(x).op(I32_ADD);
            code.i32(spec.width() * spec.groups()).op(I32_MUL).get(column).op(I32_ADD);
            if (spec.groups() > 1) {
              code.get(group).i32(spec.width()).op(I32_MUL, I32_ADD);
            }
            code.i32(2).op(I32_SHL, I32_ADD).set(c);
            pixels(columns);
          });
    }

    private void pixels(int columns) {
      Consumer<Integer> tile =
          rows -> {
            code.get(code.parameter(0)).get(a).get(b).get(c).get(n).get(y).get(x).get(column);
            if (spec.groups() > 1) {
              code.get(group).i32(spec.width()).op(I32_MUL, I32_ADD);
            }
            code.call(tiles.get(key(rows, columns)));
            code.increase(a, rows * spec.strideW() * spec.pixel());
            code.increase(c, rows * 4 * spec.width() * spec.groups());
          };
      Local limit = i32("whole");
      code.get(end).i32(spec.mr() - 1).op(I32_SUB).set(limit);
      code.whileLess(x, limit, spec.mr(), () -> tile.accept(spec.mr()));
      for (int tail : TileCode.tails(spec.mr())) {
        code.get(x).i32(tail).op(I32_ADD).get(end).op(I32_LE_S);
        code.if_(() -> {
          tile.accept(tail);
          code.increase(x, tail);
        });
      }
    }
  }
}
