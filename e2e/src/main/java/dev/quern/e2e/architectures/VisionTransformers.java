package dev.quern.e2e.architectures;

import dev.quern.server.models.OnnxBuilder;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;

/** Networks over images, of attention. */
final class VisionTransformers {
  private final Network n;

  private VisionTransformers(long seed) {
    n = new Network(seed);
  }

  /**
   * Sizes of a transformer over patches.
   *
   * @param height, width of the image, multiples of the patch
   * @param patch side of what becomes one place
   * @param wide width of the residual stream, a multiple of the heads
   * @param inner width inside of the MLP
   */
  record Sizes(
      int height, int width, int patch, int layers, int wide, int heads, int inner, int classes) {
    int places() {
      return height / patch * (width / patch) + 1;
    }

    int depth() {
      return wide / heads;
    }
  }

  static Network vit(Sizes sizes) {
    VisionTransformers net = new VisionTransformers(26);
    return net.vit(sizes, x -> net.attention(x, sizes.heads, sizes.depth(), scores -> scores));
  }

  /** With attention as PyTorch's exporter of 2026 writes it. */
  static Network vitScaled(Sizes sizes) {
    VisionTransformers net = new VisionTransformers(29);
    return net.vit(sizes, x -> net.scaledAttention(x, sizes));
  }

  private Network vit(Sizes sizes, UnaryOperator<String> attention) {
    int wide = sizes.wide;
    String patches = n.patches(n.image(3, sizes.height, sizes.width), 3, wide, sizes.patch);
    String rows = n.transpose(n.reshape(patches, 0, wide, -1), 0, 2, 1);
    String x = n.concat(1, n.weights(1, 1, wide), rows);
    x = n.add(x, n.weights(1, sizes.places(), wide));
    for (int layer = 0; layer < sizes.layers; layer++) {
      x = n.add(x, attention.apply(n.norm(x, wide)));
      x = n.add(x, mlp(n.norm(x, wide), wide, sizes.inner));
    }
    String token = n.gather(n.norm(x, wide), n.whole(0), 1);
    return n.give(n.linear(token, wide, sizes.classes));
  }

  private String mlp(String x, int wide, int inner) {
    return n.linear(n.gelu(n.linear(x, wide, inner)), inner, wide);
  }

  /** {@code softmax(q·kᵀ·scale + …)·v} of one product for all three, {@code [b, s, 3·width]}. */
  private String attention(String x, int heads, int depth, UnaryOperator<String> biased) {
    int width = heads * depth;
    String all = n.reshape(n.linear(x, width, 3 * width), 0, -1, 3, heads, depth);
    String parts = n.transpose(all, 2, 0, 3, 1, 4);
    String q = n.gather(parts, n.whole(0), 0);
    String k = n.gather(parts, n.whole(1), 0);
    String v = n.gather(parts, n.whole(2), 0);
    String scaled = n.mul(q, n.scalar((float) (1 / Math.sqrt(depth))));
    String scores = biased.apply(n.op("MatMul", scaled, n.turned(k)));
    String joined = n.transpose(n.op("MatMul", n.softmax(scores), v), 0, 2, 1, 3);
    return n.linear(n.reshape(joined, 0, -1, width), width, width);
  }

  private String scaledAttention(String x, Sizes sizes) {
    int wide = sizes.wide;
    int depth = sizes.depth();
    int places = sizes.places();
    String scale = n.scalar((float) Math.pow(depth, -0.25));
    String q = n.heads(n.linear(x, wide, wide), sizes.heads, depth);
    String k = n.heads(n.linear(x, wide, wide), sizes.heads, depth);
    String v = n.heads(n.linear(x, wide, wide), sizes.heads, depth);
    String matrices = n.transpose(n.reshape(k, -1, places, depth), 0, 2, 1);
    String columns = n.reshape(matrices, 1, sizes.heads, depth, places);
    String scores = n.op("MatMul", n.mul(q, scale), n.mul(columns, scale));
    String shares = n.softmax(n.add(scores, n.weights(1, 1, places, places)));
    String kept = n.op("Where", n.op("IsNaN", shares), n.scalar(0), shares);
    return n.linear(n.joined(n.op("MatMul", kept, v), wide), wide, wide);
  }

