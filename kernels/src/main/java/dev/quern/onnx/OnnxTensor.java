package dev.quern.onnx;

/**
 * A {@code TensorProto}.
 *
 * @param name its name; may be empty for an attribute
 * @param type the element type
 * @param dims the sizes of the axes, not negative
 * @param data the elements in little-endian row-major order whichever field the file used, of
 *     exactly the length that type and dims ask for; empty for strings, which are not read
 */
public record OnnxTensor(String name, DataType type, long[] dims, Bytes data) {}
