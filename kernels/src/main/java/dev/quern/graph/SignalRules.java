package dev.quern.graph;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Fourier transforms, and the windows and filters that go with them. */
final class SignalRules {
  private SignalRules() {}

  /** Signals {@code [.., n, .., 1 or 2]}: the last axis is real, or real and imaginary. */
  static void dft(Site s) {
    Shape shape = s.shape(0);
    long given = s.opset() < 20 ? s.integer("axis", 1) : -2;
    if (s.opset() >= 20 && s.has(2)) {
      given = s.constants(2, "axis").getFirst();
    }
    int axis = s.axis(given, shape.rank());
    if (shape.rank() < 2 || axis == shape.rank() - 1) {
      throw Site.unsupported("it transforms axis " + axis + " of " + shape, "");
    }
    boolean onesided = s.integer("onesided", 0) != 0;
    boolean inverse = s.integer("inverse", 0) != 0;
    if (onesided && inverse) {
      throw Site.unsupported("it is onesided and inverse", "use two sides");
    }
    Dim length = s.has(1) ? s.sizes(1, "length").getFirst() : shape.dim(axis);
    List<Dim> dims = new ArrayList<>(shape.dims());
    dims.set(axis, onesided ? length.dividedBy(Dim.of(2)).plus(Dim.ONE) : length);
    dims.set(shape.rank() - 1, Dim.of(2));
    Map<String, Attribute> attributes =
        GraphImporter.attributes(
            "axis", new Attribute.Int(axis),
            "inverse", new Attribute.Int(inverse ? 1 : 0),
            "length", new Attribute.Dims(List.of(length)));
    Compose c = new Compose(s);
    Constant table = s.type(0) == DataType.FLOAT ? table(s, axis, length, dims, inverse) : null;
    c.output(
        0,
        table == null
            ? c.host("DFT", List.of(c.input(0)), attributes, s.type(0), new Shape(dims))
            : product(c, axis, table, dims));
  }

  /**
   * What each number of a signal gives to each number of its transform, {@code [n·parts, bins·2]};
   * null for lengths that are not known or so long that a product is no way to transform them.
   */
  private static Constant table(
      Site s, int axis, Dim length, List<Dim> transformed, boolean inverse) {
    Dim size = s.shape(0).dim(axis);
    Dim last = s.shape(0).dim(-1);
    if (!size.isConstant() || !length.isConstant() || !last.isConstant()) {
      return null;
    }
    int n = (int) Math.min(size.constant(), 1 << 16);
    int parts = (int) last.constant();
    int bins = (int) Math.min(transformed.get(axis).constant(), 1 << 16);
    long period = length.constant();
    long elements = 2L * n * parts * bins;
    if (parts < 1 || parts > 2 || elements < 1 || elements > 1 << 20 || !s.mayMake(elements)) {
      return null;
    }
    double[] values = new double[(int) elements];
    for (int j = 0; j < Math.min(n, period); j++) {
      for (int bin = 0; bin < bins; bin++) {
        double angle = (inverse ? 2 : -2) * Math.PI * ((long) j * bin % period) / period;
        double cos = Math.cos(angle) / (inverse ? period : 1);
        double sin = Math.sin(angle) / (inverse ? period : 1);
        for (int part = 0; part < parts; part++) {
          int at = ((j * parts + part) * bins + bin) * 2;
          values[at] = part == 0 ? cos : -sin;
          values[at + 1] = part == 0 ? sin : cos;
        }
      }
    }
    return Constants.numbers("", DataType.FLOAT, Shape.of((long) n * parts, 2L * bins), values);
  }

  private static Value product(Compose c, int axis, Constant table, List<Dim> dims) {
    Value x = c.input(0);
    int rank = x.shape().rank();
    // The axis that is transformed comes to stand before the last one.
    long[] there = new long[rank];
    long[] back = new long[rank];
    for (int i = 0, at = 0; i < rank; i++) {
      int to = i == axis ? rank - 2 : i == rank - 1 ? rank - 1 : at++;
      there[to] = i;
      back[i] = to;
    }
    Value turned = c.transpose(x, there);
    Value rows = c.reshape(turned, turned.shape().product(0, rank - 2), table.shape().dim(0));
    Value sums = c.matMul(rows, c.constant(table));
    List<Dim> shape = new ArrayList<>(turned.shape().dims().subList(0, rank - 2));
    shape.add(dims.get(axis));
    shape.add(Dim.of(2));
    return c.transpose(c.reshape(sums, new Shape(shape)), back);
  }

