package dev.quern.reference;

import java.util.Arrays;
import java.util.List;

/** Cuts tensors into slices along an axis and puts slices together. */
public final class Slices {
  private Slices() {}

  /** The slice at a position of an axis; that axis is gone from the result. */
  public static Tensor at(Tensor tensor, int axis, int position) {
    long[] dims = tensor.dims();
    long[] rest = new long[dims.length - 1];
    for (int i = 0; i < rest.length; i++) {
      rest[i] = dims[i < axis ? i : i + 1];
    }
    Tensor result = Tensor.zeros(tensor.type(), rest);
    int inner = product(dims, axis + 1, dims.length);
    int row = (int) dims[axis] * inner;
    for (int from = position * inner, to = 0; to < result.size(); from += row, to += inner) {
      System.arraycopy(tensor.array(), from, result.array(), to, inner);
    }
    return result;
  }

  /**
   * Slices of one type and shape along a new axis.
   *
   * @throws IllegalArgumentException if they differ in type or shape
   */
  public static Tensor stack(List<Tensor> slices, int axis) {
    Tensor first = slices.getFirst();
    long[] dims = new long[first.rank() + 1];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = i == axis ? slices.size() : first.dims()[i < axis ? i : i - 1];
    }
    Tensor result = Tensor.zeros(first.type(), dims);
    int inner = product(dims, axis + 1, dims.length);
    int row = slices.size() * inner;
    for (int i = 0; i < slices.size(); i++) {
      Tensor slice = slices.get(i);
      if (slice.type() != first.type() || !Arrays.equals(slice.dims(), first.dims())) {
        throw new IllegalArgumentException(
            "slice " + i + " is " + slice + ", but the first one is " + first);
      }
      for (int from = 0, to = i * inner; from < slice.size(); from += inner, to += row) {
        System.arraycopy(slice.array(), from, result.array(), to, inner);
      }
    }
    return result;
  }

  private static int product(long[] dims, int from, int to) {
    int product = 1;
    for (int i = from; i < to; i++) {
      product *= (int) dims[i];
    }
    return product;
  }
}
