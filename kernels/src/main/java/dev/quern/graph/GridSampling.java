package dev.quern.graph;

import static dev.quern.graph.ElementwiseOp.*;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Samples of an image of known size: for each tap of the interpolation a gather of pixels, whose
 * places and weights are programs of the grid.
 *
 * @param mode nearest, linear or cubic
 * @param padding zeros, border or reflection
 * @param align whether -1 and 1 are the centres of the outermost pixels, not their edges
 */
record GridSampling(String mode, String padding, boolean align) {
  /** Whole numbers up to here are exact as f32. */
  private static final long MOST_PIXELS = 1 << 24;

  /** Whether the image's sizes are known, and small enough to count its pixels in f32. */
  static boolean fits(Site s) {
    Shape image = s.shape(0);
    Dim pixels = image.dim(0).times(image.dim(2)).times(image.dim(3));
    boolean known = pixels.isConstant() && image.dim(0).isConstant() && image.dim(3).isConstant();
    return s.type(0) == DataType.FLOAT
        && s.type(1) == DataType.FLOAT
        && known
        && pixels.constant() > 0
        && pixels.constant() <= MOST_PIXELS;
  }

  /** {@code [n, c, oh, ow]}. */
  Value write(Compose c) {
    Value image = c.input(0);
    Shape shape = image.shape();
    int n = (int) shape.dim(0).constant();
    int h = (int) shape.dim(2).constant();
    int w = (int) shape.dim(3).constant();
    Value pixels =
        c.reshape(c.transpose(image, 0, 2, 3, 1), Dim.of((long) n * h * w), shape.dim(1));
    Value grid = c.input(1);
    Dim places = grid.shape().dim(1).times(grid.shape().dim(2));
    Value flat = c.reshape(grid, shape.dim(0), places, Dim.of(2));
    Value x = c.apply(place(w), c.slice(flat, 2, Dim.ZERO, Dim.ONE));
    Value y = c.apply(place(h), c.slice(flat, 2, Dim.ONE, Dim.ONE));
    double[] starts = new double[n];
    for (int i = 0; i < n; i++) {
      starts[i] = (double) i * h * w;
    }
    Value start = c.constant(Constants.numbers("", DataType.FLOAT, Shape.of(n, 1, 1), starts));
    Value sum = null;
    for (int row : taps()) {
      for (int column : taps()) {
        Value index = c.apply(index(n, h, w, row, column), y, x, start);
        Value each =
            c.node(
                "",
                "Gather",
                List.of(pixels, c.reshape(index, shape.dim(0), places)),
                Map.of("axis", new Attribute.Int(0)),
                DataType.FLOAT,
                new Shape(List.of(shape.dim(0), places, shape.dim(1))));
        Value weight = c.apply(weight(h, w, row, column), y, x);
        ProgramBuilder p = program(sum == null ? 2 : 3);
        // What lies outside counts 0 whatever it is.
        int none = p.op(EQUAL, 1, p.constant(DataType.FLOAT, 0));
        int part = p.op(WHERE, none, p.constant(DataType.FLOAT, 0), p.op(MUL, 0, 1));
        if (sum == null) {
          sum = c.apply(p.build(part), each, weight);
        } else {
          p.op(ADD, 2, part);
          sum = c.apply(p, each, weight, sum);
        }
      }
    }
    Value sampled =
        c.reshape(sum, shape.dim(0), grid.shape().dim(1), grid.shape().dim(2), shape.dim(1));
    return c.transpose(sampled, 0, 3, 1, 2);
  }

  private int[] taps() {
    return switch (mode) {
      case "nearest" -> new int[] {0};
      case "linear" -> new int[] {0, 1};
      default -> new int[] {-1, 0, 1, 2};
    };
  }

  private static ProgramBuilder program(int inputs) {
    List<DataType> types = new ArrayList<>();
    for (int i = 0; i < inputs; i++) {
      types.add(DataType.FLOAT);
    }
    return new ProgramBuilder(types);
  }

  /** From -1 … 1 to pixels. */
  private ElementwiseProgram place(int size) {
    Real from = new Real(program(1), 0).plus(1);
    Real at = align ? from.times(0.5 * (size - 1)) : from.times(size).minus(1).times(0.5);
    // Cubic curves are those of the place itself, as PyTorch's: only their taps are moved.
    return switch (mode.equals("cubic") ? "" : padding) {
      case "border" -> at.within(0, size - 1).build();
      case "reflection" -> reflected(at, size).build();
      default -> at.build();
    };
  }

  /** Back and forth between the ends: the outermost pixels' centres, or their edges. */
  private Real reflected(Real x, int size) {
    double low = align ? 0 : -0.5;
    double length = align ? size - 1 : size;
    if (length <= 0) {
      return x.times(0);
    }
    Real from = x.minus(low);
    Real rest = from.minus(from.over(x.number(2 * length)).apply(FLOOR).times(2 * length));
    Real turned = x.number(2 * length).minus(rest);
    return rest.apply(GREATER, x.number(length)).choose(turned, rest).plus(low);
  }

  /** The first pixel of the taps of a place. */
  private Real first(Real at) {
    return at.apply(mode.equals("nearest") ? ROUND : FLOOR);
  }

  /** Which pixel a tap reads, counted over all images; of y, x and the image's first pixel. */
  private ElementwiseProgram index(int n, int h, int w, int row, int column) {
    ProgramBuilder p = program(3);
    Real y = pixel(first(new Real(p, 0)).plus(row), h);
    Real x = pixel(first(new Real(p, 1)).plus(column), w);
    Real at = y.times(w).plus(x).plus(new Real(p, 2));
    int whole = p.typed(CAST, DataType.INT32, at.register());
    int least = p.op(MAX, whole, p.constant(DataType.INT32, 0));
    p.op(MIN, least, p.constant(DataType.INT32, (double) n * h * w - 1));
    return p.build();
  }

  private Real pixel(Real at, int size) {
    Real inside = padding.equals("reflection") ? reflected(at, size).apply(ROUND) : at;
    return inside.within(0, size - 1);
  }

  /** How much a tap counts; of y and x. */
  private ElementwiseProgram weight(int h, int w, int row, int column) {
    ProgramBuilder p = program(2);
    Real y = share(new Real(p, 0), h, row);
    return y.times(share(new Real(p, 1), w, column)).build();
  }

  private Real share(Real at, int size, int tap) {
    Real first = first(at);
    Real weight = mode.equals("nearest") ? at.number(1) : curve(at.minus(first), tap);
    if (!padding.equals("zeros")) {
      return weight;
    }
    Real pixel = first.plus(tap);
    Real behind = pixel.apply(GREATER, at.number(size - 1));
    Real outside = pixel.apply(LESS, at.number(0)).apply(OR, behind);
    return outside.choose(at.number(0), weight);
  }

  /** The weight of a tap where the place lies so far behind the first pixel, 0 … 1. */
  private Real curve(Real behind, int tap) {
    if (mode.equals("linear")) {
      return tap == 1 ? behind : behind.apply(NEG).plus(1);
    }
    Real t = tap <= 0 ? behind.minus(tap) : behind.apply(NEG).plus(tap);
    double a = -0.75;
    return tap == 0 || tap == 1
        ? t.times(a + 2).minus(a + 3).times(t).times(t).plus(1)
        : t.times(a).minus(5 * a).times(t).plus(8 * a).times(t).minus(4 * a);
  }
}
