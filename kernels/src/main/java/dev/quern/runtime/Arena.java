package dev.quern.runtime;

import dev.quern.plan.Activation;
import java.util.ArrayList;
import java.util.List;

/** Places activations so that those alive at the same time do not overlap. */
final class Arena {
  private static final int ALIGN = 64;

  private final long[] offsets;
  private final long bytes;

  private Arena(long[] offsets, long bytes) {
    this.offsets = offsets;
    this.bytes = bytes;
  }

  /** The first-fit place of each activation, the largest first. */
  static Arena place(List<Activation> activations, long[] sizes) {
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < sizes.length; i++) {
      order.add(i);
    }
    order.sort((a, b) -> sizes[a] == sizes[b] ? a - b : Long.compare(sizes[b], sizes[a]));
    long[] offsets = new long[sizes.length];
    long top = 0;
    // Placed activations, by offset.
    List<Integer> placed = new ArrayList<>();
    for (int id : order) {
      Activation activation = activations.get(id);
      long at = 0;
      for (int other : placed) {
        Activation neighbour = activations.get(other);
        if (neighbour.first() > activation.last() || activation.first() > neighbour.last()) {
          continue;
        }
        if (at + sizes[id] <= offsets[other]) {
          break;
        }
        at = Math.max(at, align(offsets[other] + sizes[other]));
      }
      offsets[id] = at;
      top = Math.max(top, at + sizes[id]);
      int position = 0;
      while (position < placed.size() && offsets[placed.get(position)] <= at) {
        position++;
      }
      placed.add(position, id);
    }
    // Vectors may be read a little past the end of what they need.
    return new Arena(offsets, align(top) + ALIGN);
  }

  static long align(long address) {
    return (address + ALIGN - 1) / ALIGN * ALIGN;
  }

  long offset(int activation) {
    return offsets[activation];
  }

  long bytes() {
    return bytes;
  }
}
