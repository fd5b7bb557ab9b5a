package dev.quern.e2e.models;

import dev.quern.onnx.DataType;
import dev.quern.server.models.OnnxBuilder;
import java.util.List;
import java.util.function.DoubleUnaryOperator;

/**
 * Llama: positions turn queries and keys (RoPE), heads share keys and values, norms without a mean
 * (by ONNX Runtime's operator), an MLP with a gate (SwiGLU), no biases. Weights are named as in
 * Llama: {@code model.layers.0.self_attn.q_proj.weight}.
 */
public final class LlamaGraph extends DecoderGraph {
  private static final float EPSILON = 1e-5f;
  private static final double BASE = 10_000;

  /** Whether one operator turns, keeps and attends. */
  private final boolean grouped;

  private LlamaGraph(Sizes sizes, Weights weights, boolean grouped) {
    super(sizes, weights);
    this.grouped = grouped;
  }

  /** The model's file, as Optimum exports it. */
  public static byte[] file(Sizes sizes, Weights weights) {
    return new LlamaGraph(sizes, weights, false).file();
  }

  /** The model's file as ONNX Runtime's generator writes it, with GroupQueryAttention. */
  public static byte[] grouped(Sizes sizes, Weights weights) {
    return new LlamaGraph(sizes, weights, true).file();
  }

  @Override
  void write() {
    Attention attention = grouped ? new Grouped() : new Written();
    String x =
        op(
            "Gather",
            weight("embed_tokens.weight", sizes.vocabulary(), sizes.hidden()),
            "input_ids");
    for (int layer = 0; layer < sizes.layers(); layer++) {
      String name = "model.layers." + layer;
      String normed = norm(x, name + ".input_layernorm.weight");
      x = op("Add", x, attention(attention, normed, layer));
      String again = norm(x, name + ".post_attention_layernorm.weight");
      x = op("Add", x, mlp(again, name + ".mlp."));
    }
    String last = norm(x, "model.norm.weight");
    linear("logits", last, "lm_head", sizes.hidden(), sizes.vocabulary());
  }

  private String norm(String x, String name) {
    return op(
        "SimplifiedLayerNormalization",
        List.of(x, weight(name, sizes.hidden())),
        OnnxBuilder.integer("axis", -1),
        OnnxBuilder.real("epsilon", EPSILON));
  }

  private String linear(String x, String name, int from, int to) {
    String product = name + ".product";
    linear(product, x, name, from, to);
    return product;
  }

  private void linear(String product, String x, String name, int from, int to) {
    if (!narrow(product, x, name + ".weight", from, to)) {
      onnx.node("MatMul", product, List.of(x, weight(name + ".weight", from, to)));
    }
  }

  private String attention(Attention attention, String x, int layer) {
    String name = "model.layers." + layer + ".self_attn.";
    int hidden = sizes.hidden();
    int keys = sizes.keyHeads() * sizes.depth();
    String q = linear(x, name + "q_proj", hidden, hidden);
    String k = linear(x, name + "k_proj", hidden, keys);
    String v = linear(x, name + "v_proj", hidden, keys);
    return linear(attention.of(q, k, v, layer), name + "o_proj", hidden, hidden);
  }

  private String mlp(String x, String name) {
    String gate = linear(x, name + "gate_proj", sizes.hidden(), sizes.inner());
    String up = linear(x, name + "up_proj", sizes.hidden(), sizes.inner());
    String silu = op("Mul", gate, op("Sigmoid", gate));
    return linear(op("Mul", silu, up), name + "down_proj", sizes.inner(), sizes.hidden());
  }

  /** By how much a pair of a head's numbers is turned, {@code [context, width]}. */
  private String angles(String name, int width, DoubleUnaryOperator function) {
    int pairs = sizes.depth() / 2;
    float[] values = new float[sizes.context() * width];
    for (int i = 0; i < values.length; i++) {
      int place = i / width;
      double angle = place * Math.pow(BASE, -1.0 * (i % width % pairs) / pairs);
      values[i] = (float) function.applyAsDouble(angle);
    }
    onnx.constant(name, values, sizes.context(), width);
    return name;
  }

