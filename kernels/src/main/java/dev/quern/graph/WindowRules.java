package dev.quern.graph;

import static dev.quern.graph.ElementwiseOp.ADD;
import static dev.quern.graph.ElementwiseOp.CAST;
import static dev.quern.graph.ElementwiseOp.DIV;
import static dev.quern.graph.ElementwiseOp.MUL;
import static dev.quern.graph.ElementwiseOp.ROUND;
import static dev.quern.graph.ElementwiseOp.SUB;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Windows over images {@code [n, c, …]} of any number of spatial axes, by the reference kernels:
 * what {@link ImageRules} has no fast kernel for.
 */
final class WindowRules {
  private WindowRules() {}

  /** How a window walks over the spatial axes: one number, or two pads, for each. */
  record Spans(
      List<Long> kernel,
      List<Long> strides,
      List<Long> dilations,
      List<Dim> before,
      List<Dim> behind,
      List<Dim> output) {
    Map<String, Attribute> attributes() {
      return GraphImporter.attributes(
          "kernel", new Attribute.Ints(kernel),
          "strides", new Attribute.Ints(strides),
          "dilations", new Attribute.Ints(dilations),
          "before", new Attribute.Dims(before),
          "behind", new Attribute.Dims(behind));
    }

    long extent(int axis) {
      return (kernel.get(axis) - 1) * dilations.get(axis) + 1;
    }
  }

  private static List<Long> numbers(Site s, String name, int axes, long otherwise) {
    List<Long> given = s.ints(name).orElse(Collections.nCopies(axes, otherwise));
    if (given.size() != axes) {
      throw Site.unsupported("its " + name + " " + given + " does not fit its axes", "");
    }
    for (long value : given) {
      if (value < 0 || value > 1 << 16 || (value == 0 && otherwise > 0)) {
        throw Site.unsupported("its " + name + " are " + given, "");
      }
    }
    return given;
  }

  private static Spans spans(Site s, List<Long> kernel) {
    Shape image = s.shape(0);
    int axes = kernel.size();
    List<Long> pads = numbers(s, "pads", 2 * axes, 0);
    List<Dim> before = new ArrayList<>();
    List<Dim> behind = new ArrayList<>();
    for (int i = 0; i < axes; i++) {
      before.add(Dim.of(pads.get(i)));
      behind.add(Dim.of(pads.get(axes + i)));
    }
    List<Long> strides = numbers(s, "strides", axes, 1);
    List<Long> dilations = numbers(s, "dilations", axes, 1);
    Spans spans = new Spans(kernel, strides, dilations, before, behind, new ArrayList<>());
    String auto = s.text("auto_pad", "NOTSET");
    boolean up = s.integer("ceil_mode", 0) != 0;
    for (int i = 0; i < axes; i++) {
      Dim size = image.dim(2 + i);
      Dim stride = Dim.of(strides.get(i));
      Dim extent = Dim.of(spans.extent(i));
      if (auto.startsWith("SAME")) {
        Dim out = size.plus(Dim.of(strides.get(i) - 1)).dividedBy(stride);
        Dim all = out.minus(Dim.ONE).times(stride).plus(extent).minus(size).max(Dim.ZERO);
        Dim less = all.dividedBy(Dim.of(2));
        before.set(i, auto.equals("SAME_UPPER") ? less : all.minus(less));
        behind.set(i, auto.equals("SAME_UPPER") ? all.minus(less) : less);
        spans.output.add(out);
        continue;
      }
      if (auto.equals("VALID")) {
        before.set(i, Dim.ZERO);
        behind.set(i, Dim.ZERO);
      }
      Dim first = size.plus(before.get(i));
      Dim free = first.plus(behind.get(i)).minus(extent);
      Dim steps = free.plus(Dim.of(up ? strides.get(i) - 1 : 0)).dividedBy(stride);
      // The last window starts at the latest at the image's last element.
      steps = up ? steps.min(first.minus(Dim.ONE).dividedBy(stride)) : steps;
      spans.output.add(steps.plus(Dim.ONE));
    }
    return spans;
  }

  private static Shape shape(Dim batch, Dim channels, List<Dim> spatial) {
    List<Dim> dims = new ArrayList<>(List.of(batch, channels));
    dims.addAll(spatial);
    return new Shape(dims);
  }

