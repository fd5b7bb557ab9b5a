package dev.quern.e2e.models;

import dev.quern.server.models.OnnxBuilder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A decoder of text as Hugging Face's Optimum exports it: token ids {@code [batch, seq]}, a mask,
 * positions and the keys and values of what came before, {@code [batch, heads, past, hidden /
 * heads]}, to logits {@code [batch, seq, vocabulary]} and the keys and values with the new ones.
 */
public abstract class DecoderGraph extends TransformerGraph {
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

    /**
     * The weights of a product as numbers of 4 bits, two in a byte, 8 standing for zero, {@code
     * [to, from / 2]}; empty if they are f32.
     */
    default Optional<byte[]> codes(String name, int from, int to) {
      return Optional.empty();
    }
  }

  DecoderGraph(Sizes sizes, Weights weights) {
    super("decoder", sizes, weights);
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

  /** 0 where the mask is 1, very low where it is 0: {@code [batch, 1, 1, keys]}. */
  final String padding() {
    return padding("attention_mask");
  }

  /** Keys or values behind those of before. */
  final String grown(String x, String name) {
    String present = "present." + name;
    List<String> parts = List.of("past_key_values." + name, x);
    onnx.node("Concat", present, parts, OnnxBuilder.integer("axis", -2));
    return present;
  }
}
