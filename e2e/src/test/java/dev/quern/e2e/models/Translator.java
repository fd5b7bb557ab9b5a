package dev.quern.e2e.models;

import dev.quern.server.models.OnnxBuilder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/**
 * An encoder and a decoder, exported as Hugging Face's Optimum does it, whose answer is known
 * because their weights are constructed: the answer is the text word for word in another language,
 * its first word twice.
 *
 * <p>A head of the decoder's own attention looks one place back and keeps where that was (the first
 * place, which has none before it, looks at itself); a head of the attention to the encoder's
 * states takes the word one place behind the one kept. The source begins with a token of its own.
 * So what is said depends on keys and values of earlier runs, of the text and of the source.
 *
 * <p>The residual stream holds {@code [token | kept position | next token | position | spare]};
 * other heads have random weights and write into the spare part only.
 */
public final class Translator extends TransformerGraph {
  private static final List<String> FROM = List.of("one", "red", "house", "and", "two", "trees");
  private static final List<String> TO = List.of("ein", "rotes", "Haus", "und", "zwei", "Bäume");

  /** The token that answers begin with. */
  public static final int START = 0;

  private static final int BEGIN = 1;
  public static final int END = 2;
  private static final int FIRST = 3;
  private static final int VOCABULARY = 16;
  private static final int CONTEXT = 32;
  private static final int FREQUENCIES = 16;
  private static final int KEPT = VOCABULARY;
  private static final int NEXT = KEPT + 2 * FREQUENCIES;
  private static final int POSITION = NEXT + VOCABULARY;
  private static final int SPARE = POSITION + 2 * FREQUENCIES;
  private static final int HIDDEN = 128;
  private static final int DEPTH = HIDDEN / 2;
  private static final float SHARP = 6;

  private static final DecoderGraph.Sizes SIZES =
      new DecoderGraph.Sizes(1, 2, 2, HIDDEN, 64, VOCABULARY, CONTEXT);

  private Translator() {
    super("translator", SIZES, Translator::weights);
    constants();
    onnx.constant("r0", new long[] {0});
    onnx.constant("r1", new long[] {1});
  }

  /** {@code encoder_model.onnx}. */
  public static byte[] encoder() {
    Translator graph = new Translator();
    graph.onnx.integerInput("input_ids", "batch", "source");
    graph.onnx.integerInput("attention_mask", "batch", "source");
    graph.onnx.output("last_hidden_state", "batch", "source", HIDDEN);
    String count = graph.count("input_ids", 1);
    String x = graph.embedded(graph.op("Range", "r0", count, "r1"));
    String normed = graph.layerNorm(x, "encoder.ln");
    String all =
        graph.attendToAll(
            graph.heads(normed, "encoder.q"),
            graph.heads(normed, "encoder.k"),
            graph.heads(normed, "encoder.v"),
            graph.padding("attention_mask"));
    String mixed = graph.op("Add", x, graph.out(all, "encoder.o"));
    graph.onnx.node(
        "Identity", "last_hidden_state", List.of(graph.layerNorm(mixed, "encoder.last")));
    return graph.onnx.bytes();
  }

  /** {@code decoder_model.onnx}. */
  public static byte[] decoder() {
    Translator graph = new Translator();
    graph.sourceInputs(true);
    graph.outputs();
    graph.write(false, "");
    return graph.onnx.bytes();
  }

  /** {@code decoder_with_past_model.onnx}. */
  public static byte[] decoderWithPast() {
    Translator graph = new Translator();
    graph.sourceInputs(false);
    graph.pasts();
    graph.onnx.output("logits", "batch", "seq", VOCABULARY);
    for (String name : List.of("key", "value")) {
      graph.onnx.output("present.0.decoder." + name, "batch", 2, "all", DEPTH);
    }
    graph.write(true, "");
    return graph.onnx.bytes();
  }

