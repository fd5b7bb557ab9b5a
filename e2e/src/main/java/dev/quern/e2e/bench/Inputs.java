package dev.quern.e2e.bench;

import dev.quern.e2e.data.TensorData;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;

/** Inputs for models that are measured: random, and the same in each run. */
public final class Inputs {
  private Inputs() {}

  /** Values from -1 to 1. */
  public static float[] random(int size) {
    Random random = new Random(size);
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = random.nextFloat() * 2 - 1;
    }
    return values;
  }

  /** The three inputs [batch, length] of a BERT, without padding. */
  public static Map<String, TensorData> tokens(int batch, int length) {
    Random random = new Random(length);
    long[] ids = new long[batch * length];
    Arrays.setAll(ids, i -> i % length == 0 ? 101 : 1000 + random.nextInt(28_000));
    long[] ones = new long[ids.length];
    Arrays.fill(ones, 1);
    Map<String, TensorData> inputs = new LinkedHashMap<>();
    inputs.put("input_ids", TensorData.of(ids, batch, length));
    inputs.put("attention_mask", TensorData.of(ones, batch, length));
    inputs.put("token_type_ids", TensorData.of(new long[ids.length], batch, length));
    return inputs;
  }
}