  /** Attention of a layer, {@code [batch, seq, heads · depth]} of each, which keeps its keys. */
  private interface Attention {
    String of(String q, String k, String v, int layer);
  }

  /** In ONNX's own operators. */
  private final class Written implements Attention {
    private final String cos = places("cos", Math::cos);
    private final String sin = places("sin", Math::sin);
    private final String padding = padding();

    Written() {
      onnx.constant("half", new long[] {sizes.depth() / 2}, 1);
      onnx.constant("whole", new long[] {sizes.depth()}, 1);
      int group = sizes.heads() / sizes.keyHeads();
      onnx.constant("group", new long[] {1, 1, group, 1, 1}, 5);
      onnx.constant("all_heads", new long[] {0, sizes.heads(), -1, sizes.depth()}, 4);
    }

    /** Of the places of a run, {@code [batch, 1, seq, depth]}: the same for all heads. */
    private String places(String name, DoubleUnaryOperator function) {
      String all = angles(name, sizes.depth(), function);
      return op("Unsqueeze", op("Gather", all, "position_ids"), "i1");
    }

    /** Pairs {@code (x, y)} become {@code (x·cos - y·sin, y·cos + x·sin)}. */
    private String turned(String x) {
      String first = op("Slice", x, "i0", "half", "i3");
      String second = op("Slice", x, "half", "whole", "i3");
      String swapped =
          op("Concat", List.of(op("Neg", second), first), OnnxBuilder.integer("axis", -1));
      return op("Add", op("Mul", x, cos), op("Mul", swapped, sin));
    }

    /** Each head of keys or values for all heads of queries that share it. */
    private String shared(String x) {
      return op("Reshape", op("Expand", op("Unsqueeze", x, "i2"), "group"), "all_heads");
    }

    @Override
    public String of(String q, String k, String v, int layer) {
      String turned = turned(split(q, sizes.heads()));
      String keys = grown(turned(split(k, sizes.keyHeads())), layer + ".key");
      String values = grown(split(v, sizes.keyHeads()), layer + ".value");
      return attend(turned, shared(keys), shared(values), padding);
    }
  }

  /** In GroupQueryAttention, told by the mask how long each sequence is. */
  private final class Grouped implements Attention {
    private final String cos = angles("cos", sizes.depth() / 2, Math::cos);
    private final String sin = angles("sin", sizes.depth() / 2, Math::sin);
    private final String lengths = lengths();
    private final String total = total();

    /** Of each sequence, less one, {@code [batch]}. */
    private String lengths() {
      String counted =
          op("ReduceSum", List.of("attention_mask", "i1"), OnnxBuilder.integer("keepdims", 0));
      return whole(op("Sub", counted, "i1"));
    }

    /** Of the longest sequence. */
    private String total() {
      onnx.constant("axis1", new long[] {1});
      return whole(op("Gather", op("Shape", "attention_mask"), "axis1"));
    }

    private String whole(String x) {
      return op("Cast", List.of(x), OnnxBuilder.integer("to", DataType.INT32.code()));
    }

    @Override
    public String of(String q, String k, String v, int layer) {
      String output = layer + ".attended";
      onnx.contrib(
          "GroupQueryAttention",
          List.of(output, "present." + layer + ".key", "present." + layer + ".value"),
          List.of(
              q,
              k,
              v,
              "past_key_values." + layer + ".key",
              "past_key_values." + layer + ".value",
              lengths,
              total,
              cos,
              sin),
          OnnxBuilder.integer("num_heads", sizes.heads()),
          OnnxBuilder.integer("kv_num_heads", sizes.keyHeads()),
          OnnxBuilder.integer("do_rotary", 1));
      return output;
    }
  }
}