  /** {@code decoder_model_merged.onnx}: both in an If, with one set of weights. */
  public static byte[] merged() {
    Translator graph = new Translator();
    graph.sourceInputs(true);
    graph.pasts();
    graph.onnx.booleanInput("use_cache_branch", 1);
    graph.outputs();
    List<OnnxBuilder> branches = new ArrayList<>();
    for (boolean past : List.of(true, false)) {
      graph.nodes = new OnnxBuilder(past ? "with_past" : "without_past");
      String suffix = past ? "_with_past" : "_without_past";
      graph.write(past, suffix);
      if (past) {
        // The exporter's way of saying that what was given stays.
        for (String name : List.of("key", "value")) {
          String present = "present.0.encoder." + name + suffix;
          graph.nodes.node("Identity", present, List.of("no_source"));
        }
      }
      names().forEach(name -> graph.nodes.output(name + suffix, "a", "b", "c", "d"));
      branches.add(graph.nodes);
    }
    graph.onnx.constant("no_source", new float[0], 0, 2, 1, DEPTH);
    graph.onnx.node(
        "If",
        names(),
        List.of("use_cache_branch"),
        OnnxBuilder.body("then_branch", branches.get(0)),
        OnnxBuilder.body("else_branch", branches.get(1)));
    return graph.onnx.bytes();
  }

  private static List<String> names() {
    List<String> names = new ArrayList<>(List.of("logits"));
    for (String part : List.of("decoder.key", "decoder.value", "encoder.key", "encoder.value")) {
      names.add("present.0." + part);
    }
    return names;
  }

  private void sourceInputs(boolean states) {
    onnx.integerInput("encoder_attention_mask", "batch", "source");
    onnx.integerInput("input_ids", "batch", "seq");
    if (states) {
      onnx.input("encoder_hidden_states", "batch", "source", HIDDEN);
    }
  }

  private void pasts() {
    for (String name : List.of("key", "value")) {
      onnx.input("past_key_values.0.decoder." + name, "batch", 2, "past", DEPTH);
      onnx.input("past_key_values.0.encoder." + name, "batch", 2, "past_source", DEPTH);
    }
  }

  private void outputs() {
    onnx.output("logits", "batch", "seq", VOCABULARY);
    names().subList(1, 5).forEach(name -> onnx.output(name, "batch", 2, "all", DEPTH));
  }

  /** The decoder; {@code suffix} follows the names of what it gives. */
  private void write(boolean past, String suffix) {
    String from = past ? count("past_key_values.0.decoder.key", 2) : "r0";
    String to = op("Add", from, count("input_ids", 1));
    String x = embedded(op("Range", from, to, "r1"));
    String normed = layerNorm(x, "own.ln");
    String q = heads(normed, "own.q");
    String k = present(heads(normed, "own.k"), "decoder.key", past, suffix);
    String v = present(heads(normed, "own.v"), "decoder.value", past, suffix);
    x = op("Add", x, out(attend(q, k, v, null), "own.o"));
    String asked = heads(layerNorm(x, "cross.ln"), "cross.q");
    String keys = source("key", past, suffix);
    String values = source("value", past, suffix);
    String read = attendToAll(asked, keys, values, padding("encoder_attention_mask"));
    x = op("Add", x, out(read, "cross.o"));
    String head = weight("lm_head", HIDDEN, VOCABULARY);
    nodes.node("MatMul", "logits" + suffix, List.of(layerNorm(x, "last.ln"), head));
  }

  private String embedded(String places) {
    String words = op("Gather", weight("wte", VOCABULARY, HIDDEN), "input_ids");
    String at = op("Gather", weight("wpe", CONTEXT, HIDDEN), places);
    return op("Add", words, at);
  }

  /** The size of a dimension. */
  private String count(String x, int axis) {
    return op("Gather", op("Shape", x), axis == 1 ? "r1" : "axis2");
  }

  private String heads(String x, String name) {
    return split(affine(x, name, HIDDEN, HIDDEN), 2);
  }

  private String out(String x, String name) {
    return affine(x, name, HIDDEN, HIDDEN);
  }

  private String present(String x, String name, boolean past, String suffix) {
    String present = "present.0." + name + suffix;
    if (past) {
      List<String> parts = List.of("past_key_values.0." + name, x);
      nodes.node("Concat", present, parts, OnnxBuilder.integer("axis", 2));
    } else {
      nodes.node("Identity", present, List.of(x));
    }
    return present;
  }

  /** Keys or values of the encoder's states. */
  private String source(String name, boolean past, String suffix) {
    if (past) {
      return "past_key_values.0.encoder." + name;
    }
    String x = heads("encoder_hidden_states", name.equals("key") ? "cross.k" : "cross.v");
    return present(x, "encoder." + name, false, suffix);
  }

