package dev.quern.graph;

import static dev.quern.graph.ElementwiseOp.ADD;
import static dev.quern.graph.ElementwiseOp.MUL;

import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * Resize and Upsample, axis by axis. Where an axis has a known size, it becomes gathers and
 * weighted sums, which have fast kernels; otherwise the reference's kernel computes the places in
 * each run.
 */
final class ResizeRules {
  /** The largest denominator of a scale of an axis whose size is not known. */
  private static final int DENOMINATOR = 64;

  private final Site s;
  private final Compose c;
  private final Shape shape;
  private final Interpolation interpolation;
  private final double outsideValue;
  private final List<Dim> sizes;
  private final double[] scales;
  private final double[] starts;
  private final double[] ends;

  private ResizeRules(Site s, Interpolation interpolation) {
    this.s = s;
    this.interpolation = interpolation;
    c = new Compose(s);
    shape = s.shape(0);
    outsideValue = (float) s.real("extrapolation_value", 0);
    sizes = new ArrayList<>(shape.dims());
    scales = new double[shape.rank()];
    starts = new double[shape.rank()];
    ends = new double[shape.rank()];
    java.util.Arrays.fill(scales, 1);
    java.util.Arrays.fill(ends, 1);
  }

  /** Upsample, of versions 7 and 9: places by division alone. */
  static void upsample(Site s) {
    String mode = s.text("mode", "nearest");
    ResizeRules rule =
        new ResizeRules(s, new Interpolation(mode, "asymmetric", "floor", -0.75, false, false));
    List<Double> scales =
        s.opset() < 9
            ? s.reals("scales").orElseThrow(() -> Site.unsupported("it has no scales", ""))
            : reals(s, 1, "scales");
    rule.scale(scales, all(s.shape(0).rank()));
    rule.write();
  }

