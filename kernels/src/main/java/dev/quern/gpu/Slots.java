package dev.quern.gpu;

import dev.quern.plan.Activation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Which activations share a buffer: those whose lives in the plan do not meet. It is not the CPU's
 * arena in one buffer, because WebGPU forbids that a dispatch reads and writes the same buffer,
 * whatever the ranges.
 */
final class Slots {
  /** A buffer holds one vector at least. */
  private static final long LEAST = 16;

  private final int[] places;
  private final List<Long> bytes = new ArrayList<>();

  private Slots(int count) {
    places = new int[count];
    Arrays.fill(places, -1);
  }

  /** The place of each activation, in the order in which they come alive. */
  static Slots of(List<Activation> activations, List<Long> sizes) {
    Slots slots = new Slots(sizes.size());
    List<Activation> order = new ArrayList<>();
    for (Activation activation : activations) {
      if (activation.first() <= activation.last()) {
        order.add(activation);
      }
    }
    order.sort(
        (a, b) -> a.first() == b.first() ? a.id() - b.id() : Integer.compare(a.first(), b.first()));
    // The step after which each buffer is free.
    List<Integer> until = new ArrayList<>();
    for (Activation activation : order) {
      long size = Math.max(LEAST, (sizes.get(activation.id()) + LEAST - 1) / LEAST * LEAST);
      int place = slots.free(until, activation.first(), size);
      if (place < 0) {
        place = until.size();
        until.add(activation.last());
        slots.bytes.add(size);
      }
      until.set(place, activation.last());
      slots.bytes.set(place, Math.max(size, slots.bytes.get(place)));
      slots.places[activation.id()] = place;
    }
    return slots;
  }

  /** The free buffer that wastes or lacks least; -1 if none is free. */
  private int free(List<Integer> until, int first, long size) {
    int best = -1;
    for (int i = 0; i < until.size(); i++) {
      if (until.get(i) < first
          && (best < 0 || Math.abs(bytes.get(i) - size) < Math.abs(bytes.get(best) - size))) {
        best = i;
      }
    }
    return best;
  }

  /** The buffer of an activation; -1 if no step touches it. */
  int place(int activation) {
    return places[activation];
  }

  /** Sizes of the buffers. */
  List<Long> bytes() {
    return bytes;
  }
}
