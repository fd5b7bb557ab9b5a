package dev.quern.server.models;

import java.util.List;

/**
 * What a TF.js convolution node computes, layout aside: {@code activation(conv(input, weights) +
 * bias)}.
 *
 * @param weights [height, width, in, out], depthwise [height, width, channels, 1]
 * @param stride in both directions
 * @param padBefore rows above and columns to the left that are taken as zeros
 * @param padAfter rows below and columns to the right
 * @param outputSize height and width of the result, which are the same
 */
public record Convolution(
    boolean depthwise,
    TfjsModel.Weight weights,
    TfjsModel.Weight bias,
    int stride,
    int padBefore,
    int padAfter,
    int outputSize,
    boolean relu6) {

  /**
   * @param inputSize height and width of the input, which are the same
   */
  public static Convolution of(TfjsModel model, TfjsNode node, int inputSize) {
    boolean depthwise = node.op().equals("FusedDepthwiseConv2dNative");
    TfjsModel.Weight weights = model.weight(node.inputs().get(1));
    List<Integer> strides = node.ints("strides");
    int kernel = weights.shape().get(0);
    List<String> fused = node.fusedOps();
    boolean relu6 = fused.equals(List.of("BiasAdd", "Relu6"));
    boolean understood =
        node.string("data_format").equals("NHWC")
            && node.string("padding").equals("SAME")
            && node.ints("dilations").equals(List.of(1, 1, 1, 1))
            && strides.get(1).equals(strides.get(2))
            && weights.shape().get(1) == kernel
            && (!depthwise || weights.shape().get(3) == 1)
            && (relu6 || fused.equals(List.of("BiasAdd")));
    if (!understood) {
      throw new ModelFileException("the convolution " + node + " is of no kind that is known here");
    }
    int stride = strides.get(1);
    // TensorFlow's SAME: the odd row or column goes behind.
    int outputSize = (inputSize + stride - 1) / stride;
    int pad = Math.max((outputSize - 1) * stride + kernel - inputSize, 0);
    return new Convolution(
        depthwise,
        weights,
        model.weight(node.inputs().get(2)),
        stride,
        pad / 2,
        pad - pad / 2,
        outputSize,
        relu6);
  }

  public int kernel() {
    return weights.shape().get(0);
  }

  public int outputs() {
    return weights.shape().get(depthwise ? 2 : 3);
  }

  /** The weights as ONNX has them: [out, in ÷ groups, height, width]. */
  public float[] weightsOihw() {
    int in = weights.shape().get(2);
    int out = weights.shape().get(3);
    int area = kernel() * kernel();
    float[] source = weights.values();
    float[] result = new float[source.length];
    for (int at = 0; at < area; at++) {
      for (int i = 0; i < in; i++) {
        for (int o = 0; o < out; o++) {
          // Depthwise, the channels stand in the place of `in`, and become ONNX's `out`.
          int to = depthwise ? i * area + at : (o * in + i) * area + at;
          result[to] = source[(at * in + i) * out + o];
        }
      }
    }
    return result;
  }

  /** The weights as TensorFlow Lite has them: [out, height, width, in]; TF.js' if depthwise. */
  public float[] weightsOhwi() {
    int out = outputs();
    // [height · width · in, out] transposed; depthwise both have [1, height, width, channels].
    return depthwise
        ? weights.values()
        : transposed(weights.values(), weights.values().length / out, out);
  }

  /** A matrix [rows, columns] as [columns, rows]. */
  public static float[] transposed(float[] values, int rows, int columns) {
    float[] result = new float[values.length];
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        result[column * rows + row] = values[row * columns + column];
      }
    }
    return result;
  }
}
