package dev.quern.reference;

import dev.quern.graph.Node;
import dev.quern.graph.Window;
import java.util.ArrayList;
import java.util.List;

/**
 * Convolutions and pools of images {@code [n, h, w, c]}. Sums are accumulated in f64 and rounded
 * once; what lies outside of an image counts as 0 in a convolution and not at all in a pool.
 */
final class ImageKernels {
  private ImageKernels() {}

  /** Where the window of an output starts, and how much of it lies inside of the image. */
  private record View(Window window, int h, int w, int top, int left) {
    static View of(Interpreter.Call call, int h, int w) {
      Window window = Window.of(call.node());
      return new View(
          window,
          h,
          w,
          (int) window.top().evaluate(call.symbols()),
          (int) window.left().evaluate(call.symbols()));
    }

    /** The image's row that row {@code i} of the window sees; negative outside. */
    int row(int y, int i) {
      int at = y * window.strideH() - top + i * window.dilationH();
      return at < h ? at : -1;
    }

    int column(int x, int j) {
      int at = x * window.strideW() - left + j * window.dilationW();
      return at < w ? at : -1;
    }
  }

  /**
   * {@code quern.Conv}: an image {@code [n, h, w, ci]}, or {@code [n, ci, h, w]} with the attribute
   * {@code planes}, weights {@code [co, ci / group, kh, kw]}, then the extras of the epilogue.
   */
  static Tensor conv(Interpreter.Call call) {
    Node node = call.node();
    Tensor image = call.input(0);
    Tensor weights = call.input(1);
    boolean planes = node.integer("planes", 0) != 0;
    long[] in = image.dims();
    int channels = (int) in[planes ? 1 : 3];
    View view = View.of(call, (int) in[planes ? 2 : 1], (int) in[planes ? 3 : 2]);
    int pixel = planes ? 1 : channels;
    int step = planes ? view.h * view.w : 1;
    int groups = (int) node.integer("group", 1);
    int depth = (int) weights.dims()[1];
    int taps = view.window.kernelH() * view.window.kernelW();
    long[] dims = call.dims();
    int width = (int) dims[3];
    Tensor product = Tensor.zeros(image.type(), dims);
    double[] sums = new double[width];
    int at = 0;
    for (int n = 0; n < dims[0]; n++) {
      int first = n * channels * view.h * view.w;
      for (int y = 0; y < dims[1]; y++) {
        for (int x = 0; x < dims[2]; x++) {
          java.util.Arrays.fill(sums, 0);
          for (int tap = 0; tap < taps; tap++) {
            int row = view.row(y, tap / view.window.kernelW());
            int column = view.column(x, tap % view.window.kernelW());
            if (row < 0 || column < 0) {
              continue;
            }
            int from = first + (row * view.w + column) * pixel;
            for (int o = 0; o < width; o++) {
              int group = o / (width / groups);
              for (int c = 0; c < depth; c++) {
                sums[o] +=
                    image.number(from + (group * depth + c) * step)
                        * weights.number((o * depth + c) * taps + tap);
              }
            }
          }
          MatrixKernels.write(sums, product, at);
          at += width;
        }
      }
    }
    if (!node.hasProgram()) {
      return product;
    }
    List<Tensor> operands = new ArrayList<>(List.of(product));
    for (int i = 2; i < node.inputs().size(); i++) {
      operands.add(call.input(i));
    }
    return Elementwise.run(node.program("program"), operands, dims);
  }

  /** What a pool makes of the elements of one window and channel. */
  private interface Pool {
    double of(double[] values, int count);
  }

  /** {@code quern.MaxPool}; NaN where the window holds one. */
  static Tensor maxPool(Interpreter.Call call) {
    return pool(
        call,
        (values, count) -> {
          double most = Double.NEGATIVE_INFINITY;
          for (int i = 0; i < count; i++) {
            most = Math.max(most, values[i]);
          }
          return most;
        });
  }

  /** {@code quern.AveragePool}: of what is inside, or of whole windows with zeros around. */
  static Tensor averagePool(Interpreter.Call call) {
    boolean whole = call.node().integer("count_include_pad", 0) != 0;
    return pool(
        call,
        (values, count) -> {
          double sum = 0;
          for (int i = 0; i < count; i++) {
            sum += values[i];
          }
          return sum / (whole ? values.length : count);
        });
  }

  private static Tensor pool(Interpreter.Call call, Pool pool) {
    Tensor image = call.input(0);
    View view = View.of(call, (int) image.dims()[1], (int) image.dims()[2]);
    int channels = (int) image.dims()[3];
    long[] dims = call.dims();
    Tensor result = Tensor.zeros(image.type(), dims);
    double[] values = new double[view.window.kernelH() * view.window.kernelW()];
    double[] pixel = new double[channels];
    int at = 0;
    for (int n = 0; n < dims[0]; n++) {
      for (int y = 0; y < dims[1]; y++) {
        for (int x = 0; x < dims[2]; x++) {
          for (int c = 0; c < channels; c++) {
            int count = 0;
            for (int tap = 0; tap < values.length; tap++) {
              int row = view.row(y, tap / view.window.kernelW());
              int column = view.column(x, tap % view.window.kernelW());
              if (row >= 0 && column >= 0) {
                values[count++] =
                    image.number(((n * view.h + row) * view.w + column) * channels + c);
              }
            }
            pixel[c] = pool.of(values, count);
          }
          MatrixKernels.write(pixel, result, at);
          at += channels;
        }
      }
    }
    return result;
  }
}
