package dev.quern.architecture;

import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** A network while it is written, with seeded weights, as exporters write it. */
final class Net {
  private final ModelBuilder model = new ModelBuilder(17);
  private final Map<String, Tensor> feeds = new LinkedHashMap<>();
  private final Random random;
  private int made;

  Net(long seed) {
    random = new Random(seed);
  }

  /** The file, and what it is run on. */
  byte[] file() {
    return model.build();
  }

  Map<String, Tensor> feeds() {
    return feeds;
  }

  /** An input; names of dims that are no numbers are symbols. */
  String input(String name, Tensor value, String... dims) {
    model.input(name, value.type(), dims);
    feeds.put(name, value);
    return name;
  }

  String image(int channels, int height, int width) {
    return input(
        "image",
        Tensors.random(random.nextInt(), DataType.FLOAT, 1, channels, height, width),
        "1",
        Integer.toString(channels),
        Integer.toString(height),
        Integer.toString(width));
  }

  /** Hidden states {@code [batch, length, width]} whose first two sizes change from run to run. */
  String states(String name, int length, int width) {
    Tensor value = Tensors.random(random.nextInt(), DataType.FLOAT, 2, length, width);
    return input(name, value, "batch", name + "_length", Integer.toString(width));
  }

  /** Weights that keep the size of what they are multiplied with. */
  String weights(long... dims) {
    long depth = 1;
    for (int i = 1; i < dims.length; i++) {
      depth *= dims[i];
    }
    float scale = (float) (1 / Math.sqrt((double) Math.max(depth, dims[0])));
    Tensor values = Tensors.random(random.nextInt(), DataType.FLOAT, dims);
    float[] numbers = values.floats();
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] *= dims.length == 1 ? 0.2f : scale;
    }
    return constant(values);
  }

  String constant(Tensor value) {
    String name = "c" + made++;
    model.constant(name, ModelBuilder.raw(value.type(), value.toBytes(), value.dims()));
    return name;
  }

  String scalar(float value) {
    return constant(Tensor.of(new float[] {value}));
  }

  String longs(long... values) {
    return constant(Tensor.of(values, values.length));
  }

  String whole(long value) {
    return constant(Tensor.of(new long[] {value}));
  }

  String op(String op, List<String> inputs, Object... attributes) {
    String name = "v" + made++;
    model.node(op, inputs, List.of(name), attributes);
    return name;
  }

  List<String> ops(String op, int outputs, List<String> inputs, Object... attributes) {
    String[] names = new String[outputs];
    for (int i = 0; i < outputs; i++) {
      names[i] = "v" + made++;
    }
    model.node(op, inputs, List.of(names), attributes);
    return Arrays.asList(names);
  }

  /** Names outputs. */
  Net give(String... values) {
    for (String value : values) {
      model.output(value, DataType.FLOAT);
    }
    return this;
  }

  // What networks are made of.

  String add(String a, String b) {
    return op("Add", List.of(a, b));
  }

  String mul(String a, String b) {
    return op("Mul", List.of(a, b));
  }

  String linear(String x, int from, int to) {
    return add(op("MatMul", List.of(x, weights(from, to))), weights(to));
  }

  String norm(String x, int width) {
    return op("LayerNormalization", List.of(x, weights(width), weights(width)), "axis", -1L);
  }

  /** x / √(mean of squares + ε), as T5 is exported. */
  String rootMeanSquareNorm(String x, int width) {
    String squares = op("Pow", List.of(x, scalar(2)));
    String mean = op("ReduceMean", List.of(squares), "axes", new long[] {-1});
    String root = op("Sqrt", List.of(add(mean, scalar(1e-6f))));
    return mul(weights(width), op("Div", List.of(x, root)));
  }

  String gelu(String x) {
    String erf = op("Erf", List.of(op("Div", List.of(x, scalar((float) Math.sqrt(2))))));
    return mul(mul(x, add(erf, scalar(1))), scalar(0.5f));
  }

  String silu(String x) {
    return mul(x, op("Sigmoid", List.of(x)));
  }

  /** A convolution with bias, padded to keep the size if the stride is 1. */
  String conv(String x, int from, int to, int kernel, int stride, int groups) {
    long pad = kernel / 2;
    return op(
        "Conv",
        List.of(x, weights(to, from / groups, kernel, kernel), weights(to)),
        "kernel_shape",
        new long[] {kernel, kernel},
        "strides",
        new long[] {stride, stride},
        "pads",
        new long[] {pad, pad, pad, pad},
        "group",
        (long) groups);
  }

  /** The size of an axis as a scalar. */
  String size(String x, int axis) {
    return op("Gather", List.of(op("Shape", List.of(x)), whole(axis)), "axis", 0L);
  }

  /** {@code [batch, length, width]} as {@code [batch, heads, length, width / heads]}. */
  String split(String x, int heads, int depth) {
    String shaped = op("Reshape", List.of(x, longs(0, 0, heads, depth)));
    return op("Transpose", List.of(shaped), "perm", new long[] {0, 2, 1, 3});
  }

  String joined(String x, int width) {
    String turned = op("Transpose", List.of(x), "perm", new long[] {0, 2, 1, 3});
    return op("Reshape", List.of(turned, longs(0, 0, width)));
  }

  String turned(String x) {
    return op("Transpose", List.of(x), "perm", new long[] {0, 1, 3, 2});
  }

  String softmax(String x) {
    return op("Softmax", List.of(x), "axis", -1L);
  }
}
