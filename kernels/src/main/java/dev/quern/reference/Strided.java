package dev.quern.reference;

/**
 * Walks and copies strided views: of a row-major tensor, the element of index {@code (i0, i1, …)}
 * of a view is at {@code offset + i0·strides[0] + i1·strides[1] + …}. Transposes, slices and
 * broadcasts are all such views.
 */
final class Strided {
  private Strided() {}

  /** The strides of a row-major tensor. */
  static int[] rowMajor(long[] dims) {
    int[] strides = new int[dims.length];
    int next = 1;
    for (int i = dims.length - 1; i >= 0; i--) {
      strides[i] = next;
      next *= (int) dims[i];
    }
    return strides;
  }

  /** The strides that repeat a row-major tensor over a shape that it broadcasts to. */
  static int[] broadcast(long[] dims, long[] to) {
    int[] own = rowMajor(dims);
    int[] strides = new int[to.length];
    int shift = to.length - dims.length;
    for (int i = Math.max(0, shift); i < to.length; i++) {
      strides[i] = dims[i - shift] == 1 ? 0 : own[i - shift];
    }
    return strides;
  }

  /** A row-major copy of a view, of the given sizes. */
  static Tensor copy(Tensor source, int offset, int[] strides, long[] dims) {
    Tensor target = Tensor.zeros(source.type(), dims);
    int size = target.size();
    if (size == 0) {
      return target;
    }
    int last = dims.length - 1;
    int width = last < 0 ? 1 : (int) dims[last];
    int step = last < 0 ? 0 : strides[last];
    int[] index = new int[dims.length];
    int from = offset;
    for (int at = 0; at < size; at += width) {
      run(source.array(), from, step, target.array(), at, width);
      from = advance(index, from, strides, dims, last - 1);
    }
    return target;
  }

  /** The position of the next index over axes 0 to {@code axis}, which is counted up in place. */
  static int advance(int[] index, int position, int[] strides, long[] dims, int axis) {
    int next = position;
    for (int i = axis; i >= 0; i--) {
      index[i]++;
      next += strides[i];
      if (index[i] < dims[i]) {
        return next;
      }
      next -= index[i] * strides[i];
      index[i] = 0;
    }
    return next;
  }

  private static void run(Object source, int from, int step, Object target, int at, int count) {
    if (step == 1) {
      System.arraycopy(source, from, target, at, count);
      return;
    }
    switch (source) {
      case float[] a -> {
        float[] b = (float[]) target;
        for (int i = 0; i < count; i++) {
          b[at + i] = a[from + i * step];
        }
      }
      case double[] a -> {
        double[] b = (double[]) target;
        for (int i = 0; i < count; i++) {
          b[at + i] = a[from + i * step];
        }
      }
      case long[] a -> {
        long[] b = (long[]) target;
        for (int i = 0; i < count; i++) {
          b[at + i] = a[from + i * step];
        }
      }
      case int[] a -> {
        int[] b = (int[]) target;
        for (int i = 0; i < count; i++) {
          b[at + i] = a[from + i * step];
        }
      }
      default -> {
        byte[] a = (byte[]) source;
        byte[] b = (byte[]) target;
        for (int i = 0; i < count; i++) {
          b[at + i] = a[from + i * step];
        }
      }
    }
  }
}
