/** Rewrites of a graph into its canonical form, as one list of named passes. */
package dev.quern.graph.passes;
