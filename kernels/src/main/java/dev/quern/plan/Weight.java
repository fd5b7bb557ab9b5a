package dev.quern.plan;

import dev.quern.graph.Constant;
import java.util.List;

/**
 * A constant as the kernels want it.
 *
 * @param parts one constant, or several that a packed weight holds side by side along n
 * @param packed in panels of four columns (see {@code PackKernel}); otherwise as in the file
 * @param k rows of a packed weight
 * @param transposed whether the parts lie as {@code [n, k]}
 */
public record Weight(int id, List<Constant> parts, boolean packed, int k, boolean transposed) {
  public Weight {
    parts = List.copyOf(parts);
  }
}
