package dev.quern.graph;

import static dev.quern.graph.ElementwiseOp.ADD;
import static dev.quern.graph.ElementwiseOp.BIT_XOR;
import static dev.quern.graph.ElementwiseOp.CAST;
import static dev.quern.graph.ElementwiseOp.COS;
import static dev.quern.graph.ElementwiseOp.LESS;
import static dev.quern.graph.ElementwiseOp.LOG;
import static dev.quern.graph.ElementwiseOp.MUL;
import static dev.quern.graph.ElementwiseOp.SHIFT_RIGHT;
import static dev.quern.graph.ElementwiseOp.SQRT;

import dev.quern.onnx.DataType;
import dev.quern.onnx.OnnxAttribute;
import dev.quern.onnx.OnnxGraph;
import dev.quern.onnx.OnnxNode;
import java.util.ArrayList;
import java.util.List;

/**
 * Random numbers. Each is a hash of its place in the tensor and of a seed, so that every back end
 * draws the same: the node's {@code seed}, or else one made of its name. A run draws what the run
 * before drew.
 */
public final class RandomRules {
  private static final DataType F32 = DataType.FLOAT;
  private static final DataType U32 = DataType.UINT32;
  private static final List<String> OPERATORS =
      List.of(
          "Bernoulli", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike");

  private RandomRules() {}

  /** Whether a graph or its bodies draw random numbers, which no two engines draw alike. */
  public static boolean draws(OnnxGraph graph) {
    for (OnnxNode node : graph.nodes()) {
      if (node.domain().isEmpty() && OPERATORS.contains(node.op())) {
        return true;
      }
      for (OnnxAttribute attribute : node.attributes().values()) {
        if (attribute instanceof OnnxAttribute.Body(OnnxGraph body) && draws(body)) {
          return true;
        }
      }
    }
    return false;
  }

  /** From {@code low} to below {@code high}. */
  static void uniform(Site s) {
    Compose c = new Compose(s);
    double low = s.real("low", 0);
    ProgramBuilder p = new ProgramBuilder(DataType.INT32);
    int range = p.constant(F32, s.real("high", 1) - low);
    p.op(ADD, p.op(MUL, share(p, seed(s)), range), p.constant(F32, low));
    c.output(0, c.cast(drawn(c, p.build(), shape(s)), type(s)));
  }

  /** Around {@code mean} with a standard deviation of {@code scale}, by Box and Muller. */
  static void normal(Site s) {
    Compose c = new Compose(s);
    Shape shape = shape(s);
    ProgramBuilder angles = new ProgramBuilder(DataType.INT32);
    int share = share(angles, seed(s) ^ 0x5bd1e995);
    angles.op(MUL, share, angles.constant(F32, 2 * Math.PI));
    Value angle = drawn(c, angles.build(), shape);
    Value cosine = c.apply(TrigonometryRules.program(COS), angle);
    ProgramBuilder lengths = new ProgramBuilder(DataType.INT32);
    // Not 0, whose logarithm is not finite.
    int above = lengths.op(ADD, share(lengths, seed(s)), lengths.constant(F32, 0x1p-25));
    lengths.op(SQRT, lengths.op(MUL, lengths.op(LOG, above), lengths.constant(F32, -2)));
    Value length = drawn(c, lengths.build(), shape);
    ProgramBuilder p = new ProgramBuilder(List.of(F32, F32));
    int scaled = p.op(MUL, p.op(MUL, 0, 1), p.constant(F32, s.real("scale", 1)));
    p.op(ADD, scaled, p.constant(F32, s.real("mean", 0)));
    c.output(0, c.cast(c.apply(p, length, cosine), type(s)));
  }

  /** 1 as often as the input says, else 0. */
  static void bernoulli(Site s) {
    Compose c = new Compose(s);
    Shape shape = s.shape(0);
    ProgramBuilder p = new ProgramBuilder(DataType.INT32);
    share(p, seed(s));
    Value shares = drawn(c, p.build(), shape);
    Value ones = c.apply(LESS, shares, c.cast(c.input(0), F32));
    DataType type = DataType.ofCode(s.integer("dtype", s.type(0).code()));
    c.output(0, c.cast(ones, type));
  }

  private static int seed(Site s) {
    double seed = s.real("seed", Double.NaN);
    return Double.isNaN(seed) ? s.output(0).hashCode() : Float.floatToIntBits((float) seed);
  }

  private static DataType type(Site s) {
    DataType like = s.inputs() > 0 && s.type(0).isFloating() ? s.type(0) : F32;
    DataType type = DataType.ofCode(s.integer("dtype", like.code()));
    if (!type.isFloating()) {
      throw Site.unsupported("it makes " + type.label(), "use f32");
    }
    return type;
  }

  private static Shape shape(Site s) {
    if (s.inputs() > 0) {
      return s.shape(0);
    }
    if (s.ints("shape").isEmpty()) {
      throw Site.unsupported("it has no shape", "export the model again");
    }
    List<Dim> dims = new ArrayList<>();
    s.ints("shape").get().forEach(size -> dims.add(Dim.of(size)));
    return new Shape(dims);
  }

  /**
   * Appends a number from 0 to below 1 in steps of 2⁻²⁴, of the place that register 0 is.
   *
   * @see <a href="https://nullprogram.com/blog/2018/07/31/">the hash, lowbias32</a>
   */
  private static int share(ProgramBuilder p, int seed) {
    int place = p.typed(CAST, U32, 0);
    int x = p.op(MUL, place, p.constant(U32, 0x9e3779b9L));
    x = p.op(BIT_XOR, x, p.constant(U32, (double) (seed & 0xffffffffL)));
    x = p.op(MUL, shifted(p, x, 16), p.constant(U32, 0x7feb352dL));
    x = p.op(MUL, shifted(p, x, 15), p.constant(U32, 0x846ca68bL));
    x = p.op(SHIFT_RIGHT, shifted(p, x, 16), p.constant(U32, 8));
    return p.op(MUL, p.typed(CAST, F32, x), p.constant(F32, 0x1p-24));
  }

  private static int shifted(ProgramBuilder p, int x, int by) {
    return p.op(BIT_XOR, x, p.op(SHIFT_RIGHT, x, p.constant(U32, by)));
  }

  private static Value drawn(Compose c, ElementwiseProgram program, Shape shape) {
    Value places = c.iota(DataType.INT32, Dim.ZERO, 1, shape.size());
    return c.reshape(c.apply(program, places), shape);
  }
}
