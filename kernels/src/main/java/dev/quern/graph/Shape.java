package dev.quern.graph;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The sizes of a tensor's axes, outermost first; no axes at all for a scalar.
 *
 * @param dims one size an axis
 */
public record Shape(List<Dim> dims) {
  /** A scalar's shape. */
  public static final Shape SCALAR = new Shape(List.of());

  public Shape {
    dims = List.copyOf(dims);
  }

  /** A shape of known sizes. */
  public static Shape of(long... sizes) {
    List<Dim> dims = new ArrayList<>(sizes.length);
    for (long size : sizes) {
      dims.add(Dim.of(size));
    }
    return new Shape(dims);
  }

  /** The number of axes. */
  public int rank() {
    return dims.size();
  }

  /** The size of an axis; a negative axis counts from the end, -1 is the last. */
  public Dim dim(int axis) {
    return dims.get(axis < 0 ? axis + dims.size() : axis);
  }

  /** The number of elements. */
  public Dim size() {
    return product(0, dims.size());
  }

  /**
   * The sizes in another order.
   *
   * @param perm for each axis of the result, the axis that it was
   */
  public Shape permuted(List<Long> perm) {
    List<Dim> turned = new ArrayList<>();
    for (long axis : perm) {
      turned.add(dim((int) axis));
    }
    return new Shape(turned);
  }

  /** The product of the sizes of axes {@code from} to {@code to - 1}. */
  public Dim product(int from, int to) {
    Dim result = Dim.ONE;
    for (int i = from; i < to; i++) {
      result = result.times(dims.get(i));
    }
    return result;
  }

  /** Whether every size is known. */
  public boolean isConstant() {
    for (Dim dim : dims) {
      if (!dim.isConstant()) {
        return false;
      }
    }
    return true;
  }

  /** The sizes for given symbols. */
  public long[] evaluate(Map<String, Long> symbols) {
    long[] result = new long[dims.size()];
    for (int i = 0; i < result.length; i++) {
      result[i] = dims.get(i).evaluate(symbols);
    }
    return result;
  }

  /** The text of sizes as a shape's. */
  static String text(List<Dim> dims) {
    StringBuilder out = new StringBuilder("[");
    for (Dim dim : dims) {
      out.append(out.length() == 1 ? "" : ", ").append(dim.toString());
    }
    return out.append(']').toString();
  }

  /** {@code [batch_size, 12, 64]}. */
  @Override
  public String toString() {
    return text(dims);
  }
}
