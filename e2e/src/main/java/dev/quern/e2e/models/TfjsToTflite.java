package dev.quern.e2e.models;

import dev.quern.e2e.models.TfliteBuilder.Activation;
import dev.quern.e2e.models.TfliteFile.Value;
import dev.quern.server.models.Convolution;
import dev.quern.server.models.ModelFileException;
import dev.quern.server.models.TfjsModel;
import dev.quern.server.models.TfjsNode;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Converts an image classifier from TF.js to {@code .tflite} as TensorFlow's converter would have
 * done it from the original: NHWC, ReLU6 within the convolutions.
 */
final class TfjsToTflite {
  private final TfjsModel model;
  private final TfliteBuilder out;
  private final Map<String, Value> values = new HashMap<>();

  private TfjsToTflite(TfjsModel model) {
    this.model = model;
    int floats = model.weights().values().stream().mapToInt(w -> w.values().length).sum();
    this.out = new TfliteBuilder(4 * floats);
  }

  /**
   * The file for one image.
   *
   * @param size height and width of the image
   * @param input name of the input [1, size, size, 3]
   * @param output name of the output [1, classes]
   */
  static byte[] convert(TfjsModel model, String name, int size, String input, String output) {
    TfjsToTflite converter = new TfjsToTflite(model);
    Value last = null;
    for (TfjsNode node : model.nodes()) {
      switch (node.op()) {
        case "Const" -> {}
        case "Placeholder" ->
            converter.values.put(node.name(), converter.out.input(input, 1, size, size, 3));
        // The output's name is the last operator's that computes.
        case "Softmax" -> last = converter.out.softmax(output, converter.value(node, 0));
        case "Identity" -> {}
        default -> converter.values.put(node.name(), converter.convert(node));
      }
    }
    if (last == null) {
      throw new ModelFileException("the classifier does not end in a Softmax");
    }
    return converter.out.bytes(name, last);
  }

  private Value convert(TfjsNode node) {
    String name = node.name();
    return switch (node.op()) {
      case "Mul" -> out.mul(name, value(node, 0), value(node, 1));
      case "Sub" -> out.sub(name, value(node, 0), value(node, 1));
      case "AddV2" -> out.add(name, value(node, 0), value(node, 1));
      case "_FusedConv2D", "FusedDepthwiseConv2dNative" -> convolution(node);
      case "AvgPool" -> globalAverage(node);
      // The mean has dropped the dimensions already.
      case "Squeeze" -> value(node, 0);
      case "_FusedMatMul" -> linear(node);
      default -> throw new ModelFileException("no rule converts TF.js' " + node.op());
    };
  }

  /** What a node computes, or a scalar weight. */
  private Value value(TfjsNode node, int input) {
    String name = node.inputs().get(input);
    if (model.weights().containsKey(name)) {
      return out.scalar(name, model.weight(name).scalar());
    }
    Value value = values.get(name);
    if (value == null) {
      throw new ModelFileException(
          node.name() + " uses " + name + ", which no node before it gives");
    }
    return value;
  }

  private Value convolution(TfjsNode node) {
    Value x = value(node, 0);
    Convolution conv = Convolution.of(model, node, x.dim(1));
    int kernel = conv.kernel();
    int in = conv.depthwise() ? conv.outputs() : conv.weights().shape().get(2);
    Value weights =
        out.constant(
            node.inputs().get(1),
            conv.weightsOhwi(),
            conv.depthwise() ? 1 : conv.outputs(),
            kernel,
            kernel,
            in);
    Value bias = out.constant(node.inputs().get(2), conv.bias().values(), conv.outputs());
    Activation activation = conv.relu6() ? Activation.RELU6 : Activation.NONE;
    return conv.depthwise()
        ? out.depthwise(node.name(), x, weights, bias, conv.stride(), activation)
        : out.conv(node.name(), x, weights, bias, conv.stride(), activation);
  }

  private Value globalAverage(TfjsNode node) {
    Value x = value(node, 0);
    if (!node.ints("ksize").equals(List.of(1, x.dim(1), x.dim(2), 1))
        || !node.string("padding").equals("VALID")) {
      throw new ModelFileException(node.name() + " pools over less than the whole image");
    }
    return out.mean(node.name(), x, false, 1, 2);
  }

  private Value linear(TfjsNode node) {
    TfjsModel.Weight weights = model.weight(node.inputs().get(1));
    int in = weights.shape().get(0);
    int width = weights.shape().get(1);
    if (!node.fusedOps().equals(List.of("BiasAdd"))) {
      throw new ModelFileException(node.name() + " fuses " + node.fusedOps());
    }
    return out.fullyConnected(
        node.name(),
        value(node, 0),
        out.constant(
            node.inputs().get(1), Convolution.transposed(weights.values(), in, width), width, in),
        out.constant(node.inputs().get(2), model.weight(node.inputs().get(2)).values(), width),
        Activation.NONE);
  }
}
