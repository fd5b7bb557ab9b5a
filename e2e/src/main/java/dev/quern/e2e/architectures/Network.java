package dev.quern.e2e.architectures;

import ai.onnx.proto.OnnxMl.AttributeProto;
import dev.quern.onnx.DataType;
import dev.quern.reference.Tensor;
import dev.quern.server.models.OnnxBuilder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** A network while it is written, as exporters write it, with seeded weights. */
public final class Network {
  private static final int OPSET = 17;

  /** With it numbers spread evenly from -1 to 1 have a variance of 1. */
  private static final float SPREAD = (float) Math.sqrt(3);

  private final OnnxBuilder model = new OnnxBuilder("architecture", OPSET);
  private final Map<String, Tensor> feeds = new LinkedHashMap<>();
  private final Random random;
  private int made;

  Network(long seed) {
    random = new Random(seed);
  }

  /** The ONNX file. */
  public byte[] file() {
    return model.bytes();
  }

  /** What it is run on, by input. */
  public Map<String, Tensor> feeds() {
    return feeds;
  }

  // Inputs; names of dims that are no numbers are symbols.

  /** An input of the type of its value, which is f32 or i64. */
  String input(String name, Tensor value, Object... dims) {
    if (value.type() == DataType.FLOAT) {
      model.input(name, dims);
    } else {
      model.integerInput(name, dims);
    }
    feeds.put(name, value);
    return name;
  }

  /** An image {@code [1, channels, height, width]}. */
  String image(int channels, int height, int width) {
    return input("image", numbers(1, channels, height, width), 1, channels, height, width);
  }

  /** Hidden states {@code [batch, length, width]} whose first two sizes change from run to run. */
  String states(String name, int batch, int length, int width) {
    return input(name, numbers(batch, length, width), "batch", name + "_length", width);
  }

  /** Numbers of mean 0 and variance 1. */
  Tensor numbers(int... dims) {
    return Tensor.of(random(SPREAD, dims), longs(dims));
  }

  /** Whole numbers from 0 to below a bound. */
  Tensor indices(int below, int... dims) {
    long[] values = new long[size(dims)];
    Arrays.setAll(values, i -> random.nextInt(below));
    return Tensor.of(values, longs(dims));
  }

  private float[] random(float scale, int... dims) {
    float[] values = new float[size(dims)];
    for (int i = 0; i < values.length; i++) {
      values[i] = scale * (2 * random.nextFloat() - 1);
    }
    return values;
  }

  private static int size(int[] dims) {
    return Arrays.stream(dims).reduce(1, Math::multiplyExact);
  }

  private static long[] longs(int[] dims) {
    return Arrays.stream(dims).asLongStream().toArray();
  }

  // Constants.

  /** Weights that keep the size of what they are multiplied with. */
  String weights(int... dims) {
    int depth = Math.max(dims[0], size(dims) / dims[0]);
    return constant(
        random(SPREAD * (dims.length == 1 ? 0.2f : (float) Math.sqrt(1.0 / depth)), dims), dims);
  }

  /** Numbers around 1, as variances and scales are. */
  String scales(int channels) {
    float[] values = random(0.3f, channels);
    for (int i = 0; i < values.length; i++) {
      values[i]++;
    }
    return constant(values, channels);
  }

  String constant(float[] values, int... dims) {
    String name = next("c");
    model.constant(name, values, dims);
    return name;
  }

  String constant(boolean[] values, int... dims) {
    String name = next("c");
    model.constant(name, values, dims);
    return name;
  }

  String constant(long[] values, int... dims) {
    String name = next("c");
    model.constant(name, values, dims);
    return name;
  }

  String scalar(float value) {
    return constant(new float[] {value});
  }

  /** A list of whole numbers. */
  String list(long... values) {
    return constant(values, values.length);
  }

  String whole(long value) {
    return constant(new long[] {value});
  }

  private String next(String kind) {
    return kind + made++;
  }

  // Nodes.

  String op(String op, List<String> inputs, AttributeProto... attributes) {
    String name = next("v");
    model.node(op, name, inputs, attributes);
    return name;
  }

  String op(String op, String... inputs) {
    return op(op, List.of(inputs));
  }

  List<String> ops(String op, int outputs, List<String> inputs, AttributeProto... attributes) {
    List<String> names = names(outputs);
    model.node(op, names, inputs, attributes);
    return names;
  }

  /** An operator that ONNX Runtime adds. */
  List<String> contrib(String op, int outputs, List<String> inputs, AttributeProto... attributes) {
    List<String> names = names(outputs);
    model.contrib(op, names, inputs, attributes);
    return names;
  }

