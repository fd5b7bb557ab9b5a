package dev.quern.architecture;

import dev.quern.reference.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;

/** Networks over images. */
final class ImageNets {
  private ImageNets() {}

  private static String relu(Net n, String x) {
    return n.op("Relu", List.of(x));
  }

  private static String relu6(Net n, String x) {
    return n.op("Clip", List.of(x, n.scalar(0), n.scalar(6)));
  }

  private static String normalised(Net n, String x, int channels) {
    String variance = n.mul(n.weights(channels), n.scalar(0));
    return n.op(
        "BatchNormalization",
        List.of(
            x,
            n.weights(channels),
            n.weights(channels),
            n.weights(channels),
            n.add(variance, n.scalar(0.7f))));
  }

  private static String pooled(Net n, String x) {
    return n.op("GlobalAveragePool", List.of(x));
  }

  private static String classified(Net n, String x, int channels) {
    String flat = n.op("Flatten", List.of(pooled(n, x)));
    return n.op("Gemm", List.of(flat, n.weights(10, channels), n.weights(10)), "transB", 1L);
  }

  static Net resNet() {
    Net n = new Net(20);
    String x = relu(n, normalised(n, n.conv(n.image(3, 21, 19), 3, 8, 7, 2, 1), 8));
    x =
        n.op(
            "MaxPool",
            List.of(x),
            "kernel_shape",
            new long[] {3, 3},
            "strides",
            new long[] {2, 2},
            "pads",
            new long[] {1, 1, 1, 1});
    String y = relu(n, normalised(n, n.conv(x, 8, 8, 3, 1, 1), 8));
    x = relu(n, n.add(normalised(n, n.conv(y, 8, 8, 3, 1, 1), 8), x));
    y = relu(n, normalised(n, n.conv(x, 8, 16, 3, 2, 1), 16));
    y = normalised(n, n.conv(y, 16, 16, 3, 1, 1), 16);
    x = relu(n, n.add(y, normalised(n, n.conv(x, 8, 16, 1, 2, 1), 16)));
    return n.give(classified(n, x, 16));
  }

  static Net mobileNetV2() {
    Net n = new Net(21);
    String x = relu6(n, n.conv(n.image(3, 17, 17), 3, 8, 3, 2, 1));
    for (int stride = 1; stride <= 2; stride++) {
      String wide = relu6(n, n.conv(x, 8, 24, 1, 1, 1));
      String deep = relu6(n, n.conv(wide, 24, 24, 3, stride, 24));
      String narrow = n.conv(deep, 24, 8, 1, 1, 1);
      x = stride == 1 ? n.add(x, narrow) : narrow;
    }
    return n.give(classified(n, relu6(n, n.conv(x, 8, 32, 1, 1, 1)), 32));
  }

  private static String squeezed(Net n, String x, int channels, boolean hard) {
    String inner = n.conv(pooled(n, x), channels, 4, 1, 1, 1);
    String outer = n.conv(hard ? relu(n, inner) : n.silu(inner), 4, channels, 1, 1, 1);
    String share =
        hard
            ? n.op("HardSigmoid", List.of(outer), "alpha", 1f / 6, "beta", 0.5f)
            : n.op("Sigmoid", List.of(outer));
    return n.mul(x, share);
  }

  static Net mobileNetV3() {
    Net n = new Net(22);
    String x = n.op("HardSwish", List.of(n.conv(n.image(3, 18, 14), 3, 8, 3, 2, 1)));
    String wide = n.op("HardSwish", List.of(n.conv(x, 8, 16, 1, 1, 1)));
    String deep = n.op("HardSwish", List.of(n.conv(wide, 16, 16, 5, 1, 16)));
    x = n.add(x, n.conv(squeezed(n, deep, 16, true), 16, 8, 1, 1, 1));
    return n.give(classified(n, x, 8));
  }

  static Net efficientNet() {
    Net n = new Net(23);
    String x = n.silu(normalised(n, n.conv(n.image(3, 15, 16), 3, 8, 3, 2, 1), 8));
    String wide = n.silu(normalised(n, n.conv(x, 8, 32, 1, 1, 1), 32));
    String deep = n.silu(normalised(n, n.conv(wide, 32, 32, 3, 1, 32), 32));
    x = n.add(x, normalised(n, n.conv(squeezed(n, deep, 32, false), 32, 8, 1, 1, 1), 8));
    return n.give(classified(n, x, 8));
  }

