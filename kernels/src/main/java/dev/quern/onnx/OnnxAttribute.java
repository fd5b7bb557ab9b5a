package dev.quern.onnx;

import java.util.List;

/** What a node's attribute holds. */
public sealed interface OnnxAttribute {
  /** A whole number. */
  record Int(long value) implements OnnxAttribute {}

  /** A real number. */
  record Real(float value) implements OnnxAttribute {}

  /** A text, or any bytes. */
  record Text(Bytes bytes) implements OnnxAttribute {
    /** The bytes as UTF-8. */
    public String value() {
      return Utf8.text(bytes);
    }
  }

  /** A tensor. */
  record Tensor(OnnxTensor value) implements OnnxAttribute {}

  /** The body of a loop or branch. */
  record Body(OnnxGraph value) implements OnnxAttribute {}

  /** Whole numbers. */
  record Ints(List<Long> value) implements OnnxAttribute {}

  /** Real numbers. */
  record Reals(List<Float> value) implements OnnxAttribute {}

  /** Texts. */
  record Texts(List<Text> value) implements OnnxAttribute {}

  /**
   * A kind that no supported operator has, such as a list of graphs.
   *
   * @param kind its code in {@code AttributeProto.AttributeType}
   */
  record Other(long kind) implements OnnxAttribute {}
}
