package dev.quern.e2e.oracle;

import dev.quern.e2e.data.TensorData;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Embeddings of all-MiniLM-L6-v2 as ONNX Runtime computes them: mean pooling over the mask, length
 * one.
 */
public final class MiniLm implements AutoCloseable {
  /** Longest input in tokens. */
  public static final int LIMIT = 512;

  private final WordPiece tokenizer = new WordPiece(tokenizer());
  private final Oracle oracle = new Oracle(model());

  /** The model's file. */
  public static byte[] model() {
    return resource("/all-minilm-l6-v2.onnx");
  }

  /** The tokenizer's file. */
  public static byte[] tokenizer() {
    return resource("/all-minilm-l6-v2-tokenizer.json");
  }

  private static byte[] resource(String name) {
    try (InputStream in = Objects.requireNonNull(MiniLm.class.getResourceAsStream(name), name)) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The ids of a text, [CLS] and [SEP] included. */
  public long[] ids(String text) {
    return tokenizer.ids(text, LIMIT);
  }

  /** The model's inputs for texts, padded to the longest. */
  public Map<String, TensorData> inputs(List<String> texts) {
    List<long[]> rows = texts.stream().map(this::ids).toList();
    int longest = rows.stream().mapToInt(row -> row.length).max().orElseThrow();
    long[] ids = new long[rows.size() * longest];
    long[] mask = new long[ids.length];
    for (int i = 0; i < rows.size(); i++) {
      long[] row = rows.get(i);
      System.arraycopy(row, 0, ids, i * longest, row.length);
      Arrays.fill(mask, i * longest, i * longest + row.length, 1);
    }
    Map<String, TensorData> inputs = new LinkedHashMap<>();
    inputs.put("input_ids", TensorData.of(ids, rows.size(), longest));
    inputs.put("attention_mask", TensorData.of(mask, rows.size(), longest));
    inputs.put("token_type_ids", TensorData.of(new long[ids.length], rows.size(), longest));
    return inputs;
  }

  /** The hidden states [batch, seq, 384] for inputs. */
  public TensorData hidden(Map<String, TensorData> inputs) {
    return oracle.run(inputs).values().iterator().next();
  }

  /** One vector per text. */
  public float[][] embed(List<String> texts) {
    Map<String, TensorData> inputs = inputs(texts);
    return pool(hidden(inputs), inputs.get("attention_mask"));
  }

  /**
   * The mean of the hidden states [batch, seq, width] where the mask [batch, seq] is not 0, scaled
   * to length one.
   */
  public static float[][] pool(TensorData hidden, TensorData attentionMask) {
    int batch = Math.toIntExact(hidden.shape().get(0));
    int seq = Math.toIntExact(hidden.shape().get(1));
    int width = Math.toIntExact(hidden.shape().get(2));
    float[] states = hidden.floats();
    long[] mask = new long[batch * seq];
    attentionMask.buffer().asLongBuffer().get(mask);
    float[][] vectors = new float[batch][width];
    for (int row = 0; row < batch; row++) {
      double[] sums = new double[width];
      for (int token = 0; token < seq; token++) {
        if (mask[row * seq + token] != 0) {
          for (int i = 0; i < width; i++) {
            sums[i] += states[(row * seq + token) * width + i];
          }
        }
      }
      // The count of the mean cancels against the length.
      double length = Math.sqrt(Arrays.stream(sums).map(sum -> sum * sum).sum());
      for (int i = 0; i < width; i++) {
        vectors[row][i] = (float) (sums[i] / length);
      }
    }
    return vectors;
  }

  /** Cosine of two vectors of length one. */
  public static double cosine(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }

  @Override
  public void close() {
    oracle.close();
  }
}
