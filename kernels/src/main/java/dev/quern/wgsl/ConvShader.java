package dev.quern.wgsl;

import dev.quern.kernel.ConvKernel;
import dev.quern.kernel.KernelSpec.Conv;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.List;

/**
 * Convolution of a widened image as a product in tiles (see {@link TiledProduct}): rows of A are
 * the windows of output pixels, read where they lie. Groups lie along z.
 */
final class ConvShader {
  private final Conv spec;

  /** Whether four steps of k lie side by side, at an address of four numbers. */
  private final boolean wideX;

  private final boolean wideY;
  private final Array x;
  private final Array w;
  private final Array y;
  private final Expr xAt;
  private final Expr wAt;
  private final Expr yAt;
  private final Expr outH;
  private final Expr outW;
  private final Expr image;
  private final Expr row;
  private final Expr plane;
  private final Expr pixels;
  private final ImageEpilogue epilogue;

  private ConvShader(Shader.Builder shader, Conv spec, boolean aligned) {
    this.spec = spec;
    wideX = aligned && !spec.planes() && spec.channels() % 4 == 0;
    wideY = aligned && spec.width() % 4 == 0;
    int xBytes = wideX ? 16 : 4;
    x = shader.read("x", wideX ? Type.VEC4F : Type.F32, ConvKernel.X);
    w = shader.read("w", Type.VEC4F, ConvKernel.W);
    epilogue = new ImageEpilogue(shader, spec.epilogue(), spec.extras(), ConvKernel.EXTRAS, wideY);
    y = shader.write("y", wideY ? Type.VEC4F : Type.F32, ConvKernel.Y);
    xAt = shader.scaled("x_at", ConvKernel.X, xBytes);
    wAt = shader.scaled("w_at", ConvKernel.W, 16);
    yAt = shader.scaled("y_at", ConvKernel.Y, wideY ? 16 : 4);
    outH = shader.number("out_h", ConvKernel.OUT_H);
    outW = shader.number("out_w", ConvKernel.OUT_W);
    image = shader.scaled("x_image", ConvKernel.X_IMAGE, xBytes);
    row = shader.scaled("x_row", ConvKernel.X_ROW, xBytes);
    plane = spec.planes() ? shader.scaled("x_plane", ConvKernel.X_PLANE, xBytes) : null;
    pixels = shader.word("pixels", ConvShader::pixels);
  }

  /** Pixels of all outputs: items are segments of their rows. */
  private static long pixels(Shader.Sizes sizes) {
    return sizes.items() / sizes.arg(ConvKernel.SEGMENTS) * sizes.arg(ConvKernel.OUT_W);
  }

  static Shader of(Conv spec, Schedule schedule, boolean aligned) {
    return Shader.build(
        spec.signature() + "; " + schedule.text(),
        builder -> {
          ConvShader shader = new ConvShader(builder, spec, aligned);
          TiledProduct tiles = new TiledProduct(builder, schedule);
          builder.main(
              tiles.invocations(),
              sizes -> TiledProduct.groups(schedule, pixels(sizes), spec.width(), spec.groups()),
              (code, self) -> {
                Group group = shader.new Group(code, self.groupZ());
                Expr panels = Expr.u32((spec.width() + 3) / 4);
                tiles.emit(
                    code,
                    self,
                    new TiledProduct.Size(shader.pixels, panels, Expr.u32(spec.k())),
                    group,
                    group::right,
                    group::store);
              });
        });
  }

  /** One group of channels. */
  private final class Group implements TiledProduct.Left {
    private final Expr group;
    private final Expr weights;

    Group(Code code, Expr group) {
      this.group = group;
      long vectors = (long) (spec.width() + 3) / 4 * spec.k();
      weights = code.let("w_from", wAt.plus(group.times(vectors)));
    }

    private int unit() {
      return wideX ? 4 : 1;
    }

    /** Numbers, or vectors, from a column of the image to the next. */
    private long pixel() {
      return spec.planes() ? 1 : (long) spec.channels() * spec.groups() / unit();
    }

    @Override
    public Expr row(Code code, Expr index) {
      Expr line = code.let("line", index.over(outW));
      Expr column = index.rem(outW).times(spec.strideW() * pixel());
      Expr at =
          xAt.plus(line.over(outH).times(image))
              .plus(line.rem(outH).times(spec.strideH()).times(row))
              .plus(column);
      return spec.groups() == 1 ? at : at.plus(group.times(spec.channels() / unit()));
    }

    @Override
    public Expr load(Code code, Expr from, Expr k) {
      if (wideX) {
        return x.at(from.plus(offset(code, k)));
      }
      List<Expr> parts = new ArrayList<>();
      for (int q = 0; q < 4; q++) {
        Expr step = q == 0 ? k : code.let("x_k", k.plus(q));
        Expr value = x.at(from.plus(offset(code, step)));
        boolean whole = spec.k() % 4 == 0;
        parts.add(
            q == 0 || whole
                ? value
                : MatmulShader.guarded(code, step.lt(Expr.u32(spec.k())), value));
      }
      return Expr.make(Type.VEC4F, parts.toArray(Expr[]::new));
    }

    /** Where a step of k lies behind the start of its window. */
    private Expr offset(Code code, Expr k) {
      if (spec.planes()) {
        int taps = spec.kernelH() * spec.kernelW();
        Expr tap = code.let("tap", k.rem(taps));
        return k.over(taps).times(plane).plus(place(tap));
      }
      Expr tap = code.let("tap", k.over(spec.channels()));
      return place(tap).plus(k.rem(spec.channels()).over(unit()));
    }

    private Expr place(Expr tap) {
      Expr down = tap.over(spec.kernelW()).times(spec.dilationH()).times(row);
      Expr across = tap.rem(spec.kernelW()).times(spec.dilationW() * pixel());
      return spec.kernelH() == 1 ? across : down.plus(across);
    }

    Expr right(Code code, Expr panel, Expr k) {
      return w.at(weights.plus(panel.times(spec.k())).plus(k));
    }

    void store(Code code, Expr index, Expr panel, Expr sum) {
      Expr line = code.let("out_line", index.over(outW));
      Expr first = group.times(spec.width());
      Expr channel = code.let("channel", first.plus(panel.times(4)));
      ImageEpilogue.Place place =
          new ImageEpilogue.Place(
              line.over(outH),
              line.rem(outH),
              index.rem(outW),
              channel,
              code.let("channels", first.plus(spec.width())));
      Expr result = epilogue.apply(code, place, sum);
      long all = (long) spec.width() * spec.groups() / (wideY ? 4 : 1);
      Expr pixel = code.let("to", yAt.plus(index.times(all)));
      ImageEpilogue.store(code, y, wideY, pixel, place, result);
    }
  }
}
