package dev.quern.wgsl;

import dev.quern.kernel.GatherKernel;
import dev.quern.kernel.IotaKernel;
import dev.quern.kernel.KernelException;
import dev.quern.kernel.KernelSpec.Gather;
import dev.quern.kernel.KernelSpec.Iota;
import dev.quern.kernel.KernelSpec.Pad;
import dev.quern.kernel.PadKernel;
import dev.quern.onnx.DataType;

/** Shaders that move words without looking into them. */
final class MoveShaders {
  private MoveShaders() {}

  /** The type of elements of so many bytes. */
  static Type word(int bytes) {
    return switch (bytes) {
      case 4 -> Type.U32;
      case 8 -> Type.VEC2U;
      default -> throw new KernelException("no shader moves elements of " + bytes + " bytes");
    };
  }

  /**
   * Rows are moved by words; see {@link Shaders} for those that are no whole words.
   *
   * @param shared whether only a share of the table is bound: rows of others are left as they are
   */
  static Shader gather(Gather spec, boolean shared) {
    return Shader.build(
        spec.signature() + (shared ? "; a share" : ""),
        shader -> {
          boolean wide = spec.index() == DataType.INT64;
          Array data = shader.read("data", Type.U32, GatherKernel.DATA);
          Array indices =
              shader.read("indices", wide ? Type.VEC2U : Type.I32, GatherKernel.INDICES);
          Array out = shader.write("y", Type.U32, GatherKernel.OUT);
          Expr dataAt = shader.scaled("data_at", GatherKernel.DATA, 4);
          Expr indicesAt = shader.scaled("indices_at", GatherKernel.INDICES, wide ? 8 : 4);
          Expr outAt = shader.scaled("y_at", GatherKernel.OUT, 4);
          Expr axis = shader.number("axis", GatherKernel.AXIS);
          Expr inner = shader.scaled("inner", GatherKernel.INNER_BYTES, 4);
          Expr count = shader.number("count", GatherKernel.COUNT);
          Shader.Source total = sizes -> sizes.items() * (sizes.arg(GatherKernel.INNER_BYTES) / 4);
          Expr words = shader.word("words", total);
          Expr first = shared ? shader.word("first", sizes -> sizes.share().first()) : null;
          Expr rows = shared ? shader.word("rows", sizes -> sizes.share().count()) : null;
          shader.reportsFaults();
          Flat.main(
              shader,
              total,
              words,
              (code, index) -> {
                Expr row = code.let("row", index.over(inner));
                Expr outer = code.let("outer", row.over(count));
                Expr given = indices.at(indicesAt.plus(row.rem(count)));
                Expr low = code.let("low", wide ? given.lane(0).bitcast(Type.I32) : given);
                Expr high = wide ? code.let("high", given.lane(1).bitcast(Type.I32)) : null;
                Expr at =
                    code.let(
                        "at",
                        Expr.select(
                            low.lt(Expr.i32(0)),
                            low.bitcast(Type.U32).plus(axis),
                            low.bitcast(Type.U32)));
                Expr inside = at.lt(axis);
                if (wide) {
                  inside = inside.and(high.eq(low.shift(">>", 31)));
                }
                Expr place = shared ? code.let("place", at.minus(first)) : at;
                Expr from = dataAt.plus(outer.times(axis).plus(place).times(inner));
                Runnable copy =
                    () -> code.store(out, outAt.plus(index), data.at(from.plus(index.rem(inner))));
                code.ifElse(
                    inside,
                    shared ? () -> code.ifThen(place.lt(rows), copy) : copy,
                    () -> code.fault(low.bitcast(Type.U32)));
              });
        });
  }

  static Shader pad(Pad spec) {
    Type type = word(spec.bytes());
    int bytes = spec.bytes();
    return Shader.build(
        spec.signature(),
        shader -> {
          Array from = shader.read("x", type, PadKernel.SRC);
          Array to = shader.write("y", type, PadKernel.DST);
          Expr fromAt = shader.scaled("x_at", PadKernel.SRC, bytes);
          Expr toAt = shader.scaled("y_at", PadKernel.DST, bytes);
          Expr h = shader.number("h", PadKernel.H);
          Expr top = shader.number("top", PadKernel.TOP);
          Expr outH = shader.number("out_h", PadKernel.OUT_H);
          Expr row = shader.scaled("row", PadKernel.ROW, bytes);
          Expr left = shader.scaled("left", PadKernel.LEFT, bytes);
          Shader.Source whole =
              sizes ->
                  (sizes.arg(PadKernel.ROW)
                          + sizes.arg(PadKernel.LEFT)
                          + sizes.arg(PadKernel.RIGHT))
                      / bytes;
          Expr width = shader.word("width", whole);
          Shader.Source total = sizes -> sizes.items() * whole.value(sizes);
          Expr count = shader.word("count", total);
          Flat.main(
              shader,
              total,
              count,
              (code, index) -> {
                Expr line = code.let("line", index.over(width));
                // What lies before the source wraps, and is then no less than its size.
                Expr x = code.let("x_column", index.rem(width).minus(left));
                Expr y = code.let("x_row", line.rem(outH).minus(top));
                Expr image = code.let("image", line.over(outH));
                Variable value = code.var("value", fill(spec));
                code.ifThen(
                    x.lt(row).and(y.lt(h)),
                    () ->
                        code.set(
                            value,
                            from.at(fromAt.plus(image.times(h).plus(y).times(row)).plus(x))));
                code.store(to, toAt.plus(index), value);
              });
        });
  }

  static Shader iota(Iota spec) {
    boolean wide = spec.type() == DataType.INT64;
    int bytes = spec.type().bytes();
    return Shader.build(
        spec.signature(),
        shader -> {
          Array to = shader.write("y", wide ? Type.VEC2U : Type.I32, IotaKernel.OUT);
          Expr at = shader.scaled("y_at", IotaKernel.OUT, bytes);
          Expr start = shader.number("start", IotaKernel.START);
          Expr step = shader.number("step", IotaKernel.STEP);
          Expr count = shader.word("count", Shader.Sizes::items);
          Flat.main(
              shader,
              Shader.Sizes::items,
              count,
              (code, index) -> {
                Expr bits = code.let("bits", start.plus(index.times(step)));
                Expr low = code.let("number", bits.bitcast(Type.I32));
                Expr high = low.shift(">>", 31).bitcast(Type.U32);
                code.store(to, at.plus(index), wide ? Expr.make(Type.VEC2U, bits, high) : low);
              });
        });
  }

  private static Expr fill(Pad spec) {
    Expr low = Expr.u32(spec.bits() & 0xffffffffL);
    return spec.bytes() == 4
        ? low
        : Expr.make(Type.VEC2U, low, Expr.u32(spec.bits() >> 32 & 0xffffffffL));
  }
}
