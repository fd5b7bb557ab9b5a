package dev.quern.e2e.models;

import ai.onnx.proto.OnnxMl.AttributeProto;
import dev.quern.server.models.OnnxBuilder;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What transformers are written of, as exporters write it: norms, products, heads, attention. */
abstract class TransformerGraph {
  /** Added to scores of keys that are not to be seen. */
  private static final float LOWEST = -Float.MAX_VALUE;

  private static final float EPSILON = 1e-5f;

  /** Weights of 4 bits that share a scale. */
  private static final int BLOCK = 32;

  final OnnxBuilder onnx;

  /** Where nodes go: the graph, or one of a branch. */
  OnnxBuilder nodes;

  final DecoderGraph.Sizes sizes;
  private final DecoderGraph.Weights weights;
  private final Set<String> constants = new HashSet<>();
  private int values;

  TransformerGraph(String name, DecoderGraph.Sizes sizes, DecoderGraph.Weights weights) {
    this.onnx = new OnnxBuilder(name);
    this.nodes = onnx;
    this.sizes = sizes;
    this.weights = weights;
  }

  final void constants() {
    int context = sizes.context();
    boolean[] seen = new boolean[context * context];
    for (int i = 0; i < seen.length; i++) {
      seen[i] = i % context <= i / context;
    }
    onnx.constant("causal", seen, 1, 1, context, context);
    number("one", 1);
    number("two", 2);
    number("epsilon", EPSILON);
    number("lowest", LOWEST);
    number("depth_root", (float) Math.sqrt(sizes.depth()));
    onnx.constant("i0", new long[] {0}, 1);
    onnx.constant("i1", new long[] {1}, 1);
    onnx.constant("i2", new long[] {2}, 1);
    onnx.constant("i3", new long[] {3}, 1);
    onnx.constant("axis2", new long[] {2});
    onnx.constant("mask_axes", new long[] {1, 2}, 2);
    onnx.constant("joined", new long[] {0, 0, sizes.hidden()}, 3);
  }

  final void number(String name, float value) {
    onnx.constant(name, new float[] {value});
  }

  final String op(String type, String... inputs) {
    return op(type, List.of(inputs));
  }

  final String op(String type, List<String> inputs, AttributeProto... attributes) {
    String output = type + "_" + values++;
    nodes.node(type, output, inputs, attributes);
    return output;
  }

  final String weight(String name, int... dims) {
    if (constants.add(name)) {
      onnx.constant(name, weights.of(name, dims), dims);
    }
    return name;
  }

  /** 0 where the mask is 1, very low where it is 0: {@code [batch, 1, 1, keys]}. */
  final String padding(String mask) {
    String real = op("Cast", List.of(mask), OnnxBuilder.integer("to", 1));
    String wide = op("Unsqueeze", real, "mask_axes");
    return op("Mul", op("Sub", "one", wide), "lowest");
  }

  /**
   * A product with weights of 4 bits, a scale for each 32; false if the weights have no such form.
   */
  final boolean narrow(String product, String x, String name, int from, int to) {
    Optional<byte[]> codes = weights.codes(name, from, to);
    if (codes.isEmpty()) {
      return false;
    }
    int blocks = from / BLOCK;
    onnx.constant(name, codes.get(), to, blocks, BLOCK / 2);
    float[] scales = new float[to * blocks];
    // Codes from -8 to 7, all as likely, then keep the size of what is multiplied.
    Arrays.fill(scales, (float) (1 / (4.6 * Math.sqrt(from))));
    onnx.constant(name + ".scales", scales, to * blocks);
    onnx.contrib(
        "MatMulNBits",
        List.of(product),
        List.of(x, name, name + ".scales"),
        OnnxBuilder.integer("K", from),
        OnnxBuilder.integer("N", to),
        OnnxBuilder.integer("bits", 4),
        OnnxBuilder.integer("block_size", BLOCK),
        OnnxBuilder.integer("accuracy_level", 4));
    return true;
  }

  final String layerNorm(String x, String name) {
    AttributeProto axes = OnnxBuilder.ints("axes", List.of(-1));
    String centred = op("Sub", x, op("ReduceMean", List.of(x), axes));
    String square = op("Pow", centred, "two");
    String variance = op("ReduceMean", List.of(square), axes);
    String root = op("Sqrt", op("Add", variance, "epsilon"));
    String scaled = op("Mul", op("Div", centred, root), weight(name + ".weight", sizes.hidden()));
    return op("Add", scaled, weight(name + ".bias", sizes.hidden()));
  }

  final String affine(String x, String name, int from, int to) {
    String product = op("MatMul", x, weight(name + ".weight", from, to));
    return op("Add", product, weight(name + ".bias", to));
  }

  /** {@code [batch, seq, heads·depth]} as {@code [batch, heads, seq, depth]}. */
  final String split(String x, int heads) {
    String shape = "split_" + heads;
    if (constants.add(shape)) {
      onnx.constant(shape, new long[] {0, 0, heads, sizes.depth()}, 4);
    }
    return op("Transpose", List.of(op("Reshape", x, shape)), turned());
  }

  private static AttributeProto turned() {
    return OnnxBuilder.ints("perm", List.of(0, 2, 1, 3));
  }

  /**
   * Attention of heads {@code [batch, heads, seq, depth]} to places up to their own: {@code [batch,
   * seq, hidden]}.
   *
   * @param padding added to the scores; null for none
   */
  final String attend(String q, String k, String v, String padding) {
    String causal = op("Where", seen(q, k), scores(q, k), "lowest");
    return shared(padding == null ? causal : op("Add", causal, padding), v);
  }

  /** The same to all places. */
  final String attendToAll(String q, String k, String v, String padding) {
    return shared(op("Add", scores(q, k), padding), v);
  }

  private String scores(String q, String k) {
    AttributeProto swapped = OnnxBuilder.ints("perm", List.of(0, 1, 3, 2));
    return op("Div", op("MatMul", q, op("Transpose", List.of(k), swapped)), "depth_root");
  }

  private String shared(String scores, String v) {
    String shares = op("Softmax", List.of(scores), OnnxBuilder.integer("axis", -1));
    String result = op("Transpose", List.of(op("MatMul", shares, v)), turned());
    return op("Reshape", result, "joined");
  }

  /** The rows of the causal mask for the new places, {@code [1, 1, seq, keys]}. */
  private String seen(String q, String k) {
    String queries = op("Unsqueeze", op("Gather", op("Shape", q), "axis2"), "i0");
    String keys = op("Unsqueeze", op("Gather", op("Shape", k), "axis2"), "i0");
    String rows = op("Slice", "causal", op("Sub", keys, queries), keys, "i2");
    return op("Slice", rows, "i0", keys, "i3");
  }
}
