package dev.quern.reference;

import dev.quern.graph.Node;
import java.util.ArrayList;
import java.util.List;

/** Boxes and regions of images. */
final class DetectionKernels {
  private DetectionKernels() {}

  /** Boxes, scores, and perhaps how many, the overlap and the least score; gives {@code [n, 3]}. */
  static Tensor nonMaxSuppression(Interpreter.Call call) {
    Tensor boxes = call.input(0);
    Tensor scores = call.input(1);
    long most = present(call, 2) ? call.input(2).integer(0) : 0;
    double overlap = present(call, 3) ? call.input(3).number(0) : 0;
    boolean hasLeast = present(call, 4);
    double least = hasLeast ? call.input(4).number(0) : 0;
    boolean centre = call.node().integer("center_point_box", 0) != 0;
    int batches = (int) scores.dims()[0];
    int classes = (int) scores.dims()[1];
    int count = (int) scores.dims()[2];
    List<Long> chosen = new ArrayList<>();
    for (int b = 0; b < batches; b++) {
      for (int c = 0; c < classes; c++) {
        int first = (b * classes + c) * count;
        List<Integer> order = new ArrayList<>();
        for (int i = 0; i < count; i++) {
          if (!hasLeast || scores.number(first + i) > least) {
            order.add(i);
          }
        }
        order.sort((i, j) -> Double.compare(scores.number(first + j), scores.number(first + i)));
        List<double[]> kept = new ArrayList<>();
        for (int i : order) {
          double[] box = corners(boxes, (b * count + i) * 4, centre);
          if (kept.size() < most && isApart(box, kept, overlap)) {
            kept.add(box);
            chosen.addAll(List.of((long) b, (long) c, (long) i));
          }
        }
      }
    }
    long[] result = new long[chosen.size()];
    for (int i = 0; i < result.length; i++) {
      result[i] = chosen.get(i);
    }
    return Tensor.of(result, result.length / 3, 3);
  }

  private static boolean present(Interpreter.Call call, int input) {
    return call.inputs().size() > input && call.input(input) != null;
  }

  /** Least and largest y, least and largest x. */
  private static double[] corners(Tensor boxes, int at, boolean centre) {
    double a = boxes.number(at);
    double b = boxes.number(at + 1);
    double c = boxes.number(at + 2);
    double d = boxes.number(at + 3);
    return centre
        ? new double[] {b - d / 2, b + d / 2, a - c / 2, a + c / 2}
        : new double[] {Math.min(a, c), Math.max(a, c), Math.min(b, d), Math.max(b, d)};
  }

  private static boolean isApart(double[] box, List<double[]> others, double overlap) {
    for (double[] other : others) {
      double h = Math.min(box[1], other[1]) - Math.max(box[0], other[0]);
      double w = Math.min(box[3], other[3]) - Math.max(box[2], other[2]);
      double common = Math.max(0, h) * Math.max(0, w);
      double all =
          (box[1] - box[0]) * (box[3] - box[2])
              + (other[1] - other[0]) * (other[3] - other[2])
              - common;
      if (common > 0 && common / all > overlap) {
        return false;
      }
    }
    return true;
  }

  /** The image {@code [n, c, h, w]}, regions {@code [rois, 4]} and which image each is of. */
  static Tensor roiAlign(Interpreter.Call call) {
    Tensor rois = call.input(1);
    Tensor batches = call.input(2);
    Node node = call.node();
    double scale = node.real("spatial_scale", 1);
    boolean half = node.integer("half", 0) != 0;
    long[] dims = call.dims();
    int height = (int) dims[2];
    int width = (int) dims[3];
    Tensor result = Tensor.zeros(call.type(), dims);
    for (int r = 0; r < dims[0]; r++) {
      double shift = half ? 0.5 : 0;
      double x = rois.number(4 * r) * scale - shift;
      double y = rois.number(4 * r + 1) * scale - shift;
      double w = rois.number(4 * r + 2) * scale - shift - x;
      double h = rois.number(4 * r + 3) * scale - shift - y;
      if (!half) {
        w = Math.max(w, 1);
        h = Math.max(h, 1);
      }
      int batch = Axes.checked(call, batches.integer(r), call.input(0).dims()[0]);
      for (int c = 0; c < dims[1]; c++) {
        for (int i = 0; i < height * width; i++) {
          int row = i / width;
          int column = i % width;
          double top = y + row * h / height;
          double left = x + column * w / width;
          int at = (r * (int) dims[1] + c) * height * width + i;
          int plane = batch * (int) dims[1] + c;
          result.set(at, cell(call, plane, top, left, h / height, w / width));
        }
      }
    }
    return result;
  }

  private static double cell(
      Interpreter.Call call, int plane, double top, double left, double h, double w) {
    Node node = call.node();
    boolean max = node.integer("max", 0) != 0;
    long ratio = node.integer("sampling_ratio", 0);
    int rows = (int) (ratio > 0 ? ratio : Math.ceil(h));
    int columns = (int) (ratio > 0 ? ratio : Math.ceil(w));
    double sum = 0;
    double most = 0;
    for (int i = 0; i < rows * columns; i++) {
      int row = i / columns;
      int column = i % columns;
      double y = top + (row + 0.5) * h / rows;
      double x = left + (column + 0.5) * w / columns;
      double[] parts = bilinear(call.input(0), plane, y, x);
      for (double part : parts) {
        sum += part;
        // The maximum is of the weighted neighbours, as ONNX Runtime takes it.
        most = Math.max(most, part);
      }
      if (i == 0) {
        most = largest(parts);
      }
    }
    return max ? most : sum / Math.max(1, rows * columns);
  }

  private static double largest(double[] parts) {
    double most = parts[0];
    for (double part : parts) {
      most = Math.max(most, part);
    }
    return most;
  }

  /** The four neighbours of a place, weighted; zeros beyond the image. */
  private static double[] bilinear(Tensor image, int plane, double y, double x) {
    int h = (int) image.dims()[2];
    int w = (int) image.dims()[3];
    if (y < -1 || y > h || x < -1 || x > w) {
      return new double[4];
    }
    double row = Math.max(y, 0);
    double column = Math.max(x, 0);
    int top = Math.min((int) row, h - 1);
    int left = Math.min((int) column, w - 1);
    double dy = top == h - 1 ? 0 : row - top;
    double dx = left == w - 1 ? 0 : column - left;
    int bottom = Math.min(top + 1, h - 1);
    int right = Math.min(left + 1, w - 1);
    int base = plane * h;
    return new double[] {
      (1 - dy) * (1 - dx) * image.number((base + top) * w + left),
      (1 - dy) * dx * image.number((base + top) * w + right),
      dy * (1 - dx) * image.number((base + bottom) * w + left),
      dy * dx * image.number((base + bottom) * w + right)
    };
  }
}
