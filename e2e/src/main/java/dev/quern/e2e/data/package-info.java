/**
 * Tensors in files: NumPy's {@code .npy} and ONNX's {@code TensorProto} ({@code .pb}), read and
 * written.
 *
 * <p>Invariants: a {@link dev.quern.e2e.data.TensorData} holds exactly shape × element size bytes,
 * little endian, in C order; a file that is anything else is refused with a sentence that names the
 * file and the reason.
 *
 * <p>Place in the order: uses {@code dev.quern.onnx} for the element types and {@code
 * dev.quern.reference} for tensors; {@code harness} and the commands use it.
 */
package dev.quern.e2e.data;
