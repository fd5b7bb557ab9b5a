package dev.quern.e2e.models;

import dev.quern.e2e.data.TensorData;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Greedy decoding, step by step.
 *
 * @param model gives the outputs for inputs
 */
public record Greedy(
    Function<Map<String, TensorData>, Map<String, TensorData>> model, DecoderGraph.Sizes sizes) {

  /** The next tokens, with keys and values kept. */
  public List<Integer> kept(List<Integer> prompt, int count) {
    List<Integer> said = new ArrayList<>();
    Map<String, TensorData> past = empty();
    List<Integer> fresh = prompt;
    while (said.size() < count) {
      Map<String, TensorData> outputs =
          model.apply(inputs(fresh, prompt.size() + said.size() - fresh.size(), past));
      past = past(outputs);
      said.add(best(outputs.get("logits")));
      fresh = List.of(said.getLast());
    }
    return said;
  }

  /** The next tokens, from all tokens each time. */
  public List<Integer> afresh(List<Integer> prompt, int count) {
    List<Integer> all = new ArrayList<>(prompt);
    while (all.size() < prompt.size() + count) {
      all.add(best(model.apply(inputs(all, 0, empty())).get("logits")));
    }
    return all.subList(prompt.size(), all.size());
  }

  /** No keys and values. */
  public Map<String, TensorData> empty() {
    Map<String, TensorData> past = new LinkedHashMap<>();
    for (String name : DecoderGraph.pasts(sizes)) {
      past.put(name, TensorData.of(new float[0], 1, sizes.keyHeads(), 0, sizes.depth()));
    }
    return past;
  }

  /** The keys and values of a run as those before the next. */
  public static Map<String, TensorData> past(Map<String, TensorData> outputs) {
    Map<String, TensorData> past = new LinkedHashMap<>();
    outputs.forEach((name, tensor) -> {
      if (name.startsWith("present")) {
        past.put(name.replace("present", "past_key_values"), tensor);
      }
    });
    return past;
  }

  /** The inputs of a run, with {@code before} tokens before those given. */
  public static Map<String, TensorData> inputs(
      List<Integer> tokens, int before, Map<String, TensorData> past) {
    long[] ids = tokens.stream().mapToLong(Integer::longValue).toArray();
    long[] mask = new long[before + ids.length];
    long[] places = new long[ids.length];
    Arrays.fill(mask, 1);
    for (int i = 0; i < places.length; i++) {
      places[i] = (long) before + i;
    }
    Map<String, TensorData> inputs = new LinkedHashMap<>();
    inputs.put("input_ids", TensorData.of(ids, 1, ids.length));
    inputs.put("attention_mask", TensorData.of(mask, 1, mask.length));
    inputs.put("position_ids", TensorData.of(places, 1, places.length));
    inputs.putAll(past);
    return inputs;
  }

  /** The likeliest token after the last place of logits [1, seq, vocabulary]. */
  public static int best(TensorData logits) {
    int vocabulary = logits.shape().get(2).intValue();
    float[] values = logits.floats();
    int from = values.length - vocabulary;
    int best = from;
    for (int i = from; i < values.length; i++) {
      best = values[i] > values[best] ? i : best;
    }
    return best - from;
  }
}
