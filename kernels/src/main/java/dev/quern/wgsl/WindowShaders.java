package dev.quern.wgsl;

import dev.quern.kernel.DepthwiseKernel;
import dev.quern.kernel.KernelSpec.Depthwise;
import dev.quern.kernel.KernelSpec.Pool;
import dev.quern.kernel.PoolKernel;
import java.util.ArrayList;
import java.util.List;

/**
 * Windows that look at one channel at a time: an invocation computes four neighbouring channels of
 * a pixel. What lies outside of the image is left out.
 */
final class WindowShaders {
  private WindowShaders() {}

  /** The sizes of an image and of what is made of it, and where the first window starts. */
  private record Sizes(Expr h, Expr w, Expr outH, Expr outW, Expr top, Expr left) {
    static Sizes of(Shader.Builder shader, int first) {
      return new Sizes(
          shader.number("h", first),
          shader.number("w", first + 1),
          shader.number("out_h", first + 2),
          shader.number("out_w", first + 3),
          shader.number("top", first + 4),
          shader.number("left", first + 5));
    }
  }

  /** A window: kernel, strides, dilations. */
  private record Window(int h, int w, int strideH, int strideW, int dilationH, int dilationW) {}

  /** The pixel that an invocation computes. */
  private record Pixel(Expr image, Expr y, Expr x, Expr index, Expr block) {
    static Pixel of(Code code, Expr invocation, Expr blocks, Sizes sizes) {
      Expr index = code.let("pixel", invocation.over(blocks));
      Expr line = code.let("line", index.over(sizes.outW()));
      return new Pixel(
          code.let("image", line.over(sizes.outH())),
          code.let("y_row", line.rem(sizes.outH())),
          code.let("y_column", index.rem(sizes.outW())),
          index,
          code.let("block", invocation.rem(blocks)));
    }
  }

  private interface Tap {
    /**
     * A place of the window that lies inside the image.
     *
     * @param tap its number
     * @param pixel the number of the image's pixel there
     */
    void visit(Expr tap, Expr pixel);
  }

  private static void each(Code code, Window window, Sizes sizes, Pixel pixel, Tap body) {
    // What lies before the image wraps, and is then no less than its size.
    Expr firstRow = code.let("first_row", pixel.y().times(window.strideH()).minus(sizes.top()));
    Expr firstColumn =
        code.let("first_column", pixel.x().times(window.strideW()).minus(sizes.left()));
    Expr one = Expr.u32(1);
    code.loop(
        "i",
        Expr.u32(0),
        Expr.u32(window.h()),
        one,
        i -> {
          Expr row = code.let("x_row", firstRow.plus(i.times(window.dilationH())));
          code.ifThen(
              row.lt(sizes.h()),
              () -> {
                Expr line =
                    code.let("x_line", pixel.image().times(sizes.h()).plus(row).times(sizes.w()));
                code.loop(
                    "j",
                    Expr.u32(0),
                    Expr.u32(window.w()),
                    one,
                    j -> {
                      Expr column =
                          code.let("x_column", firstColumn.plus(j.times(window.dilationW())));
                      code.ifThen(
                          column.lt(sizes.w()),
                          () -> body.visit(i.times(window.w()).plus(j), line.plus(column)));
                    });
              });
        });
  }

