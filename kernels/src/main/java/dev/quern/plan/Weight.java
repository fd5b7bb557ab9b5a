package dev.quern.plan;

import dev.quern.graph.Constant;
import dev.quern.kernel.WeightFormat;
import java.util.List;

/**
 * A constant as the kernels want it.
 *
 * @param parts one constant, or several that a packed weight holds side by side along n; of blocks
 *     the numbers {@code [n, blocks, bytes]}, the scales {@code [n, blocks]} and zero points, if
 *     any
 * @param zeros the zero points of each part's columns, for formats of whole numbers
 * @param format in panels of four columns (see {@code PackKernel}); null: as in the file
 * @param k rows of a packed weight
 * @param transposed whether the parts lie as {@code [n, k]}
 * @param taps places of a window if the parts lie as {@code [n, k / taps, taps]} and k is to be
 *     {@code [taps, k / taps]}; otherwise 1
 */
public record Weight(
    int id,
    List<Constant> parts,
    List<byte[]> zeros,
    WeightFormat format,
    int k,
    boolean transposed,
    int taps) {
  public Weight {
    parts = List.copyOf(parts);
    zeros = List.copyOf(zeros);
  }

  /** Whether it lies in panels. */
  public boolean packed() {
    return format != null;
  }
}