  // The weights.

  private static float[] weights(String name, int... dims) {
    Matrix matrix = new Matrix(dims[0], dims.length > 1 ? dims[1] : 1);
    switch (name) {
      case "wte" -> matrix.diagonal(0, 0, VOCABULARY, 4);
      case "wpe" -> matrix.positions(POSITION, FREQUENCIES);
      case "own.q.weight" -> matrix.turned(POSITION, FREQUENCIES, -1, SHARP);
      case "cross.q.weight" -> matrix.turned(KEPT, FREQUENCIES, 1, SHARP);
      case "own.k.weight", "own.v.weight", "cross.k.weight" ->
          matrix.diagonal(POSITION, 0, 2 * FREQUENCIES, 1);
      case "cross.v.weight" -> matrix.diagonal(0, 0, VOCABULARY, 1);
      case "own.o.weight" -> matrix.diagonal(0, KEPT, 2 * FREQUENCIES, 1);
      case "cross.o.weight" -> matrix.diagonal(0, NEXT, VOCABULARY, 1);
      case "lm_head" -> {
        for (int i = 0; i < VOCABULARY; i++) {
          matrix.set(NEXT + i, translated(i), 1.5);
        }
      }
      default -> {
        if (name.endsWith("ln.weight") || name.equals("encoder.last.weight")) {
          Arrays.fill(matrix.values(), 1);
        }
      }
    }
    if (name.endsWith(".o.weight")) {
      matrix.noise(DEPTH, DEPTH, SPARE, HIDDEN - SPARE, name);
    } else if (name.matches("(own|cross|encoder)\\.[qkv]\\.weight")) {
      matrix.noise(0, HIDDEN, DEPTH, DEPTH, name);
    }
    return matrix.values();
  }

  private static int translated(int token) {
    int word = token - FIRST;
    return word >= 0 && word < FROM.size() ? token + FROM.size() : token;
  }

  // The tokenizer: words.

  /** A {@code tokenizer.json}. */
  public static String tokenizer() {
    Map<String, Integer> vocabulary = new LinkedHashMap<>();
    List<String> special = List.of("<pad>", "<s>", "</s>");
    for (List<String> words : List.of(special, FROM, TO)) {
      words.forEach(word -> vocabulary.put(word, vocabulary.size()));
    }
    List<Object> added = new ArrayList<>();
    for (String token : special) {
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("id", vocabulary.get(token));
      entry.put("content", token);
      for (String flag : List.of("single_word", "lstrip", "rstrip", "normalized")) {
        entry.put(flag, false);
      }
      entry.put("special", true);
      added.add(entry);
    }
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("version", "1.0");
    json.put("added_tokens", added);
    json.put("normalizer", null);
    json.put("pre_tokenizer", Map.of("type", "Whitespace"));
    json.put("post_processor", around());
    json.put("decoder", null);
    json.put("model", Map.of("type", "WordLevel", "vocab", vocabulary, "unk_token", "<pad>"));
    return JsonMapper.shared().writeValueAsString(json);
  }

  private static Map<String, Object> around() {
    List<Object> single = new ArrayList<>();
    single.add(Map.of("SpecialToken", Map.of("id", "<s>", "type_id", 0)));
    single.add(Map.of("Sequence", Map.of("id", "A", "type_id", 0)));
    single.add(Map.of("SpecialToken", Map.of("id", "</s>", "type_id", 0)));
    Map<String, Object> tokens = new LinkedHashMap<>();
    Map.of("<s>", BEGIN, "</s>", END)
        .forEach((token, id) ->
            tokens.put(token, Map.of("id", token, "ids", List.of(id), "tokens", List.of(token))));
    return Map.of(
        "type", "TemplateProcessing", "single", single, "pair", single, "special_tokens", tokens);
  }

  /** The tokens that a text of the first language becomes. */
  public static List<Integer> tokens(String text) {
    List<Integer> tokens = new ArrayList<>(List.of(BEGIN));
    for (String word : text.split(" ")) {
      tokens.add(FIRST + FROM.indexOf(word));
    }
    tokens.add(END);
    return tokens;
  }

  /** The pasts. */
  public static List<String> nothing() {
    return names().stream()
        .skip(1)
        .map(name -> name.replace("present", "past_key_values"))
        .toList();
  }
}
