package dev.quern.wgsl;

import dev.quern.kernel.KernelSpec.Matmul;
import dev.quern.kernel.MatmulKernel;
import dev.quern.kernel.WeightFormat;
import dev.quern.kernel.WeightFormat.Kind;
import java.util.ArrayList;
import java.util.List;

/**
 * Packed weights of fewer than 32 bits, made f32 as they are read; see {@link WeightFormat} for how
 * they lie. Products of whole numbers are summed in f32, which is exact below 2^24. What the CPU's
 * kernels may round to 8 bits on the other side stays f32 here.
 */
final class NarrowWeights implements TiledProduct.Right {
  private final WeightFormat format;
  private final int k;
  private final Array b;
  private final Expr from;

  private NarrowWeights(WeightFormat format, int k, Array b, Expr from) {
    this.format = format;
    this.k = k;
    this.b = b;
    this.from = from;
  }

  /** Declares the weights of a product. */
  static NarrowWeights of(Shader.Builder shader, Matmul spec) {
    WeightFormat format = spec.format();
    Type element =
        switch (format.kind()) {
          case I8 -> Type.VEC2U;
          // Zero points make blocks that are no whole vectors.
          case BLOCKS -> format.zeros() ? Type.U32 : Type.VEC4U;
          default -> Type.VEC4U;
        };
    Array b = shader.read("b", element, MatmulKernel.B);
    Expr from = shader.scaled("b_at", MatmulKernel.B, element.bytes());
    return new NarrowWeights(format, spec.k(), b, from);
  }

  @Override
  public Expr load(Code code, Expr panel, Expr at) {
    if (format.kind() == Kind.F16) {
      Expr pair = pair(code, panel, at.over(2));
      Expr second = code.let("second", at.rem(2).eq(Expr.u32(1)));
      Expr[] words = new Expr[2];
      for (int i = 0; i < 2; i++) {
        words[i] = code.let("word", Expr.select(second, pair.lane(2 + i), pair.lane(i)));
      }
      return halves(code, words[0], words[1]);
    }
    if (format.isBytes()) {
      Expr up = code.let("up", Expr.u32(24).minus(at.rem(4).times(8)));
      return column(four(code, panel, at), up);
    }
    if (format.isWhole()) {
      Expr pair = pair(code, panel, at.over(2));
      return whole(code, pair, at.rem(2));
    }
    return new Block(code, panel, at).number(0);
  }

  /** Whole numbers of one of two depths: bytes or halves of words, those of a column together. */
  private Expr whole(Code code, Expr pair, Expr second) {
    int bits = format.kind() == Kind.I8 ? 8 : 16;
    Expr up = code.let("up", Expr.u32(32 - bits).minus(second.times(bits)));
    Expr[] columns = new Expr[4];
    for (int q = 0; q < 4; q++) {
      Expr word = bits == 8 ? pair.lane(q / 2) : pair.lane(q);
      Expr by = bits == 8 && q % 2 == 1 ? up.minus(Expr.u32(16)) : up;
      columns[q] = integer(word.shift("<<", by), bits);
    }
    return Expr.make(Type.VEC4F, columns);
  }

  /** The signed number in the upper bits of a word, as f32. */
  static Expr integer(Expr word, int bits) {
    return Expr.make(Type.F32, word.bitcast(Type.I32).shift(">>", 32 - bits));
  }

  @Override
  public List<Expr> loadFour(Code code, Expr panel, Expr at) {
    List<Expr> four = new ArrayList<>();
    if (format.kind() == Kind.F16) {
      for (int i = 0; i < 2; i++) {
        Expr pair = pair(code, panel, at.over(2).plus(i));
        four.add(halves(code, pair.lane(0), pair.lane(1)));
        four.add(halves(code, pair.lane(2), pair.lane(3)));
      }
      return four;
    }
    if (format.isBytes()) {
      Expr words = four(code, panel, at);
      for (int q = 0; q < 4; q++) {
        four.add(column(words, Expr.u32(24 - 8 * q)));
      }
      return four;
    }
    if (format.isWhole()) {
      for (int i = 0; i < 2; i++) {
        Expr pair = pair(code, panel, at.over(2).plus(i));
        four.add(whole(code, pair, Expr.u32(0)));
        four.add(whole(code, pair, Expr.u32(1)));
      }
      return four;
    }
    Block block = new Block(code, panel, at);
    for (int q = 0; q < 4; q++) {
      four.add(block.number(q));
    }
    return four;
  }