  /** The sizes of a window that is weights {@code [outputs, channels, …]}. */
  private static List<Long> kernel(Site s, int input) {
    Shape weights = s.shape(input);
    if (weights.rank() != s.shape(0).rank() || weights.rank() < 3 || !weights.isConstant()) {
      throw Site.unsupported("its weights " + weights + " do not fit " + s.shape(0), "");
    }
    List<Long> kernel = new ArrayList<>();
    for (Dim dim : weights.dims().subList(2, weights.rank())) {
      kernel.add(dim.constant());
    }
    return kernel;
  }

  private static Map<String, Attribute> grouped(Site s, Spans spans) {
    Map<String, Attribute> attributes = spans.attributes();
    attributes.put("group", new Attribute.Int(s.integer("group", 1)));
    return attributes;
  }

  private static void requireChannels(Site s, Shape weights) {
    Dim groups = Dim.of(s.integer("group", 1));
    s.same(
        s.shape(0).dim(1), weights.dim(1).times(groups), "the channels of the image and weights");
    s.same(
        weights.dim(0).dividedBy(groups).times(groups), weights.dim(0), "the outputs and groups");
  }

  /** A convolution over more than two spatial axes. */
  static void conv(Site s) {
    if (s.type(1) != s.type(0)) {
      throw Site.unsupported("its input and weights have different types", "");
    }
    Spans spans = spans(s, kernel(s, 1));
    requireChannels(s, s.shape(1));
    Shape result = shape(s.shape(0).dim(0), s.shape(1).dim(0), spans.output);
    Compose c = new Compose(s);
    Unfolding unfolding = unfolds(s) ? Unfolding.of(s, spans) : null;
    if (unfolding == null) {
      c.output(0, c.host("Conv", grouped(s, spans), s.type(0), result));
      return;
    }
    long groups = s.integer("group", 1);
    Shape weights = s.shape(1);
    Dim depth = weights.dim(1).times(Dim.of(unfolding.taps()));
    Dim outputs = weights.dim(0).dividedBy(Dim.of(groups));
    Value columns = unfolding.read(c, flat(c, c.input(0)));
    Value sums =
        c.matMul(
            c.reshape(c.input(1), Dim.of(groups), outputs, depth),
            c.reshape(columns, result.dim(0), Dim.of(groups), depth, Dim.of(unfolding.places())));
    c.output(0, biased(s, c, c.reshape(sums, result)));
  }

  /** Whether the parts of a window's sum have kernels. */
  private static boolean unfolds(Site s) {
    return s.type(0) == DataType.FLOAT && s.shape(1).isConstant() && s.integer("group", 1) > 0;
  }

  /** {@code [n, c, ...]} as {@code [n, c, elements]}. */
  private static Value flat(Compose c, Value image) {
    Shape shape = image.shape();
    return c.reshape(image, shape.dim(0), shape.dim(1), shape.product(2, shape.rank()));
  }

  private static Value biased(Site s, Compose c, Value sums) {
    if (!s.has(2)) {
      return sums;
    }
    List<Dim> column = new ArrayList<>(Collections.nCopies(sums.shape().rank() - 1, Dim.ONE));
    column.set(0, sums.shape().dim(1));
    return c.apply(ADD, sums, c.reshape(c.input(2), new Shape(column)));
  }

  /** Sums of products of u8 or i8 less their zero points. */
  static void convInteger(Site s) {
    Compose c = new Compose(s);
    int imageZero = s.has(2) ? 2 : -1;
    int weightsZero = s.has(3) ? 3 : -1;
    Value sums = sums(s, c, 1, imageZero, weightsZero);
    if (sums == null) {
      c.output(0, integers(s, c, 1, imageZero, weightsZero));
      return;
    }
    c.output(
        0,
        c.node(
            Node.QUERN,
            "Elementwise",
            List.of(sums),
            QuantRules.toWhole(),
            DataType.INT32,
            sums.shape()));
  }

