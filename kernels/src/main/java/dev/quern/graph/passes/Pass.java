package dev.quern.graph.passes;

import dev.quern.graph.Graph;
import java.util.function.UnaryOperator;

/**
 * One rewrite of a graph.
 *
 * @param name what it does, in a few words
 * @param rewrite the graph after it
 */
public record Pass(String name, UnaryOperator<Graph> rewrite) {}
