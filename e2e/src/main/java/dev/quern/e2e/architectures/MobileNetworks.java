package dev.quern.e2e.architectures;

import java.util.List;

/** Networks of inverted residuals: channels widened, convolved each alone, narrowed. */
final class MobileNetworks {
  /**
   * One block.
   *
   * @param kernel side of the window
   * @param wide channels inside
   * @param to channels of the result
   * @param squeezed whether channels are weighted by their means
   * @param hard whether its activation is HardSwish; for the family that has two
   */
  record Block(int kernel, int wide, int to, int stride, boolean squeezed, boolean hard) {}

  /**
   * A network.
   *
   * @param stem channels of the first convolution
   * @param head channels of the last convolution
   * @param hidden width of a layer before the last; 0 for none
   */
  record Sizes(
      int height, int width, int stem, List<Block> blocks, int head, int hidden, int classes) {}

  private enum Family {
    V2,
    V3,
    EFFICIENT
  }

  private final Network n;
  private final Family family;

  private MobileNetworks(long seed, Family family) {
    n = new Network(seed);
    this.family = family;
  }

  static Network mobileNetV2(Sizes sizes) {
    return new MobileNetworks(21, Family.V2).network(sizes);
  }

  static Network mobileNetV3(Sizes sizes) {
    return new MobileNetworks(22, Family.V3).network(sizes);
  }

  static Network efficientNet(Sizes sizes) {
    return new MobileNetworks(23, Family.EFFICIENT).network(sizes);
  }

  private Network network(Sizes sizes) {
    String x = n.image(3, sizes.height, sizes.width);
    x = active(convolved(x, 3, sizes.stem, 3, 2, 1), true);
    int channels = sizes.stem;
    for (Block block : sizes.blocks) {
      x = residual(x, channels, block);
      channels = block.to;
    }
    x = active(convolved(x, channels, sizes.head, 1, 1, 1), true);
    x = n.op("Flatten", n.op("GlobalAveragePool", x));
    channels = sizes.head;
    if (sizes.hidden > 0) {
      x = active(n.affine(x, channels, sizes.hidden), true);
      channels = sizes.hidden;
    }
    return n.give(n.affine(x, channels, sizes.classes));
  }

  private String convolved(String x, int from, int to, int kernel, int stride, int groups) {
    String y = n.conv(x, from, to, kernel, stride, groups);
    return family == Family.EFFICIENT ? n.batchNorm(y, to) : y;
  }

  private String active(String x, boolean hard) {
    return switch (family) {
      case V2 -> n.op("Clip", x, n.scalar(0), n.scalar(6));
      case V3 -> hard ? n.op("HardSwish", x) : n.relu(x);
      case EFFICIENT -> n.silu(x);
    };
  }

  private String residual(String x, int from, Block block) {
    int wide = block.wide;
    String y = x;
    if (wide != from) {
      y = active(convolved(y, from, wide, 1, 1, 1), block.hard);
    }
    y = active(convolved(y, wide, wide, block.kernel, block.stride, wide), block.hard);
    if (block.squeezed) {
      y = n.mul(y, shares(y, wide, family == Family.V3 ? wide / 4 : from / 4));
    }
    y = convolved(y, wide, block.to, 1, 1, 1);
    return block.stride == 1 && from == block.to ? n.add(x, y) : y;
  }

  /** What a channel counts, by the means of all. */
  private String shares(String x, int channels, int inner) {
    String y = n.pointwise(n.op("GlobalAveragePool", x), channels, inner);
    y = n.pointwise(family == Family.V3 ? n.relu(y) : n.silu(y), inner, channels);
    return family == Family.V3 ? n.hardSigmoid(y) : n.op("Sigmoid", y);
  }
}
