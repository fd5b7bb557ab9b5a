package dev.quern.graph;

import dev.quern.onnx.DataType;

/** What a name in a graph stands for: an element type and a shape. */
public record Value(String name, DataType type, Shape shape) {
  /** {@code hidden f32 [batch, seq, 384]}. */
  @Override
  public String toString() {
    return name + " " + type.label() + " " + shape;
  }
}
