package dev.quern.graph;

import static dev.quern.graph.ElementwiseOp.*;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** Normalisations that are made of means and element-wise programs. */
final class NormRules {
  private NormRules() {}

  /** {@code (x - mean) / √(variance + ε)} of the last axis. */
  private static Value normalised(Compose c, Value x, double epsilon) {
    Value centred = c.apply(SUB, x, c.reduceLast("ReduceMean", x));
    return c.apply(MUL, centred, factor(c, centred, epsilon));
  }

  /** {@code 1 / √(mean of squares + ε)} of the last axis. */
  private static Value factor(Compose c, Value x, double epsilon) {
    Value mean = c.reduceLast("ReduceMean", c.apply(MUL, x, x));
    ProgramBuilder p = new ProgramBuilder(x.type());
    p.op(RECIPROCAL, p.op(SQRT, p.op(ADD, 0, p.constant(x.type(), epsilon))));
    return c.apply(p, mean);
  }

  /** {@code [channels]} as it broadcasts to {@code [n, channels, …]}. */
  private static Value perChannel(Site s, Compose c, int input, Shape shape) {
    Value value = c.input(input);
    Dim channels =
        s.same(value.shape().size(), shape.dim(1), "the sizes of input " + input + " and channels");
    List<Dim> dims = new ArrayList<>(List.of(channels));
    dims.addAll(Collections.nCopies(shape.rank() - 2, Dim.ONE));
    return c.reshape(value, new Shape(dims));
  }

  private static Shape image(Site s) {
    Shape shape = s.shape(0);
    if (shape.rank() < 2) {
      throw Site.unsupported("its input " + shape + " has no channels", "");
    }
    for (int i = 1; i < s.inputs(); i++) {
      if (s.type(i) != s.type(0)) {
        throw Site.unsupported("its inputs have different types", "");
      }
    }
    return shape;
  }

  static void instanceNormalization(Site s) {
    Shape shape = image(s);
    Compose c = new Compose(s);
    Value rows = c.reshape(c.input(0), shape.dim(0), shape.dim(1), shape.product(2, shape.rank()));
    Value normal = c.reshape(normalised(c, rows, (float) s.real("epsilon", 1e-5f)), shape);
    Value scaled = c.apply(MUL, normal, perChannel(s, c, 1, shape));
    c.output(0, c.apply(ADD, scaled, perChannel(s, c, 2, shape)));
  }

  /**
   * By the mean and variance of this very batch; they also move the running ones by {@code 1 -
   * momentum}.
   */
  static void trainedBatchNormalization(Site s) {
    Shape shape = image(s);
    List<Long> axes = new ArrayList<>();
    for (long axis = 0; axis < shape.rank(); axis++) {
      if (axis != 1) {
        axes.add(axis);
      }
    }
    Compose c = new Compose(s);
    Value x = c.input(0);
    DataType type = x.type();
    Value mean = c.reduce("ReduceMean", x, axes, true);
    Value centred = c.apply(SUB, x, mean);
    Value variance = c.reduce("ReduceMean", c.apply(MUL, centred, centred), axes, true);
    Value deviation = c.apply(SQRT, c.apply(ADD, variance, (float) s.real("epsilon", 1e-5f)));
    Value normal = c.apply(MUL, c.apply(DIV, centred, deviation), perChannel(s, c, 1, shape));
    c.output(0, c.apply(ADD, normal, perChannel(s, c, 2, shape)));
    double momentum = (float) s.real("momentum", 0.9f);
    ProgramBuilder moved = new ProgramBuilder(List.of(type, type));
    int old = moved.op(MUL, 0, moved.constant(type, momentum));
    moved.op(ADD, old, moved.op(MUL, 1, moved.constant(type, 1 - momentum)));
    Shape vector = new Shape(List.of(shape.dim(1)));
    if (s.outputs() > 3) {
      throw Site.unsupported("it is of a version before 14 in training mode", "");
    }
    c.output(1, c.apply(moved, c.reshape(c.input(3), vector), c.reshape(mean, vector)));
    c.output(2, c.apply(moved, c.reshape(c.input(4), vector), c.reshape(variance, vector)));
  }

  /** Scale and bias are one for each group before version 21, one for each channel since. */
  static void groupNormalization(Site s) {
    Shape shape = image(s);
    Compose c = new Compose(s);
    Dim groups = Dim.of(s.integer("num_groups", 1));
    Dim each = shape.dim(1).dividedBy(groups);
    s.same(each.times(groups), shape.dim(1), "the channels and their groups");
    Value rows =
        c.reshape(c.input(0), shape.dim(0), groups, each.times(shape.product(2, shape.rank())));
    Value normal = normalised(c, rows, (float) s.real("epsilon", 1e-5f));
    if (s.opset() < 21) {
      Value scale = c.reshape(c.input(1), groups, Dim.ONE);
      normal = c.apply(ADD, c.apply(MUL, normal, scale), c.reshape(c.input(2), groups, Dim.ONE));
      c.output(0, c.reshape(normal, shape));
      return;
    }
    Value scaled = c.apply(MUL, c.reshape(normal, shape), perChannel(s, c, 1, shape));
    c.output(0, c.apply(ADD, scaled, perChannel(s, c, 2, shape)));
  }

