package dev.quern.onnx;

import java.util.List;
import java.util.Optional;

/**
 * A {@code ValueInfoProto}: what an input or output is.
 *
 * @param name the value's name
 * @param type the element type; {@link DataType#UNDEFINED} if it is no tensor or not said
 * @param dims the sizes; empty if not even the rank is known
 */
public record OnnxValue(String name, DataType type, Optional<List<OnnxDim>> dims) {
  /**
   * One size.
   *
   * @param value the number, or -1 if it is not known
   * @param symbol the name of an unknown size; may be empty
   */
  public record OnnxDim(long value, String symbol) {}
}
