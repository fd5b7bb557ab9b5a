package dev.quern.e2e.models;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.json.JsonMapper;

/**
 * A decoder of two layers whose continuation is known, because its weights are constructed: it goes
 * on as the text went on after the last place where the same token stood. A head of the first layer
 * looks one place back, by turning the code of its own position, and keeps which token was there; a
 * head of the second looks for places whose kept token is the own one, and takes the token there
 * (an induction head). Whatever it says depends on keys and values of many runs before.
 *
 * <p>The residual stream holds {@code [token | token before | next token | position | spare]}.
 * Other heads and the MLPs have random weights and write into the spare part only, so that norms
 * move.
 */
public final class CopyingDecoder implements DecoderGraph.Weights {
  /** Words that are one token each, with the space before them. */
  private static final List<String> WORDS = List.of(" red", " green", " blue", " caf");

  /** What else can be said, byte by byte. */
  private static final String OTHER = "go \u00e9\ud83c\udf0d";

  public static final String END = "<|endoftext|>";
  private static final int VOCABULARY = 64;
  private static final int FREQUENCIES = 16;
  private static final int BEFORE = VOCABULARY;
  private static final int NEXT = 2 * VOCABULARY;
  private static final int POSITION = 3 * VOCABULARY;
  private static final int SPARE = POSITION + 2 * FREQUENCIES;
  private static final int HIDDEN = 256;
  private static final int DEPTH = HIDDEN / 2;

  public static final DecoderGraph.Sizes SIZES =
      new DecoderGraph.Sizes(2, 2, 2, HIDDEN, 128, VOCABULARY, 128);

  /** So sharp that a softmax is next to a maximum. */
  private static final float LOOK_BACK = 6;

  private static final float LOOK_FOR = 4;

  private CopyingDecoder() {}

  /** The model's file. */
  public static byte[] file() {
    return Gpt2Graph.file(SIZES, new CopyingDecoder());
  }

  @Override
  public float[] of(String name, int... dims) {
    Matrix matrix = new Matrix(dims[0], dims.length > 1 ? dims[1] : 1);
    switch (name) {
      case "wte" -> matrix.diagonal(0, 0, VOCABULARY, 4);
      case "wpe" -> matrix.positions(POSITION, FREQUENCIES);
      case "h.0.attn.c_attn.weight" -> {
        lookBack(matrix);
        matrix.noise(0, HIDDEN, DEPTH, DEPTH, name);
        matrix.noise(0, HIDDEN, HIDDEN + DEPTH, DEPTH, name);
        matrix.noise(0, HIDDEN, 2 * HIDDEN + DEPTH, DEPTH, name);
      }
      case "h.1.attn.c_attn.weight" -> {
        matrix.diagonal(0, 0, VOCABULARY, LOOK_FOR);
        matrix.diagonal(BEFORE, HIDDEN, VOCABULARY, 1);
        matrix.diagonal(0, 2 * HIDDEN, VOCABULARY, 1);
        matrix.noise(0, HIDDEN, DEPTH, DEPTH, name);
        matrix.noise(0, HIDDEN, HIDDEN + DEPTH, DEPTH, name);
        matrix.noise(0, HIDDEN, 2 * HIDDEN + DEPTH, DEPTH, name);
      }
      case "h.0.attn.c_proj.weight" -> {
        matrix.diagonal(0, BEFORE, VOCABULARY, 0.35f);
        matrix.noise(DEPTH, DEPTH, SPARE, HIDDEN - SPARE, name);
      }
      case "h.1.attn.c_proj.weight" -> {
        matrix.diagonal(0, NEXT, VOCABULARY, 0.5f);
        matrix.noise(DEPTH, DEPTH, SPARE, HIDDEN - SPARE, name);
      }
      case "lm_head" -> matrix.diagonal(NEXT, 0, VOCABULARY, 1.5f);
      default -> {
        if (name.endsWith("mlp.c_fc.weight") || name.endsWith(".bias") && name.contains("c_fc")) {
          matrix.noise(0, matrix.rows(), 0, matrix.columns(), name);
        } else if (name.endsWith("mlp.c_proj.weight")) {
          matrix.noise(0, matrix.rows(), SPARE, HIDDEN - SPARE, name);
        } else if (name.contains("ln_") && name.endsWith("weight")) {
          Arrays.fill(matrix.values(), 1);
        }
      }
    }
    return matrix.values();
  }

  /** Queries are the code of the position before, keys that of the own one, values the token. */
  private static void lookBack(Matrix matrix) {
    matrix.turned(POSITION, FREQUENCIES, -1, LOOK_BACK);
    matrix.diagonal(POSITION, HIDDEN, 2 * FREQUENCIES, 1);
    matrix.diagonal(0, 2 * HIDDEN, VOCABULARY, 1);
  }

  // The tokenizer: byte-level BPE, as GPT-2's.

  /** The tokens, the end first. */
  private static Map<String, Integer> vocabulary() {
    Set<String> tokens = new LinkedHashSet<>(List.of(END));
    for (String part : List.of(String.join("", WORDS), OTHER)) {
      for (byte b : part.getBytes(StandardCharsets.UTF_8)) {
        tokens.add(letter(b & 0xff));
      }
    }
    merges().forEach(merge -> tokens.add(merge.getFirst() + merge.getLast()));
    Map<String, Integer> ids = new LinkedHashMap<>();
    tokens.forEach(token -> ids.put(token, ids.size()));
    if (ids.size() > VOCABULARY) {
      throw new IllegalStateException(ids.size() + " tokens");
    }
    return ids;
  }

  private static List<List<String>> merges() {
    List<List<String>> merges = new ArrayList<>();
    for (String word : WORDS) {
      String token = letter(word.charAt(0));
      for (int i = 1; i < word.length(); i++) {
        List<String> merge = List.of(token, letter(word.charAt(i)));
        if (!merges.contains(merge)) {
          merges.add(merge);
        }
        token += letter(word.charAt(i));
      }
    }
    return merges;
  }

  /** The letter that byte-level BPE writes a byte with. */
  private static String letter(int b) {
    int shift = 0;
    for (int i = 0; i < b; i++) {
      shift += isLetter(i) ? 0 : 1;
    }
    return Character.toString(isLetter(b) ? b : 256 + shift);
  }

  private static boolean isLetter(int b) {
    return b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae && b <= 0xff;
  }

  /** A {@code tokenizer.json}. */
  public static String tokenizer() {
    Map<String, Object> level =
        Map.of("type", "ByteLevel", "add_prefix_space", false, "trim_offsets", true);
    Map<String, Object> end = new LinkedHashMap<>(Map.of("id", 0, "content", END));
    for (String flag : List.of("single_word", "lstrip", "rstrip", "normalized")) {
      end.put(flag, false);
    }
    end.put("special", true);
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("version", "1.0");
    json.put("added_tokens", List.of(end));
    json.put("normalizer", null);
    json.put("pre_tokenizer", level);
    json.put("post_processor", level);
    json.put("decoder", level);
    List<String> merges = new ArrayList<>();
    merges().forEach(merge -> merges.add(String.join(" ", merge)));
    json.put("model", Map.of("type", "BPE", "vocab", vocabulary(), "merges", merges));
    return JsonMapper.shared().writeValueAsString(json);
  }

  /** The id of a token. */
  public static int id(String token) {
    StringBuilder letters = new StringBuilder();
    for (byte b : token.getBytes(StandardCharsets.UTF_8)) {
      letters.append(letter(b & 0xff));
    }
    Map<String, Integer> ids = vocabulary();
    return ids.get(token.equals(END) ? END : letters.toString());
  }
}
