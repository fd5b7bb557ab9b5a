package dev.quern.wgsl;

import dev.quern.kernel.CopyKernel;
import dev.quern.kernel.KernelSpec.Copy;
import java.util.ArrayList;
import java.util.List;

/**
 * Copies a box between two strided layouts. Elements below four bytes share words of the target, so
 * that an invocation writes those of a word together, which takes a target without gaps.
 */
final class CopyShader {
  private final Copy spec;

  /** Elements of a word of the target. */
  private final int each;

  private final Array from;
  private final Array to;
  private final Expr fromAt;
  private final Expr toAt;
  private final Expr inner;
  private final Expr fromInner;
  private final Expr toInner;
  private final List<Expr> sizes = new ArrayList<>();
  private final List<Expr> fromSteps = new ArrayList<>();
  private final List<Expr> toSteps = new ArrayList<>();

  private CopyShader(Shader.Builder shader, Copy spec) {
    this.spec = spec;
    int bytes = spec.bytes();
    each = bytes < 4 ? 4 / bytes : 1;
    Type type = each > 1 ? Type.U32 : MoveShaders.word(bytes);
    from = shader.read("x", type, CopyKernel.SRC);
    to = shader.write("y", type, CopyKernel.DST);
    fromAt = shader.scaled("x_at", CopyKernel.SRC, bytes);
    toAt = shader.scaled("y_at", CopyKernel.DST, bytes * each);
    inner = shader.number("inner", CopyKernel.INNER);
    fromInner = shader.scaled("x_inner", CopyKernel.SRC_INNER, bytes);
    toInner = each > 1 ? null : shader.scaled("y_inner", CopyKernel.DST_INNER, bytes);
    for (int d = 0; d < spec.rank() - 1; d++) {
      int arg = CopyKernel.OUTER + 3 * d;
      sizes.add(shader.number("size" + d, arg));
      fromSteps.add(shader.scaled("x_step" + d, arg + 1, bytes));
      if (each == 1) {
        toSteps.add(shader.scaled("y_step" + d, arg + 2, bytes));
      }
    }
  }

  /** Whether the target of a run has no gaps and begins with a word. */
  static boolean isDense(Copy spec, Shader.Sizes sizes) {
    long step = spec.bytes();
    boolean dense = sizes.arg(CopyKernel.DST) % 4 == 0;
    dense &= sizes.arg(CopyKernel.INNER) == 1 || sizes.arg(CopyKernel.DST_INNER) == step;
    step *= sizes.arg(CopyKernel.INNER);
    for (int d = spec.rank() - 2; d >= 0; d--) {
      int arg = CopyKernel.OUTER + 3 * d;
      dense &= sizes.arg(arg) == 1 || sizes.arg(arg + 2) == step;
      step *= sizes.arg(arg);
    }
    return dense;
  }

  static Shader of(Copy spec) {
    Shader.Source elements = known -> known.items() * known.arg(CopyKernel.INNER);
    return Shader.build(
        spec.signature(),
        shader -> {
          CopyShader copy = new CopyShader(shader, spec);
          Expr count = shader.word("count", elements);
          if (copy.each == 1) {
            Flat.main(shader, elements, count, copy::element);
            return;
          }
          Shader.Source words = known -> (elements.value(known) + copy.each - 1) / copy.each;
          Flat.main(
              shader,
              words,
              shader.word("all", words),
              (code, index) -> copy.word(code, index, count));
        });
  }

  /** Where an element lies in the source, by its number; and in the target, if it says so. */
  private record Place(Expr source, Expr target) {}

  private Place place(Code code, Expr index) {
    Expr column = code.let("column", index.rem(inner));
    Expr rest = code.let("rest", index.over(inner));
    Expr source = fromAt.plus(column.times(fromInner));
    Expr target = each > 1 ? null : toAt.plus(column.times(toInner));
    for (int d = spec.rank() - 2; d >= 0; d--) {
      Expr at = d == 0 ? rest : code.let("i" + d, rest.rem(sizes.get(d)));
      rest = d == 0 ? rest : code.let("rest", rest.over(sizes.get(d)));
      source = source.plus(at.times(fromSteps.get(d)));
      target = target == null ? null : target.plus(at.times(toSteps.get(d)));
    }
    return new Place(source, target);
  }

  private void element(Code code, Expr index) {
    Place place = place(code, index);
    code.store(to, place.target(), from.at(place.source()));
  }

  private void word(Code code, Expr index, Expr count) {
    int bits = 32 / each;
    Variable word = code.var("word", Type.U32);
    for (int e = 0; e < each; e++) {
      int shift = e * bits;
      Expr number = code.let("number", index.times(each).plus(e));
      Runnable take =
          () -> {
            Expr source = code.let("source", place(code, number).source());
            Expr bytes = from.at(source.over(each)).shift(">>", source.rem(each).times(bits));
            Expr element = bytes.bits("&", Expr.u32((1L << bits) - 1)).shift("<<", shift);
            code.set(word, word.bits("|", element));
          };
      if (e == 0) {
        take.run();
      } else {
        code.ifThen(number.lt(count), take);
      }
    }
    code.store(to, toAt.plus(index), word);
  }
}
