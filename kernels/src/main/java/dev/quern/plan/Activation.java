package dev.quern.plan;

import dev.quern.graph.Dim;

/**
 * A buffer in the arena.
 *
 * @param bytes its size
 * @param first the first step that touches it, -1 for an input
 * @param last the last step that touches it; the number of steps for what outlives the run
 */
public record Activation(int id, String name, Dim bytes, int first, int last) {}
