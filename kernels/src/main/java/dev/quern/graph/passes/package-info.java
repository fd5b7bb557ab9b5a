/**
 * Rewrites of a graph into its canonical form, as one list of named passes: {@link
 * dev.quern.graph.passes.Passes#ALL}.
 *
 * <p>Invariants: a pass takes a sound graph to a sound graph ({@link dev.quern.graph.Verifier})
 * that computes the same, up to rounding; it keeps inputs, outputs and their names; what nothing
 * uses is dropped after each pass. Weights are never copied, only constants of a few kilobytes are.
 *
 * <p>It depends on {@code graph}, and on {@code reference} to fold constants.
 */
package dev.quern.graph.passes;
