package dev.quern.wgsl;

import dev.quern.kernel.KernelException;
import dev.quern.kernel.KernelSpec.Quantised;
import dev.quern.kernel.KernelSpec.Quantize;
import dev.quern.kernel.KernelSpec.Range;
import dev.quern.kernel.QuantizeKernel;

/**
 * Shaders that quantise rows of f32 to i16, two to a word, or to bytes, as {@link QuantizeKernel}
 * does; bytes count from 0, whatever they do on the CPU beside.
 */
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
    boolean own = spec.to().byRows();
    int digits = spec.to() == Quantised.DIGITS ? 2 : 1;
    int per = spec.to() == Quantised.BYTES || digits > 1 ? 4 : 2;
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
                Expr words = code.let("words_of_row", columns.plus(per - 1L).over(per));
                Expr to = code.let("to", yAt.plus(row.times(words).times(digits)));
                Expr offset = digits > 1 ? Expr.f32(0x8000) : zero;
                rows.each(
                    words,
                    word -> {
                      Expr column = code.let("column", word.times(per));
                      Expr[] numbers = new Expr[per];
                      for (int q = 0; q < per; q++) {
                        Expr at = column.plus(q);
                        Expr value = x.at(from.plus(at));
                        if (q > 0) {
                          value = MatmulShader.guarded(code, at.lt(columns), value);
                        }
                        Expr number = whole(value, scale, least, most);
                        numbers[q] =
                            code.let(
                                "number",
                                Expr.make(Type.I32, per == 2 ? number : number.plus(offset))
                                    .bitcast(Type.U32));
                      }
                      for (int digit = 0; digit < digits; digit++) {
                        int down = 8 * (digits - 1 - digit);
                        Expr at = to.plus(words.times(digit)).plus(word);
                        code.store(y, at, joined(numbers, down));
                      }
                    });
              });
        });
  }

  private static Expr whole(Expr value, Expr scale, Expr least, Expr most) {
    return Expr.call("clamp", Expr.call("round", value.over(scale)), least, most);
  }

  /** A word of the lowest bits of numbers that were shifted down. */
  private static Expr joined(Expr[] numbers, int down) {
    int bits = 32 / numbers.length;
    Expr word = null;
    for (int q = 0; q < numbers.length; q++) {
      Expr moved = down == 0 ? numbers[q] : numbers[q].shift(">>", down);
      Expr part = moved.bits("&", Expr.u32((1L << bits) - 1));
      part = q == 0 ? part : part.shift("<<", bits * q);
      word = q == 0 ? part : word.bits("|", part);
    }
    return word;
  }
}
