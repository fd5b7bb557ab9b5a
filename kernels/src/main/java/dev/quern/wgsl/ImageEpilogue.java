package dev.quern.wgsl;

import dev.quern.graph.ElementwiseProgram;
import dev.quern.kernel.KernelSpec.Operand;
import java.util.ArrayList;
import java.util.List;

/**
 * The program behind a convolution, on four neighbouring channels of a pixel. Each extra operand
 * has four arguments, as the CPU's kernels read them: its address, and its bytes from one image,
 * row and pixel to the next.
 */
final class ImageEpilogue {
  private static final int WORDS = 4;

  private final ElementwiseProgram program;
  private final List<Operand> operands;
  private final boolean wide;
  private final List<Array> arrays = new ArrayList<>();
  private final List<Expr[]> words = new ArrayList<>();

  /** Where a result lies: its image, row and column, its first channel, and how many there are. */
  record Place(Expr image, Expr y, Expr x, Expr channel, Expr channels) {}

  /**
   * Declares the operands.
   *
   * @param first the first operand's first argument
   * @param wide whether four channels can be read at once
   */
  ImageEpilogue(
      Shader.Builder shader,
      ElementwiseProgram program,
      List<Operand> operands,
      int first,
      boolean wide) {
    this.program = program;
    this.operands = operands;
    this.wide = wide;
    for (int e = 0; e < operands.size(); e++) {
      boolean vectors = wide && operands.get(e) != Operand.PIXELS;
      int bytes = vectors ? 16 : 4;
      int arg = first + WORDS * e;
      String name = "e" + e;
      arrays.add(shader.read(name, vectors ? Type.VEC4F : Type.F32, arg));
      words.add(
          new Expr[] {
            shader.scaled(name + "_at", arg, bytes),
            shader.scaled(name + "_image", arg + 1, bytes),
            shader.scaled(name + "_row", arg + 2, bytes),
            shader.scaled(name + "_pixel", arg + 3, bytes)
          });
    }
  }

  Expr apply(Code code, Place place, Expr sum) {
    if (program == null) {
      return sum;
    }
    List<Expr> inputs = new ArrayList<>();
    inputs.add(sum);
    for (int e = 0; e < operands.size(); e++) {
      Expr[] word = words.get(e);
      Expr at =
          code.let(
              "e_from",
              word[0]
                  .plus(place.image().times(word[1]))
                  .plus(place.y().times(word[2]))
                  .plus(place.x().times(word[3])));
      inputs.add(code.let("extra", operand(arrays.get(e), operands.get(e), at, place)));
    }
    return ProgramCode.emit(code, program, inputs);
  }

  private Expr operand(Array array, Operand operand, Expr at, Place place) {
    if (operand == Operand.PIXELS) {
      return Expr.make(Type.VEC4F, array.at(at));
    }
    if (wide) {
      return array.at(at.plus(place.channel().over(4)));
    }
    List<Expr> parts = new ArrayList<>();
    for (int q = 0; q < 4; q++) {
      Expr channel = Expr.call("min", place.channel().plus(q), place.channels().minus(Expr.u32(1)));
      parts.add(array.at(at.plus(channel)));
    }
    return Expr.make(Type.VEC4F, parts.toArray(Expr[]::new));
  }

  /** Stores the channels of a result that exist. */
  static void store(Code code, Array y, boolean wide, Expr pixel, Place place, Expr result) {
    if (wide) {
      code.store(y, pixel.plus(place.channel().over(4)), result);
      return;
    }
    Expr value = code.let("value", result);
    for (int q = 0; q < 4; q++) {
      int lane = q;
      Runnable store =
          () -> code.store(y, pixel.plus(place.channel()).plus(lane), value.lane(lane));
      code.ifThen(place.channel().plus(q).lt(place.channels()), store);
    }
  }
}
