package dev.quern.e2e.models;

import ai.onnx.proto.OnnxMl.AttributeProto;
import dev.quern.server.models.OnnxBuilder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * A decoder of text as Hugging Face's Optimum exports it: token ids {@code [batch, seq]}, a mask,
 * positions and the keys and values of what came before, {@code [batch, heads, past, hidden /
 * heads]}, to logits {@code [batch, seq, vocabulary]} and the keys and values with the new ones.
 */
public abstract class DecoderGraph {
  /** Added to scores of keys that are not to be seen. */
  private static final float LOWEST = -Float.MAX_VALUE;

  /**
   * The model's sizes.
   *
   * @param heads of queries
   * @param keyHeads of keys and values, of which the heads are a multiple
   * @param hidden width of the residual stream, a multiple of the heads
   * @param inner width inside of the MLP
   * @param context positions that there are
   */
  public record Sizes(
      int layers, int heads, int keyHeads, int hidden, int inner, int vocabulary, int context) {
    /** Width of a head. */
    public int depth() {
      return hidden / heads;
    }
  }

  /** Where the weights come from. */
  public interface Weights {
    /** The elements of a weight, by its name in the network that is exported. */
    float[] of(String name, int... dims);
  }

  final OnnxBuilder onnx = new OnnxBuilder("decoder");
  final Sizes sizes;
  private final Weights weights;
  private final Set<String> shapes = new HashSet<>();
  private int values;

  DecoderGraph(Sizes sizes, Weights weights) {
    this.sizes = sizes;
    this.weights = weights;
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

  /** The network. */
  abstract void write();

  final byte[] file() {
    String all = "past_sequence_length + sequence_length";
    onnx.integerInput("input_ids", "batch_size", "sequence_length");
    onnx.integerInput("attention_mask", "batch_size", all);
    onnx.integerInput("position_ids", "batch_size", "sequence_length");
    onnx.output("logits", "batch_size", "sequence_length", sizes.vocabulary);
    for (String past : pasts(sizes)) {
      int heads = sizes.keyHeads;
      onnx.input(past, "batch_size", heads, "past_sequence_length", sizes.depth());
      String present = past.replace("past_key_values", "present");
      onnx.output(present, "batch_size", heads, all, sizes.depth());
    }
    constants();
    write();
    return onnx.bytes();
  }

  private void constants() {
    int context = sizes.context;
    boolean[] seen = new boolean[context * context];
    for (int i = 0; i < seen.length; i++) {
      seen[i] = i % context <= i / context;
    }
    onnx.constant("causal", seen, 1, 1, context, context);
    number("one", 1);
    number("lowest", LOWEST);
    number("depth_root", (float) Math.sqrt(sizes.depth()));
    onnx.constant("i0", new long[] {0}, 1);
    onnx.constant("i1", new long[] {1}, 1);
    onnx.constant("i2", new long[] {2}, 1);
    onnx.constant("i3", new long[] {3}, 1);
    onnx.constant("axis2", new long[] {2});
    onnx.constant("mask_axes", new long[] {1, 2}, 2);
    onnx.constant("joined", new long[] {0, 0, sizes.hidden}, 3);
  }

  final void number(String name, float value) {
    onnx.constant(name, new float[] {value});
  }

  final String op(String type, String... inputs) {
    return op(type, List.of(inputs));
  }

  final String op(String type, List<String> inputs, AttributeProto... attributes) {
    String output = type + "_" + values++;
    onnx.node(type, output, inputs, attributes);
    return output;
  }

  final String weight(String name, int... dims) {
    onnx.constant(name, weights.of(name, dims), dims);
    return name;
  }

  /** 0 where the mask is 1, very low where it is 0: {@code [batch, 1, 1, keys]}. */
  final String padding() {
    String mask = op("Cast", List.of("attention_mask"), OnnxBuilder.integer("to", 1));
    String wide = op("Unsqueeze", mask, "mask_axes");
    return op("Mul", op("Sub", "one", wide), "lowest");
  }

  /** {@code [batch, seq, heads·depth]} as {@code [batch, heads, seq, depth]}. */
  final String split(String x, int heads) {
    String shape = "split_" + heads;
    if (shapes.add(shape)) {
      onnx.constant(shape, new long[] {0, 0, heads, sizes.depth()}, 4);
    }
    return op("Transpose", List.of(op("Reshape", x, shape)), turned());
  }

  private static AttributeProto turned() {
    return OnnxBuilder.ints("perm", List.of(0, 2, 1, 3));
  }

  /** Keys or values behind those of before. */
  final String grown(String x, String name) {
    String present = "present." + name;
    List<String> parts = List.of("past_key_values." + name, x);
    onnx.node("Concat", present, parts, OnnxBuilder.integer("axis", -2));
    return present;
  }

  /** Attention of heads {@code [batch, heads, seq, depth]}: {@code [batch, seq, hidden]}. */
  final String attend(String q, String k, String v, String padding) {
    AttributeProto swapped = OnnxBuilder.ints("perm", List.of(0, 1, 3, 2));
    String scores = op("Div", op("MatMul", q, op("Transpose", List.of(k), swapped)), "depth_root");
    String causal = op("Where", seen(q, k), scores, "lowest");
    String shares =
        op("Softmax", List.of(op("Add", causal, padding)), OnnxBuilder.integer("axis", -1));
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
