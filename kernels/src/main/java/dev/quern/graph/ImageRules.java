package dev.quern.graph;

import dev.quern.onnx.DataType;
import dev.quern.onnx.Lists;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Convolutions, pools and what goes with them. ONNX lays images out as {@code [n, c, h, w]}; the
 * canonical operators want {@code [n, h, w, c]}, so that a convolution by one element is a matrix
 * product and vectors run along channels. Each rule writes a transpose before and behind; a pass
 * cancels those between neighbours. One spatial axis becomes two, the first of size 1.
 */
final class ImageRules {
  private static final List<Long> CHANNELS_LAST = List.of(0L, 2L, 3L, 1L);
  private static final List<Long> CHANNELS_FIRST = List.of(0L, 3L, 1L, 2L);
  private static final List<Long> LINE = List.of(0L, 2L, 1L);

  private ImageRules() {}

  /** An image on its way into a canonical operator and back. */
  record Image(String value, Shape shape, boolean flat) {
    /** The input, with its channels last; {@code flat} if it has one spatial axis. */
    static Image of(Site s) {
      Shape shape = s.shape(0);
      if (shape.rank() != 3 && shape.rank() != 4) {
        throw Site.unsupported(
            "its input " + shape + " has " + (shape.rank() - 2) + " spatial axes",
            "one and two are supported");
      }
      boolean flat = shape.rank() == 3;
      List<Long> perm = flat ? LINE : CHANNELS_LAST;
      String turned = s.transposed(s.operand(0), s.type(0), shape, perm);
      Shape last = shape.permuted(perm);
      Shape square =
          flat ? new Shape(List.of(last.dim(0), Dim.ONE, last.dim(1), last.dim(2))) : last;
      return new Image(s.reshaped(turned, s.type(0), last, square), square, flat);
    }

    /** Writes a value {@code [n, h, w, c]} as the node's output. */
    void write(Site s, String value, Shape result) {
      Shape last = flat ? new Shape(List.of(result.dim(0), result.dim(2), result.dim(3))) : result;
      List<Long> perm = flat ? LINE : CHANNELS_FIRST;
      s.node(
          0,
          "",
          "Transpose",
          List.of(s.reshaped(value, s.type(0), result, last)),
          Map.of("perm", new Attribute.Ints(perm)),
          s.type(0),
          last.permuted(perm));
    }
  }

  static void conv(Site s) {
    DataType type = s.type(0);
    if (s.type(1) != type || (s.has(2) && s.type(2) != type)) {
      throw Site.unsupported("its input and weights have different types", "");
    }
    Shape given = s.shape(1);
    if (given.rank() != s.shape(0).rank() || !given.isConstant()) {
      throw Site.unsupported("its weights " + given + " do not fit " + s.shape(0), "");
    }
    Image image = Image.of(s);
    Shape weights =
        image.flat ? new Shape(List.of(given.dim(0), given.dim(1), Dim.ONE, given.dim(2))) : given;
    long groups = s.integer("group", 1);
    long outputs = weights.dim(0).constant();
    if (groups < 1 || outputs % groups != 0 || weights.size().is(0)) {
      throw Site.unsupported("weights of " + given + " are no " + groups + " groups", "");
    }
    s.same(
        image.shape.dim(3),
        weights.dim(1).times(Dim.of(groups)),
        "the channels of the image and of the weights");
    long[] kernel = {weights.dim(2).constant(), weights.dim(3).constant()};
    requireKernel(s, kernel, image.flat);
    Window window = window(s, image, kernel, false);
    Shape result = result(s, window, image.shape, Dim.of(outputs));
    String operand = s.reshaped(s.operand(1), type, given, weights);
    String product;
    if (window.isPointwise() && groups == 1) {
      Shape matrix = new Shape(List.of(weights.dim(0), weights.dim(1)));
      product =
          s.between(
              Node.QUERN,
              "MatMul",
              List.of(image.value, s.reshaped(operand, type, weights, matrix)),
              Map.of("transB", new Attribute.Int(1)),
              type,
              result);
    } else {
      Map<String, Attribute> attributes = window.attributes();
      attributes.put("group", new Attribute.Int(groups));
      product =
          s.between(Node.QUERN, "Conv", List.of(image.value, operand), attributes, type, result);
    }
    if (s.has(2)) {
      s.same(s.shape(2).size(), Dim.of(outputs), "the sizes of bias and output channels");
      String bias = s.reshaped(s.operand(2), type, s.shape(2), Shape.of(outputs));
      product = elementwise(s, sum(type), List.of(product, bias), result);
    }
    image.write(s, product, result);
  }

