package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.kernel.KernelSpec.Depthwise;
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

/**
 * Convolution of each channel with a window of its own. Vectors run along channels. A tile is some
 * neighbouring pixels of a row of the output: for each row of the window, its weights stay in
 * registers, and each pixel of the image is loaded once for all outputs that see it. Where the
 * columns are known, a row is cut into tiles of like width, and those at the edges leave out what
 * lies outside of the image. Otherwise the pixels at the edges are computed one by one, some
 * vectors of channels at a time. Rows outside of the image are left out.
 *
 * <p>Items are rows of the output, {@code n · h}. Weights are packed as those of a product of depth
 * {@code kernelH · kernelW}, {@code [c/4][kernelH · kernelW][4]}.
 */
public final class DepthwiseKernel {
  /** Addresses of the image, the weights and the output. */
  public static final int X = 0;

  public static final int WEIGHTS = 1;
  public static final int Y = 2;

  /** Rows and columns of the image and of the output. */
  public static final int H = 3;

  public static final int W = 4;
  public static final int OUT_H = 5;
  public static final int OUT_W = 6;

  /** Rows and columns that the first window starts before the image. */
  public static final int TOP = 7;

  public static final int LEFT = 8;

  /** Four words for each extra operand, see {@link Epilogue}. */
  public static final int EXTRAS = 9;

  /** Registers for sums and the weights of a row of the window; one more holds the pixel. */
  private static final int REGISTERS = 14;

  /** Sums of a tile: as many as hide the latency of a multiply-add, two of which start a cycle. */
  private static final int MOST_PIXELS = 8;

  /** Vectors of channels of one pixel at an edge. */
  private static final int EDGE_VECTORS = 4;

  private static final FunctionType TILE = FunctionType.of("iiiiiiii:");
  private static final List<String> TILE_PARAMETERS =
      List.of("step", "x", "weights", "y", "rows", "n", "out_y", "out_x");
  private static final FunctionType EDGE = FunctionType.of("iiiiiiiii:");
  private static final List<String> EDGE_PARAMETERS =
      List.of("step", "x", "weights", "y", "rows", "n", "out_y", "out_x", "columns");

  private final Depthwise spec;
  private final boolean fma;
  private final int pixels;
  private final int panel;
  private final Function epilogue;
  private final Map<Cut, Function> tiles = new LinkedHashMap<>();
  private Function edge;

  private DepthwiseKernel(WasmModule.Builder module, String name, Depthwise spec, boolean fma) {
    this.spec = spec;
    this.fma = fma;
    pixels = Math.max(1, Math.min(REGISTERS - spec.kernelW(), MOST_PIXELS));
    panel = 16 * spec.kernelH() * spec.kernelW();
    epilogue = Epilogue.function(module, name, spec.epilogue(), fma);
  }

  static Function emit(WasmModule.Builder module, String name, Depthwise spec, boolean fma) {
    DepthwiseKernel kernel = new DepthwiseKernel(module, name, spec, fma);
    for (Cut cut : kernel.cuts()) {
      kernel.tiles.computeIfAbsent(
          cut,
          key ->
              module.function(
                  name + "_" + key.width + "_" + key.before + "_" + key.behind,
                  TILE,
                  TILE_PARAMETERS,
                  code -> kernel.new Tile(code, key).emit()));
    }
    if (spec.columns() == 0) {
      kernel.edge =
          module.function(
              name + "_edge", EDGE, EDGE_PARAMETERS, code -> kernel.new Edge(code).emit());
    }
    return module.function(
        name, Kernels.TYPE, Kernels.PARAMETERS, code -> kernel.new Body(code).emit());
  }

  /**
   * A tile.
   *
   * @param width pixels of the output
   * @param before columns under its windows that lie before the image
   * @param behind columns that lie behind it
   */
  private record Cut(int width, int before, int behind) {}

  /** The tiles of a row from left to right; where its columns are not known, all that occur. */
  private List<Cut> cuts() {
    List<Cut> cuts = new ArrayList<>();
    if (spec.columns() == 0) {
      cuts.add(new Cut(pixels, 0, 0));
      TileCode.tails(pixels).forEach(width -> cuts.add(new Cut(width, 0, 0)));
      return cuts;
    }
    int count = (spec.outColumns() + pixels - 1) / pixels;
    int x = 0;
    for (int left = count; left > 0; left--) {
      int width = (spec.outColumns() - x + left - 1) / left;
      int all = columns(width);
      int first = x * spec.strideW() - spec.left();
      int before = Math.max(0, Math.min(-first, all));
      int behind = Math.max(0, Math.min(first + all - spec.columns(), all));
      cuts.add(new Cut(width, before, behind));
      x += width;
    }
    return cuts;
  }

