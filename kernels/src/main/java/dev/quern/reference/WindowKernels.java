package dev.quern.reference;

import dev.quern.graph.Dim;
import dev.quern.graph.Node;
import dev.quern.onnx.DataType;
import java.util.List;

/**
 * Windows over images {@code [n, c, …]} of any number of spatial axes. Sums are accumulated in f64,
 * or exactly where elements are whole numbers, and rounded once.
 */
final class WindowKernels {
  private WindowKernels() {}

  /** The window of a node's attributes over spatial axes of given sizes. */
  private static final class Walk {
    private final int[] kernel;
    private final int[] strides;
    private final int[] dilations;
    private final int[] before;
    private final int[] image;
    private final int[] output;
    private final int taps;
    private final int places;

    /** The spatial axes are those of {@code image} and {@code output} from the third on. */
    Walk(Interpreter.Call call, long[] image, long[] output) {
      Node node = call.node();
      kernel = numbers(node.ints("kernel"));
      strides = numbers(node.ints("strides"));
      dilations = numbers(node.ints("dilations"));
      List<Dim> pads = node.dims("before");
      before = new int[kernel.length];
      this.image = new int[kernel.length];
      this.output = new int[kernel.length];
      int tapCount = 1;
      int placeCount = 1;
      for (int i = 0; i < kernel.length; i++) {
        before[i] = (int) pads.get(i).evaluate(call.symbols());
        this.image[i] = (int) image[2 + i];
        this.output[i] = (int) output[2 + i];
        tapCount *= kernel[i];
        placeCount *= this.output[i];
      }
      taps = tapCount;
      places = placeCount;
    }

    private static int[] numbers(List<Long> list) {
      int[] result = new int[list.size()];
      for (int i = 0; i < result.length; i++) {
        result[i] = list.get(i).intValue();
      }
      return result;
    }

    /** The image's element that a tap of the window of an output sees; -1 outside. */
    int see(int place, int tap) {
      int at = 0;
      int step = 1;
      int p = place;
      int t = tap;
      for (int i = kernel.length - 1; i >= 0; i--) {
        int x = p % output[i] * strides[i] - before[i] + t % kernel[i] * dilations[i];
        if (x < 0 || x >= image[i]) {
          return -1;
        }
        at += x * step;
        step *= image[i];
        p /= output[i];
        t /= kernel[i];
      }
      return at;
    }

    int pixels() {
      int size = 1;
      for (int axis : image) {
        size *= axis;
      }
      return size;
    }
  }

  /** {@code x, weights [outputs, channels / group, …]} and perhaps a bias. */
  static Tensor conv(Interpreter.Call call) {
    Tensor x = call.input(0);
    Tensor w = call.input(1);
    Tensor bias = call.inputs().size() > 2 ? call.input(2) : null;
    Walk walk = new Walk(call, x.dims(), call.dims());
    int groups = (int) call.node().integer("group", 1);
    int depth = (int) w.dims()[1];
    int outputs = (int) w.dims()[0];
    int pixels = walk.pixels();
    Tensor result = Tensor.zeros(x.type(), call.dims());
    int at = 0;
    for (int n = 0; n < call.dims()[0]; n++) {
      for (int o = 0; o < outputs; o++) {
        int first = (n * depth * groups + o / (outputs / groups) * depth) * pixels;
        for (int place = 0; place < walk.places; place++) {
          double sum = bias == null ? 0 : bias.number(o);
          for (int tap = 0; tap < walk.taps; tap++) {
            int from = walk.see(place, tap);
            for (int c = 0; from >= 0 && c < depth; c++) {
              sum +=
                  x.number(first + c * pixels + from) * w.number((o * depth + c) * walk.taps + tap);
            }
          }
          result.set(at++, sum);
        }
      }
    }
    return result;
  }