  static ElementwiseProgram sum(DataType type) {
    return ElementwiseProgram.single(ElementwiseOp.ADD, type, List.of(type, type));
  }

  static String elementwise(
      Site s, ElementwiseProgram program, List<String> operands, Shape shape) {
    return s.between(
        Node.QUERN,
        "Elementwise",
        operands,
        Map.of("program", new Attribute.Program(program)),
        program.result(),
        shape);
  }

  /** Fails if the attribute {@code kernel_shape} is there and differs from the weights'. */
  private static void requireKernel(Site s, long[] kernel, boolean flat) {
    Optional<List<Long>> said = s.ints("kernel_shape");
    List<Long> has = flat ? List.of(kernel[1]) : List.of(kernel[0], kernel[1]);
    if (said.isPresent() && !said.get().equals(has)) {
      throw Site.unsupported(
          "its kernel_shape "
              + Lists.numbers(said.get())
              + " is not its weights' "
              + Lists.numbers(has),
          "");
    }
  }

  // Windows.

  /** One number for each of the two spatial axes. */
  private static long[] pair(Site s, String attribute, boolean flat, long otherwise) {
    Optional<List<Long>> given = s.ints(attribute);
    if (given.isEmpty()) {
      return new long[] {otherwise, otherwise};
    }
    List<Long> list = given.get();
    if (list.size() != (flat ? 1 : 2)) {
      throw Site.unsupported(
          "its " + attribute + " " + Lists.numbers(list) + " does not fit its axes", "");
    }
    for (long value : list) {
      if (value < 1 || value > 1 << 16) {
        throw Site.unsupported("its " + attribute + " are " + Lists.numbers(list), "");
      }
    }
    return flat ? new long[] {1, list.get(0)} : new long[] {list.get(0), list.get(1)};
  }

  private static Window window(Site s, Image image, long[] kernel, boolean pool) {
    boolean flat = image.flat;
    long[] strides = pair(s, "strides", flat, 1);
    long[] dilations = pair(s, "dilations", flat, 1);
    List<Dim> pads = pads(s, image, kernel, strides, dilations);
    Window window =
        new Window(
            (int) kernel[0],
            (int) kernel[1],
            (int) strides[0],
            (int) strides[1],
            (int) dilations[0],
            (int) dilations[1],
            pads);
    return pool && s.integer("ceil_mode", 0) != 0 ? roundedUp(window, image.shape) : window;
  }