  /** Columns of the image under the windows of so many neighbouring outputs. */
  private int columns(int width) {
    return (width - 1) * spec.strideW() + (spec.kernelW() - 1) * spec.dilationW() + 1;
  }

  private int pixelBytes() {
    return 4 * spec.channels();
  }

  /** What tiles and edges share: a walk over the channels, some vectors at a time. */
  private abstract class Walk {
    final Code code;
    final Local x;
    final Local weights;
    final Local y;
    final Local rowBytes;
    final Local from;
    final Local taps;
    final Local rows;
    final List<Local> sums = new ArrayList<>();
    final Epilogue extras;

    Walk(Code code, int count) {
      this.code = code;
      x = code.parameter(1);
      weights = code.parameter(2);
      y = code.parameter(3);
      rowBytes = code.local(ValueType.I32, "row_bytes");
      from = code.local(ValueType.I32, "from");
      taps = code.local(ValueType.I32, "taps");
      rows = code.local(ValueType.I32, "rows_left");
      for (int i = 0; i < count; i++) {
        sums.add(code.local(ValueType.V128, "sum" + i));
      }
      extras =
          spec.epilogue() == null
              ? null
              : new Epilogue(code, spec.epilogue(), spec.extras(), epilogue, fma);
    }

    void begin() {
      Rows.arg(code, W).i32(spec.dilationH() * pixelBytes()).op(I32_MUL).set(rowBytes);
      if (extras != null) {
        extras.point(EXTRAS, code.parameter(5), code.parameter(6), code.parameter(7), null);
      }
    }

    /**
     * Runs the body for as many whole groups of vectors as there are channels, then for the rest.
     */
    void channels(int vectors) {
      int whole = spec.channels() / 4;
      int groups = whole / vectors;
      if (groups > 0) {
        Local left = code.local(ValueType.I32, "left");
        code.i32(groups).set(left);
        code.loop(again -> {
          body(vectors, 4);
          advance(vectors);
          code.get(left).i32(1).op(I32_SUB).tee(left).brIf(again);
        });
      }
      for (int rest = whole % vectors; rest > 0; rest -= Integer.highestOneBit(rest)) {
        body(Integer.highestOneBit(rest), 4);
        advance(Integer.highestOneBit(rest));
      }
      if (spec.channels() % 4 > 0) {
        body(1, spec.channels() % 4);
      }
    }

    private void advance(int vectors) {
      code.increase(x, 16 * vectors).increase(y, 16 * vectors);
      code.increase(weights, panel * vectors);
      if (extras != null) {
        extras.advance(16 * vectors);
      }
    }

    /** Runs the body for each row of the window that is inside of the image. */
    void rows(Runnable body) {
      code.get(x).set(from).get(weights).set(taps).get(code.parameter(4)).tee(rows);
      code.if_(() ->
          code.loop(again -> {
            body.run();
            code.increase(from, rowBytes).increase(taps, 16 * spec.kernelW());
            code.get(rows).i32(1).op(I32_SUB).tee(rows).brIf(again);
          }));
    }

    void multiply(Local sum, Runnable pixel, Runnable tap) {
      if (fma) {
        pixel.run();
        tap.run();
        code.get(sum).op(F32X4_RELAXED_MADD).set(sum);
      } else {
        code.get(sum);
        pixel.run();
        tap.run();
        code.op(F32X4_MUL, F32X4_ADD).set(sum);
      }
    }

    /** Some vectors of channels, of the last one that many lanes. */
    abstract void body(int vectors, int lanes);
  }

  /** Neighbouring pixels; {@code x} is the first column of the image that they see. */
  private final class Tile extends Walk {
    private final Cut cut;
    private final Local pixel;
    private final List<Local> row = new ArrayList<>();

    Tile(Code code, Cut cut) {
      super(code, cut.width);
      this.cut = cut;
      pixel = code.local(ValueType.V128, "pixel");
      for (int j = 0; j < spec.kernelW(); j++) {
        row.add(code.local(ValueType.V128, "tap" + j));
      }
    }

