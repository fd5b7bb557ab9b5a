package dev.quern.graph.passes;

import dev.quern.graph.Constant;
import dev.quern.graph.Node;
import dev.quern.graph.Shape;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.reference.Tensor;

/**
 * Constants of whole numbers as the f32 that they stand for, {@code (x - zero) · scale}: weights of
 * convolutions, and biases. They take four times the bytes of the file at most.
 *
 * @param scale one number, or one for each place of an axis
 * @param zero as many, or null if all are 0
 */
record Dequantised(Constant x, Constant scale, Constant zero) {
  /** The operands of a node that dequantises a constant; null if it is none, or goes by blocks. */
  static Dequantised of(Editor editor, Node node) {
    if (!node.isQuern("Dequantize")) {
      return null;
    }
    Constant x = editor.constant(node.inputs().get(0));
    Constant scale = editor.constant(node.inputs().get(1));
    Constant zero = node.has(2) ? editor.constant(node.inputs().get(2)) : null;
    if (x == null || scale == null || node.has(2) && zero == null) {
      return null;
    }
    boolean alike = zero == null || zero.size() == 1 || zero.shape().equals(scale.shape());
    Dequantised result = new Dequantised(x, scale, zero);
    return alike && (scale.size() == 1 || result.axis() >= 0) ? result : null;
  }

  /** The axis along which scales go; -1 if there is none, or several. */
  private int axis() {
    Shape side = scale.shape();
    int axis = -1;
    for (int i = 0; i < side.rank(); i++) {
      if (!side.dim(i).is(1)) {
        if (axis >= 0) {
          return -1;
        }
        axis = x.shape().rank() - side.rank() + i;
      }
    }
    return axis >= 0 && x.shape().dim(axis).is(scale.size()) ? axis : -1;
  }

  /** The numbers under a name. */
  Constant constant(String name) {
    int size = (int) x.size();
    int sides = (int) scale.size();
    long inner = sides == 1 ? 1 : x.shape().product(axis() + 1, x.shape().rank()).constant();
    float[] scales = new float[sides];
    float[] zeros = new float[sides];
    for (int i = 0; i < sides; i++) {
      scales[i] = (float) scale.number(i);
      zeros[i] = zero == null ? 0 : (float) zero.number(zero.size() == 1 ? 0 : i);
    }
    float[] numbers = new float[size];
    boolean signed = x.type() == DataType.INT8;
    boolean bytes = signed || x.type() == DataType.UINT8;
    Bytes data = x.data();
    int side = 0;
    long left = inner;
    for (int i = 0; i < size; i++) {
      float number = !bytes ? x.integer(i) : signed ? data.get(i) : data.get(i) & 255;
      numbers[i] = (number - zeros[side]) * scales[side];
      if (sides > 1 && --left == 0) {
        left = inner;
        side = side + 1 == sides ? 0 : side + 1;
      }
    }
    byte[] result = Tensor.of(numbers, size).toBytes();
    return new Constant(name, DataType.FLOAT, x.shape(), Bytes.of(result));
  }
}