  /** The same of whole numbers less their zero points; sums wrap at 32 bits. */
  static Tensor convInteger(Interpreter.Call call) {
    Tensor x = call.input(0);
    Tensor w = call.input(1);
    long xZero = call.input(2).integer(0);
    Tensor wZero = call.input(3);
    Walk walk = new Walk(call, x.dims(), call.dims());
    int groups = (int) call.node().integer("group", 1);
    int depth = (int) w.dims()[1];
    int outputs = (int) w.dims()[0];
    int pixels = walk.pixels();
    Tensor result = Tensor.zeros(DataType.INT32, call.dims());
    int at = 0;
    for (int n = 0; n < call.dims()[0]; n++) {
      for (int o = 0; o < outputs; o++) {
        int first = (n * depth * groups + o / (outputs / groups) * depth) * pixels;
        long zero = wZero.integer(wZero.size() == 1 ? 0 : o);
        for (int place = 0; place < walk.places; place++) {
          long sum = 0;
          for (int tap = 0; tap < walk.taps; tap++) {
            int from = walk.see(place, tap);
            for (int c = 0; from >= 0 && c < depth; c++) {
              long weight = w.integer((o * depth + c) * walk.taps + tap) - zero;
              sum += (x.integer(first + c * pixels + from) - xZero) * weight;
            }
          }
          result.set(at++, sum);
        }
      }
    }
    return result;
  }

  /** {@code x, weights [channels, outputs / group, …]} and perhaps a bias. */
  static Tensor convTranspose(Interpreter.Call call) {
    Tensor x = call.input(0);
    Tensor w = call.input(1);
    Tensor bias = call.inputs().size() > 2 ? call.input(2) : null;
    // The result is the image that the window of each of x's elements sees.
    Walk walk = new Walk(call, call.dims(), x.dims());
    int groups = (int) call.node().integer("group", 1);
    int channels = (int) w.dims()[0];
    int width = (int) w.dims()[1];
    int pixels = walk.pixels();
    double[] sums = new double[width * groups * pixels];
    Tensor result = Tensor.zeros(x.type(), call.dims());
    for (int n = 0; n < call.dims()[0]; n++) {
      for (int o = 0; o < width * groups; o++) {
        java.util.Arrays.fill(
            sums, o * pixels, (o + 1) * pixels, bias == null ? 0 : bias.number(o));
      }
      for (int c = 0; c < channels; c++) {
        int first = c / (channels / groups) * width;
        for (int place = 0; place < walk.places; place++) {
          double value = x.number((n * channels + c) * walk.places + place);
          for (int tap = 0; tap < walk.taps; tap++) {
            int to = walk.see(place, tap);
            for (int o = 0; to >= 0 && o < width; o++) {
              sums[(first + o) * pixels + to] +=
                  value * w.number((c * width + o) * walk.taps + tap);
            }
          }
        }
      }
      MatrixKernels.write(sums, result, n * sums.length);
    }
    return result;
  }

  /** Columns {@code [n, c·taps, places]} added up where their windows see the image. */
  static Tensor col2Im(Interpreter.Call call) {
    Tensor x = call.input(0);
    long[] places = new long[call.dims().length];
    Node node = call.node();
    int count = 1;
    for (int i = 2; i < places.length; i++) {
      long extent = (node.ints("kernel").get(i - 2) - 1) * node.ints("dilations").get(i - 2) + 1;
      long padded =
          call.dims()[i]
              + node.dims("before").get(i - 2).evaluate(call.symbols())
              + node.dims("behind").get(i - 2).evaluate(call.symbols());
      places[i] = (padded - extent) / node.ints("strides").get(i - 2) + 1;
      count *= (int) places[i];
    }
    Walk walk = new Walk(call, call.dims(), places);
    if (count != x.dims()[2]) {
      throw new IllegalArgumentException(
          "Col2Im '" + node.name() + "': " + x + " has not " + count + " columns");
    }
    int pixels = walk.pixels();
    double[] sums = new double[(int) (call.dims()[0] * call.dims()[1]) * pixels];
    for (int plane = 0; plane < sums.length / Math.max(1, pixels); plane++) {
      for (int tap = 0; tap < walk.taps; tap++) {
        for (int place = 0; place < count; place++) {
          int to = walk.see(place, tap);
          if (to >= 0) {
            sums[plane * pixels + to] += x.number((plane * walk.taps + tap) * count + place);
          }
        }
      }
    }
    Tensor result = Tensor.zeros(x.type(), call.dims());
    MatrixKernels.write(sums, result, 0);
    return result;
  }