  private static List<Dim> pads(
      Site s, Image image, long[] kernel, long[] strides, long[] dilations) {
    String auto = s.text("auto_pad", "NOTSET");
    List<Dim> pads = new ArrayList<>(Collections.nCopies(4, Dim.ZERO));
    switch (auto) {
      case "NOTSET", "" -> {
        Optional<List<Long>> given = s.ints("pads");
        if (given.isEmpty()) {
          return pads;
        }
        List<Long> list = given.get();
        int axes = image.flat ? 1 : 2;
        if (list.size() != 2 * axes) {
          throw Site.unsupported("its pads " + Lists.numbers(list) + " do not fit its axes", "");
        }
        for (int i = 0; i < list.size(); i++) {
          if (list.get(i) < 0) {
            throw Site.unsupported(
                "its pads " + Lists.numbers(list) + " are negative", "use Slice");
          }
          // Before and behind: first all axes' beginnings, then their ends.
          int axis = image.flat ? 1 : i % 2;
          pads.set(i / axes * 2 + axis, Dim.of(list.get(i)));
        }
      }
      case "VALID" -> {}
      case "SAME_UPPER", "SAME_LOWER" -> {
        for (int axis = image.flat ? 1 : 0; axis < 2; axis++) {
          Dim size = image.shape.dim(1 + axis);
          Dim stride = Dim.of(strides[axis]);
          Dim out = size.plus(Dim.of(strides[axis] - 1)).dividedBy(stride);
          long extent = (kernel[axis] - 1) * dilations[axis] + 1;
          Dim needed = out.minus(Dim.ONE).times(stride).plus(Dim.of(extent));
          Dim all = needed.minus(size).max(Dim.ZERO);
          Dim less = all.dividedBy(Dim.of(2));
          Dim more = all.minus(less);
          pads.set(axis, auto.equals("SAME_UPPER") ? less : more);
          pads.set(2 + axis, auto.equals("SAME_UPPER") ? more : less);
        }
      }
      default -> throw Site.unsupported("its auto_pad is '" + auto + "'", "");
    }
    return pads;
  }

  /**
   * The window of a pool whose last one may hang over the end, unless it lies beyond the image
   * altogether.
   */
  private static Window roundedUp(Window w, Shape image) {
    List<Dim> pads = new ArrayList<>(w.pads());
    int[] extents = {w.extentH(), w.extentW()};
    int[] strides = {w.strideH(), w.strideW()};
    for (int axis = 0; axis < 2; axis++) {
      Dim size = image.dim(1 + axis);
      Dim stride = Dim.of(strides[axis]);
      Dim before = size.plus(pads.get(axis));
      Dim free = before.plus(pads.get(2 + axis)).minus(Dim.of(extents[axis]));
      // The last window starts at the latest at the image's last row or column.
      Dim steps = free.plus(Dim.of(strides[axis] - 1)).dividedBy(stride);
      steps = steps.min(before.minus(Dim.ONE).dividedBy(stride));
      pads.set(2 + axis, steps.times(stride).plus(Dim.of(extents[axis])).minus(before));
    }
    return new Window(
        w.kernelH(), w.kernelW(), w.strideH(), w.strideW(), w.dilationH(), w.dilationW(), pads);
  }

  private static Shape result(Site s, Window window, Shape image, Dim channels) {
    Dim h;
    Dim w;
    if (s.text("auto_pad", "").startsWith("SAME")) {
      // The same as from the pads, but the pads of a size that is not known are no simple number.
      h = image.dim(1).plus(Dim.of(window.strideH() - 1)).dividedBy(Dim.of(window.strideH()));
      w = image.dim(2).plus(Dim.of(window.strideW() - 1)).dividedBy(Dim.of(window.strideW()));
    } else {
      h = positive(s, window.outputH(image.dim(1)));
      w = positive(s, window.outputW(image.dim(2)));
    }
    return new Shape(List.of(image.dim(0), h, w, channels));
  }

  private static Dim positive(Site s, Dim size) {
    return s.same(size, size.max(Dim.ONE), "the output's size and 1: the window is too large,");
  }

  // Pools.

  static void maxPool(Site s) {
    if (s.wants(1)) {
      throw Site.unsupported("its output of indices is not supported", "remove what uses it");
    }
    pool(s, "MaxPool", Map.of());
  }

  static void averagePool(Site s) {
    boolean all = s.integer("count_include_pad", 0) != 0;
    pool(s, "AveragePool", Map.of("count_include_pad", new Attribute.Int(all ? 1 : 0)));
  }

  private static void pool(Site s, String op, Map<String, Attribute> further) {
    if (s.ints("kernel_shape").isEmpty()) {
      throw Site.unsupported("it has no kernel_shape", "");
    }
    Image image = Image.of(s);
    Window window = window(s, image, pair(s, "kernel_shape", image.flat, 1), true);
    Shape result = result(s, window, image.shape, image.shape.dim(3));
    Map<String, Attribute> attributes = window.attributes();
    attributes.putAll(further);
    String pooled = s.between(Node.QUERN, op, List.of(image.value), attributes, s.type(0), result);
    image.write(s, pooled, result);
  }

