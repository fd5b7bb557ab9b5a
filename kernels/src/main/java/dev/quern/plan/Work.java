package dev.quern.plan;

import dev.quern.graph.Dim;

/** How much a step has to do, and in what pieces it can be shared out to threads. */
public sealed interface Work {
  /**
   * Independent items.
   *
   * @param count how many
   * @param unit elements that one of them touches, to judge what is too small to share
   * @param rounds how often all of them are worked on, each time after all others
   */
  record Items(Dim count, Dim unit, Dim rounds) implements Work {
    /** Items that are worked on once. */
    public Items(Dim count, Dim unit) {
      this(count, unit, Dim.ONE);
    }
  }

  /** A matmul: blocks whose size the schedule says. */
  record Blocks(Dim batch, Dim rows, Dim columns) implements Work {}
}
