package dev.quern.e2e.models;

import ai.onnx.proto.OnnxMl.AttributeProto;
import dev.quern.server.models.OnnxBuilder;
import java.util.ArrayList;
import java.util.List;

/**
 * A decoder of text as Hugging Face's Optimum exports GPT-2: token ids {@code [batch, seq]}, a
 * mask, positions and the keys and values of what came before, {@code [batch, heads, past, hidden /
 * heads]}, to logits {@code [batch, seq, vocabulary]} and the keys and values with the new ones.
 * Layer norms, the causal mask and the activation are written out, as the exporter does.
 */
public final class DecoderGraph {
  /** Added to scores of keys that are not to be seen. */
  private static final float LOWEST = -Float.MAX_VALUE;

  private static final float EPSILON = 1e-5f;

  /**
   * The model's sizes.
   *
   * @param hidden width of the residual stream, a multiple of the heads
   * @param inner width inside of the MLP
   * @param context positions that there are
   */
  public record Sizes(int layers, int heads, int hidden, int inner, int vocabulary, int context) {}

  /** Where the weights come from. */
  public interface Weights {
    /**
     * The elements of a weight.
     *
     * @param name as in GPT-2: {@code wte}, {@code h.0.attn.c_attn.weight}
     */
    float[] of(String name, int... dims);
  }

  private final OnnxBuilder onnx = new OnnxBuilder("decoder");
  private final Sizes sizes;
  private final Weights weights;
  private int values;

  private DecoderGraph(Sizes sizes, Weights weights) {
    this.sizes = sizes;
    this.weights = weights;
  }

  /** The model's file. */
  public static byte[] file(Sizes sizes, Weights weights) {
    DecoderGraph graph = new DecoderGraph(sizes, weights);
    graph.write();
    return graph.onnx.bytes();
  }

  private void write() {
    String all = "past_sequence_length + sequence_length";
    int depth = sizes.hidden / sizes.heads;
    onnx.integerInput("input_ids", "batch_size", "sequence_length");
    onnx.integerInput("attention_mask", "batch_size", all);
    onnx.integerInput("position_ids", "batch_size", "sequence_length");
    onnx.output("logits", "batch_size", "sequence_length", sizes.vocabulary);
    for (int layer = 0; layer < sizes.layers; layer++) {
      for (String part : List.of("key", "value")) {
        String name = layer + "." + part;
        onnx.input(
            "past_key_values." + name, "batch_size", sizes.heads, "past_sequence_length", depth);
        onnx.output("present." + name, "batch_size", sizes.heads, all, depth);
      }
    }
    constants();
    String words = op("Gather", weight("wte", sizes.vocabulary, sizes.hidden), "input_ids");
    String places = op("Gather", weight("wpe", sizes.context, sizes.hidden), "position_ids");
    String x = op("Add", words, places);
    String padding = padding();
    for (int layer = 0; layer < sizes.layers; layer++) {
      String name = "h." + layer;
      x = op("Add", x, attention(norm(x, name + ".ln_1"), padding, layer));
      x = op("Add", x, mlp(norm(x, name + ".ln_2"), name + ".mlp"));
    }
    String last = norm(x, "ln_f");
    onnx.node("MatMul", "logits", List.of(last, weight("lm_head", sizes.hidden, sizes.vocabulary)));
  }

  private void constants() {
    int context = sizes.context;
    boolean[] seen = new boolean[context * context];
    for (int i = 0; i < seen.length; i++) {
      seen[i] = i % context <= i / context;
    }
    onnx.constant("causal", seen, 1, 1, context, context);
    number("one", 1);
    number("two", 2);
    number("half", 0.5f);
    number("three", 3);
    number("lowest", LOWEST);
    number("epsilon", EPSILON);
    number("depth_root", (float) Math.sqrt((double) sizes.hidden / sizes.heads));
    number("gelu_cube", 0.044715f);
    number("gelu_root", (float) Math.sqrt(2 / Math.PI));
    onnx.constant("i0", new long[] {0}, 1);
    onnx.constant("i2", new long[] {2}, 1);
    onnx.constant("i3", new long[] {3}, 1);
    onnx.constant("axis2", new long[] {2});
    onnx.constant("mask_axes", new long[] {1, 2}, 2);
    int depth = sizes.hidden / sizes.heads;
    onnx.constant("heads", new long[] {0, 0, sizes.heads, depth}, 4);
    onnx.constant("joined", new long[] {0, 0, sizes.hidden}, 3);
    onnx.constant("thirds", new long[] {sizes.hidden, sizes.hidden, sizes.hidden}, 3);
  }

