package dev.quern.reference;

import java.util.ArrayList;
import java.util.List;

/** {@code Unique}: the different elements, or the different slices of an axis. */
final class UniqueKernel {
  private final Tensor x;
  private final Axes axes;

  private UniqueKernel(Tensor x, Axes axes) {
    this.x = x;
    this.axes = axes;
  }

  /** Part 0 is the slices, 1 where each is first, 2 which one each old slice is, 3 how often. */
  static Tensor unique(Interpreter.Call call) {
    Tensor x = call.input(0);
    int axis = (int) call.node().integer("axis", -1);
    Axes axes = axis < 0 ? new Axes(1, x.size(), 1) : Axes.of(x.dims(), axis);
    UniqueKernel kernel = new UniqueKernel(x, axes);
    boolean sorted = call.node().integer("sorted", 1) != 0;
    int[] own = new int[axes.size()];
    List<Integer> firsts = kernel.group(own, sorted);
    int count = firsts.size();
    return switch ((int) call.node().integer("part", 0)) {
      case 1 -> places(firsts);
      case 2 -> inverse(own);
      case 3 -> counts(own, count);
      default -> {
        long[] dims = axis < 0 ? new long[1] : java.util.Arrays.copyOf(x.dims(), x.rank());
        dims[Math.max(axis, 0)] = count;
        yield kernel.slices(firsts, dims);
      }
    };
  }

  private static Tensor places(List<Integer> firsts) {
    long[] places = new long[firsts.size()];
    for (int i = 0; i < places.length; i++) {
      places[i] = firsts.get(i);
    }
    return Tensor.of(places, places.length);
  }

  private static Tensor inverse(int[] own) {
    long[] inverse = new long[own.length];
    for (int i = 0; i < own.length; i++) {
      inverse[i] = own[i];
    }
    return Tensor.of(inverse, own.length);
  }

  private static Tensor counts(int[] own, int count) {
    long[] counts = new long[count];
    for (int group : own) {
      counts[group]++;
    }
    return Tensor.of(counts, count);
  }

  /**
   * Where each different slice is first: in the order of their elements, or of their places.
   *
   * @param own gets the number of the slice that each old one is
   */
  private List<Integer> group(int[] own, boolean sorted) {
    Integer[] order = new Integer[own.length];
    for (int i = 0; i < order.length; i++) {
      order[i] = i;
    }
    java.util.Arrays.sort(order, this::compare);
    List<Integer> firsts = new ArrayList<>();
    for (int i = 0; i < order.length; i++) {
      if (i == 0 || compare(order[i - 1], order[i]) != 0) {
        firsts.add(order[i]);
      }
      own[order[i]] = firsts.size() - 1;
    }
    if (sorted) {
      return firsts;
    }
    int[] place = new int[own.length];
    List<Integer> byPlace = new ArrayList<>(firsts);
    byPlace.sort(null);
    for (int i = 0; i < byPlace.size(); i++) {
      place[byPlace.get(i)] = i;
    }
    for (int i = 0; i < own.length; i++) {
      own[i] = place[firsts.get(own[i])];
    }
    return byPlace;
  }

  private int compare(int a, int b) {
    for (int o = 0; o < axes.outer(); o++) {
      for (int i = 0; i < axes.inner(); i++) {
        int way = OrderKernels.compare(x, axes.at(o, a, i), axes.at(o, b, i));
        if (way != 0) {
          return way;
        }
      }
    }
    return 0;
  }

  private Tensor slices(List<Integer> firsts, long[] dims) {
    Tensor result = Tensor.zeros(x.type(), dims);
    int count = firsts.size();
    for (int o = 0; o < axes.outer(); o++) {
      for (int j = 0; j < count; j++) {
        int from = axes.at(o, firsts.get(j), 0);
        int to = (o * count + j) * axes.inner();
        System.arraycopy(x.array(), from, result.array(), to, axes.inner());
      }
    }
    return result;
  }
}