  /** Four depths of four columns, a column a word. */
  private Expr four(Code code, Expr panel, Expr at) {
    return code.let("quad", b.at(from.plus(panel.times(format.steps(k))).plus(at.over(4))));
  }

  /** The numbers of one depth, which so many bits up are the highest of their words. */
  private static Expr column(Expr words, Expr up) {
    Expr[] columns = new Expr[4];
    for (int q = 0; q < 4; q++) {
      columns[q] = integer(words.lane(q).shift("<<", up), 8);
    }
    return Expr.make(Type.VEC4F, columns);
  }

  /** The four bytes of a word as f32, from 0 to 255. */
  static Expr bytes(Expr word) {
    Expr[] bytes = new Expr[4];
    for (int q = 0; q < 4; q++) {
      bytes[q] = Expr.make(Type.F32, word.shift(">>", 8 * q).bits("&", Expr.u32(255)));
    }
    return Expr.make(Type.VEC4F, bytes);
  }

  /** Two depths lie together. */
  private Expr pair(Code code, Expr panel, Expr number) {
    return code.let("pair", b.at(from.plus(panel.times((k + 1) / 2)).plus(number)));
  }

  /** The bits of a number lie turned: see the CPU's {@code HalfCode}. */
  private static Expr halves(Code code, Expr... words) {
    Expr[] numbers = new Expr[2];
    for (int i = 0; i < 2; i++) {
      Expr sign = words[i].bits("&", Expr.u32(0x80008000L));
      Expr upper = words[i].bits("&", Expr.u32(0x0fff0fffL)).shift("<<", 3);
      Expr lower = words[i].shift(">>", 12).bits("&", Expr.u32(0x00070007L));
      numbers[i] = code.let("halves", sign.bits("|", upper).bits("|", lower).halves());
    }
    return Expr.make(Type.VEC4F, numbers);
  }

  /** What is common to the numbers of a block whose bits lie in the same words. */
  private final class Block {
    private final Expr scale;
    private final Expr zero;
    private final Expr numbers;
    private final Expr first;

    Block(Code code, Expr panel, Expr at) {
      int per = 32 / format.bits();
      int blocks = (k + format.block() - 1) / format.block();
      int unit = format.zeros() ? 4 : 16;
      Expr number = panel.times(blocks).plus(at.over(format.block()));
      Expr start = code.let("block", from.plus(number.times(format.blockBytes() / unit)));
      scale = code.let("scale", vector(start).bitcast(Type.VEC4F));
      Expr within = at.rem(format.block());
      Expr index = within.over(per).times(16 / unit).plus(16 / unit);
      numbers = code.let("numbers", vector(code.let("numbers_at", start.plus(index))));
      first = code.let("first", within.rem(per).times(format.bits()));
      zero = code.let("zero", zero(code, start));
    }

    /** The numbers so many depths further. */
    Expr number(int q) {
      Expr shift = Expr.make(Type.VEC4U, first.plus((long) q * format.bits()));
      Expr mask = Expr.make(Type.VEC4U, Expr.u32((1 << format.bits()) - 1));
      Expr value = Expr.make(Type.VEC4F, numbers.shift(">>", shift).bits("&", mask));
      return value.minus(zero).times(scale);
    }
  }

  private Expr zero(Code code, Expr start) {
    if (!format.zeros()) {
      return Expr.f32(1 << format.bits() - 1);
    }
    Expr points = code.let("points", b.at(start.plus((16 + format.numberBytes()) / 4)));
    return bytes(points);
  }

  /** Four words at a place, which counts words or vectors of them. */
  private Expr vector(Expr at) {
    if (!format.zeros()) {
      return b.at(at);
    }
    Expr[] lanes = new Expr[4];
    for (int q = 0; q < 4; q++) {
      lanes[q] = b.at(at.plus(q));
    }
    return Expr.make(Type.VEC4U, lanes);
  }
}