  /**
   * The sums of a convolution of an image or a line with constant weights, as whole numbers in f32,
   * whose kernels are fast; absent zero points are 0. Sums of more than 258 products may lose what
   * f32 does not hold, half a unit in 2²⁴; null for other operands.
   */
  private static Value sums(Site s, Compose c, int weights, int imageZero, int weightsZero) {
    int rank = s.shape(0).rank();
    boolean fits =
        QuantRules.isByte(s.type(weights))
            && (rank == 3 || rank == 4)
            && s.constant(weights).isPresent()
            && s.shape(weights).rank() == rank;
    if (!fits) {
      return null;
    }
    Value image = c.cast(c.input(0), DataType.FLOAT);
    if (imageZero >= 0) {
      Value zero = c.reshape(c.input(imageZero), Shape.SCALAR);
      image = c.apply(SUB, image, c.cast(zero, DataType.FLOAT));
    }
    List<Value> operands = new ArrayList<>();
    operands.add(c.input(weights));
    operands.add(c.constant(Constants.scalar("", DataType.FLOAT, 1)));
    if (weightsZero >= 0) {
      Value zero = c.input(weightsZero);
      List<Dim> dims = new ArrayList<>(Collections.nCopies(rank, Dim.ONE));
      dims.set(0, zero.shape().size());
      operands.add(c.reshape(zero, zero.shape().size().is(1) ? Shape.SCALAR : new Shape(dims)));
    }
    Value numbers =
        c.node(Node.QUERN, "Dequantize", operands, Map.of(), DataType.FLOAT, s.shape(weights));
    return s.child("Conv", List.of(image, numbers), s.attributes(), ImageRules::conv);
  }

  /** The sums of a convolution of whole numbers; zero points that are absent are 0. */
  private static Value integers(Site s, Compose c, int weights, int imageZero, int weightsZero) {
    if (!QuantRules.isByte(s.type(weights))) {
      throw Site.unsupported("its weights are " + s.type(weights).label(), "use u8 or i8");
    }
    Spans spans = spans(s, kernel(s, weights));
    requireChannels(s, s.shape(weights));
    Shape result = shape(s.shape(0).dim(0), s.shape(weights).dim(0), spans.output);
    List<Value> operands = new ArrayList<>(List.of(c.input(0), c.input(weights)));
    for (int zero : new int[] {imageZero, weightsZero}) {
      operands.add(zero < 0 ? c.constant(Constants.scalar("", DataType.INT32, 0)) : c.input(zero));
    }
    return c.host("ConvInteger", operands, grouped(s, spans), DataType.INT32, result);
  }

  /** A convolution of bytes: {@code saturate(round(sums · (xScale·wScale/yScale)) + yZero)}. */
  static void qLinearConv(Site s) {
    Compose c = new Compose(s);
    DataType type = s.type(7);
    if (!QuantRules.isByte(type) || s.shape(0).rank() < 3) {
      throw Site.unsupported("it makes " + type.label() + " of " + s.shape(0), "use u8 or i8");
    }
    Value sums = sums(s, c, 3, 2, 5);
    if (sums == null) {
      sums = c.cast(integers(s, c, 3, 2, 5), DataType.FLOAT);
    }
    List<Dim> column = new ArrayList<>(List.of(sums.shape().dim(1)));
    for (int i = 2; i < sums.shape().rank(); i++) {
      column.add(Dim.ONE);
    }
    Shape channels = new Shape(column);
    if (s.has(8)) {
      Value bias = c.cast(c.input(8), DataType.FLOAT);
      sums = c.apply(ADD, sums, c.reshape(bias, channels));
    }
    ProgramBuilder p =
        new ProgramBuilder(
            List.of(DataType.FLOAT, DataType.FLOAT, DataType.FLOAT, DataType.FLOAT, type));
    int factor = p.op(DIV, p.op(MUL, 1, 2), 3);
    int whole = p.op(ROUND, p.op(MUL, 0, factor));
    QuantRules.saturate(p, p.op(ADD, whole, p.typed(CAST, DataType.FLOAT, 4)), type);
    Value weights = c.input(4);
    boolean one = weights.shape().size().is(1);
    c.output(
        0,
        c.apply(
            p,
            sums,
            c.reshape(c.input(1), Shape.SCALAR),
            c.reshape(weights, one ? Shape.SCALAR : channels),
            c.reshape(c.input(6), Shape.SCALAR),
            c.reshape(c.input(7), Shape.SCALAR)));
  }