  static Shader depthwise(Depthwise spec, boolean aligned) {
    boolean wide = aligned && spec.channels() % 4 == 0;
    int blocks = (spec.channels() + 3) / 4;
    int taps = spec.kernelH() * spec.kernelW();
    Window window =
        new Window(
            spec.kernelH(),
            spec.kernelW(),
            spec.strideH(),
            spec.strideW(),
            spec.dilationH(),
            spec.dilationW());
    return Shader.build(
        spec.signature(),
        shader -> {
          Type type = wide ? Type.VEC4F : Type.F32;
          Array x = shader.read("x", type, DepthwiseKernel.X);
          Array w = shader.read("w", Type.VEC4F, DepthwiseKernel.WEIGHTS);
          ImageEpilogue epilogue =
              new ImageEpilogue(
                  shader, spec.epilogue(), spec.extras(), DepthwiseKernel.EXTRAS, wide);
          Array y = shader.write("y", type, DepthwiseKernel.Y);
          Expr xAt = shader.scaled("x_at", DepthwiseKernel.X, type.bytes());
          Expr wAt = shader.scaled("w_at", DepthwiseKernel.WEIGHTS, 16);
          Expr yAt = shader.scaled("y_at", DepthwiseKernel.Y, type.bytes());
          Sizes sizes = Sizes.of(shader, DepthwiseKernel.H);
          Shader.Source total = known -> known.items() * known.arg(DepthwiseKernel.OUT_W) * blocks;
          Expr count = shader.word("count", total);
          long row = wide ? blocks : spec.channels();
          Flat.main(
              shader,
              total,
              count,
              (code, invocation) -> {
                Pixel pixel = Pixel.of(code, invocation, Expr.u32(blocks), sizes);
                Expr channel = code.let("channel", pixel.block().times(4));
                Expr channels = Expr.u32(spec.channels());
                Variable sum = code.var("sum", Type.VEC4F);
                each(
                    code,
                    window,
                    sizes,
                    pixel,
                    (tap, at) -> {
                      Expr from = code.let("start", xAt.plus(at.times(row)));
                      Expr value = channels(x, wide, from, channel, channels);
                      Expr weight = w.at(wAt.plus(pixel.block().times(taps)).plus(tap));
                      code.add(sum, value.times(weight));
                    });
                ImageEpilogue.Place place =
                    new ImageEpilogue.Place(pixel.image(), pixel.y(), pixel.x(), channel, channels);
                Expr result = epilogue.apply(code, place, sum);
                Expr to = code.let("to", yAt.plus(pixel.index().times(row)));
                ImageEpilogue.store(code, y, wide, to, place, result);
              });
        });
  }

  /** Four channels of a pixel; the last one again behind the last. */
  private static Expr channels(Array x, boolean wide, Expr from, Expr channel, Expr channels) {
    if (wide) {
      return x.at(from.plus(channel.over(4)));
    }
    List<Expr> parts = new ArrayList<>();
    for (int q = 0; q < 4; q++) {
      Expr at = Expr.call("min", channel.plus(q), channels.minus(Expr.u32(1)));
      parts.add(x.at(from.plus(at)));
    }
    return Expr.make(Type.VEC4F, parts.toArray(Expr[]::new));
  }

  static Shader pool(Pool spec) {
    Window window =
        new Window(
            spec.kernelH(),
            spec.kernelW(),
            spec.strideH(),
            spec.strideW(),
            spec.dilationH(),
            spec.dilationW());
    return Shader.build(
        spec.signature(),
        shader -> {
          Array x = shader.read("x", Type.F32, PoolKernel.X);
          Array y = shader.write("y", Type.F32, PoolKernel.Y);
          Expr xAt = shader.scaled("x_at", PoolKernel.X, 4);
          Expr yAt = shader.scaled("y_at", PoolKernel.Y, 4);
          Sizes sizes = Sizes.of(shader, PoolKernel.H);
          Expr channels = shader.number("channels", PoolKernel.CHANNELS);
          Shader.Source total =
              known -> known.items() * known.arg(PoolKernel.OUT_W) * known.arg(PoolKernel.CHANNELS);
          Expr count = shader.word("count", total);
          Flat.main(
              shader,
              total,
              count,
              (code, invocation) -> {
                Pixel pixel = Pixel.of(code, invocation, channels, sizes);
                Variable result =
                    code.var("result", spec.max() ? Expr.f32(-Float.MAX_VALUE) : Expr.f32(0));
                Variable seen = spec.max() ? null : code.var("seen", Type.F32);
                each(
                    code,
                    window,
                    sizes,
                    pixel,
                    (tap, at) -> {
                      Expr value =
                          code.let("value", x.at(xAt.plus(at.times(channels)).plus(pixel.block())));
                      if (spec.max()) {
                        code.set(result, Expr.call("max", result, value));
                      } else {
                        code.add(result, value).add(seen, Expr.f32(1));
                      }
                    });
                Expr divisor =
                    spec.max() || spec.whole() ? Expr.f32(spec.kernelH() * spec.kernelW()) : seen;
                code.store(y, yAt.plus(invocation), spec.max() ? result : result.over(divisor));
              });
        });
  }
}
