package dev.quern.plan;

import dev.quern.graph.Dim;

/** How much a step has to do, and in what pieces it can be shared out to threads. */
public sealed interface Work {
  /**
   * Independent items.
   *
   * @param count how many
   * @param unit elements that one of them touches, to judge what is too small to share
   */
  record Items(Dim count, Dim unit) implements Work {}

  /** A matmul: blocks whose size the schedule says. */
  record Blocks(Dim batch, Dim rows, Dim columns) implements Work {}
}