  /**
   * Attention within windows of an image, every other block with the image shifted.
   *
   * @param side of the image
   * @param patch side of what becomes one place
   * @param window side of a window in places; divides each stage's side
   * @param depths blocks of each stage; a stage has half the side of the one before
   * @param wide width of the first stage, twice as much in each that follows
   * @param depth width of a head
   */
  static Network swin(
      int side, int patch, int window, List<Integer> depths, int wide, int depth, int classes) {
    return new VisionTransformers(27).windows(side, patch, window, depths, wide, depth, classes);
  }

  private Network windows(
      int side, int patch, int window, List<Integer> depths, int wide, int depth, int classes) {
    String x = n.transpose(n.patches(n.image(3, side, side), 3, wide, patch), 0, 2, 3, 1);
    int size = side / patch;
    int width = wide;
    for (int stage = 0; stage < depths.size(); stage++) {
      if (stage > 0) {
        x = merged(x, size, width);
        size /= 2;
        width *= 2;
      }
      for (int block = 0; block < depths.get(stage); block++) {
        int shift = block % 2 == 1 && size > window ? window / 2 : 0;
        x = n.add(x, windowed(n.norm(x, width), size, width, window, shift, depth));
        x = n.add(x, mlp(n.norm(x, width), width, 4 * width));
      }
    }
    String means =
        n.op(
            "ReduceMean",
            List.of(n.norm(x, width)),
            OnnxBuilder.ints("axes", List.of(1, 2)),
            OnnxBuilder.integer("keepdims", 0));
    return n.give(n.linear(means, width, classes));
  }

  private String windowed(String x, int size, int width, int window, int shift, int depth) {
    int count = size / window;
    int places = window * window;
    int heads = width / depth;
    String shifted = rolled(rolled(x, 1, shift, size), 2, shift, size);
    String windows = n.reshape(shifted, 1, count, window, count, window, width);
    windows = n.reshape(n.transpose(windows, 0, 1, 3, 2, 4, 5), -1, places, width);
    String table = n.weights(1, heads, places, places);
    String attended =
        attention(
            windows,
            heads,
            depth,
            scores -> {
              String biased = n.add(scores, table);
              if (shift == 0) {
                return biased;
              }
              String each = n.reshape(biased, 1, (long) count * count, heads, places, places);
              each = n.add(each, apart(count, window, shift));
              return n.reshape(each, -1, heads, places, places);
            });
    String back = n.reshape(attended, 1, count, count, window, window, width);
    back = n.reshape(n.transpose(back, 0, 1, 3, 2, 4, 5), 1, size, size, width);
    return rolled(rolled(back, 1, size - shift, size), 2, size - shift, size);
  }

  /** Very low where two places of a window were not beside each other before the image's shift. */
  private String apart(int count, int window, int shift) {
    int places = window * window;
    float[] mask = new float[count * count * places * places];
    for (int w = 0; w < count * count; w++) {
      for (int i = 0; i < places * places; i++) {
        int a = region(w, i / places, count, window, shift);
        int b = region(w, i % places, count, window, shift);
        mask[w * places * places + i] = a == b ? 0 : -100;
      }
    }
    return n.constant(mask, 1, count * count, 1, places, places);
  }

  private static int region(int w, int place, int count, int window, int shift) {
    int row = w / count == count - 1 && place / window >= window - shift ? 1 : 0;
    int column = w % count == count - 1 && place % window >= window - shift ? 1 : 0;
    return 2 * row + column;
  }

  private String rolled(String x, int axis, int by, int size) {
    if (by % size == 0) {
      return x;
    }
    return n.concat(axis, n.slice(x, axis, by, size, 1), n.slice(x, axis, 0, by, 1));
  }

  /** Four neighbours as one place. */
  private String merged(String x, int size, int width) {
    String[] parts = new String[4];
    for (int i = 0; i < 4; i++) {
      String rows = n.slice(x, 1, i % 2, size, 2);
      parts[i] = n.slice(rows, 2, i / 2, size, 2);
    }
    return n.product(n.norm(n.concat(-1, parts), 4 * width), 4 * width, 2 * width);
  }

  /**
   * Sizes of a stage of cascaded attention.
   *
   * @param width channels, a multiple of the heads
   * @param blocks of attention
   */
  record Stage(int width, int blocks, int heads) {}

  /**
   * Heads that each take a part of the channels and the result of the head before, within windows.
   *
   * @param side of the image
   * @param halvings convolutions at the start that halve the sides
   * @param stages each with half the sides of the one before
   * @param depth width of queries and keys
   * @param window most places on a side that attend to each other
   */
  static Network efficientViT(
      int side, int halvings, List<Stage> stages, int depth, int window, int classes) {
    return new VisionTransformers(28).cascaded(side, halvings, stages, depth, window, classes);
  }

