package dev.quern.graph;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * How the window of a convolution or pool walks over an image {@code [n, h, w, c]}. The output at
 * {@code (y, x)} sees the elements {@code (y·strideH - top + i·dilationH, x·strideW - left +
 * j·dilationW)} for {@code i < kernelH} and {@code j < kernelW}.
 *
 * @param pads rows and columns that the image is widened by: top, left, bottom, right
 */
public record Window(
    int kernelH,
    int kernelW,
    int strideH,
    int strideW,
    int dilationH,
    int dilationW,
    List<Dim> pads) {
  public Window {
    pads = List.copyOf(pads);
  }

  /** The window that a node's attributes describe. */
  public static Window of(Node node) {
    List<Long> kernel = node.ints("kernel");
    List<Long> strides = node.ints("strides");
    List<Long> dilations = node.ints("dilations");
    return new Window(
        kernel.get(0).intValue(),
        kernel.get(1).intValue(),
        strides.get(0).intValue(),
        strides.get(1).intValue(),
        dilations.get(0).intValue(),
        dilations.get(1).intValue(),
        node.dims("pads"));
  }

  /** The attributes that {@link #of} reads. */
  Map<String, Attribute> attributes() {
    return GraphImporter.attributes(
        "kernel", ints(kernelH, kernelW),
        "strides", ints(strideH, strideW),
        "dilations", ints(dilationH, dilationW),
        "pads", new Attribute.Dims(pads));
  }

  private static Attribute ints(long h, long w) {
    return new Attribute.Ints(List.of(h, w));
  }

  public Dim top() {
    return pads.get(0);
  }

  public Dim left() {
    return pads.get(1);
  }

  /** Rows from the window's first to its last. */
  public int extentH() {
    return (kernelH - 1) * dilationH + 1;
  }

  /** Columns from the window's first to its last. */
  public int extentW() {
    return (kernelW - 1) * dilationW + 1;
  }

  /** Rows of the output for an image of so many rows. */
  public Dim outputH(Dim h) {
    return output(h.plus(pads.get(0)).plus(pads.get(2)), extentH(), strideH);
  }

  /** Columns of the output for an image of so many columns. */
  public Dim outputW(Dim w) {
    return output(w.plus(pads.get(1)).plus(pads.get(3)), extentW(), strideW);
  }

  private static Dim output(Dim padded, int extent, int stride) {
    return padded.minus(Dim.of(extent)).dividedBy(Dim.of(stride)).plus(Dim.ONE);
  }

  /** The same window over an image whose rows are columns. */
  public Window turned() {
    List<Dim> around = List.of(pads.get(1), pads.get(0), pads.get(3), pads.get(2));
    return new Window(kernelW, kernelH, strideW, strideH, dilationW, dilationH, around);
  }

  /** Whether it sees one row of images that have no other. */
  public boolean isLine(Dim h) {
    return h.is(1) && kernelH == 1 && pads.get(0).is(0) && pads.get(2).is(0);
  }

  /** Whether nothing is added around the image. */
  public boolean isUnpadded() {
    for (Dim pad : pads) {
      if (!pad.is(0)) {
        return false;
      }
    }
    return true;
  }

  /** Whether each output sees the one element at its own place. */
  public boolean isPointwise() {
    return kernelH == 1 && kernelW == 1 && strideH == 1 && strideW == 1 && isUnpadded();
  }

  /** The same window over an image that is widened more. */
  public Window padded(List<Dim> more) {
    List<Dim> sums = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      sums.add(pads.get(i).plus(more.get(i)));
    }
    return new Window(kernelH, kernelW, strideH, strideW, dilationH, dilationW, sums);
  }
}