  /** {@code (x - mean) / (√variance + 1e-9)} over the given axes. */
  static void meanVariance(Site s) {
    Shape shape = s.shape(0);
    List<Long> axes = new ArrayList<>();
    for (long axis : s.ints("axes").orElse(List.of(0L, 2L, 3L))) {
      axes.add((long) s.axis(axis, shape.rank()));
    }
    Compose c = new Compose(s);
    Value x = c.input(0);
    Value centred = c.apply(SUB, x, c.reduce("ReduceMean", x, axes, true));
    Value variance = c.reduce("ReduceMean", c.apply(MUL, centred, centred), axes, true);
    Value deviation = c.apply(ADD, c.apply(SQRT, variance), 1e-9);
    c.output(0, c.apply(DIV, centred, deviation));
  }

  /** {@code x / √(mean of squares + ε) · scale} over the axes from one on. */
  static void rms(Site s) {
    Compose c = new Compose(s);
    Shape shape = s.shape(0);
    int axis = s.axis(s.integer("axis", -1), shape.rank());
    double epsilon = (float) s.real("epsilon", 1e-5f);
    c.output(0, rms(s, c, c.input(0), c.input(1), axis, epsilon));
  }

  /** The same of a value, computed in f32 where it has 16 bits. */
  static Value rms(Site s, Compose c, Value x, Value scale, int axis, double epsilon) {
    Shape shape = x.shape();
    DataType type = x.type() == DataType.DOUBLE ? DataType.DOUBLE : DataType.FLOAT;
    List<Dim> dims = new ArrayList<>(shape.dims().subList(0, axis));
    dims.add(shape.product(axis, shape.rank()));
    Value rows = c.reshape(c.cast(x, type), new Shape(dims));
    Value normal = c.apply(MUL, rows, factor(c, rows, epsilon));
    Value factors = c.cast(scale, type);
    s.broadcast(factors.shape(), shape);
    if (axis == shape.rank() - 1) {
      return c.cast(c.apply(MUL, normal, factors), x.type());
    }
    return c.cast(c.apply(MUL, c.reshape(normal, shape), factors), x.type());
  }

  /** The mean and {@code 1 / √(variance + ε)} of the rows of a layer normalisation. */
  static void layerNormMoments(Site s) {
    if (!s.wants(1) && !s.wants(2)) {
      return;
    }
    Shape shape = s.shape(0);
    int axis = s.axis(s.integer("axis", -1), shape.rank());
    Compose c = new Compose(s);
    List<Dim> dims = new ArrayList<>(shape.dims().subList(0, axis));
    List<Dim> kept = new ArrayList<>(dims);
    dims.add(shape.product(axis, shape.rank()));
    kept.addAll(Collections.nCopies(shape.rank() - axis, Dim.ONE));
    Value rows = c.cast(c.reshape(c.input(0), new Shape(dims)), DataType.FLOAT);
    Value mean = c.reduceLast("ReduceMean", rows);
    c.output(1, c.reshape(mean, new Shape(kept)));
    Value centred = c.apply(SUB, rows, mean);
    Value inverse = factor(c, centred, (float) s.real("epsilon", 1e-5f));
    c.output(2, c.reshape(inverse, new Shape(kept)));
  }

  /** Local response: {@code x / (bias + alpha/size · Σ of squares of near channels)^beta}. */
  static void lrn(Site s) {
    Shape shape = image(s);
    long size = s.integer("size", 1);
    float alpha = (float) s.real("alpha", 1e-4f);
    float beta = (float) s.real("beta", 0.75);
    float bias = (float) s.real("bias", 1);
    Compose c = new Compose(s);
    Dim channels = shape.dim(1);
    long table = channels.isConstant() ? channels.constant() * channels.constant() : -1;
    if (s.type(0) != DataType.FLOAT || table < 1 || table > 1 << 20 || !s.mayMake(table)) {
      Map<String, Attribute> attributes =
          GraphImporter.attributes(
              "size", new Attribute.Int(size),
              "alpha", new Attribute.Real(alpha),
              "beta", new Attribute.Real(beta),
              "bias", new Attribute.Real(bias));
      c.output(0, c.host("LRN", attributes, s.type(0), shape));
      return;
    }
    // The sums over near channels are a product with a band of ones.
    int count = (int) channels.constant();
    double[] band = new double[count * count];
    for (int i = 0; i < count; i++) {
      for (int j = 0; j < count; j++) {
        band[i * count + j] = j >= i - (size - 1) / 2 && j <= i + size / 2 ? 1 : 0;
      }
    }
    Value ones = c.constant(Constants.numbers("", DataType.FLOAT, Shape.of(count, count), band));
    Value x = c.input(0);
    Shape planes = new Shape(List.of(shape.dim(0), channels, shape.product(2, shape.rank())));
    Value flat = c.reshape(x, planes);
    Value sums = c.matMul(ones, c.apply(MUL, flat, flat));
    ProgramBuilder p = new ProgramBuilder(List.of(DataType.FLOAT, DataType.FLOAT));
    int mean = p.op(MUL, 1, p.constant(DataType.FLOAT, alpha / size));
    int base = p.op(ADD, mean, p.constant(DataType.FLOAT, bias));
    p.op(DIV, 0, p.op(POW, base, p.constant(DataType.FLOAT, beta)));
    c.output(0, c.reshape(c.apply(p, flat, sums), shape));
  }
}
