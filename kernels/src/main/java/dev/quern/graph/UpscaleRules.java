package dev.quern.graph;

import dev.quern.graph.ImageRules.Image;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * Images made larger, in terms of operators that have fast kernels, so that sizes may be known at
 * run time only: {@code Resize} to the nearest element by whole factors, and {@code ConvTranspose}.
 */
final class UpscaleRules {
  /** Factors that are tried where sizes say how much larger an image of unknown size gets. */
  private static final int FACTORS = 16;

  /** Elements of weights that are put into another order; {@code FoldConstants} takes no more. */
  private static final int ORDERED = 1 << 16;

  private UpscaleRules() {}

  // Resize.

  /**
   * Each element becomes a box of {@code [factorH, factorW]} equal ones. False, and nothing is
   * written, if the node asks for something else.
   */
  static boolean resize(Site s) {
    int rank = s.shape(0).rank();
    if ((rank != 3 && rank != 4) || !isReal(s.type(0)) || !isNearest(s)) {
      return false;
    }
    List<Integer> factors = factors(s);
    boolean fits = factors.size() == rank && s.ints("axes").isEmpty();
    if (!fits || factors.get(0) != 1 || factors.get(1) != 1 || Collections.min(factors) < 1) {
      return false;
    }
    Image image = Image.of(s);
    Shape shape = image.shape();
    int h = image.flat() ? 1 : factors.get(2);
    int w = factors.getLast();
    Dim rows = shape.dim(1);
    Dim columns = shape.dim(2);
    Dim one = Dim.ONE;
    Shape single = shape(shape.dim(0), rows, one, columns, one, shape.dim(3));
    Shape box = shape(shape.dim(0), rows, Dim.of(h), columns, Dim.of(w), shape.dim(3));
    Shape result =
        shape(shape.dim(0), rows.times(Dim.of(h)), columns.times(Dim.of(w)), shape.dim(3));
    DataType type = s.type(0);
    String spread = s.reshaped(image.value(), type, shape, single);
    String filled = s.between("", "Expand", List.of(spread), Map.of(), type, box);
    image.write(s, s.reshaped(filled, type, box, result), result);
    return true;
  }

  /** Whether kernels compute with elements of a type. */
  private static boolean isReal(DataType type) {
    return type == DataType.FLOAT || type == DataType.DOUBLE;
  }

  private static Shape shape(Dim... dims) {
    return new Shape(List.of(dims));
  }