  private void number(String name, float value) {
    onnx.constant(name, new float[] {value});
  }

  private String op(String type, String... inputs) {
    return op(type, List.of(inputs));
  }

  private String op(String type, List<String> inputs, AttributeProto... attributes) {
    String output = type + "_" + values++;
    onnx.node(type, output, inputs, attributes);
    return output;
  }

  private String weight(String name, int... dims) {
    onnx.constant(name, weights.of(name, dims), dims);
    return name;
  }

  /** 0 where the mask is 1, very low where it is 0: {@code [batch, 1, 1, keys]}. */
  private String padding() {
    String mask = op("Cast", List.of("attention_mask"), OnnxBuilder.integer("to", 1));
    String wide = op("Unsqueeze", mask, "mask_axes");
    return op("Mul", op("Sub", "one", wide), "lowest");
  }

  private String norm(String x, String name) {
    AttributeProto axes = OnnxBuilder.ints("axes", List.of(-1));
    String centred = op("Sub", x, op("ReduceMean", List.of(x), axes));
    String square = op("Pow", centred, "two");
    String variance = op("ReduceMean", List.of(square), axes);
    String root = op("Sqrt", op("Add", variance, "epsilon"));
    String scaled = op("Mul", op("Div", centred, root), weight(name + ".weight", sizes.hidden));
    return op("Add", scaled, weight(name + ".bias", sizes.hidden));
  }

  private String linear(String x, String name, int from, int to) {
    String product = op("MatMul", x, weight(name + ".weight", from, to));
    return op("Add", product, weight(name + ".bias", to));
  }

  private String attention(String x, String padding, int layer) {
    String name = "h." + layer + ".attn";
    int hidden = sizes.hidden;
    String joined = linear(x, name + ".c_attn", hidden, 3 * hidden);
    List<String> parts = List.of(name + ".q", name + ".k", name + ".v");
    onnx.node("Split", parts, List.of(joined, "thirds"), OnnxBuilder.integer("axis", 2));
    String q = split(parts.get(0));
    String k = grown(split(parts.get(1)), layer + ".key");
    String v = grown(split(parts.get(2)), layer + ".value");
    AttributeProto swapped = OnnxBuilder.ints("perm", List.of(0, 1, 3, 2));
    String scores = op("Div", op("MatMul", q, op("Transpose", List.of(k), swapped)), "depth_root");
    String causal = op("Where", seen(q, k), scores, "lowest");
    String shares =
        op("Softmax", List.of(op("Add", causal, padding)), OnnxBuilder.integer("axis", -1));
    String result = op("Transpose", List.of(op("MatMul", shares, v)), turned());
    return linear(op("Reshape", result, "joined"), name + ".c_proj", hidden, hidden);
  }

  private static AttributeProto turned() {
    return OnnxBuilder.ints("perm", List.of(0, 2, 1, 3));
  }

  private String split(String x) {
    return op("Transpose", List.of(op("Reshape", x, "heads")), turned());
  }

  private String grown(String x, String name) {
    String present = "present." + name;
    List<String> parts = List.of("past_key_values." + name, x);
    onnx.node("Concat", present, parts, OnnxBuilder.integer("axis", -2));
    return present;
  }

  /** The rows of the causal mask for the new places, {@code [1, 1, seq, keys]}. */
  private String seen(String q, String k) {
    String queries = op("Unsqueeze", op("Gather", op("Shape", q), "axis2"), "i0");
    String keys = op("Unsqueeze", op("Gather", op("Shape", k), "axis2"), "i0");
    String rows = op("Slice", "causal", op("Sub", keys, queries), keys, "i2");
    return op("Slice", rows, "i0", keys, "i3");
  }

  private String mlp(String x, String name) {
    String a = linear(x, name + ".c_fc", sizes.hidden, sizes.inner);
    String inner = op("Add", a, op("Mul", op("Pow", a, "three"), "gelu_cube"));
    String tanh = op("Tanh", op("Mul", inner, "gelu_root"));
    String gelu = op("Mul", op("Mul", a, "half"), op("Add", tanh, "one"));
    return linear(gelu, name + ".c_proj", sizes.inner, sizes.hidden);
  }

  /** Names of the keys and values before a run, in the order of the layers. */
  public static List<String> pasts(Sizes sizes) {
    List<String> names = new ArrayList<>();
    for (int layer = 0; layer < sizes.layers; layer++) {
      names.add("past_key_values." + layer + ".key");
      names.add("past_key_values." + layer + ".value");
    }
    return names;
  }
}
