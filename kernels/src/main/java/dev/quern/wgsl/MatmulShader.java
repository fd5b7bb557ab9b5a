package dev.quern.wgsl;

import dev.quern.kernel.KernelSpec.Extra;
import dev.quern.kernel.KernelSpec.Layout;
import dev.quern.kernel.KernelSpec.Matmul;
import dev.quern.kernel.MatmulKernel;
import dev.quern.kernel.WeightFormat;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.List;

/**
 * A matrix product with its epilogue, in tiles (see {@link TiledProduct}), or for few rows along
 * the columns (see {@link ThinProduct}). Packed weights are read as the CPU's kernels pack them.
 */
final class MatmulShader {
  private final Matmul spec;

  /** Whether rows of A, and of C and the extras, can be read and written four numbers at a time. */
  private final boolean wideA;

  /** Whether A is whole numbers: i16, two to a word, or bytes, four of them. */
  private final boolean whole;

  private final boolean wideC;
  private final Array a;

  /** Weights of fewer bits than f32; null for others, and then b and its place are not. */
  private final NarrowWeights narrow;

  private final Array b;

  private final Array c;
  private final Expr aAt;
  private final Expr bAt;
  private final Expr cAt;
  private final Expr m;
  private final Expr k;
  private final Expr n;
  private final Expr aBatch;
  private final Expr bBatch;
  private final Expr cBatch;

  /** The first panel whose weights are bound, and how many are; null for all. */
  private final Expr firstPanel;

  private final Expr boundPanels;
  private final List<Extras> extras = new ArrayList<>();

  private record Extras(Extra kind, Array array, Expr at, Expr row, Expr batch) {}

  private MatmulShader(Shader.Builder shader, Matmul spec, boolean aligned, boolean shared) {
    this.spec = spec;
    boolean packed = spec.layout() == Layout.PANELS;
    whole = spec.format().isWhole();
    wideA = aligned && packed && !whole && spec.k() % 4 == 0;
    wideC = aligned && packed && spec.n() % 4 == 0;
    int aBytes = wideA ? 16 : 4;
    int bBytes = packed ? 16 : 4;
    int cBytes = wideC ? 16 : 4;
    Type left = whole ? Type.U32 : wideA ? Type.VEC4F : Type.F32;
    a = shader.read("a", left, MatmulKernel.A);
    boolean full = spec.format().kind() == WeightFormat.Kind.F32;
    narrow = full ? null : NarrowWeights.of(shader, spec);
    b = full ? shader.read("b", packed ? Type.VEC4F : Type.F32, MatmulKernel.B) : null;
    for (int e = 0; e < spec.extras().size(); e++) {
      Extra kind = spec.extras().get(e);
      boolean wide = wideC && kind == Extra.VECTOR;
      int arg = MatmulKernel.EXTRAS + 3 * e;
      int bytes = wide ? 16 : 4;
      extras.add(
          new Extras(
              kind,
              shader.read("e" + e, wide ? Type.VEC4F : Type.F32, arg),
              shader.scaled("e" + e + "_at", arg, bytes),
              shader.scaled("e" + e + "_row", arg + 1, bytes),
              shader.scaled("e" + e + "_batch", arg + 2, bytes)));
    }
    c = shader.write("c", wideC ? Type.VEC4F : Type.F32, MatmulKernel.C);
    aAt = shader.scaled("a_at", MatmulKernel.A, aBytes);
    bAt = full ? shader.scaled("b_at", MatmulKernel.B, bBytes) : null;
    cAt = shader.scaled("c_at", MatmulKernel.C, cBytes);
    m = shader.number("m", MatmulKernel.M);
    k = packed ? Expr.u32(spec.k()) : shader.number("k", MatmulKernel.K);
    n = packed ? Expr.u32(spec.n()) : shader.number("n", MatmulKernel.N);
    aBatch = shader.scaled("a_batch", MatmulKernel.A_BATCH, aBytes);
    bBatch = full ? shader.scaled("b_batch", MatmulKernel.B_BATCH, bBytes) : null;
    cBatch = shader.scaled("c_batch", MatmulKernel.C_BATCH, cBytes);
    firstPanel = shared ? shader.word("first_panel_of_all", sizes -> sizes.share().first()) : null;
    boundPanels = shared ? shader.word("bound_panels", sizes -> sizes.share().count()) : null;
  }

