/**
 * The graph of a model: operators, types and shapes, which may hold symbols such as {@code
 * batch_size}.
 *
 * <p>Invariants: a {@link dev.quern.graph.Graph} is immutable, in static single assignment form and
 * in topological order; every value has a known type and shape; no opset is left in it (what an
 * operator of one opset or another means has been resolved by {@link
 * dev.quern.graph.GraphImporter}). {@link dev.quern.graph.Operators} is the table of what can be
 * imported; {@link dev.quern.graph.Verifier} says whether a graph is sound.
 *
 * <p>Second in the order of the data: {@code onnx → graph → plan → schedule → wasm}.
 */
package dev.quern.graph;
