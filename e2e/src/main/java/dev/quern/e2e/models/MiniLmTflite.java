package dev.quern.e2e.models;

import dev.quern.e2e.models.TfliteBuilder.Activation;
import dev.quern.e2e.models.TfliteFile.Value;
import dev.quern.server.models.Convolution;
import java.util.Arrays;

/**
 * all-MiniLM-L6-v2 as {@code .tflite} for one batch and length, as the converters from PyTorch and
 * TensorFlow write a BERT, with what they leave to chance at its best for XNNPACK: projections are
 * fully connected layers on [batch · seq, width] with the bias in them, GELU is one operator, the
 * attention's scale lies in the query's weights, LayerNorm is the fewest passes.
 */
final class MiniLmTflite {
  private static final int LAYERS = 6;
  private static final int WIDTH = 384;
  private static final int INNER = 1536;
  private static final int HEADS = 12;
  private static final int HEAD = WIDTH / HEADS;
  private static final int WORDS = 30_522;
  private static final float EPSILON = 1e-12f;
  private static final int WEIGHT_BYTES = 92_000_000;

  private final OnnxWeights weights;
  private final int batch;
  private final int seq;
  private final int rows;
  private final TfliteBuilder out = new TfliteBuilder(WEIGHT_BYTES);
  private final Value epsilon = out.scalar("epsilon", EPSILON);

  private MiniLmTflite(OnnxWeights weights, int batch, int seq) {
    this.weights = weights;
    this.batch = batch;
    this.seq = seq;
    this.rows = batch * seq;
  }

  /**
   * The file. Inputs {@code input_ids}, {@code attention_mask}, {@code token_type_ids} [batch, seq]
   * of 32-bit integers; output {@code last_hidden_state} [batch, seq, 384].
   */
  static byte[] make(OnnxWeights weights, int batch, int seq) {
    return new MiniLmTflite(weights, batch, seq).all();
  }

  private byte[] all() {
    Value ids = out.indices("input_ids", batch, seq);
    Value mask = out.indices("attention_mask", batch, seq);
    Value types = out.indices("token_type_ids", batch, seq);
    Value bias = maskBias(mask);
    Value x = embeddings(ids, types);
    for (int layer = 0; layer < LAYERS; layer++) {
      x = layer("encoder.layer." + layer, x, bias);
    }
    Value result = out.reshape("last_hidden_state", x, batch, seq, WIDTH);
    return out.bytes("all-MiniLM-L6-v2", result);
  }

  /** 0 where the mask is 1 and the lowest number where it is 0: [batch, 1, 1, seq]. */
  private Value maskBias(Value mask) {
    Value ones = out.cast("mask", mask);
    Value absent = out.sub("mask/absent", out.scalar("one", 1), ones);
    Value bias = out.mul("mask/bias", absent, out.scalar("lowest", -Float.MAX_VALUE));
    return out.reshape("mask/bias/4d", bias, batch, 1, 1, seq);
  }

  /** The sum of three embeddings, normalised: [batch · seq, 384]. */
  private Value embeddings(Value ids, Value types) {
    String name = "embeddings";
    Value words = embedding(name + ".word_embeddings", WORDS, ids);
    Value kinds = embedding(name + ".token_type_embeddings", 2, types);
    float[] all = weights.floats(name + ".position_embeddings.weight");
    Value positions =
        out.constant(name + ".positions", Arrays.copyOf(all, seq * WIDTH), seq, WIDTH);
    Value sum = out.add(name + "/sum", out.add(name + "/words", words, kinds), positions);
    return layerNorm(name, out.reshape(name + "/rows", sum, rows, WIDTH));
  }

  private Value embedding(String name, int count, Value indices) {
    Value table = out.constant(name + ".weight", weights.floats(name + ".weight"), count, WIDTH);
    return out.gather(name, table, indices);
  }

  private Value layer(String name, Value x, Value bias) {
    Value attended = attention(name + ".attention.self", x, bias);
    Value projected = linear(name + ".attention.output.dense", attended, WIDTH, WIDTH, 1);
    Value middle =
        layerNorm(name + ".attention.output", out.add(name + ".attention/residual", projected, x));
    Value wide = linear(name + ".intermediate.dense", middle, WIDTH, INNER, 1);
    Value active = out.gelu(name + ".intermediate/gelu", wide);
    Value narrow = linear(name + ".output.dense", active, INNER, WIDTH, 1);
    return layerNorm(name + ".output", out.add(name + "/residual", narrow, middle));
  }

  private Value attention(String name, Value x, Value bias) {
    float scale = (float) (1 / Math.sqrt(HEAD));
    Value query = heads(name + ".query", linear(name + ".query", x, WIDTH, WIDTH, scale));
    Value key = heads(name + ".key", linear(name + ".key", x, WIDTH, WIDTH, 1));
    Value value = heads(name + ".value", linear(name + ".value", x, WIDTH, WIDTH, 1));
    Value scores = out.batchMatmul(name + "/scores", query, key, true);
    Value shares = out.softmax(name + "/softmax", out.add(name + "/masked", scores, bias));
    Value mixed = out.batchMatmul(name + "/mixed", shares, value, false);
    Value merged = out.transpose(name + "/merged", mixed, 0, 2, 1, 3);
    return out.reshape(name + "/rows", merged, rows, WIDTH);
  }

  /** [batch · seq, 384] as [batch, heads, seq, 32]. */
  private Value heads(String name, Value x) {
    Value split = out.reshape(name + "/split", x, batch, seq, HEADS, HEAD);
    return out.transpose(name + "/heads", split, 0, 2, 1, 3);
  }

  /** {@code scale · (x · W + b)}; the scale is multiplied into the constants. */
  private Value linear(String name, Value x, int in, int width, float scale) {
    // The exporter names nodes by the modules' paths: /encoder/layer.0/output/dense/MatMul.
    String node = "/" + name.replace('.', '/').replace("layer/", "layer.") + "/MatMul";
    float[] matrix = Convolution.transposed(weights.matrix(node), in, width);
    float[] bias = weights.floats(name + ".bias");
    scale(matrix, scale);
    scale(bias, scale);
    return out.fullyConnected(
        name,
        x,
        out.constant(name + ".weight", matrix, width, in),
        out.constant(name + ".bias", bias, width),
        Activation.NONE);
  }

  private static void scale(float[] values, float scale) {
    for (int i = 0; i < values.length; i++) {
      values[i] *= scale;
    }
  }

  private Value layerNorm(String name, Value x) {
    String at = name + "/LayerNorm";
    Value centred = out.sub(at + "/centred", x, out.mean(at + "/mean", x, true, 1));
    Value variance = out.mean(at + "/variance", out.mul(at + "/square", centred, centred), true, 1);
    Value inverse = out.rsqrt(at + "/rsqrt", out.add(at + "/stable", variance, epsilon));
    Value normal = out.mul(at + "/normal", centred, inverse);
    Value gain = vector(name + ".LayerNorm.weight");
    return out.add(at, out.mul(at + "/gain", normal, gain), vector(name + ".LayerNorm.bias"));
  }

  private Value vector(String name) {
    return out.constant(name, weights.floats(name), WIDTH);
  }
}