  /** With whole factors, these are the combinations that take the element a place lies in. */
  private static boolean isNearest(Site s) {
    boolean old = s.opset() < 11;
    String place = s.text("coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
    String nearest = s.text("nearest_mode", old ? "floor" : "round_prefer_floor");
    boolean asymmetric = place.equals("asymmetric") && nearest.equals("floor");
    boolean centred =
        (place.equals("half_pixel") || place.equals("pytorch_half_pixel"))
            && nearest.startsWith("round_prefer");
    return s.text("mode", "nearest").equals("nearest") && (asymmetric || centred);
  }

  /** The factor of each axis, 0 where it is no whole number; empty if they are not known. */
  private static List<Integer> factors(Site s) {
    Shape shape = s.shape(0);
    List<Integer> factors = new ArrayList<>();
    int sizes = 3;
    if (s.opset() >= 11 && s.has(sizes) && !s.shape(sizes).size().is(0)) {
      List<Dim> wanted = s.contents(sizes).orElse(List.of());
      for (int axis = 0; axis < Math.min(wanted.size(), shape.rank()); axis++) {
        factors.add(factor(shape.dim(axis), wanted.get(axis)));
      }
      return factors;
    }
    int scales = s.opset() < 11 ? 1 : 2;
    Constant constant = s.has(scales) ? s.constant(scales).orElse(null) : null;
    for (int axis = 0; constant != null && axis < constant.size(); axis++) {
      double scale = constant.number(axis);
      factors.add(scale == (int) scale ? (int) scale : 0);
    }
    return factors;
  }

  private static int factor(Dim from, Dim to) {
    for (int factor = 1; factor <= FACTORS; factor++) {
      if (from.times(Dim.of(factor)).equals(to)) {
        return factor;
      }
    }
    boolean divides =
        from.isConstant()
            && to.isConstant()
            && from.constant() > 0
            && to.constant() % from.constant() == 0;
    return divides ? (int) (to.constant() / from.constant()) : 0;
  }

  // ConvTranspose.

  /**
   * One spatial axis of a transposed convolution. With {@code o + begin = stride·j + r} the output
   * {@code o} is {@code Σ x[j - u] · w[stride·u + r]}: a convolution of {@code taps} elements for
   * each of {@code stride} phases {@code r}.
   *
   * @param kernel elements of the weights
   * @param more elements of the output beyond the last one that a weight reaches
   * @param begin elements cut off before
   * @param end elements cut off behind
   */
  private record Line(int kernel, int stride, int more, int begin, int end) {
    int taps() {
      return (kernel + stride - 1) / stride;
    }

    /** Elements behind the image that the convolution reads beyond its last one. */
    int behind() {
      return (kernel + more + stride - 1) / stride - 1;
    }

    /** Places of the convolution, each with {@code stride} phases. */
    Dim places(Dim size) {
      return size.plus(Dim.of(behind()));
    }

    Dim output(Dim size) {
      return size.minus(Dim.ONE).times(Dim.of(stride)).plus(Dim.of(kernel + more - begin - end));
    }

    /** Whether the outputs of an element of the image are its own. */
    boolean isTiled() {
      return kernel == stride && more == 0;
    }
  }

  /** False, and nothing is written, for windows and weights that are not taken apart so. */
  static boolean convTranspose(Site s) {
    DataType type = s.type(0);
    Shape given = s.shape(1);
    if (!isTakenApart(s)) {
      return false;
    }
    Image image = Image.of(s);
    Shape weights = image.flat() ? shape(given.dim(0), given.dim(1), Dim.ONE, given.dim(2)) : given;
    int groups = (int) s.integer("group", 1);
    if (groups < 1 || weights.size().is(0) || weights.dim(0).constant() % groups != 0) {
      throw Site.unsupported("weights of " + given + " are no " + groups + " groups", "");
    }
    s.same(image.shape().dim(3), weights.dim(0), "the channels of the image and of the weights");
    Line h = image.flat() ? new Line(1, 1, 0, 0, 0) : line(s, weights, 0, 2);
    Line w = image.flat() ? line(s, weights, 0, 1) : line(s, weights, 1, 2);
    int outputs = (int) weights.dim(1).constant() * groups;
    Shape shape = image.shape();
    Shape whole =
        shape(
            shape.dim(0),
            h.places(shape.dim(1)).times(Dim.of(h.stride)),
            w.places(shape.dim(2)).times(Dim.of(w.stride)),
            Dim.of(outputs));
    String operand = s.reshaped(s.operand(1), type, given, weights);
    String value = new Phases(s, image, weights, groups, h, w).spread(operand, whole);
    Shape result =
        shape(shape.dim(0), h.output(shape.dim(1)), w.output(shape.dim(2)), Dim.of(outputs));
    value = cut(s, value, whole, result, List.of(0, h.begin, w.begin, 0));
    if (s.has(2)) {
      s.same(s.shape(2).size(), Dim.of(outputs), "the sizes of bias and output channels");
      String bias = s.reshaped(s.operand(2), type, s.shape(2), Shape.of(outputs));
      value = ImageRules.elementwise(s, ImageRules.sum(type), List.of(value, bias), result);
    }
    image.write(s, value, result);
    return true;
  }

  private static boolean isTakenApart(Site s) {
    Shape image = s.shape(0);
    Shape weights = s.shape(1);
    DataType type = s.type(0);
    boolean plain =
        (image.rank() == 3 || image.rank() == 4)
            && weights.rank() == image.rank()
            && weights.isConstant()
            && isReal(type)
            && s.type(1) == type
            && (!s.has(2) || s.type(2) == type)
            && s.constant(1).isPresent()
            && s.ints("output_shape").isEmpty();
    long groups = s.integer("group", 1);
    if (!plain
        || groups < 1
        || weights.size().is(0)
        || weights.dim(0).constant() % groups != 0
        || !allAre(s, "dilations", 1)) {
      return false;
    }
    if (weights.size().constant() <= ORDERED) {
      return true;
    }
    List<Long> kernel = new ArrayList<>();
    for (Dim dim : weights.dims().subList(2, weights.rank())) {
      kernel.add(dim.constant());
    }
    boolean tiled = s.ints("strides").orElse(List.of()).equals(kernel);
    return groups == 1 && tiled && allAre(s, "output_padding", 0);
  }

  private static boolean allAre(Site s, String attribute, long value) {
    for (long number : s.ints(attribute).orElse(List.of())) {
      if (number != value) {
        return false;
      }
    }
    return true;
  }

  private static Line line(Site s, Shape weights, int axis, int axes) {
    int taps = (int) weights.dim(axes == 1 ? 3 : 2 + axis).constant();
    int stride = number(s, "strides", axis, axes, 1);
    int more = number(s, "output_padding", axis, axes, 0);
    if (number(s, "dilations", axis, axes, 1) != 1 || s.ints("output_shape").isPresent()) {
      throw Site.unsupported("it has dilations or an output_shape", "");
    }
    if (number(s, "kernel_shape", axis, axes, taps) != taps) {
      throw Site.unsupported("its kernel_shape is not its weights'", "");
    }
    String auto = s.text("auto_pad", "NOTSET");
    return switch (auto) {
      case "NOTSET", "" ->
          new Line(
              taps,
              stride,
              more,
              number(s, "pads", axis, 2 * axes, 0),
              number(s, "pads", axes + axis, 2 * axes, 0));
      case "VALID" -> new Line(taps, stride, more, 0, 0);
      case "SAME_UPPER", "SAME_LOWER" -> {
        int all = Math.max(taps + more - stride, 0);
        int less = all / 2;
        boolean upper = auto.equals("SAME_UPPER");
        int begin = upper ? less : all - less;
        yield new Line(taps, stride, more + Math.max(stride - taps - more, 0), begin, all - begin);
      }
      default -> throw Site.unsupported("its auto_pad is '" + auto + "'", "");
    };
  }

  private static int number(Site s, String attribute, int index, int count, int otherwise) {
    List<Long> given = s.ints(attribute).orElse(null);
    if (given == null) {
      return otherwise;
    }
    long value = given.size() == count ? given.get(index) : -1;
    if (value < 0 || value > 1 << 16 || (value == 0 && attribute.equals("strides"))) {
      throw Site.unsupported("its " + attribute + " are " + given, "");
    }
    return (int) value;
  }

  private static String cut(Site s, String value, Shape from, Shape to, List<Integer> starts) {
    if (from.equals(to)) {
      return value;
    }
    List<Dim> at = new ArrayList<>();
    for (int i = 0; i < from.rank(); i++) {
      at.add(Dim.of(starts.get(i)));
      if (!from.dim(i).isAtLeast(at.get(i).plus(to.dim(i))) || !to.dim(i).isAtLeast(Dim.ZERO)) {
        throw Site.unsupported("its pads cut more off than " + from + " has", "");
      }
    }
    return s.between(
        "",
        "Slice",
        List.of(value),
        GraphImporter.attributes(
            "starts",
            new Attribute.Dims(at),
            "steps",
            new Attribute.Ints(Collections.nCopies(from.rank(), 1L))),
        s.type(0),
        to);
  }

  /** The phases of all outputs by one convolution, and then each in its place. */
  private record Phases(Site s, Image image, Shape weights, int groups, Line h, Line w) {
    /** The value {@code whole}: {@code [n, strideH·placesH, strideW·placesW, outputs]}. */
    String spread(String operand, Shape whole) {
      Shape shape = image.shape();
      DataType type = s.type(0);
      Dim rows = h.places(shape.dim(1));
      Dim columns = w.places(shape.dim(2));
      Dim phasesH = Dim.of(h.stride);
      Dim phasesW = Dim.of(w.stride);
      Dim group = Dim.of(groups);
      Dim own = weights.dim(1);
      Shape all = shape(shape.dim(0), rows, columns, whole.dim(3).times(phasesH).times(phasesW));
      boolean ordered = weights.size().constant() <= ORDERED;
      boolean product = groups == 1 && h.isTiled() && w.isTiled();
      if (!ordered && !product) {
        throw Site.unsupported(
            "its weights " + weights + " overlap, and are more than " + ORDERED + " numbers", "");
      }
      String value =
          product
              ? product(ordered ? tiles(operand) : operand, all)
              : convolution(taps(operand), all);
      // Channels of the result are the last axis if the weights could be put in that order.
      Shape phases =
          ordered
              ? shape(shape.dim(0), rows, columns, group, phasesH, phasesW, own)
              : shape(shape.dim(0), rows, columns, group, own, phasesH, phasesW);
      List<Long> perm =
          ordered ? List.of(0L, 1L, 4L, 2L, 5L, 3L, 6L) : List.of(0L, 1L, 5L, 2L, 6L, 3L, 4L);
      value = s.reshaped(value, type, all, phases);
      value = s.transposed(value, type, phases, perm);
      return s.reshaped(value, type, phases.permuted(perm), whole);
    }

    /** Weights {@code [ci, co, kh, kw]} as {@code [ci, kh, kw, co]}. */
    private String tiles(String operand) {
      return s.transposed(operand, s.type(0), weights, List.of(0L, 2L, 3L, 1L));
    }

    private String product(String operand, Shape all) {
      DataType type = s.type(0);
      Shape matrix = shape(weights.dim(0), all.dim(3));
      String flat = s.between("", "Reshape", List.of(operand), Map.of(), type, matrix);
      return s.between(Node.QUERN, "MatMul", List.of(image.value(), flat), Map.of(), type, all);
    }

    /**
     * Weights {@code [g·ci, co, kh, kw]} as those of a convolution for all phases, {@code
     * [g·strideH·strideW·co, ci, tapsH, tapsW]}, in the opposite direction.
     */
    private String taps(String operand) {
      DataType type = s.type(0);
      Dim own = weights.dim(1);
      Shape wide =
          shape(
              weights.dim(0),
              own,
              Dim.of((long) h.taps() * h.stride),
              Dim.of((long) w.taps() * w.stride));
      String value = operand;
      if (!wide.equals(weights)) {
        List<Dim> pads = new ArrayList<>(Collections.nCopies(8, Dim.ZERO));
        pads.set(6, wide.dim(2).minus(weights.dim(2)));
        pads.set(7, wide.dim(3).minus(weights.dim(3)));
        value =
            s.between(
                "",
                "Pad",
                List.of(value),
                GraphImporter.attributes(
                    "pads", new Attribute.Dims(pads), "value", new Attribute.Real(0)),
                type,
                wide);
      }
      Dim inputs = Dim.of(weights.dim(0).constant() / groups);
      Shape parts =
          shape(
              Dim.of(groups),
              inputs,
              own,
              Dim.of(h.taps()),
              Dim.of(h.stride),
              Dim.of(w.taps()),
              Dim.of(w.stride));
      value = s.reshaped(value, type, wide, parts);
      value = turned(value, parts);
      List<Long> perm = List.of(0L, 4L, 6L, 2L, 1L, 3L, 5L);
      value = s.transposed(value, type, parts, perm);
      Shape conv =
          shape(
              Dim.of(groups).times(own).times(Dim.of((long) h.stride * w.stride)),
              inputs,
              Dim.of(h.taps()),
              Dim.of(w.taps()));
      return s.reshaped(value, type, parts.permuted(perm), conv);
    }

    private String turned(String value, Shape parts) {
      if (h.taps() == 1 && w.taps() == 1) {
        return value;
      }
      List<Dim> starts = new ArrayList<>(Collections.nCopies(7, Dim.ZERO));
      List<Long> steps = new ArrayList<>(Collections.nCopies(7, 1L));
      starts.set(3, Dim.of(h.taps() - 1));
      starts.set(5, Dim.of(w.taps() - 1));
      steps.set(3, -1L);
      steps.set(5, -1L);
      return s.between(
          "",
          "Slice",
          List.of(value),
          GraphImporter.attributes(
              "starts", new Attribute.Dims(starts), "steps", new Attribute.Ints(steps)),
          s.type(0),
          parts);
    }

    private String convolution(String operand, Shape all) {
      List<Dim> pads =
          List.of(
              Dim.of(h.taps() - 1), Dim.of(w.taps() - 1), Dim.of(h.behind()), Dim.of(w.behind()));
      Window window = new Window(h.taps(), w.taps(), 1, 1, 1, 1, pads);
      Map<String, Attribute> attributes = window.attributes();
      attributes.put("group", new Attribute.Int(groups));
      return s.between(
          Node.QUERN, "Conv", List.of(image.value(), operand), attributes, s.type(0), all);
    }
  }
}
