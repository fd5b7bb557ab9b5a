package dev.quern.server.models;

import ai.onnx.proto.OnnxMl.AttributeProto;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Converts an image classifier from TF.js to ONNX as an exporter would write it: NCHW, ReLU6 as
 * Clip, batch normalisation folded into the convolutions (TF.js' own converter has done that).
 */
final class TfjsToOnnx {
  private static final String BATCH = "batch";

  private final TfjsModel model;
  private final OnnxBuilder onnx;

  /** The ONNX value of each TF.js node that has been converted. */
  private final Map<String, String> values = new HashMap<>();

  /** Height and width, which are the same, of values that have them. */
  private final Map<String, Integer> sizes = new HashMap<>();

  private TfjsToOnnx(TfjsModel model, String name) {
    this.model = model;
    this.onnx = new OnnxBuilder(name);
  }

  /**
   * The ONNX file of a classifier.
   *
   * @param size height and width of the image
   * @param input name of the input [batch, 3, size, size]
   * @param output name of the output [batch, classes]
   */
  static byte[] convert(TfjsModel model, String name, int size, String input, String output) {
    return new TfjsToOnnx(model, name).all(size, input, output);
  }

  private byte[] all(int size, String input, String output) {
    onnx.input(input, BATCH, 3, size, size);
    constant("zero", 0);
    constant("six", 6);
    int classes = 0;
    for (TfjsNode node : model.nodes()) {
      String name = node.name();
      switch (node.op()) {
        case "Const" -> {}
        case "Placeholder" -> {
          values.put(name, input);
          sizes.put(name, size);
        }
        case "Mul", "Sub", "AddV2" -> elementwise(node);
        case "_FusedConv2D", "FusedDepthwiseConv2dNative" -> convolution(node);
        case "AvgPool" -> globalAverage(node);
        case "Squeeze" -> add("Flatten", name, List.of(value(node, 0)), integer("axis", 1));
        case "_FusedMatMul" -> classes = linear(node);
        case "Softmax" -> add("Softmax", name, List.of(value(node, 0)), integer("axis", -1));
        case "Identity" -> add("Identity", output, List.of(value(node, 0)));
        default -> throw new ModelFileException("no rule converts TF.js' " + node.op());
      }
    }
    return onnx.output(output, BATCH, classes).bytes();
  }

  private static AttributeProto integer(String name, long value) {
    return OnnxBuilder.integer(name, value);
  }

  private void add(String op, String name, List<String> inputs, AttributeProto... attributes) {
    onnx.node(op, name, inputs, attributes);
    values.put(name, name);
  }

  private void constant(String name, float value) {
    onnx.constant(name, new float[] {value});
  }

  private String value(TfjsNode node, int input) {
    String name = node.inputs().get(input);
    String value = values.get(name);
    if (value == null) {
      throw new ModelFileException(
          node.name() + " uses " + name + ", which no node before it gives");
    }
    return value;
  }

  /** Two values of one shape, or a value and a scalar weight. */
  private void elementwise(TfjsNode node) {
    List<String> inputs = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      String name = node.inputs().get(i);
      if (model.weights().containsKey(name)) {
        constant(name, model.weight(name).scalar());
        inputs.add(name);
      } else {
        inputs.add(value(node, i));
        sizes.put(node.name(), sizes.get(name));
      }
    }
    add(node.op().equals("AddV2") ? "Add" : node.op(), node.name(), inputs);
  }

  private void convolution(TfjsNode node) {
    Convolution conv = Convolution.of(model, node, sizes.get(node.inputs().get(0)));
    List<String> inputs = new ArrayList<>(List.of(value(node, 0)));
    inputs.addAll(node.inputs().subList(1, 3));
    List<Integer> kernel = List.of(conv.kernel(), conv.kernel());
    int group = conv.depthwise() ? conv.outputs() : 1;
    int in = conv.depthwise() ? 1 : conv.weights().shape().get(2);
    onnx.constant(
        inputs.get(1), conv.weightsOihw(), conv.outputs(), in, conv.kernel(), conv.kernel());
    onnx.constant(inputs.get(2), conv.bias().values(), conv.outputs());
    String name = conv.relu6() ? node.name() + "/Conv" : node.name();
    add(
        "Conv",
        name,
        inputs,
        OnnxBuilder.ints("dilations", List.of(1, 1)),
        integer("group", group),
        OnnxBuilder.ints("kernel_shape", kernel),
        OnnxBuilder.ints(
            "pads", List.of(conv.padBefore(), conv.padBefore(), conv.padAfter(), conv.padAfter())),
        OnnxBuilder.ints("strides", List.of(conv.stride(), conv.stride())));
    if (conv.relu6()) {
      add("Clip", node.name(), List.of(name, "zero", "six"));
    }
    sizes.put(node.name(), conv.outputSize());
  }

  private void globalAverage(TfjsNode node) {
    int size = sizes.get(node.inputs().get(0));
    if (!node.ints("ksize").equals(List.of(1, size, size, 1))
        || !node.string("padding").equals("VALID")) {
      throw new ModelFileException(node.name() + " pools over less than the whole image");
    }
    add("GlobalAveragePool", node.name(), List.of(value(node, 0)));
  }

  /** A dense layer, its weights [classes, features] as PyTorch has them; returns the classes. */
  private int linear(TfjsNode node) {
    TfjsModel.Weight weights = model.weight(node.inputs().get(1));
    TfjsModel.Weight bias = model.weight(node.inputs().get(2));
    if (!node.fusedOps().equals(List.of("BiasAdd"))) {
      throw new ModelFileException(node.name() + " fuses " + node.fusedOps());
    }
    int features = weights.shape().get(0);
    int classes = weights.shape().get(1);
    onnx.constant(
        "classifier.weight",
        Convolution.transposed(weights.values(), features, classes),
        classes,
        features);
    onnx.constant("classifier.bias", bias.values(), classes);
    add(
        "Gemm",
        node.name(),
        List.of(value(node, 0), "classifier.weight", "classifier.bias"),
        integer("transB", 1));
    return classes;
  }
}