  static Net convNext() {
    Net n = new Net(24);
    List<String> stem = List.of(n.image(3, 16, 12), n.weights(12, 3, 4, 4), n.weights(12));
    String x = n.op("Conv", stem, "strides", new long[] {4, 4});
    String y = n.conv(x, 12, 12, 7, 1, 12);
    y = n.op("Transpose", List.of(y), "perm", new long[] {0, 2, 3, 1});
    y = n.linear(n.gelu(n.linear(n.norm(y, 12), 12, 48)), 48, 12);
    y = n.mul(n.weights(12), y);
    y = n.op("Transpose", List.of(y), "perm", new long[] {0, 3, 1, 2});
    return n.give(classified(n, n.add(x, y), 12));
  }

  static Net uNet() {
    Net n = new Net(25);
    String top = relu(n, n.conv(n.image(3, 12, 16), 3, 8, 3, 1, 1));
    String down =
        n.op(
            "MaxPool",
            List.of(top),
            "kernel_shape",
            new long[] {2, 2},
            "strides",
            new long[] {2, 2});
    String deep = relu(n, n.conv(down, 8, 16, 3, 1, 1));
    List<String> up = List.of(deep, n.weights(16, 8, 2, 2), n.weights(8));
    String back = n.op("ConvTranspose", up, "strides", new long[] {2, 2});
    String both = n.op("Concat", List.of(back, top), "axis", 1L);
    String grown =
        n.op(
            "Resize",
            List.of(relu(n, n.conv(both, 16, 8, 3, 1, 1)), "", floats(n, 1, 1, 2, 2)),
            "mode",
            "linear");
    return n.give(n.conv(grown, 8, 2, 1, 1, 1));
  }

  private static String floats(Net n, float... values) {
    return n.constant(Tensor.of(values, values.length));
  }

  /** {@code softmax(q·kᵀ·scale + bias)·v} of one product for all three, {@code [b, s, 3·width]}. */
  private static String attention(Net n, String x, int heads, int depth, String bias) {
    int width = heads * depth;
    String all = n.linear(x, width, 3 * width);
    String parts = n.op("Reshape", List.of(all, n.longs(0, -1, 3, heads, depth)));
    String turned = n.op("Transpose", List.of(parts), "perm", new long[] {2, 0, 3, 1, 4});
    String q = n.op("Gather", List.of(turned, n.whole(0)), "axis", 0L);
    String k = n.op("Gather", List.of(turned, n.whole(1)), "axis", 0L);
    String v = n.op("Gather", List.of(turned, n.whole(2)), "axis", 0L);
    String scaled = n.mul(q, n.scalar((float) (1 / Math.sqrt(depth))));
    String scores = n.op("MatMul", List.of(scaled, n.turned(k)));
    scores = bias.isEmpty() ? scores : n.add(scores, bias);
    String y = n.op("MatMul", List.of(n.softmax(scores), v));
    String joined = n.op("Transpose", List.of(y), "perm", new long[] {0, 2, 1, 3});
    return n.linear(n.op("Reshape", List.of(joined, n.longs(0, -1, width))), width, width);
  }

  static Net vit() {
    return vit(new Net(26), (n, x) -> attention(n, x, 4, 4, ""));
  }

  /** With attention as PyTorch's exporter of 2026 writes it. */
  static Net vitScaled() {
    return vit(new Net(29), (n, x) -> scaledAttention(n, x, 4, 4));
  }

  private static String scaledAttention(Net n, String x, int heads, int depth) {
    int width = heads * depth;
    String scale = n.scalar((float) Math.pow(depth, -0.25));
    String q = n.split(n.linear(x, width, width), heads, depth);
    String k = n.split(n.linear(x, width, width), heads, depth);
    String v = n.split(n.linear(x, width, width), heads, depth);
    String matrices = n.op("Reshape", List.of(k, n.longs(-1, 7, depth)));
    String turned = n.op("Transpose", List.of(matrices), "perm", new long[] {0, 2, 1});
    String columns = n.op("Reshape", List.of(turned, n.longs(1, heads, depth, 7)));
    String scores = n.op("MatMul", List.of(n.mul(q, scale), n.mul(columns, scale)));
    String shares = n.softmax(n.add(scores, n.weights(1, 1, 7, 7)));
    String kept = n.op("Where", List.of(n.op("IsNaN", List.of(shares)), n.scalar(0), shares));
    String joined = n.joined(n.op("MatMul", List.of(kept, v)), width);
    return n.linear(joined, width, width);
  }