  // Pools.

  private static List<Long> kernelShape(Site s) {
    int axes = s.shape(0).rank() - 2;
    if (axes < 1 || s.ints("kernel_shape").isEmpty()) {
      throw Site.unsupported("it has no kernel_shape for " + s.shape(0), "");
    }
    return numbers(s, "kernel_shape", axes, 1);
  }

  /** MaxPool (with indices), AveragePool or LpPool. */
  static void pool(Site s, String op) {
    Spans spans = spans(s, kernelShape(s));
    Shape result = shape(s.shape(0).dim(0), s.shape(0).dim(1), spans.output);
    Compose c = new Compose(s);
    if (unfoldedPool(s, c, op, spans, result)) {
      return;
    }
    for (int part = 0; part < 2; part++) {
      if (s.wants(part)) {
        Map<String, Attribute> attributes = spans.attributes();
        attributes.put("part", new Attribute.Int(part));
        attributes.put("p", new Attribute.Int(s.integer("p", 2)));
        attributes.put("count_include_pad", new Attribute.Int(s.integer("count_include_pad", 0)));
        attributes.put("storage_order", new Attribute.Int(s.integer("storage_order", 0)));
        DataType type = part == 0 ? s.type(0) : DataType.INT64;
        c.output(part, c.host(op, List.of(c.input(0)), attributes, type, result));
      }
    }
  }

  /** The largest or mean element of windows that lie in the image; false if it is not that. */
  private static boolean unfoldedPool(Site s, Compose c, String op, Spans spans, Shape result) {
    boolean max = op.equals("MaxPool");
    boolean plain = s.type(0) == DataType.FLOAT && (max || op.equals("AveragePool"));
    Unfolding unfolding = plain && !s.wants(1) ? Unfolding.of(s, spans) : null;
    if (unfolding == null || !unfolding.isWhole()) {
      return false;
    }
    Value columns = unfolding.read(c, flat(c, c.input(0)));
    Value each =
        c.reshape(
            columns,
            result.dim(0),
            result.dim(1),
            Dim.of(unfolding.taps()),
            Dim.of(unfolding.places()));
    Value reduced = c.reduce(max ? "ReduceMax" : "ReduceMean", each, List.of(2L), false);
    c.output(0, c.reshape(reduced, result));
    return true;
  }

  /** Elements back to the places that a MaxPool took them from. */
  static void maxUnpool(Site s) {
    List<Long> kernel = kernelShape(s);
    int axes = kernel.size();
    List<Long> strides = numbers(s, "strides", axes, 1);
    List<Long> pads = numbers(s, "pads", 2 * axes, 0);
    List<Dim> spatial = new ArrayList<>();
    for (int i = 0; i < axes; i++) {
      long more = kernel.get(i) - pads.get(i) - pads.get(axes + i);
      Dim last = s.shape(0).dim(2 + i).minus(Dim.ONE).times(Dim.of(strides.get(i)));
      spatial.add(last.plus(Dim.of(more)));
    }
    Shape natural = shape(s.shape(0).dim(0), s.shape(0).dim(1), spatial);
    Shape result = s.has(2) ? new Shape(s.sizes(2, "output shape")) : natural;
    if (result.rank() != natural.rank()) {
      throw Site.unsupported("its output shape " + result + " has another rank", "");
    }
    Compose c = new Compose(s);
    Map<String, Attribute> attributes = Map.of("natural", new Attribute.Dims(natural.dims()));
    List<Value> operands = List.of(c.input(0), c.input(1));
    c.output(0, c.host("MaxUnpool", operands, attributes, s.type(0), result));
  }

  // Transposed.