  /** A reduction over all spatial axes. */
  static void globalPool(Site s, String reduction) {
    Shape shape = s.shape(0);
    if (shape.rank() < 3) {
      throw Site.unsupported("its input " + shape + " has no spatial axes", "");
    }
    List<Long> axes = new ArrayList<>();
    List<Dim> dims = new ArrayList<>(shape.dims().subList(0, 2));
    for (int axis = 2; axis < shape.rank(); axis++) {
      axes.add((long) axis);
      dims.add(Dim.ONE);
    }
    s.node(
        0,
        "",
        reduction,
        List.of(s.operand(0)),
        GraphImporter.attributes(
            "axes", new Attribute.Ints(axes), "keepdims", new Attribute.Int(1)),
        s.type(0),
        new Shape(dims));
  }

  /**
   * {@code x · a + (bias - mean · a)} with {@code a = scale / √(var + ε)}, a vector that folds to a
   * constant.
   */
  static void batchNormalization(Site s) {
    if (s.integer("training_mode", 0) != 0 || s.wants(1)) {
      throw Site.unsupported("it is in training mode", "export the model for inference");
    }
    if (s.integer("spatial", 1) == 0) {
      throw Site.unsupported("it normalises each element on its own", "");
    }
    DataType type = s.type(0);
    Shape shape = s.shape(0);
    if (shape.rank() < 2) {
      throw Site.unsupported("its input " + shape + " has no channels", "");
    }
    Dim channels = shape.dim(1);
    Shape vector = new Shape(List.of(channels));
    List<String> given = new ArrayList<>();
    for (int i = 1; i <= 4; i++) {
      if (s.type(i) != type) {
        throw Site.unsupported("its inputs have different types", "");
      }
      s.same(s.shape(i).size(), channels, "the sizes of input " + i + " and of the channels");
      given.add(s.reshaped(s.operand(i), type, s.shape(i), vector));
    }
    ProgramBuilder factor = new ProgramBuilder(List.of(type, type));
    int epsilon = factor.constant(type, (float) s.real("epsilon", 1e-5f));
    factor.op(
        ElementwiseOp.DIV,
        0,
        factor.op(ElementwiseOp.SQRT, factor.op(ElementwiseOp.ADD, 1, epsilon)));
    String a = elementwise(s, factor.build(), List.of(given.get(0), given.get(3)), vector);
    ProgramBuilder shift = new ProgramBuilder(List.of(type, type, type));
    shift.op(ElementwiseOp.SUB, 0, shift.op(ElementwiseOp.MUL, 1, 2));
    String b = elementwise(s, shift.build(), List.of(given.get(1), given.get(2), a), vector);
    List<Dim> broad = new ArrayList<>(List.of(channels));
    broad.addAll(Collections.nCopies(shape.rank() - 2, Dim.ONE));
    ProgramBuilder line = new ProgramBuilder(List.of(type, type, type));
    line.op(ElementwiseOp.ADD, line.op(ElementwiseOp.MUL, 0, 1), 2);
    s.node(
        0,
        Node.QUERN,
        "Elementwise",
        List.of(
            s.operand(0),
            s.reshaped(a, type, vector, new Shape(broad)),
            s.reshaped(b, type, vector, new Shape(broad))),
        Map.of("program", new Attribute.Program(line.build())),
        type,
        shape);
  }

  // Pad.

  /** Writes a pad by the tensor's own elements. */
  @FunctionalInterface
  interface OtherPad {
    /**
     * Writes the node's output.
     *
     * @param pads what is added to each axis before, then behind
     * @param cut what is left of the input where pads are negative, from {@code starts} on
     */
    void write(Site s, String mode, List<Dim> pads, Shape cut, List<Dim> starts, Shape result);
  }

