package dev.quern.onnx;

import java.util.List;
import java.util.Random;

/**
 * MobileNetV2 (Sandler et al., CVPR 2018, table 2) with random weights: the shapes of the real
 * network for any width and image size, as TensorFlow pads it.
 */
public final class MobileNet {
  /** Expansion, channels, repetitions and the first one's stride. */
  private static final int[][] STAGES = {
    {1, 16, 1, 1},
    {6, 24, 2, 2},
    {6, 32, 3, 2},
    {6, 64, 4, 2},
    {6, 96, 3, 1},
    {6, 160, 3, 2},
    {6, 320, 1, 1}
  };

  private final ModelBuilder model = new ModelBuilder(13);
  private final Random random = new Random(7);
  private final double width;
  private final boolean normalises;
  private String at = "image";
  private int channels = 3;
  private int made;

  private MobileNet(double width, boolean normalises) {
    this.width = width;
    this.normalises = normalises;
  }

  /**
   * The model's file: {@code image f32 [1, 3, size, size]} to {@code probabilities f32 [1,
   * classes]}.
   *
   * @param width the multiplier of all channels, such as 1.4
   * @param normalises whether batch normalisations are nodes of their own
   */
  public static byte[] model(double width, String size, int classes, boolean normalises) {
    return new MobileNet(width, normalises).build(size, classes);
  }

  private byte[] build(String size, int classes) {
    model.input("image", DataType.FLOAT, "1", "3", size, size);
    model.constant("zero", new long[] {}, 0f).constant("six", new long[] {}, 6f);
    conv(scaled(32), 3, 2, 1);
    clip();
    for (int[] stage : STAGES) {
      for (int i = 0; i < stage[2]; i++) {
        block(stage[0], scaled(stage[1]), i == 0 ? stage[3] : 1);
      }
    }
    conv(scaled(1280 * Math.max(1, width) / width), 1, 1, 1);
    clip();
    node("GlobalAveragePool", List.of(at));
    node("Flatten", List.of(at));
    String weights = random(0.05, classes, channels);
    node("Gemm", List.of(at, weights, random(0.1, classes)), "transB", 1);
    model.node("Softmax", List.of(at), List.of("probabilities"));
    return model.output("probabilities", DataType.FLOAT).build();
  }

  private int scaled(double count) {
    return Math.max(8, (int) (count * width + 4) / 8 * 8);
  }

  private void block(int expansion, int out, int stride) {
    String before = at;
    int in = channels;
    if (expansion > 1) {
      conv(in * expansion, 1, 1, 1);
      clip();
    }
    conv(channels, 3, stride, channels);
    clip();
    conv(out, 1, 1, 1);
    if (stride == 1 && in == out) {
      node("Add", List.of(before, at));
    }
  }

  private void conv(int out, int kernel, int stride, int groups) {
    int depth = channels / groups;
    String weights = random(Math.sqrt(2.0 / (depth * kernel * kernel)), out, depth, kernel, kernel);
    node(
        "Conv",
        normalises ? List.of(at, weights) : List.of(at, weights, random(0.1, out)),
        "auto_pad",
        "SAME_UPPER",
        "strides",
        new long[] {stride, stride},
        "group",
        groups);
    channels = out;
    if (normalises) {
      String variance = constant(1.5f, out);
      node(
          "BatchNormalization",
          List.of(at, constant(1.1f, out), random(0.1, out), random(0.1, out), variance));
    }
  }

  private void clip() {
    node("Clip", List.of(at, "zero", "six"));
  }

  private void node(String op, List<String> inputs, Object... attributes) {
    String output = "v" + made++;
    model.node(op, inputs, List.of(output), attributes);
    at = output;
  }

  private String constant(float value, long... dims) {
    float[] data = new float[(int) dims[0]];
    java.util.Arrays.fill(data, value);
    String name = "c" + made++;
    model.constant(name, dims, data);
    return name;
  }

  private String random(double deviation, long... dims) {
    int size = 1;
    for (long dim : dims) {
      size *= (int) dim;
    }
    float[] data = new float[size];
    for (int i = 0; i < size; i++) {
      data[i] = (float) (random.nextGaussian() * deviation);
    }
    String name = "w" + made++;
    model.constant(name, dims, data);
    return name;
  }
}
