package dev.quern.wgsl;

import dev.quern.kernel.KernelException;
import dev.quern.kernel.KernelSpec.Quantised;
import dev.quern.kernel.KernelSpec.Quantize;
import dev.quern.kernel.KernelSpec.Range;
import dev.quern.kernel.QuantizeKernel;

/** Shaders that quantise rows of f32 to i16, two to a word, as {@link QuantizeKernel} does. */
final class QuantizeShaders {
  private QuantizeShaders() {}

  /** The smallest and largest number of each piece; 0 belongs to all. */
  static Shader range(Range spec) {
    return Shader.build(
        spec.signature(),
        shader -> {
          Array x = shader.read("x", Type.F32, QuantizeKernel.X);
          Array pieces = shader.write("pieces", Type.F32, QuantizeKernel.PIECES);
          Expr xAt = shader.scaled("x_at", QuantizeKernel.X, 4);
          Expr piecesAt = shader.scaled("pieces_at", QuantizeKernel.PIECES, 4);
          Expr count = shader.number("count", QuantizeKernel.COUNT);
          RowShaders.main(
              shader,
              (rows, piece) -> {
                Code code = rows.code();
                Expr first = code.let("first", piece.times(QuantizeKernel.PIECE));
                Expr length =
                    code.let(
                        "length",
                        Expr.call("min", Expr.u32(QuantizeKernel.PIECE), count.minus(first)));
                Expr from = code.let("start", xAt.plus(first));
                Expr low = rows.least("low", length, i -> x.at(from.plus(i)));
                Expr high = rows.most("high", length, i -> x.at(from.plus(i)));
                rows.once(() -> {
                  Expr to = code.let("to", piecesAt.plus(piece.times(2)));
                  code.store(pieces, to, low);
                  code.store(pieces, to.plus(1), high);
                });
              });
        });
  }

  /** Rows by the range of the whole tensor, or by their own. */
  static Shader quantize(Quantize spec) {
    if (spec.to() == Quantised.U8) {
      throw new KernelException("no shader is made for " + spec.signature());
    }
    boolean own = spec.to() == Quantised.ROWS;
    return Shader.build(
        spec.signature(),
        shader -> {
          Array x = shader.read("x", Type.F32, QuantizeKernel.X);
          Array pieces = own ? null : shader.read("pieces", Type.F32, QuantizeKernel.PIECES);
          Array y = shader.write("y", Type.U32, QuantizeKernel.Y);
          Array facts = shader.write("facts", Type.F32, QuantizeKernel.PARAMETERS);
          Expr xAt = shader.scaled("x_at", QuantizeKernel.X, 4);
          Expr piecesAt = own ? null : shader.scaled("pieces_at", QuantizeKernel.PIECES, 4);
          Expr count = own ? null : shader.number("count", QuantizeKernel.COUNT);
          Expr yAt = shader.scaled("y_at", QuantizeKernel.Y, 4);
          Expr factsAt = shader.scaled("facts_at", QuantizeKernel.PARAMETERS, 4);
          Expr columns = shader.number("columns", QuantizeKernel.COLUMNS);
          Expr magnitude = own ? shader.number("magnitude", QuantizeKernel.MOST) : null;
          RowShaders.main(
              shader,
              (rows, row) -> {
                Code code = rows.code();
                Expr from = code.let("start", xAt.plus(row.times(columns)));
                Expr zero = Expr.f32(0);
                Expr scale;
                Expr least;
                Expr most;
                if (own) {
                  Expr largest =
                      rows.most("largest", columns, i -> Expr.call("abs", x.at(from.plus(i))));
                  most = code.let("most", Expr.make(Type.F32, magnitude));
                  least = code.let("least", most.negated());
                  Expr step = code.let("step", largest.over(most));
                  scale = code.let("scale", Expr.select(step.gt(Expr.f32(0)), step, Expr.f32(1)));
                  rows.once(() -> code.store(facts, factsAt.plus(row), scale));
                } else {
                  Expr low = rows.least("low", count, i -> pieces.at(piecesAt.plus(i.times(2))));
                  Expr high =
                      rows.most("high", count, i -> pieces.at(piecesAt.plus(i.times(2)).plus(1)));
                  Expr step = code.let("step", high.minus(low).over(Expr.f32(255)));
                  scale = code.let("scale", Expr.select(high.eq(low), Expr.f32(1), step));
                  Expr at = code.let("at", low.negated().over(scale));
                  zero =
                      code.let(
                          "zero",
                          Expr.call("round", Expr.call("clamp", at, Expr.f32(0), Expr.f32(255))));
                  least = code.let("least", zero.negated());
                  most = code.let("most", Expr.f32(255).minus(zero));
                  Expr point = zero;
                  rows.once(() ->
                      code.ifThen(
                          row.eq(Expr.u32(0)),
                          () -> {
                            code.store(facts, factsAt, scale);
                            code.store(facts, factsAt.plus(1), point);
                          }));
                }
                Expr words = code.let("words_of_row", columns.plus(1).over(2));
                Expr to = code.let("to", yAt.plus(row.times(words)));
                rows.each(
                    words,
                    word -> {
                      Expr column = code.let("column", word.times(2));
                      Variable second = code.var("second", Type.F32);
                      code.ifThen(
                          column.plus(1).lt(columns),
                          () -> code.set(second, x.at(from.plus(column).plus(1))));
                      Expr lower = bits(x.at(from.plus(column)), scale, least, most);
                      Expr upper = bits(second, scale, least, most).shift("<<", 16);
                      Expr half = lower.bits("&", Expr.u32(0xffff));
                      code.store(y, to.plus(word), half.bits("|", upper));
                    });
              });
        });
  }

  private static Expr bits(Expr value, Expr scale, Expr least, Expr most) {
    Expr rounded = Expr.call("round", value.over(scale));
    return Expr.make(Type.I32, Expr.call("clamp", rounded, least, most)).bitcast(Type.U32);
  }
}
