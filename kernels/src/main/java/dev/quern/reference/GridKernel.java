package dev.quern.reference;

import dev.quern.graph.Attribute;
import dev.quern.graph.Interpolation;
import dev.quern.graph.Node;
import java.util.List;

/** Images at other places: those of a grid that is given, or of another size. */
final class GridKernel {
  private final Tensor image;
  private final String mode;
  private final String padding;
  private final boolean align;
  private final int h;
  private final int w;

  private GridKernel(Interpreter.Call call) {
    Node node = call.node();
    image = call.input(0);
    mode = node.text("mode", "linear");
    padding = node.text("padding", "zeros");
    align = node.integer("align", 0) != 0;
    h = (int) image.dims()[2];
    w = (int) image.dims()[3];
  }

  /** The image {@code [n, c, h, w]} at the places of a grid {@code [n, oh, ow, 2]} of -1 to 1. */
  static Tensor gridSample(Interpreter.Call call) {
    GridKernel kernel = new GridKernel(call);
    Tensor grid = call.input(1);
    long[] dims = call.dims();
    int places = (int) (dims[2] * dims[3]);
    Tensor result = Tensor.zeros(call.type(), dims);
    for (int n = 0; n < dims[0]; n++) {
      for (int i = 0; i < places; i++) {
        double x = kernel.place(grid.number((n * places + i) * 2), kernel.w);
        double y = kernel.place(grid.number((n * places + i) * 2 + 1), kernel.h);
        for (int c = 0; c < dims[1]; c++) {
          int plane = n * (int) dims[1] + c;
          result.set(plane * places + i, kernel.sample(plane, y, x));
        }
      }
    }
    return result;
  }

  private double place(double at, int size) {
    double x = align ? (at + 1) / 2 * (size - 1) : ((at + 1) * size - 1) / 2;
    if (mode.equals("cubic")) {
      return x;
    }
    if (padding.equals("border")) {
      return Math.clamp(x, 0.0, size - 1.0);
    }
    return padding.equals("reflection") ? reflected(x, size) : x;
  }

  /** Back and forth between the ends: the outermost elements' centres, or their edges. */
  private double reflected(double x, int size) {
    double low = align ? 0 : -0.5;
    double high = align ? size - 1 : size - 0.5;
    double length = high - low;
    if (length <= 0) {
      return 0;
    }
    double rest = (x - low) % (2 * length);
    rest = rest < 0 ? rest + 2 * length : rest;
    return low + (rest > length ? 2 * length - rest : rest);
  }

  private double sample(int plane, double y, double x) {
    if (mode.equals("nearest")) {
      return pixel(plane, (int) Scalars.round(y), (int) Scalars.round(x));
    }
    int reach = mode.equals("cubic") ? 2 : 1;
    int top = (int) Math.floor(y);
    int left = (int) Math.floor(x);
    double sum = 0;
    for (int i = 1 - reach; i <= reach; i++) {
      double weight = weight(Math.abs(y - top - i));
      for (int j = 1 - reach; j <= reach; j++) {
        sum += weight * weight(Math.abs(x - left - j)) * pixel(plane, top + i, left + j);
      }
    }
    return sum;
  }

  private double weight(double t) {
    if (!mode.equals("cubic")) {
      return 1 - t;
    }
    double a = -0.75;
    if (t <= 1) {
      return ((a + 2) * t - (a + 3)) * t * t + 1;
    }
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
  }

  private double pixel(int plane, int y, int x) {
    int row = y;
    int column = x;
    if (padding.equals("border")) {
      row = Math.clamp(y, 0, h - 1);
      column = Math.clamp(x, 0, w - 1);
    } else if (padding.equals("reflection")) {
      row = Math.clamp((int) Scalars.round(reflected(y, h)), 0, h - 1);
      column = Math.clamp((int) Scalars.round(reflected(x, w)), 0, w - 1);
    }
    boolean inside = row >= 0 && row < h && column >= 0 && column < w;
    return inside ? image.number((plane * h + row) * w + column) : 0;
  }

  // Resize.

  /** An axis after the other, as {@link Interpolation} says. */
  static Tensor resize(Interpreter.Call call) {
    Node node = call.node();
    Interpolation interpolation = Interpolation.of(node);
    List<Double> scales = reals(node, "scales");
    List<Double> roi = reals(node, "roi");
    Tensor x = call.input(0);
    for (int axis = 0; axis < x.rank(); axis++) {
      int from = (int) x.dims()[axis];
      int to = (int) call.dims()[axis];
      double scale = scales.get(axis) == 0 ? (double) to / from : scales.get(axis);
      double start = roi.get(2 * axis);
      double end = roi.get(2 * axis + 1);
      if (from != to || scale != 1 || start != 0 || end != 1) {
        Interpolation.Taps taps = interpolation.taps(from, to, scale, start, end);
        x = resized(x, axis, taps, node.real("extrapolation", 0));
      }
    }
    return x;
  }

  private static List<Double> reals(Node node, String name) {
    return node.attributes().get(name) instanceof Attribute.Reals a ? a.value() : List.of();
  }

  private static Tensor resized(Tensor x, int axis, Interpolation.Taps taps, double outside) {
    long[] dims = java.util.Arrays.copyOf(x.dims(), x.rank());
    int to = taps.places().length;
    dims[axis] = to;
    Tensor result = Tensor.zeros(x.type(), dims);
    Axes from = Axes.of(x.dims(), axis);
    for (int o = 0; o < from.outer(); o++) {
      for (int i = 0; i < to; i++) {
        for (int j = 0; j < from.inner(); j++) {
          int at = (o * to + i) * from.inner() + j;
          if (taps.outside()[i]) {
            result.set(at, outside);
          } else if (taps.count() == 1) {
            result.copy(at, x, from.at(o, taps.places()[i][0], j));
          } else {
            double sum = 0;
            for (int tap = 0; tap < taps.count(); tap++) {
              sum += taps.weights()[i][tap] * x.number(from.at(o, taps.places()[i][tap], j));
            }
            result.set(at, sum);
          }
        }
      }
    }
    return result;
  }
}