  /** Signals {@code [n, samples, 1 or 2]} to {@code [n, frames, bins, 2]}. */
  static void stft(Site s) {
    Shape signal = s.shape(0);
    if (signal.rank() != 3 && signal.rank() != 2) {
      throw Site.unsupported("its signal " + signal + " is not [batch, samples, 1 or 2]", "");
    }
    Dim step = s.sizes(1, "frame step").getFirst();
    if (!s.has(3) && !s.has(2)) {
      throw Site.unsupported("it has neither a window nor a frame length", "");
    }
    Dim length = s.has(3) ? s.sizes(3, "frame length").getFirst() : s.shape(2).dim(0);
    boolean onesided = s.integer("onesided", 1) != 0;
    Dim frames = signal.dim(1).minus(length).dividedBy(step).plus(Dim.ONE);
    Dim bins = onesided ? length.dividedBy(Dim.of(2)).plus(Dim.ONE) : length;
    Compose c = new Compose(s);
    List<Value> operands = new ArrayList<>(List.of(c.input(0)));
    if (s.has(2)) {
      s.same(s.shape(2).size(), length, "the sizes of window and frame");
      operands.add(c.input(2));
    }
    Map<String, Attribute> attributes =
        GraphImporter.attributes(
            "step", new Attribute.Dims(List.of(step)),
            "length", new Attribute.Dims(List.of(length)));
    Shape result = new Shape(List.of(signal.dim(0), frames, bins, Dim.of(2)));
    c.output(0, c.host("STFT", operands, attributes, s.type(0), result));
  }

  /** {@code a + b·cos(2πi/n) + c·cos(4πi/n)} with n the size, or one less if symmetric. */
  static void window(Site s, double a, double b, double c) {
    long size = s.constants(0, "size").getFirst();
    DataType type = DataType.ofCode(s.integer("output_datatype", DataType.FLOAT.code()));
    if (size < 0 || size > 1 << 20 || !s.mayMake(size) || !type.isFloating()) {
      throw Site.unsupported("it makes " + size + " elements of " + type.label(), "");
    }
    double n = s.integer("periodic", 1) != 0 ? size : size - 1;
    double[] values = new double[(int) size];
    for (int i = 0; i < values.length; i++) {
      double angle = 2 * Math.PI * i / n;
      values[i] = a + b * Math.cos(angle) + c * Math.cos(2 * angle);
    }
    s.constant(0, Constants.numbers(s.output(0), type, Shape.of(size), values));
  }

  /** Triangles on the mel scale {@code [bins/2 + 1, mels]}. */
  static void melWeights(Site s) {
    double[] in = new double[5];
    for (int i = 0; i < 5; i++) {
      int at = i;
      in[i] =
          s.constant(i)
              .orElseThrow(() -> Site.unsupported("its input " + at + " is no constant", "fold it"))
              .number(0);
    }
    int mels = (int) in[0];
    int bins = (int) in[1] / 2 + 1;
    long size = (long) mels * bins;
    DataType type = DataType.ofCode(s.integer("output_datatype", DataType.FLOAT.code()));
    if (mels < 1 || bins < 1 || size > 1 << 22 || !s.mayMake(size) || !type.isFloating()) {
      throw Site.unsupported("it makes " + size + " elements of " + type.label(), "");
    }
    double low = mel(in[3]);
    double step = (mel(in[4]) - low) / (mels + 2);
    int[] edges = new int[mels + 2];
    for (int i = 0; i < edges.length; i++) {
      double hertz = 700 * (Math.pow(10, (i * step + low) / 2595) - 1);
      edges[i] = (int) Math.floor((in[1] + 1) * hertz / in[2]);
    }
    double[] values = new double[(int) size];
    for (int i = 0; i < mels; i++) {
      triangle(values, bins, mels, i, edges);
    }
    s.constant(0, Constants.numbers(s.output(0), type, Shape.of(bins, mels), values));
  }

  private static double mel(double hertz) {
    return 2595 * Math.log10(1 + hertz / 700);
  }

  private static void triangle(double[] values, int bins, int mels, int mel, int[] edges) {
    int low = edges[mel];
    int top = edges[mel + 1];
    int high = edges[mel + 2];
    if (low == top) {
      values[Math.clamp(top, 0, bins - 1) * mels + mel] = 1;
    }
    for (int j = Math.max(low, 0); j <= Math.min(top, bins - 1) && low < top; j++) {
      values[j * mels + mel] = (double) (j - low) / (top - low);
    }
    for (int j = Math.max(top, 0); j < Math.min(high, bins); j++) {
      values[j * mels + mel] = (double) (high - j) / (high - top);
    }
  }
}
