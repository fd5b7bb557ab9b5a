package dev.quern.reference;

/**
 * A row-major tensor seen along one axis: {@code outer} blocks of {@code size} rows of {@code
 * inner} elements.
 */
record Axes(int outer, int size, int inner) {
  static Axes of(long[] dims, int axis) {
    int outer = 1;
    int inner = 1;
    for (int i = 0; i < dims.length; i++) {
      if (i < axis) {
        outer *= (int) dims[i];
      } else if (i > axis) {
        inner *= (int) dims[i];
      }
    }
    return new Axes(outer, dims.length == 0 ? 1 : (int) dims[axis], inner);
  }

  /** Where element {@code i} of the axis lies, for one place before and behind it. */
  int at(int before, int i, int behind) {
    return (before * size + i) * inner + behind;
  }

  /** An index that may count from the end; one outside of the axis throws. */
  static int checked(Interpreter.Call call, long index, long size) {
    long at = index < 0 ? index + size : index;
    if (at < 0 || at >= size) {
      throw new IllegalArgumentException(
          call.node().op()
              + " '"
              + call.node().name()
              + "': the index "
              + index
              + " is outside of an axis of "
              + size);
    }
    return (int) at;
  }
}