  /** Panels of columns that a dispatch computes. */
  private Expr panels(Code code) {
    if (boundPanels != null) {
      return boundPanels;
    }
    return spec.layout() == Layout.PANELS
        ? Expr.u32((spec.n() + 3) / 4)
        : code.let("panels", n.plus(3).over(4));
  }

  /** Columns that a dispatch computes. */
  private static long columns(Shader.Sizes sizes, long all) {
    return sizes.share() == null ? all : 4 * sizes.share().count();
  }

  /**
   * Makes the shader.
   *
   * @param aligned whether all addresses and strides are multiples of 16 bytes
   * @param shared whether it sees a share of its weights
   */
  static Shader tiled(Matmul spec, Schedule schedule, boolean aligned, boolean shared) {
    String title = spec.signature() + "; " + schedule.text() + (shared ? "; a share" : "");
    return Shader.build(
        title,
        shader -> {
          MatmulShader matmul = new MatmulShader(shader, spec, aligned, shared);
          TiledProduct tiles = new TiledProduct(shader, schedule);
          shader.main(
              tiles.invocations(),
              sizes ->
                  TiledProduct.groups(
                      schedule,
                      sizes.arg(MatmulKernel.M),
                      columns(sizes, sizes.arg(MatmulKernel.N)),
                      batch(sizes)),
              (code, self) -> {
                Product product = matmul.new Product(code, self.groupZ());
                Expr panels = matmul.panels(code);
                tiles.emit(
                    code,
                    self,
                    new TiledProduct.Size(matmul.m, panels, matmul.k),
                    product,
                    product.right(),
                    product::store);
              });
        });
  }

  /** The same for few rows, see {@link ThinProduct}. */
  static Shader thin(Matmul spec, int rows, boolean aligned, boolean shared) {
    return Shader.build(
        spec.signature() + "; rows=" + rows + (shared ? "; a share" : ""),
        shader -> {
          MatmulShader matmul = new MatmulShader(shader, spec, aligned, shared);
          ThinProduct thin = new ThinProduct(shader, rows, spec.k() % 4 == 0);
          shader.main(
              ThinProduct.INVOCATIONS,
              sizes ->
                  thin.groups(sizes.arg(MatmulKernel.M), columns(sizes, spec.n()), batch(sizes)),
              (code, self) -> {
                Product product = matmul.new Product(code, self.groupZ());
                thin.emit(
                    code,
                    self,
                    new TiledProduct.Size(matmul.m, matmul.panels(code), Expr.u32(spec.k())),
                    product,
                    product.right(),
                    product::store);
              });
        });
  }

  /** How many matrices: here, these are what a step's items count. */
  private static long batch(Shader.Sizes sizes) {
    return sizes.items();
  }

  /** One matrix of the batch. */
  private final class Product implements TiledProduct.Left {
    private final Expr aFrom;
    private final Expr bFrom;
    private final Expr cFrom;
    private final Expr batch;

    /** The number that a byte of A stands for 0 with; null where A is no single bytes. */
    private final Expr zero;

    Product(Code code, Expr batch) {
      this.batch = batch;
      aFrom = code.let("a_from", aAt.plus(batch.times(aBatch)));
      bFrom = narrow == null ? code.let("b_from", bAt.plus(batch.times(bBatch))) : null;
      cFrom = code.let("c_from", cAt.plus(batch.times(cBatch)));
      // Behind A's scale, which is the epilogue's first operand.
      boolean bytes = spec.format().kind() == WeightFormat.Kind.BYTES;
      zero =
          bytes
              ? code.let("zero", extras.getFirst().array().at(extras.getFirst().at().plus(1)))
              : null;
    }

    @Override
    public Expr row(Code code, Expr row) {
      if (whole) {
        return aFrom.plus(row.times(spec.format().rowBytes(spec.k()) / 4));
      }
      return aFrom.plus(row.times(wideA ? k.over(4) : k));
    }

    @Override
    public Expr load(Code code, Expr row, Expr at) {
      if (wideA) {
        return a.at(row.plus(at.over(4)));
      }
      if (spec.format().isBytes()) {
        return bytes(code, row, at);
      }
      if (whole) {
        return pairs(code, row, at);
      }
      boolean even = spec.k() > 0 && spec.k() % 4 == 0;
      List<Expr> parts = new ArrayList<>();
      for (int q = 0; q < 4; q++) {
        Expr index = at.plus(q);
        Expr value = a.at(row.plus(index));
        parts.add(q == 0 || even ? value : guarded(code, index.lt(k), value));
      }
      return Expr.make(Type.VEC4F, parts.toArray(Expr[]::new));
    }

