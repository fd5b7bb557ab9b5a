/**
 * Reads ONNX files: the protobuf wire format, by hand, over {@link dev.quern.onnx.Bytes}.
 *
 * <p>Invariants: weights are views of the file and are never copied; nothing here knows what an
 * operator means; every record is immutable; whatever the bytes are, reading ends in a model or in
 * one {@link dev.quern.onnx.ModelException} that lists every problem.
 *
 * <p>First in the order of the data: {@code onnx → graph → plan → schedule → wasm}. It depends on
 * nothing of ours.
 */
package dev.quern.onnx;
