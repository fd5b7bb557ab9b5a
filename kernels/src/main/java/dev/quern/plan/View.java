package dev.quern.plan;

import dev.quern.graph.Dim;

/**
 * Where a value lies.
 *
 * @param offset bytes from the base
 * @param rowFloats 0 for contiguous values; otherwise floats from one row of the last dimension to
 *     the next, for columns cut out of a wider matrix
 */
record View(Base base, Dim offset, int rowFloats) {
  static View of(Base base) {
    return new View(base, Dim.ZERO, 0);
  }

  Arg address() {
    return new Arg(base, offset);
  }

  Arg address(Dim further) {
    return new Arg(base, offset.plus(further));
  }
}