    void emit() {
      begin();
      channels(1);
    }

    @Override
    void body(int vectors, int lanes) {
      for (Local sum : sums) {
        code.f32x4(0).set(sum);
      }
      rows(this::row);
      if (extras != null) {
        extras.apply(sums, 0);
      }
      for (int r = 0; r < cut.width; r++) {
        Epilogue.store(code, y, (long) r * pixelBytes(), sums.get(r), lanes);
      }
    }

    private void row() {
      for (int j = 0; j < row.size(); j++) {
        code.get(taps).mem(V128_LOAD, 16L * j).set(row.get(j));
      }
      for (int column = cut.before; column < columns(cut.width) - cut.behind; column++) {
        boolean loaded = false;
        for (int r = 0; r < cut.width; r++) {
          int distance = column - r * spec.strideW();
          if (distance < 0 || distance % spec.dilationW() != 0) {
            continue;
          }
          int j = distance / spec.dilationW();
          if (j >= row.size()) {
            continue;
          }
          if (!loaded) {
            long offset = (long) (column - cut.before) * pixelBytes();
            code.get(from).mem(V128_LOAD, offset).set(pixel);
            loaded = true;
          }
          multiply(sums.get(r), () -> code.get(pixel), () -> code.get(row.get(j)));
        }
      }
    }
  }

  /** One pixel whose window is cut off at the left or right. */
  private final class Edge extends Walk {
    private final Local at;
    private final Local tap;
    private final Local columns;

    Edge(Code code) {
      super(code, EDGE_VECTORS);
      at = code.local(ValueType.I32, "at");
      tap = code.local(ValueType.I32, "tap");
      columns = code.local(ValueType.I32, "columns_left");
    }

    void emit() {
      begin();
      channels(EDGE_VECTORS);
    }

    @Override
    void body(int vectors, int lanes) {
      for (int v = 0; v < vectors; v++) {
        code.f32x4(0).set(sums.get(v));
      }
      rows(() -> {
        code.get(from).set(at).get(taps).set(tap).get(code.parameter(8)).tee(columns);
        code.if_(() ->
            code.loop(again -> {
              for (int v = 0; v < vectors; v++) {
                int vector = v;
                multiply(
                    sums.get(v),
                    () -> code.get(at).mem(V128_LOAD, 16L * vector),
                    () -> code.get(tap).mem(V128_LOAD, (long) panel * vector));
              }
              code.increase(at, spec.dilationW() * pixelBytes()).increase(tap, 16);
              code.get(columns).i32(1).op(I32_SUB).tee(columns).brIf(again);
            }));
      });
      for (int v = 0; v < vectors; v++) {
        if (extras != null) {
          extras.apply(List.of(sums.get(v)), 16L * v);
        }
        Epilogue.store(code, y, 16L * v, sums.get(v), v + 1 == vectors ? lanes : 4);
      }
    }
  }

  // --- the loops around ---

  private final class Body {
    private final Code code;
    private final Local h;
    private final Local w;
    private final Local outW;
    private final Local n;
    private final Local outY;
    private final Local outX;
    private final Local inside;
    private final Local insideEnd;
    private final Local row;
    private final Local rows;
    private final Local taps;
    private final Local y;

    Body(Code code) {
      this.code = code;
      h = Rows.argument(code, H, "h");
      w = Rows.argument(code, W, "w");
      outW = Rows.argument(code, OUT_W, "out_w");
      n = i32("n");
      outY = i32("out_y");
      outX = i32("out_x");
      inside = i32("inside");
      insideEnd = i32("inside_end");
      row = i32("row");
      rows = i32("rows");
      taps = i32("taps");
      y = i32("y");
    }

    private Local i32(String label) {
      return code.local(ValueType.I32, label);
    }

