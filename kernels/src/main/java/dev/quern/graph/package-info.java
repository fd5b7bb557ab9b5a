/** The graph with symbolic shapes and the operator table; comes after {@code dev.quern.onnx}. */
package dev.quern.graph;