  private Network cascaded(
      int side, int halvings, List<Stage> stages, int depth, int window, int classes) {
    String x = n.image(3, side, side);
    int channels = 3;
    int size = side;
    for (int i = 0; i < halvings; i++) {
      int to = stages.getFirst().width >> (halvings - 1 - i);
      x = n.conv(x, channels, to, 3, 2, 1);
      x = i < halvings - 1 ? n.relu(x) : x;
      channels = to;
      size = (size + 1) / 2;
    }
    for (Stage stage : stages) {
      if (stage.width != channels) {
        x = halved(x, channels, stage.width);
        channels = stage.width;
        size = (size + 1) / 2;
      }
      for (int block = 0; block < stage.blocks; block++) {
        x = mixed(x, channels);
        x = n.add(x, inWindows(x, size, Math.min(window, size), stage, depth));
        x = mixed(x, channels);
      }
    }
    String means = n.op("Flatten", n.op("GlobalAveragePool", x));
    return n.give(n.affine(n.batchNorm(means, channels), channels, classes));
  }

  /** A window over single channels, then an MLP of each pixel, both beside what was before. */
  private String mixed(String x, int channels) {
    x = n.add(x, n.conv(x, channels, channels, 3, 1, channels));
    String inner = n.relu(n.pointwise(x, channels, 2 * channels));
    return n.add(x, n.pointwise(inner, 2 * channels, channels));
  }

  private String halved(String x, int from, int to) {
    String y = n.relu(n.pointwise(mixed(x, from), from, 4 * from));
    y = n.relu(n.conv(y, 4 * from, 4 * from, 3, 2, 4 * from));
    String shares = n.relu(n.pointwise(n.op("GlobalAveragePool", y), 4 * from, from));
    y = n.mul(y, n.op("Sigmoid", n.pointwise(shares, from, 4 * from)));
    return mixed(n.pointwise(y, 4 * from, to), to);
  }

  private String inWindows(String x, int size, int window, Stage stage, int depth) {
    if (size <= window) {
      return heads(x, size, stage, depth);
    }
    int count = (size + window - 1) / window;
    int pad = count * window - size;
    int width = stage.width;
    String rows = n.transpose(x, 0, 2, 3, 1);
    String padded = pad == 0 ? rows : n.op("Pad", rows, n.list(0, 0, 0, 0, 0, pad, pad, 0));
    String windows = n.reshape(padded, 1, count, window, count, window, width);
    windows = n.reshape(n.transpose(windows, 0, 1, 3, 2, 4, 5), -1, window, window, width);
    String attended = heads(n.transpose(windows, 0, 3, 1, 2), window, stage, depth);
    String back = n.transpose(attended, 0, 2, 3, 1);
    back = n.reshape(back, 1, count, count, window, window, width);
    back = n.transpose(back, 0, 1, 3, 2, 4, 5);
    back = n.reshape(back, 1, (long) count * window, (long) count * window, width);
    back = pad == 0 ? back : n.slice(n.slice(back, 1, 0, size, 1), 2, 0, size, 1);
    return n.transpose(back, 0, 3, 1, 2);
  }

  private String heads(String x, int side, Stage stage, int depth) {
    int part = stage.width / stage.heads;
    long[] equal = new long[stage.heads];
    Arrays.fill(equal, part);
    String[] results = new String[stage.heads];
    String before = "";
    List<String> parts = n.split(x, 1, equal);
    for (int i = 0; i < stage.heads; i++) {
      String given = before.isEmpty() ? parts.get(i) : n.add(parts.get(i), before);
      List<String> all = n.split(n.pointwise(given, part, 2 * depth + part), 1, depth, depth, part);
      String q = n.reshape(n.conv(all.get(0), depth, depth, 5, 1, depth), 0, depth, -1);
      String k = n.reshape(all.get(1), 0, depth, -1);
      String v = n.reshape(all.get(2), 0, part, -1);
      String scores = n.op("MatMul", n.transpose(q, 0, 2, 1), k);
      scores = n.mul(scores, n.scalar((float) (1 / Math.sqrt(depth))));
      scores = n.add(scores, n.weights(side * side, side * side));
      String shares = n.transpose(n.softmax(scores), 0, 2, 1);
      before = n.reshape(n.op("MatMul", v, shares), 0, part, side, side);
      results[i] = before;
    }
    return n.pointwise(n.relu(n.concat(1, results)), stage.width, stage.width);
  }
}