  /** Widens axes by a constant; what is negative is cut off first. */
  static void pad(Site s) {
    pad(
        s,
        (site, mode, pads, cut, starts, result) -> {
          throw Site.unsupported("its mode is '" + mode + "'", "only 'constant' is supported");
        });
  }

  /** The same, and other modes as given. */
  static void pad(Site s, OtherPad other) {
    String mode = s.text("mode", "constant");
    if (!List.of("constant", "reflect", "edge", "wrap").contains(mode)) {
      throw Site.unsupported("its mode is '" + mode + "'", "");
    }
    Shape shape = s.shape(0);
    int rank = shape.rank();
    List<Dim> given = padSizes(s);
    List<Long> axes = new ArrayList<>();
    if (s.opset() >= 18 && s.has(3)) {
      for (long axis : s.constants(3, "axes")) {
        axes.add((long) s.axis(axis, rank));
      }
    } else {
      for (long axis = 0; axis < rank; axis++) {
        axes.add(axis);
      }
    }
    if (given.size() != 2 * axes.size()) {
      throw Site.unsupported("its pads " + Shape.text(given) + " do not fit " + shape, "");
    }
    List<Dim> pads = new ArrayList<>(Collections.nCopies(2 * rank, Dim.ZERO));
    List<Dim> starts = new ArrayList<>(Collections.nCopies(rank, Dim.ZERO));
    List<Dim> cut = new ArrayList<>(shape.dims());
    List<Dim> dims = new ArrayList<>(shape.dims());
    for (int i = 0; i < axes.size(); i++) {
      int axis = axes.get(i).intValue();
      Dim before = given.get(i);
      Dim behind = given.get(axes.size() + i);
      starts.set(axis, Dim.ZERO.minus(before.min(Dim.ZERO)));
      Dim less = before.min(Dim.ZERO).plus(behind.min(Dim.ZERO));
      cut.set(axis, shape.dim(axis).plus(less));
      pads.set(axis, before.max(Dim.ZERO));
      pads.set(rank + axis, behind.max(Dim.ZERO));
      dims.set(axis, shape.dim(axis).plus(before).plus(behind));
      if (!cut.get(axis).isAtLeast(Dim.ZERO)) {
        throw Site.unsupported(
            "its pads " + Shape.text(given) + " cut more off than " + shape + " has", "");
      }
    }
    if (!mode.equals("constant")) {
      other.write(s, mode, pads, new Shape(cut), starts, new Shape(dims));
      return;
    }
    String operand = s.operand(0);
    if (!cut.equals(shape.dims())) {
      Map<String, Attribute> slice =
          GraphImporter.attributes(
              "starts",
              new Attribute.Dims(starts),
              "steps",
              new Attribute.Ints(Collections.nCopies(rank, 1L)));
      operand = s.between("", "Slice", List.of(operand), slice, s.type(0), new Shape(cut));
    }
    s.node(
        0,
        "",
        "Pad",
        List.of(operand),
        GraphImporter.attributes(
            "pads", new Attribute.Dims(pads), "value", new Attribute.Real(padValue(s))),
        s.type(0),
        new Shape(dims));
  }

  private static List<Dim> padSizes(Site s) {
    if (s.opset() >= 11) {
      return s.sizes(1, "pads");
    }
    List<Dim> pads = new ArrayList<>();
    for (long pad : s.ints("pads").orElseThrow(() -> Site.unsupported("it has no pads", ""))) {
      pads.add(Dim.of(pad));
    }
    return pads;
  }

  private static double padValue(Site s) {
    if (s.opset() < 11) {
      return s.real("value", 0);
    }
    if (!s.has(2)) {
      return 0;
    }
    Constant value = s.constant(2).orElse(null);
    if (value == null && s.contents(2).isPresent()) {
      return s.constants(2, "value").getFirst();
    }
    if (value == null || value.size() != 1) {
      throw Site.unsupported("its value is no constant", "");
    }
    return value.number(0);
  }
}
