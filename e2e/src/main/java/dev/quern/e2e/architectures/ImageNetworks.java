package dev.quern.e2e.architectures;

import dev.quern.server.models.OnnxBuilder;
import java.util.ArrayList;
import java.util.List;

/** Networks over images, of convolutions. */
final class ImageNetworks {
  private ImageNetworks() {}

  private static String classified(Network n, String x, int channels, int classes) {
    String flat = n.op("Flatten", n.op("GlobalAveragePool", x));
    return n.affine(flat, channels, classes);
  }

  /**
   * Blocks of convolutions beside what was before.
   *
   * @param stem channels of the first convolution; those of a stage are twice those of the one
   *     before
   * @param blocks of each stage
   * @param growth channels of a stage's results over those inside its blocks; 1 for blocks of two
   *     3×3, more for three convolutions of which the inner is 3×3
   */
  static Network resNet(int height, int width, int stem, List<Integer> blocks, int growth, int to) {
    Network n = new Network(20);
    String x = n.image(3, height, width);
    x = n.relu(n.batchNorm(n.conv(x, 3, stem, 7, 2, 1), stem));
    x =
        n.op(
            "MaxPool",
            List.of(x),
            OnnxBuilder.ints("kernel_shape", List.of(3, 3)),
            OnnxBuilder.ints("strides", List.of(2, 2)),
            OnnxBuilder.ints("pads", List.of(1, 1, 1, 1)));
    int channels = stem;
    for (int stage = 0; stage < blocks.size(); stage++) {
      int inner = stem << stage;
      for (int block = 0; block < blocks.get(stage); block++) {
        int stride = stage > 0 && block == 0 ? 2 : 1;
        String y =
            growth == 1
                ? plain(n, x, channels, inner, stride)
                : bottleneck(n, x, channels, inner, stride, growth);
        int wide = inner * growth;
        boolean same = stride == 1 && channels == wide;
        String before = same ? x : n.batchNorm(n.conv(x, channels, wide, 1, stride, 1), wide);
        x = n.relu(n.add(y, before));
        channels = wide;
      }
    }
    return n.give(classified(n, x, channels, to));
  }

  private static String plain(Network n, String x, int from, int to, int stride) {
    String y = n.relu(n.batchNorm(n.conv(x, from, to, 3, stride, 1), to));
    return n.batchNorm(n.conv(y, to, to, 3, 1, 1), to);
  }

  private static String bottleneck(
      Network n, String x, int from, int inner, int stride, int growth) {
    String y = n.relu(n.batchNorm(n.pointwise(x, from, inner), inner));
    y = n.relu(n.batchNorm(n.conv(y, inner, inner, 3, stride, 1), inner));
    return n.batchNorm(n.pointwise(y, inner, inner * growth), inner * growth);
  }

  /**
   * Windows of 7×7 over single channels, then an MLP of each pixel.
   *
   * @param depths blocks of each stage
   * @param wide channels of the first stage; those of a stage are twice those of the one before
   */
  static Network convNext(int height, int width, List<Integer> depths, int wide, int to) {
    Network n = new Network(24);
    String x = normOfPixels(n, n.patches(n.image(3, height, width), 3, wide, 4), wide);
    int channels = wide;
    for (int stage = 0; stage < depths.size(); stage++) {
      if (stage > 0) {
        x = n.patches(normOfPixels(n, x, channels), channels, 2 * channels, 2);
        channels *= 2;
      }
      for (int block = 0; block < depths.get(stage); block++) {
        String y = n.transpose(n.conv(x, channels, channels, 7, 1, channels), 0, 2, 3, 1);
        y = n.gelu(n.linear(n.norm(y, channels), channels, 4 * channels));
        y = n.mul(n.weights(channels), n.linear(y, 4 * channels, channels));
        x = n.add(x, n.transpose(y, 0, 3, 1, 2));
      }
    }
    return n.give(classified(n, x, channels, to));
  }

  private static String normOfPixels(Network n, String x, int channels) {
    return n.transpose(n.norm(n.transpose(x, 0, 2, 3, 1), channels), 0, 3, 1, 2);
  }

  /**
   * Down from half of the image's sides, up by ConvTranspose, to the image's sides by Resize.
   *
   * @param height, width multiples of 2 to the power of the levels
   * @param base channels of the first level; those of a level are twice those of the one before
   */
  static Network uNet(int height, int width, int levels, int base, int to) {
    Network n = new Network(25);
    String x = n.relu(n.conv(n.image(3, height, width), 3, base, 3, 2, 1));
    List<String> tops = new ArrayList<>();
    int channels = base;
    for (int level = 1; level < levels; level++) {
      x = n.relu(n.conv(x, channels, channels, 3, 1, 1));
      tops.add(x);
      x =
          n.op(
              "MaxPool",
              List.of(x),
              OnnxBuilder.ints("kernel_shape", List.of(2, 2)),
              OnnxBuilder.ints("strides", List.of(2, 2)));
      x = n.relu(n.conv(x, channels, 2 * channels, 3, 1, 1));
      channels *= 2;
    }
    for (String top : tops.reversed()) {
      int half = channels / 2;
      String up =
          n.op(
              "ConvTranspose",
              List.of(x, n.weights(channels, half, 2, 2), n.weights(half)),
              OnnxBuilder.ints("strides", List.of(2, 2)));
      x = n.relu(n.conv(n.concat(1, up, top), channels, half, 3, 1, 1));
      x = n.relu(n.conv(x, half, half, 3, 1, 1));
      channels = half;
    }
    String twice = n.constant(new float[] {1, 1, 2, 2}, 4);
    String grown = n.op("Resize", List.of(x, "", twice), OnnxBuilder.text("mode", "linear"));
    return n.give(n.pointwise(grown, channels, to));
  }
}