    /** Four i16 of a row as f32; behind an odd one is a 0, behind the last what no weight meets. */
    private Expr pairs(Code code, Expr row, Expr at) {
      Expr[] parts = new Expr[4];
      for (int i = 0; i < 2; i++) {
        Expr word = code.let("two", a.at(row.plus(at.over(2)).plus(i)));
        parts[2 * i] = NarrowWeights.integer(word.shift("<<", 16), 16);
        parts[2 * i + 1] = NarrowWeights.integer(word, 16);
      }
      return Expr.make(Type.VEC4F, parts);
    }

    /** Four numbers of one byte or two as f32; behind the last is what no weight meets. */
    private Expr bytes(Code code, Expr row, Expr at) {
      Expr word = code.let("four", a.at(row.plus(at.over(4))));
      Expr upper = NarrowWeights.bytes(word);
      if (spec.format().digits() == 1) {
        return upper.minus(zero);
      }
      Expr second = code.let("lower", a.at(row.plus(at.over(4)).plus(spec.steps())));
      return upper.minus(Expr.f32(128)).times(Expr.f32(256)).plus(NarrowWeights.bytes(second));
    }

    TiledProduct.Right right() {
      return narrow == null ? this::right : narrow;
    }

    private Expr right(Code code, Expr panel, Expr at) {
      if (spec.layout() == Layout.PANELS) {
        return b.at(bFrom.plus(panel.times(k)).plus(at));
      }
      Expr column = code.let("column", panel.times(4));
      Expr row = code.let("b_row", bFrom.plus(at.times(n)));
      List<Expr> parts = new ArrayList<>();
      for (int q = 0; q < 4; q++) {
        Expr index = column.plus(q);
        Expr value = b.at(row.plus(index));
        parts.add(q == 0 ? value : guarded(code, index.lt(n), value));
      }
      return Expr.make(Type.VEC4F, parts.toArray(Expr[]::new));
    }

    void store(Code code, Expr row, Expr bound, Expr sum) {
      Expr panel = firstPanel == null ? bound : code.let("panel_of_all", bound.plus(firstPanel));
      Expr result = sum;
      if (spec.epilogue() != null) {
        List<Expr> inputs = new ArrayList<>();
        inputs.add(sum);
        for (Extras extra : extras) {
          inputs.add(code.let("extra", extra(code, extra, row, panel)));
        }
        result = ProgramCode.emit(code, spec.epilogue(), inputs);
      }
      if (wideC) {
        Expr width = Expr.u32(spec.n() / 4);
        code.store(c, cFrom.plus(row.times(width)).plus(panel), result);
        return;
      }
      Expr value = code.let("value", result);
      Expr at = code.let("c_index", cFrom.plus(row.times(n)).plus(panel.times(4)));
      for (int q = 0; q < 4; q++) {
        int lane = q;
        Runnable store = () -> code.store(c, at.plus(lane), value.lane(lane));
        if (q == 0) {
          store.run();
        } else {
          code.ifThen(panel.times(4).plus(q).lt(n), store);
        }
      }
    }

    private Expr extra(Code code, Extras extra, Expr row, Expr panel) {
      Expr from =
          code.let(
              "extra_at", extra.at().plus(row.times(extra.row())).plus(batch.times(extra.batch())));
      if (extra.kind() == Extra.SPLAT) {
        return Expr.make(Type.VEC4F, extra.array().at(from));
      }
      if (wideC) {
        return extra.array().at(from.plus(panel));
      }
      List<Expr> parts = new ArrayList<>();
      for (int q = 0; q < 4; q++) {
        Expr column = Expr.call("min", panel.times(4).plus(q), n.minus(Expr.u32(1)));
        parts.add(extra.array().at(from.plus(column)));
      }
      return Expr.make(Type.VEC4F, parts.toArray(Expr[]::new));
    }
  }

  /** A number that is read only where the condition holds, otherwise 0. */
  static Expr guarded(Code code, Expr condition, Expr value) {
    Variable result = code.var("guarded", Type.F32);
    code.ifThen(condition, () -> code.set(result, value));
    return result;
  }
}
