package dev.quern.e2e.models;

import dev.quern.server.models.OnnxBuilder;
import java.util.List;

/**
 * GPT-2: learnt positions, layer norms before attention and MLP. Layer norms and the activation are
 * written out, as the exporter does. Weights are named as in GPT-2: {@code wte}, {@code
 * h.0.attn.c_attn.weight}.
 */
public final class Gpt2Graph extends DecoderGraph {
  private Gpt2Graph(Sizes sizes, Weights weights) {
    super(sizes, weights);
  }

  /** The model's file. */
  public static byte[] file(Sizes sizes, Weights weights) {
    return new Gpt2Graph(sizes, weights).file();
  }

  @Override
  void write() {
    gptConstants();
    String words = op("Gather", weight("wte", sizes.vocabulary(), sizes.hidden()), "input_ids");
    String places = op("Gather", weight("wpe", sizes.context(), sizes.hidden()), "position_ids");
    String x = op("Add", words, places);
    String padding = padding();
    for (int layer = 0; layer < sizes.layers(); layer++) {
      String name = "h." + layer;
      x = op("Add", x, attention(layerNorm(x, name + ".ln_1"), padding, layer));
      x = op("Add", x, mlp(layerNorm(x, name + ".ln_2"), name + ".mlp"));
    }
    String head = weight("lm_head", sizes.hidden(), sizes.vocabulary());
    onnx.node("MatMul", "logits", List.of(layerNorm(x, "ln_f"), head));
  }

  private void gptConstants() {
    number("half", 0.5f);
    number("three", 3);
    number("gelu_cube", 0.044715f);
    number("gelu_root", (float) Math.sqrt(2 / Math.PI));
    int hidden = sizes.hidden();
    onnx.constant("thirds", new long[] {hidden, hidden, hidden}, 3);
  }

  private String attention(String x, String padding, int layer) {
    String name = "h." + layer + ".attn";
    int hidden = sizes.hidden();
    String joined = affine(x, name + ".c_attn", hidden, 3 * hidden);
    List<String> parts = List.of(name + ".q", name + ".k", name + ".v");
    nodes.node("Split", parts, List.of(joined, "thirds"), OnnxBuilder.integer("axis", 2));
    String q = split(parts.get(0), sizes.heads());
    String k = grown(split(parts.get(1), sizes.heads()), layer + ".key");
    String v = grown(split(parts.get(2), sizes.heads()), layer + ".value");
    return affine(attend(q, k, v, padding), name + ".c_proj", hidden, hidden);
  }

  private String mlp(String x, String name) {
    String a = affine(x, name + ".c_fc", sizes.hidden(), sizes.inner());
    String inner = op("Add", a, op("Mul", op("Pow", a, "three"), "gelu_cube"));
    String tanh = op("Tanh", op("Mul", inner, "gelu_root"));
    String gelu = op("Mul", op("Mul", a, "half"), op("Add", tanh, "one"));
    return affine(gelu, name + ".c_proj", sizes.inner(), sizes.hidden());
  }
}
