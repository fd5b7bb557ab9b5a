package dev.quern.graph;

/**
 * Where the elements of a resized axis come from: each is a weighted sum of the same number of old
 * elements. The definitions are those of ONNX's operator Resize.
 *
 * @param mode {@code nearest}, {@code linear} or {@code cubic}
 * @param coordinates how a new place becomes an old one, such as {@code half_pixel}
 * @param nearest how {@code nearest} rounds
 * @param cubic the coefficient of {@code cubic}, mostly -0.75
 * @param excludeOutside whether elements beyond the ends have no weight
 * @param antialias whether shrinking widens the filter
 */
public record Interpolation(
    String mode,
    String coordinates,
    String nearest,
    double cubic,
    boolean excludeOutside,
    boolean antialias) {
  /**
   * Places and weights, {@code [outputs][taps]}.
   *
   * @param outside outputs whose place lies beyond the axis, for {@code tf_crop_and_resize}
   */
  public record Taps(int[][] places, double[][] weights, boolean[] outside) {
    /** The number of elements that make one. */
    public int count() {
      return places.length == 0 ? 0 : places[0].length;
    }
  }

  /** The interpolation that a node's attributes describe. */
  public static Interpolation of(Node node) {
    return new Interpolation(
        node.text("mode", "nearest"),
        node.text("coordinates", "half_pixel"),
        node.text("nearest", "round_prefer_floor"),
        node.real("cubic", -0.75),
        node.integer("exclude_outside", 0) != 0,
        node.integer("antialias", 0) != 0);
  }

  /**
   * The taps of one axis.
   *
   * @param from the old size
   * @param to the new size
   * @param scale the ratio that was asked for, near {@code to / from}
   * @param start the first place of the region, from 0 to 1, for {@code tf_crop_and_resize}
   * @param end its last place
   */
  public Taps taps(int from, int to, double scale, double start, double end) {
    int[][] places = new int[to][];
    double[][] weights = new double[to][];
    boolean[] outside = new boolean[to];
    for (int i = 0; i < to; i++) {
      double x = place(i, from, to, scale, start, end);
      outside[i] = coordinates.equals("tf_crop_and_resize") && (x < 0 || x > from - 1);
      if (mode.equals("nearest")) {
        places[i] = new int[] {Math.clamp((long) rounded(x), 0, from - 1)};
        weights[i] = new double[] {1};
      } else {
        filter(i, x, from, Math.min(scale, 1), places, weights);
      }
    }
    return new Taps(places, weights, outside);
  }

  private double place(int i, int from, int to, double scale, double start, double end) {
    return switch (coordinates) {
      case "asymmetric" -> i / scale;
      case "align_corners" -> {
        // The size that was asked for, before it was rounded down.
        double size = scale * from;
        yield to == 1 || size == 1 ? 0 : i * (from - 1) / (size - 1);
      }
      case "pytorch_half_pixel" -> to > 1 ? (i + 0.5) / scale - 0.5 : 0;
      case "tf_half_pixel_for_nn" -> (i + 0.5) / scale;
      case "tf_crop_and_resize" ->
          to > 1
              ? start * (from - 1) + i * (end - start) * (from - 1) / (to - 1)
              : 0.5 * (start + end) * (from - 1);
      case "half_pixel_symmetric" -> {
        double adjustment = to / (scale * from);
        yield from / 2.0 * (1 - adjustment) + (i + 0.5) / scale - 0.5;
      }
      default -> (i + 0.5) / scale - 0.5;
    };
  }

  private double rounded(double x) {
    return switch (nearest) {
      case "floor" -> Math.floor(x);
      case "ceil" -> Math.ceil(x);
      case "round_prefer_ceil" -> Math.floor(x + 0.5);
      default -> Math.ceil(x - 0.5);
    };
  }

  /** The elements from the floor of x on, and some before: two, four, or more if it shrinks. */
  private void filter(int i, double x, int from, double scale, int[][] places, double[][] weights) {
    double shrink = antialias ? scale : 1;
    int reach = mode.equals("cubic") ? 2 : 1;
    int first = (int) Math.floor(-reach / shrink) + 1;
    int count = antialias ? 2 * (1 - first) : 2 * reach;
    int floor = (int) Math.floor(x);
    places[i] = new int[count];
    weights[i] = new double[count];
    double sum = 0;
    for (int j = 0; j < count; j++) {
      int at = floor + first + j;
      double distance = Math.abs(x - at) * shrink;
      boolean counts = !excludeOutside || (at >= 0 && at < from);
      places[i][j] = Math.clamp(at, 0, from - 1);
      weights[i][j] = counts ? weight(distance) : 0;
      sum += weights[i][j];
    }
    if (excludeOutside || antialias) {
      for (int j = 0; j < count; j++) {
        weights[i][j] /= sum;
      }
    }
  }

  private double weight(double t) {
    if (!mode.equals("cubic")) {
      return Math.max(0, 1 - t);
    }
    double a = cubic;
    if (t <= 1) {
      return ((a + 2) * t - (a + 3)) * t * t + 1;
    }
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
  }
}