  static void resize(Site s) {
    if (UpscaleRules.resize(s)) {
      return;
    }
    String mode = s.text("mode", "nearest");
    boolean old = s.opset() < 11;
    String coordinates =
        s.text("coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
    String nearest = s.text("nearest_mode", old ? "floor" : "round_prefer_floor");
    ResizeRules rule =
        new ResizeRules(
            s,
            new Interpolation(
                mode,
                coordinates,
                nearest,
                (float) s.real("cubic_coeff_a", -0.75),
                s.integer("exclude_outside", 0) != 0,
                s.integer("antialias", 0) != 0));
    List<Long> axes = new ArrayList<>();
    for (long axis : s.ints("axes").orElse(all(s.shape(0).rank()))) {
      axes.add((long) s.axis(axis, s.shape(0).rank()));
    }
    int scales = old ? 1 : 2;
    boolean hasSizes = !old && s.has(3) && !s.shape(3).size().is(0);
    if (coordinates.equals("tf_crop_and_resize")) {
      rule.region(reals(s, 1, "roi"), axes);
    }
    if (hasSizes) {
      rule.sizes(s.sizes(3, "sizes"), axes);
    } else {
      rule.scale(reals(s, scales, "scales"), axes);
    }
    rule.write();
  }

  private static List<Long> all(int rank) {
    List<Long> axes = new ArrayList<>();
    for (long axis = 0; axis < rank; axis++) {
      axes.add(axis);
    }
    return axes;
  }

  private static List<Double> reals(Site s, int input, String what) {
    if (!s.has(input) || s.constant(input).isEmpty()) {
      throw Site.unsupported(
          "its " + what + " are computed from data", "only constants can be used there");
    }
    Constant constant = s.constant(input).get();
    List<Double> values = new ArrayList<>();
    for (long i = 0; i < constant.size(); i++) {
      values.add(constant.number(i));
    }
    return values;
  }

  private void region(List<Double> roi, List<Long> axes) {
    if (roi.size() != 2 * axes.size()) {
      throw Site.unsupported("its region " + roi + " does not fit its axes", "");
    }
    for (int i = 0; i < axes.size(); i++) {
      starts[axes.get(i).intValue()] = roi.get(i);
      ends[axes.get(i).intValue()] = roi.get(axes.size() + i);
    }
  }

  private void scale(List<Double> given, List<Long> axes) {
    if (given.size() != axes.size()) {
      throw Site.unsupported("its scales " + given + " do not fit " + shape, "");
    }
    for (int i = 0; i < given.size(); i++) {
      int axis = axes.get(i).intValue();
      double scale = given.get(i);
      if (!(scale > 0 && scale < 1 << 16)) {
        throw Site.unsupported("its scales are " + given, "");
      }
      scales[axis] = scale;
      Dim size = shape.dim(axis);
      boolean crops = interpolation.coordinates().equals("tf_crop_and_resize");
      double factor = crops ? scale * (ends[axis] - starts[axis]) : scale;
      sizes.set(
          axis,
          size.isConstant()
              ? Dim.of((long) Math.floor(size.constant() * factor + 1e-6))
              : scaled(size, factor));
    }
  }

  /** A size that is not known times a ratio of small whole numbers, rounded down. */
  private static Dim scaled(Dim size, double scale) {
    for (int q = 1; q <= DENOMINATOR; q++) {
      double p = scale * q;
      if (Math.abs(p - Math.floor(p + 0.5)) < 1e-6 * p) {
        return size.times(Dim.of((long) Math.floor(p + 0.5))).dividedBy(Dim.of(q));
      }
    }
    throw Site.unsupported(
        "the size " + size + " is scaled by a ratio of large numbers", "use sizes instead");
  }

  private void sizes(List<Dim> given, List<Long> axes) {
    if (given.size() != axes.size()) {
      throw Site.unsupported("its sizes " + given + " do not fit " + shape, "");
    }
    for (int i = 0; i < given.size(); i++) {
      int axis = axes.get(i).intValue();
      sizes.set(axis, given.get(i));
      scales[axis] = ratio(given.get(i), shape.dim(axis));
    }
    String policy = s.text("keep_aspect_ratio_policy", "stretch");
    if (policy.equals("stretch")) {
      return;
    }
    double least = Double.POSITIVE_INFINITY;
    double most = 0;
    for (long axis : axes) {
      least = Math.min(least, scales[(int) axis]);
      most = Math.max(most, scales[(int) axis]);
    }
    double scale = policy.equals("not_larger") ? least : most;
    for (long axis : axes) {
      if (!shape.dim((int) axis).isConstant()) {
        throw Site.unsupported("it keeps the ratio of sizes that are known at run time only", "");
      }
      long size = shape.dim((int) axis).constant();
      scales[(int) axis] = scale;
      sizes.set((int) axis, Dim.of((long) Math.floor(size * scale + 0.5)));
    }
  }

  /** The ratio of two sizes; 0 where a run has to compute it. */
  private static double ratio(Dim to, Dim from) {
    if (to.isConstant() && from.isConstant() && !from.is(0)) {
      return (double) to.constant() / from.constant();
    }
    return to.equals(from) ? 1 : 0;
  }

  private void write() {
    String mode = interpolation.mode();
    if (!List.of("nearest", "linear", "cubic").contains(mode)) {
      throw Site.unsupported("its mode is '" + mode + "'", "");
    }
    DataType type = s.type(0);
    if (!type.isFloating() && !mode.equals("nearest")) {
      throw Site.unsupported("it interpolates " + type.label(), "cast to f32");
    }
    boolean constant = true;
    for (int axis = 0; axis < shape.rank(); axis++) {
      constant &=
          isUntouched(axis) || (shape.dim(axis).isConstant() && sizes.get(axis).isConstant());
    }
    if (!constant) {
      c.output(0, c.host("Resize", List.of(c.input(0)), attributes(), type, new Shape(sizes)));
      return;
    }
    Value value = c.input(0);
    if (!mode.equals("nearest") && type != DataType.DOUBLE) {
      value = c.cast(value, DataType.FLOAT);
    }
    for (int axis = 0; axis < shape.rank(); axis++) {
      if (!isUntouched(axis)) {
        value = resized(value, axis);
      }
    }
    c.output(0, c.cast(value, type));
  }

  private boolean isUntouched(int axis) {
    return scales[axis] == 1
        && sizes.get(axis).equals(shape.dim(axis))
        && starts[axis] == 0
        && ends[axis] == 1;
  }

  private Value resized(Value value, int axis) {
    int to = (int) sizes.get(axis).constant();
    int from = (int) shape.dim(axis).constant();
    Interpolation.Taps taps = interpolation.taps(from, to, scales[axis], starts[axis], ends[axis]);
    Value sum = null;
    for (int tap = 0; tap < taps.count(); tap++) {
      List<Long> places = new ArrayList<>();
      double[] weights = new double[to];
      for (int i = 0; i < to; i++) {
        places.add((long) taps.places()[i][tap]);
        weights[i] = taps.weights()[i][tap];
      }
      Value part = c.gather(value, axis, places);
      if (taps.count() > 1) {
        part = c.apply(MUL, part, along(axis, value.type(), weights));
      }
      sum = sum == null ? part : c.apply(ADD, sum, part);
    }
    return interpolation.coordinates().equals("tf_crop_and_resize")
        ? masked(sum, axis, taps.outside())
        : sum;
  }

  /** Numbers along one axis of the result. */
  private Value along(int axis, DataType type, double[] numbers) {
    List<Dim> dims = new ArrayList<>(List.of(Dim.of(numbers.length)));
    dims.addAll(Collections.nCopies(shape.rank() - 1 - axis, Dim.ONE));
    return c.constant(Constants.numbers("", type, new Shape(dims), numbers));
  }

  private Value masked(Value value, int axis, boolean[] outside) {
    double[] bits = new double[outside.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = outside[i] ? 1 : 0;
    }
    DataType type = value.type();
    ProgramBuilder p = new ProgramBuilder(List.of(DataType.BOOL, type));
    p.op(ElementwiseOp.WHERE, 0, p.constant(type, outsideValue), 1);
    return c.apply(p, along(axis, DataType.BOOL, bits), value);
  }

  private Map<String, Attribute> attributes() {
    List<Double> ratios = new ArrayList<>();
    List<Double> roi = new ArrayList<>();
    for (int i = 0; i < scales.length; i++) {
      ratios.add(scales[i]);
      roi.add(starts[i]);
      roi.add(ends[i]);
    }
    Map<String, Attribute> attributes =
        GraphImporter.attributes(
            "mode", new Attribute.Text(interpolation.mode()),
            "coordinates", new Attribute.Text(interpolation.coordinates()),
            "nearest", new Attribute.Text(interpolation.nearest()),
            "cubic", new Attribute.Real(interpolation.cubic()),
            "exclude_outside", new Attribute.Int(interpolation.excludeOutside() ? 1 : 0),
            "antialias", new Attribute.Int(interpolation.antialias() ? 1 : 0),
            "extrapolation", new Attribute.Real(outsideValue));
    attributes.put("scales", new Attribute.Reals(ratios));
    attributes.put("roi", new Attribute.Reals(roi));
    return attributes;
  }
}