  static void convTranspose(Site s) {
    if (UpscaleRules.convTranspose(s)) {
      return;
    }
    Shape image = s.shape(0);
    List<Long> kernel = kernel(s, 1);
    int axes = kernel.size();
    List<Long> strides = numbers(s, "strides", axes, 1);
    List<Long> dilations = numbers(s, "dilations", axes, 1);
    List<Long> more = numbers(s, "output_padding", axes, 0);
    List<Long> pads = numbers(s, "pads", 2 * axes, 0);
    Optional<List<Long>> wanted = s.ints("output_shape");
    String auto = s.text("auto_pad", "NOTSET");
    List<Dim> before = new ArrayList<>();
    List<Dim> output = new ArrayList<>();
    for (int i = 0; i < axes; i++) {
      Dim size = image.dim(2 + i);
      Dim stride = Dim.of(strides.get(i));
      long extent = (kernel.get(i) - 1) * dilations.get(i) + 1;
      Dim all = size.minus(Dim.ONE).times(stride).plus(Dim.of(extent + more.get(i)));
      if (wanted.isPresent() || auto.startsWith("SAME")) {
        Dim out =
            wanted.isPresent()
                ? Dim.of(wanted.get().get(wanted.get().size() - axes + i))
                : size.times(stride);
        Dim cut = all.minus(out).max(Dim.ZERO);
        Dim less = cut.dividedBy(Dim.of(2));
        before.add(auto.equals("SAME_UPPER") ? less : cut.minus(less));
        output.add(out);
      } else {
        boolean valid = auto.equals("VALID");
        before.add(valid ? Dim.ZERO : Dim.of(pads.get(i)));
        long cut = valid ? 0 : pads.get(i) + pads.get(axes + i);
        output.add(all.minus(Dim.of(cut)));
      }
    }
    long groups = s.integer("group", 1);
    s.same(image.dim(1), s.shape(1).dim(0), "the channels of the image and weights");
    Dim channels = s.shape(1).dim(1).times(Dim.of(groups));
    Spans spans = new Spans(kernel, strides, dilations, before, before, output);
    Compose c = new Compose(s);
    Shape result = shape(image.dim(0), channels, output);
    Unfolding unfolding = unfolds(s) ? Unfolding.transposed(s, spans) : null;
    if (unfolding == null) {
      c.output(0, c.host("ConvTranspose", grouped(s, spans), s.type(0), result));
      return;
    }
    // What each element gives through each tap, then for each place the sum of what reaches it.
    Shape weights = s.shape(1);
    Dim depth = weights.dim(0).dividedBy(Dim.of(groups));
    Dim rows = weights.product(1, weights.rank());
    Dim elements = image.product(2, image.rank());
    Value products =
        c.matMul(
            c.transpose(c.reshape(c.input(1), Dim.of(groups), depth, rows), 0, 2, 1),
            c.reshape(c.input(0), image.dim(0), Dim.of(groups), depth, elements));
    Dim taps = Dim.of(unfolding.taps());
    Value parts = c.reshape(products, image.dim(0), channels, taps.times(elements));
    Value placed = unfolding.readOwn(c, parts, (int) elements.constant());
    Value each = c.reshape(placed, image.dim(0), channels, taps, Dim.of(unfolding.places()));
    Value sums = c.reduce("ReduceSum", each, List.of(2L), false);
    c.output(0, biased(s, c, c.reshape(sums, result)));
  }

  /** Columns {@code [n, c·taps, places]} summed into an image. */
  static void col2Im(Site s) {
    List<Dim> image = s.sizes(1, "image shape");
    List<Long> block = s.constants(2, "block shape");
    int axes = block.size();
    long taps = 1;
    for (long size : block) {
      taps *= size;
    }
    List<Long> pads = numbers(s, "pads", 2 * axes, 0);
    List<Dim> before = new ArrayList<>();
    List<Dim> behind = new ArrayList<>();
    for (int i = 0; i < axes; i++) {
      before.add(Dim.of(pads.get(i)));
      behind.add(Dim.of(pads.get(axes + i)));
    }
    if (taps < 1 || s.shape(0).rank() != 3 || image.size() != axes) {
      throw Site.unsupported("its columns " + s.shape(0) + " do not fit " + image, "");
    }
    Dim channels = s.shape(0).dim(1).dividedBy(Dim.of(taps));
    Spans spans =
        new Spans(
            block,
            numbers(s, "strides", axes, 1),
            numbers(s, "dilations", axes, 1),
            before,
            behind,
            image);
    Compose c = new Compose(s);
    Shape result = shape(s.shape(0).dim(0), channels, image);
    c.output(0, c.host("Col2Im", List.of(c.input(0)), spans.attributes(), s.type(0), result));
  }
}