  private List<String> names(int count) {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      names.add(next("v"));
    }
    return names;
  }

  /** Names outputs of f32. */
  Network give(String... values) {
    for (String value : values) {
      model.outputOfAnyShape(value);
    }
    return this;
  }

  // What networks are made of.

  String add(String a, String b) {
    return op("Add", a, b);
  }

  String mul(String a, String b) {
    return op("Mul", a, b);
  }

  /** A product without a bias. */
  String product(String x, int from, int to) {
    return op("MatMul", x, weights(from, to));
  }

  String linear(String x, int from, int to) {
    return add(product(x, from, to), weights(to));
  }

  String norm(String x, int width) {
    return op(
        "LayerNormalization",
        List.of(x, weights(width), weights(width)),
        OnnxBuilder.integer("axis", -1));
  }

  /** x / √(mean of squares + ε), as T5 is exported. */
  String rootMeanSquareNorm(String x, int width) {
    String squares = op("Pow", x, scalar(2));
    String mean = op("ReduceMean", List.of(squares), OnnxBuilder.ints("axes", List.of(-1)));
    String root = op("Sqrt", add(mean, scalar(1e-6f)));
    return mul(weights(width), op("Div", x, root));
  }

  /**
   * Numbers minus their channel's mean over their deviation, as learnt, {@code [batch, channels,
   * …]}.
   */
  String batchNorm(String x, int channels) {
    return op(
        "BatchNormalization",
        x,
        scales(channels),
        weights(channels),
        weights(channels),
        scales(channels));
  }

  /** A layer whose weights lie as PyTorch has them, {@code [to, from]}. */
  String affine(String x, int from, int to) {
    return op("Gemm", List.of(x, weights(to, from), weights(to)), OnnxBuilder.integer("transB", 1));
  }

  String hardSigmoid(String x) {
    return op(
        "HardSigmoid",
        List.of(x),
        OnnxBuilder.real("alpha", 1f / 6),
        OnnxBuilder.real("beta", 0.5f));
  }

  String gelu(String x) {
    String erf = op("Erf", op("Div", x, scalar((float) Math.sqrt(2))));
    return mul(mul(x, add(erf, scalar(1))), scalar(0.5f));
  }

  String relu(String x) {
    return op("Relu", x);
  }

  String silu(String x) {
    return mul(x, op("Sigmoid", x));
  }

  /** A convolution with bias, padded to keep the size if the stride is 1. */
  String conv(String x, int from, int to, int kernel, int stride, int groups) {
    int pad = kernel / 2;
    return op(
        "Conv",
        List.of(x, weights(to, from / groups, kernel, kernel), weights(to)),
        OnnxBuilder.ints("kernel_shape", List.of(kernel, kernel)),
        OnnxBuilder.ints("strides", List.of(stride, stride)),
        OnnxBuilder.ints("pads", List.of(pad, pad, pad, pad)),
        OnnxBuilder.integer("group", groups));
  }

  /** A convolution of every pixel by itself. */
  String pointwise(String x, int from, int to) {
    return conv(x, from, to, 1, 1, 1);
  }

  /** Squares of pixels, each to one pixel. */
  String patches(String x, int from, int to, int side) {
    return op(
        "Conv",
        List.of(x, weights(to, from, side, side), weights(to)),
        OnnxBuilder.ints("strides", List.of(side, side)));
  }

  String concat(int axis, String... parts) {
    return op("Concat", List.of(parts), OnnxBuilder.integer("axis", axis));
  }

  String gather(String table, String indices, int axis) {
    return op("Gather", List.of(table, indices), OnnxBuilder.integer("axis", axis));
  }

  String cast(String x, DataType type) {
    return op("Cast", List.of(x), OnnxBuilder.integer("to", type.code()));
  }

  String reshape(String x, long... dims) {
    return op("Reshape", x, list(dims));
  }

  String unsqueeze(String x, long... axes) {
    return op("Unsqueeze", x, list(axes));
  }

  String transpose(String x, Integer... perm) {
    return op("Transpose", List.of(x), OnnxBuilder.ints("perm", List.of(perm)));
  }

  String slice(String x, int axis, long from, long to, long step) {
    return op("Slice", x, list(from), list(to), list(axis), list(step));
  }

  List<String> split(String x, int axis, long... sizes) {
    return ops("Split", sizes.length, List.of(x, list(sizes)), OnnxBuilder.integer("axis", axis));
  }

  /** The size of an axis as a scalar. */
  String size(String x, int axis) {
    return gather(op("Shape", x), whole(axis), 0);
  }

  /** {@code [batch, length, width]} as {@code [batch, heads, length, depth]}. */
  String heads(String x, int heads, int depth) {
    return transpose(reshape(x, 0, 0, heads, depth), 0, 2, 1, 3);
  }

  /** And back. */
  String joined(String x, int width) {
    return reshape(transpose(x, 0, 2, 1, 3), 0, 0, width);
  }

  String turned(String x) {
    return transpose(x, 0, 1, 3, 2);
  }

  String softmax(String x) {
    return op("Softmax", List.of(x), OnnxBuilder.integer("axis", -1));
  }
}