  private static Net vit(Net n, BiFunction<Net, String, String> attention) {
    int width = 16;
    List<String> stem = List.of(n.image(3, 12, 8), n.weights(width, 3, 4, 4), n.weights(width));
    String patches = n.op("Conv", stem, "strides", new long[] {4, 4});
    String rows = n.op("Reshape", List.of(patches, n.longs(0, width, -1)));
    String turned = n.op("Transpose", List.of(rows), "perm", new long[] {0, 2, 1});
    String first = n.weights(1, 1, width);
    String x = n.op("Concat", List.of(first, turned), "axis", 1L);
    x = n.add(x, n.weights(1, 7, width));
    x = n.add(x, attention.apply(n, n.norm(x, width)));
    x = n.add(x, n.linear(n.gelu(n.linear(n.norm(x, width), width, 32)), 32, width));
    String token = n.op("Gather", List.of(n.norm(x, width), n.whole(0)), "axis", 1L);
    return n.give(n.linear(token, width, 10));
  }

  /** Windows of an image that is shifted before and back after. */
  static Net swin() {
    Net n = new Net(27);
    int width = 16;
    List<String> stem = List.of(n.image(3, 16, 16), n.weights(width, 3, 2, 2), n.weights(width));
    String x = n.op("Conv", stem, "strides", new long[] {2, 2});
    x = n.op("Transpose", List.of(x), "perm", new long[] {0, 2, 3, 1});
    String shifted = rolled(n, rolled(n, n.norm(x, width), 1, 2, 8), 2, 2, 8);
    String windows = n.op("Reshape", List.of(shifted, n.longs(1, 2, 4, 2, 4, width)));
    windows = n.op("Transpose", List.of(windows), "perm", new long[] {0, 1, 3, 2, 4, 5});
    windows = n.op("Reshape", List.of(windows, n.longs(-1, 16, width)));
    String attended = attention(n, windows, 4, 4, n.weights(1, 4, 16, 16));
    String back = n.op("Reshape", List.of(attended, n.longs(1, 2, 2, 4, 4, width)));
    back = n.op("Transpose", List.of(back), "perm", new long[] {0, 1, 3, 2, 4, 5});
    back = n.op("Reshape", List.of(back, n.longs(1, 8, 8, width)));
    back = rolled(n, rolled(n, back, 1, 6, 8), 2, 6, 8);
    return n.give(n.norm(n.add(x, back), width));
  }

  private static String rolled(Net n, String x, long axis, long by, long size) {
    String rest = n.op("Slice", List.of(x, n.longs(by), n.longs(size), n.longs(axis)));
    String first = n.op("Slice", List.of(x, n.longs(0), n.longs(by), n.longs(axis)));
    return n.op("Concat", List.of(rest, first), "axis", axis);
  }

  /** Heads that each take a part of the channels and the result of the head before. */
  static Net efficientViT() {
    Net n = new Net(28);
    int width = 16;
    int part = 8;
    String x = relu(n, n.conv(n.image(3, 14, 14), 3, width, 3, 2, 1));
    x = n.add(x, n.conv(x, width, width, 3, 1, width));
    List<String> parts = n.ops("Split", 2, List.of(x, n.longs(part, part)), "axis", 1L);
    String before = "";
    List<String> results = new ArrayList<>();
    for (String each : parts) {
      String given = before.isEmpty() ? each : n.add(each, before);
      List<String> all =
          n.ops(
              "Split",
              3,
              List.of(n.conv(given, part, 4 + 4 + part, 1, 1, 1), n.longs(4, 4, part)),
              "axis",
              1L);
      String q = n.op("Reshape", List.of(n.conv(all.get(0), 4, 4, 3, 1, 4), n.longs(0, 4, -1)));
      String k = n.op("Reshape", List.of(all.get(1), n.longs(0, 4, -1)));
      String v = n.op("Reshape", List.of(all.get(2), n.longs(0, part, -1)));
      String turned = n.op("Transpose", List.of(q), "perm", new long[] {0, 2, 1});
      String scores = n.mul(n.op("MatMul", List.of(turned, k)), n.scalar(0.5f));
      String shares = n.op("Transpose", List.of(n.softmax(scores)), "perm", new long[] {0, 2, 1});
      before = n.op("Reshape", List.of(n.op("MatMul", List.of(v, shares)), n.longs(0, part, 7, 7)));
      results.add(before);
    }
    String joined = relu(n, n.op("Concat", results, "axis", 1L));
    return n.give(classified(n, n.add(x, n.conv(joined, width, width, 1, 1, 1)), width));
  }
}