  // Pools.

  /** What a pool makes of the elements that a window sees of one plane. */
  @FunctionalInterface
  private interface Pool {
    void window(Tensor x, int first, int[] seen, int count, Tensor result, int at);
  }

  private static Tensor pool(Interpreter.Call call, Pool pool) {
    Tensor x = call.input(0);
    Walk walk = new Walk(call, x.dims(), call.dims());
    Tensor result = Tensor.zeros(call.type(), call.dims());
    int[] seen = new int[walk.taps];
    int pixels = walk.pixels();
    int planes = (int) (call.dims()[0] * call.dims()[1]);
    for (int plane = 0; plane < planes; plane++) {
      for (int place = 0; place < walk.places; place++) {
        int count = 0;
        for (int tap = 0; tap < walk.taps; tap++) {
          int from = walk.see(place, tap);
          if (from >= 0) {
            seen[count++] = plane * pixels + from;
          }
        }
        pool.window(x, plane * pixels, seen, count, result, plane * walk.places + place);
      }
    }
    return result;
  }

  /** Part 1 is where the elements lie in the whole tensor, by rows or by columns of each plane. */
  static Tensor maxPool(Interpreter.Call call) {
    boolean places = call.node().integer("part", 0) == 1;
    boolean columns = call.node().integer("storage_order", 0) != 0;
    long[] dims = call.input(0).dims();
    return pool(
        call,
        (x, first, seen, count, result, at) -> {
          int best = count == 0 ? -1 : seen[0];
          for (int i = 1; i < count; i++) {
            if (OrderKernels.compare(x, seen[i], best) > 0) {
              best = seen[i];
            }
          }
          if (places) {
            result.set(at, columns ? first + byColumns(best - first, dims) : best);
          } else if (best < 0) {
            result.set(at, Double.NEGATIVE_INFINITY);
          } else {
            result.copy(at, x, best);
          }
        });
  }

  private static int byColumns(int place, long[] dims) {
    int result = 0;
    int step = 1;
    int rest = place;
    for (int i = 2; i < dims.length; i++) {
      step *= (int) dims[i];
    }
    for (int i = dims.length - 1; i >= 2; i--) {
      step /= (int) dims[i];
      result += rest % (int) dims[i] * step;
      rest /= (int) dims[i];
    }
    return result;
  }

  static Tensor averagePool(Interpreter.Call call) {
    boolean whole = call.node().integer("count_include_pad", 0) != 0;
    return pool(
        call,
        (x, first, seen, count, result, at) -> {
          double sum = 0;
          for (int i = 0; i < count; i++) {
            sum += x.number(seen[i]);
          }
          result.set(at, sum / (whole ? seen.length : count));
        });
  }

  static Tensor lpPool(Interpreter.Call call) {
    double p = call.node().integer("p", 2);
    return pool(
        call,
        (x, first, seen, count, result, at) -> {
          double sum = 0;
          for (int i = 0; i < count; i++) {
            sum += Math.pow(Math.abs(x.number(seen[i])), p);
          }
          result.set(at, Math.pow(sum, 1 / p));
        });
  }

  /** {@code x / (bias + alpha/size · Σ of squares of near channels)^beta}. */
  static Tensor lrn(Interpreter.Call call) {
    Tensor x = call.input(0);
    Node node = call.node();
    int size = (int) node.integer("size", 1);
    Axes axes = Axes.of(x.dims(), 1);
    Tensor result = Tensor.zeros(x.type(), x.dims());
    for (int o = 0; o < axes.outer(); o++) {
      for (int c = 0; c < axes.size(); c++) {
        int from = Math.max(0, c - (size - 1) / 2);
        int to = Math.min(axes.size() - 1, c + size / 2);
        for (int i = 0; i < axes.inner(); i++) {
          double squares = 0;
          for (int j = from; j <= to; j++) {
            double value = x.number(axes.at(o, j, i));
            squares += value * value;
          }
          double base = node.real("bias", 1) + node.real("alpha", 1e-4) / size * squares;
          int at = axes.at(o, c, i);
          result.set(at, x.number(at) / Math.pow(base, node.real("beta", 0.75)));
        }
      }
    }
    return result;
  }
}