    void emit() {
      if (spec.columns() == 0) {
        columnsInside();
      }
      Local start = i32("start");
      Local skipped = i32("skipped");
      Rows.items(
          code,
          () -> {
            Local item = code.parameter(1);
            code.get(item);
            Rows.arg(code, OUT_H).op(I32_DIV_S).set(n);
            code.get(item);
            Rows.arg(code, OUT_H).op(I32_REM_S).tee(outY).i32(spec.strideH()).op(I32_MUL);
            Rows.arg(code, TOP).op(I32_SUB).set(start);
            Windows.clip(code, start, h, spec.kernelH(), spec.dilationH(), rows, skipped);
            Rows.arg(code, X).get(n).get(h).op(I32_MUL).get(start).op(I32_ADD).get(w);
            code.op(I32_MUL).i32(pixelBytes()).op(I32_MUL, I32_ADD).set(row);
            Rows.arg(code, WEIGHTS).get(skipped).i32(16 * spec.kernelW());
            code.op(I32_MUL, I32_ADD).set(taps);
            Rows.arg(code, Y).get(item).get(outW).op(I32_MUL).i32(pixelBytes());
            code.op(I32_MUL, I32_ADD).set(y).i32(0).set(outX);
            if (spec.columns() > 0) {
              known();
              return;
            }
            code.whileLess(outX, inside, 1, this::atEdge);
            tiles();
            code.whileLess(outX, outW, 1, this::atEdge);
          });
    }

    /** The tiles of a row whose columns are known; a loop over those that are alike. */
    private void known() {
      List<Cut> cuts = cuts();
      Local limit = i32("limit");
      int x = 0;
      for (int i = 0; i < cuts.size(); ) {
        Cut cut = cuts.get(i);
        int alike = 1;
        while (i + alike < cuts.size() && cuts.get(i + alike).equals(cut)) {
          alike++;
        }
        x += alike * cut.width;
        i += alike;
        code.i32(x).set(limit);
        code.whileLess(outX, limit, cut.width, () -> tile(cut));
      }
    }

    /** The outputs whose windows lie between the image's left and right edge. */
    private void columnsInside() {
      // From ⌈left / stride⌉ to ⌊(w + left - extent) / stride⌋, both within the output.
      int stride = spec.strideW();
      Rows.arg(code, LEFT).i32(stride - 1).op(I32_ADD).i32(stride).op(I32_DIV_S).set(inside);
      code.get(inside).get(outW).get(inside).get(outW).op(I32_LT_S, SELECT).set(inside);
      int extent = (spec.kernelW() - 1) * spec.dilationW() + 1;
      code.get(w);
      Rows.arg(code, LEFT).op(I32_ADD).i32(extent).op(I32_SUB).set(insideEnd);
      code.get(insideEnd).i32(stride).op(I32_DIV_S).i32(1).op(I32_ADD).i32(0);
      code.get(insideEnd).i32(0).op(I32_GE_S, SELECT).set(insideEnd);
      code.get(insideEnd).get(outW).get(insideEnd).get(outW).op(I32_LT_S, SELECT).set(insideEnd);
    }

    private void tiles() {
      Local limit = i32("limit");
      code.get(insideEnd).i32(pixels - 1).op(I32_SUB).set(limit);
      code.whileLess(outX, limit, pixels, () -> tile(new Cut(pixels, 0, 0)));
      for (int tail : TileCode.tails(pixels)) {
        code.get(outX).i32(tail).op(I32_ADD).get(insideEnd).op(I32_LE_S);
        code.if_(() -> {
          tile(new Cut(tail, 0, 0));
          code.increase(outX, tail);
        });
      }
    }

    private void tile(Cut cut) {
      code.get(code.parameter(0)).get(row).get(outX).i32(spec.strideW()).op(I32_MUL);
      if (spec.columns() == 0) {
        Rows.arg(code, LEFT).op(I32_SUB);
      } else {
        code.i32(cut.before - spec.left()).op(I32_ADD);
      }
      code.i32(pixelBytes()).op(I32_MUL, I32_ADD);
      code.get(taps).get(y).get(rows).get(n).get(outY).get(outX).call(tiles.get(cut));
      code.increase(y, cut.width * pixelBytes());
    }

    private void atEdge() {
      Local start = i32("column");
      Local columns = i32("columns");
      Local skipped = i32("columns_skipped");
      code.get(outX).i32(spec.strideW()).op(I32_MUL);
      Rows.arg(code, LEFT).op(I32_SUB).set(start);
      Windows.clip(code, start, w, spec.kernelW(), spec.dilationW(), columns, skipped);
      code.get(code.parameter(0)).get(row).get(start).i32(pixelBytes()).op(I32_MUL, I32_ADD);
      code.get(taps).get(skipped).i32(16).op(I32_MUL, I32_ADD).get(y).get(rows).get(n);
      code.get(outY).get(outX).get(columns).call(edge);
      code.increase(y, pixelBytes());
    }
  }
}
