package dev.quern.e2e.models;

import dev.quern.server.models.OnnxBuilder;
import java.util.List;

/**
 * Llama: positions turn queries and keys (RoPE), heads share keys and values, norms without a mean
 * (by ONNX Runtime's operator), an MLP with a gate (SwiGLU), no biases. Weights are named as in
 * Llama: {@code model.layers.0.self_attn.q_proj.weight}.
 */
public final class LlamaGraph extends DecoderGraph {
  private static final float EPSILON = 1e-5f;
  private static final double BASE = 10_000;

  private LlamaGraph(Sizes sizes, Weights weights) {
    super(sizes, weights);
  }

  /** The model's file. */
  public static byte[] file(Sizes sizes, Weights weights) {
    return new LlamaGraph(sizes, weights).file();
  }

  @Override
  void write() {
    String cos = table("cos", true);
    String sin = table("sin", false);
    llamaConstants();
    String x =
        op(
            "Gather",
            weight("embed_tokens.weight", sizes.vocabulary(), sizes.hidden()),
            "input_ids");
    String padding = padding();
    for (int layer = 0; layer < sizes.layers(); layer++) {
      String name = "model.layers." + layer;
      String normed = norm(x, name + ".input_layernorm.weight");
      x = op("Add", x, attention(normed, cos, sin, padding, layer));
      String again = norm(x, name + ".post_attention_layernorm.weight");
      x = op("Add", x, mlp(again, name + ".mlp."));
    }
    String last = norm(x, "model.norm.weight");
    linear("logits", last, "lm_head", sizes.hidden(), sizes.vocabulary());
  }

  /** Of the places of a run, {@code [batch, 1, seq, depth]}: the same for all heads. */
  private String table(String name, boolean cosine) {
    int depth = sizes.depth();
    float[] values = new float[sizes.context() * depth];
    for (int i = 0; i < values.length; i++) {
      int pair = i % depth % (depth / 2);
      int place = i / depth;
      double angle = place * Math.pow(BASE, -2.0 * pair / depth);
      values[i] = (float) (cosine ? Math.cos(angle) : Math.sin(angle));
    }
    onnx.constant(name, values, sizes.context(), depth);
    return op("Unsqueeze", op("Gather", name, "position_ids"), "i1");
  }

  private void llamaConstants() {
    onnx.constant("half", new long[] {sizes.depth() / 2}, 1);
    onnx.constant("whole", new long[] {sizes.depth()}, 1);
    int group = sizes.heads() / sizes.keyHeads();
    onnx.constant("group", new long[] {1, 1, group, 1, 1}, 5);
    onnx.constant("all_heads", new long[] {0, sizes.heads(), -1, sizes.depth()}, 4);
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

  /** Pairs {@code (x, y)} become {@code (x·cos - y·sin, y·cos + x·sin)}. */
  private String turned(String x, String cos, String sin) {
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

  private String attention(String x, String cos, String sin, String padding, int layer) {
    String name = "model.layers." + layer + ".self_attn.";
    int hidden = sizes.hidden();
    int keys = sizes.keyHeads() * sizes.depth();
    String q = split(linear(x, name + "q_proj", hidden, hidden), sizes.heads());
    String k = split(linear(x, name + "k_proj", hidden, keys), sizes.keyHeads());
    String v = split(linear(x, name + "v_proj", hidden, keys), sizes.keyHeads());
    String allKeys = shared(grown(turned(k, cos, sin), layer + ".key"));
    String allValues = shared(grown(v, layer + ".value"));
    String result = attend(turned(q, cos, sin), allKeys, allValues, padding);
    return linear(result, name + "o_proj", hidden, hidden);
  }

  private String mlp(String x, String name) {
    String gate = linear(x, name + "gate_proj", sizes.hidden(), sizes.inner());
    String up = linear(x, name + "up_proj", sizes.hidden(), sizes.inner());
    String silu = op("Mul", gate, op("Sigmoid", gate));
    return linear(op("Mul", silu, up), name + "down_proj", sizes.inner(), sizes.hidden());
  }
}
