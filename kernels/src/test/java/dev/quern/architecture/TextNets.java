package dev.quern.architecture;

import dev.quern.onnx.DataType;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import java.util.ArrayList;
import java.util.List;

/** Networks over texts and sounds. */
final class TextNets {
  private static final int WIDTH = 32;
  private static final int HEADS = 4;
  private static final int DEPTH = WIDTH / HEADS;
  private static final int WORDS = 50;
  private static final int PLACES = 24;
  private static final float LOWEST = -Float.MAX_VALUE;

  private TextNets() {}

  /** Ids {@code [batch, length]}. */
  private static String ids(Net n, String name) {
    return n.input(name, Tensors.indices(1, WORDS, 2, 7), "batch", "length");
  }

  /** 1 where there is a word, {@code [batch, length]}. */
  private static String attentionMask(Net n) {
    long[] mask = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0};
    return n.input("attention_mask", Tensor.of(mask, 2, 7), "batch", "length");
  }

  private static String embedded(Net n, String ids, int rows) {
    return n.op("Gather", List.of(n.weights(rows, WIDTH), ids), "axis", 0L);
  }

  /** {@code (1 - mask)·lowest}, as BERT's exporters make it. */
  private static String padding(Net n, String mask) {
    String wide = n.op("Unsqueeze", List.of(mask, n.longs(1, 2)));
    String real = n.op("Cast", List.of(wide), "to", (long) DataType.FLOAT.code());
    return n.mul(n.op("Sub", List.of(n.scalar(1), real)), n.scalar(LOWEST));
  }

  /** {@code softmax(q·kᵀ / √d + mask)·v}, between projections. */
  private static String attention(Net n, String queries, String keys, String mask) {
    String q = n.split(n.linear(queries, WIDTH, WIDTH), HEADS, DEPTH);
    String k = n.split(n.linear(keys, WIDTH, WIDTH), HEADS, DEPTH);
    String v = n.split(n.linear(keys, WIDTH, WIDTH), HEADS, DEPTH);
    String scores = n.op("MatMul", List.of(q, n.turned(k)));
    scores = n.op("Div", List.of(scores, n.scalar((float) Math.sqrt(DEPTH))));
    scores = mask.isEmpty() ? scores : n.add(scores, mask);
    String y = n.joined(n.op("MatMul", List.of(n.softmax(scores), v)), WIDTH);
    return n.linear(y, WIDTH, WIDTH);
  }

  private static String mlp(Net n, String x) {
    return n.linear(n.gelu(n.linear(x, WIDTH, 4 * WIDTH)), 4 * WIDTH, WIDTH);
  }

  private static String encoder(Net n, String x, String mask) {
    String attended = n.norm(n.add(x, attention(n, x, x, mask)), WIDTH);
    return n.norm(n.add(attended, mlp(n, attended)), WIDTH);
  }

  static Net bert() {
    Net n = new Net(1);
    String ids = ids(n, "input_ids");
    String mask = padding(n, attentionMask(n));
    String types = n.input("token_type_ids", Tensors.indices(2, 2, 2, 7), "batch", "length");
    String buffer = n.constant(Tensor.of(count(PLACES), 1, PLACES));
    String end = n.op("Unsqueeze", List.of(n.size(ids, 1), n.longs(0)));
    String places = n.op("Slice", List.of(buffer, n.longs(0), end, n.longs(1)));
    String x = n.add(embedded(n, ids, WORDS), embedded(n, types, 2));
    x = n.norm(n.add(x, embedded(n, places, PLACES)), WIDTH);
    return n.give(encoder(n, encoder(n, x, mask), mask));
  }

  /** Places are counted from the words that are no padding. */
  static Net roberta() {
    Net n = new Net(2);
    String ids = ids(n, "input_ids");
    String words = n.op("Not", List.of(n.op("Equal", List.of(ids, n.whole(1)))));
    String set = n.op("Cast", List.of(words), "to", (long) DataType.INT32.code());
    String counted = n.mul(n.op("CumSum", List.of(set, n.whole(1))), set);
    String places = n.op("Cast", List.of(counted), "to", (long) DataType.INT64.code());
    places = n.add(places, n.whole(1));
    String x = n.add(embedded(n, ids, WORDS), embedded(n, places, PLACES));
    return n.give(encoder(n, n.norm(x, WIDTH), padding(n, attentionMask(n))));
  }

  /** A triangle that is sliced from a constant, and Where. */
  static Net gpt2() {
    Net n = new Net(3);
    String ids = ids(n, "input_ids");
    String length = n.size(ids, 1);
    String places = n.op("Range", List.of(n.whole(0), length, n.whole(1)));
    String x = n.add(embedded(n, ids, WORDS), embedded(n, places, PLACES));
    byte[] triangle = new byte[PLACES * PLACES];
    for (int i = 0; i < triangle.length; i++) {
      triangle[i] = (byte) (i % PLACES <= i / PLACES ? 1 : 0);
    }
    String all = n.constant(Tensor.of(DataType.BOOL, triangle, 1, 1, PLACES, PLACES));
    String end = n.op("Unsqueeze", List.of(length, n.longs(0)));
    String rows = n.op("Slice", List.of(all, n.longs(0), end, n.longs(2)));
    String seen = n.op("Slice", List.of(rows, n.longs(0), end, n.longs(3)));
    for (int layer = 0; layer < 2; layer++) {
      String normed = n.norm(x, WIDTH);
      List<String> parts =
          n.ops(
              "Split",
              3,
              List.of(n.linear(normed, WIDTH, 3 * WIDTH), n.longs(WIDTH, WIDTH, WIDTH)),
              "axis",
              2L);
      String k = n.turned(n.split(parts.get(1), HEADS, DEPTH));
      String scores = n.op("MatMul", List.of(n.split(parts.get(0), HEADS, DEPTH), k));
      scores = n.op("Div", List.of(scores, n.scalar((float) Math.sqrt(DEPTH))));
      scores = n.op("Where", List.of(seen, scores, n.scalar(LOWEST)));
      String v = n.split(parts.get(2), HEADS, DEPTH);
      String y = n.joined(n.op("MatMul", List.of(n.softmax(scores), v)), WIDTH);
      x = n.add(x, n.linear(y, WIDTH, WIDTH));
      x = n.add(x, mlp(n, n.norm(x, WIDTH)));
    }
    return n.give(n.op("MatMul", List.of(n.norm(x, WIDTH), n.weights(WIDTH, WORDS))));
  }

  /**
   * The same with keys and values of earlier runs, as decoders are exported: rows of the triangle
   * from the first new place, then padding added.
   */
  static Net gpt2WithPast() {
    Net n = new Net(21);
    int past = 5;
    String ids = n.input("input_ids", Tensors.indices(1, WORDS, 2, 3), "batch", "length");
    long[] present = {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1};
    String mask = n.input("attention_mask", Tensor.of(present, 2, 8), "batch", "past + length");
    String positions = n.input("position_ids", Tensors.indices(2, 8, 2, 3), "batch", "length");
    String x = n.add(embedded(n, ids, WORDS), embedded(n, positions, PLACES));
    byte[] triangle = new byte[PLACES * PLACES];
    for (int i = 0; i < triangle.length; i++) {
      triangle[i] = (byte) (i % PLACES <= i / PLACES ? 1 : 0);
    }
    String all = n.constant(Tensor.of(DataType.BOOL, triangle, 1, 1, PLACES, PLACES));
    String padding = padding(n, mask);
    List<String> given = new ArrayList<>();
    for (String name : List.of("past.key", "past.value")) {
      Tensor before = Tensors.random(name.length(), DataType.FLOAT, 2, HEADS, past, DEPTH);
      String[] dims = {"batch", Integer.toString(HEADS), "past", Integer.toString(DEPTH)};
      given.add(n.input(name, before, dims));
    }
    String normed = n.norm(x, WIDTH);
    String q = n.split(n.linear(normed, WIDTH, WIDTH), HEADS, DEPTH);
    List<String> grown = new ArrayList<>();
    for (String before : given) {
      String fresh = n.split(n.linear(normed, WIDTH, WIDTH), HEADS, DEPTH);
      grown.add(n.op("Concat", List.of(before, fresh), "axis", -2L));
    }
    String scores = n.op("MatMul", List.of(q, n.turned(grown.getFirst())));
    scores = n.op("Div", List.of(scores, n.scalar((float) Math.sqrt(DEPTH))));
    String keys = n.op("Unsqueeze", List.of(n.size(grown.getFirst(), 2), n.longs(0)));
    String queries = n.op("Unsqueeze", List.of(n.size(q, 2), n.longs(0)));
    String first = n.op("Sub", List.of(keys, queries));
    String rows = n.op("Slice", List.of(all, first, keys, n.longs(2)));
    String seen = n.op("Slice", List.of(rows, n.longs(0), keys, n.longs(3)));
    scores = n.op("Where", List.of(seen, scores, n.scalar(LOWEST)));
    scores = n.add(scores, padding);
    String y = n.joined(n.op("MatMul", List.of(n.softmax(scores), grown.getLast())), WIDTH);
    x = n.add(x, n.linear(y, WIDTH, WIDTH));
    x = n.add(x, mlp(n, n.norm(x, WIDTH)));
    String logits = n.op("MatMul", List.of(n.norm(x, WIDTH), n.weights(WIDTH, WORDS)));
    return n.give(logits, grown.getFirst(), grown.getLast());
  }

  /** Distances of places choose what is added to the scores, which have no scale. */
  static Net t5Encoder() {
    Net n = new Net(4);
    String ids = ids(n, "input_ids");
    String length = n.size(ids, 1);
    String places = n.op("Range", List.of(n.whole(0), length, n.whole(1)));
    String queries = n.op("Unsqueeze", List.of(places, n.longs(1)));
    String keys = n.op("Unsqueeze", List.of(places, n.longs(0)));
    String distance = n.op("Sub", List.of(keys, queries));
    String positive = n.op("Greater", List.of(distance, n.whole(0)));
    String side = n.op("Cast", List.of(positive), "to", (long) DataType.INT64.code());
    String size = n.op("Abs", List.of(distance));
    String real = n.op("Cast", List.of(size), "to", (long) DataType.FLOAT.code());
    String log = n.op("Log", List.of(n.op("Div", List.of(real, n.scalar(4)))));
    String steps = n.op("Cast", List.of(n.mul(log, n.scalar(1.7f))), "to", 7L);
    String far = n.op("Min", List.of(n.add(steps, n.whole(4)), n.whole(7)));
    String near = n.op("Less", List.of(size, n.whole(4)));
    String bucket = n.op("Where", List.of(near, size, far));
    bucket = n.add(bucket, n.mul(side, n.whole(8)));
    String table = n.op("Gather", List.of(n.weights(16, HEADS), bucket), "axis", 0L);
    String turned = n.op("Transpose", List.of(table), "perm", new long[] {2, 0, 1});
    String bias = n.op("Unsqueeze", List.of(turned, n.longs(0)));
    String mask = n.add(bias, padding(n, attentionMask(n)));
    String x = embedded(n, ids, WORDS);
    for (int layer = 0; layer < 2; layer++) {
      String normed = n.rootMeanSquareNorm(x, WIDTH);
      String q = n.split(n.op("MatMul", List.of(normed, n.weights(WIDTH, WIDTH))), HEADS, DEPTH);
      String k = n.split(n.op("MatMul", List.of(normed, n.weights(WIDTH, WIDTH))), HEADS, DEPTH);
      String v = n.split(n.op("MatMul", List.of(normed, n.weights(WIDTH, WIDTH))), HEADS, DEPTH);
      String scores = n.add(n.op("MatMul", List.of(q, n.turned(k))), mask);
      String y = n.joined(n.op("MatMul", List.of(n.softmax(scores), v)), WIDTH);
      x = n.add(x, n.op("MatMul", List.of(y, n.weights(WIDTH, WIDTH))));
      normed = n.rootMeanSquareNorm(x, WIDTH);
      String inner = n.op("Relu", List.of(n.op("MatMul", List.of(normed, n.weights(WIDTH, 64)))));
      x = n.add(x, n.op("MatMul", List.of(inner, n.weights(64, WIDTH))));
    }
    return n.give(n.rootMeanSquareNorm(x, WIDTH));
  }

  /** Attention to itself under a triangle, then to an encoder's states. */
  static Net bartDecoder() {
    Net n = new Net(5);
    String x = n.states("decoder", 5, WIDTH);
    String encoded = n.states("encoder", 9, WIDTH);
    String length = n.size(x, 1);
    String side = n.op("Unsqueeze", List.of(length, n.longs(0)));
    String shape = n.op("Concat", List.of(side, side), "axis", 0L);
    String full = n.op("Expand", List.of(n.scalar(LOWEST), shape));
    String upper = n.op("Trilu", List.of(full, n.whole(1)), "upper", 1L);
    String mask = n.op("Unsqueeze", List.of(upper, n.longs(0, 1)));
    x = n.norm(n.add(x, attention(n, x, x, mask)), WIDTH);
    x = n.norm(n.add(x, attention(n, x, encoded, "")), WIDTH);
    return n.give(n.norm(n.add(x, mlp(n, x)), WIDTH));
  }

  /** Turned queries and keys, heads that share keys, a mask of Where, an MLP with a gate. */
  static Net llama() {
    Net n = new Net(6);
    String ids = ids(n, "input_ids");
    String length = n.size(ids, 1);
    String places = n.op("Range", List.of(n.whole(0), length, n.whole(1)));
    String real = n.op("Cast", List.of(places), "to", (long) DataType.FLOAT.code());
    String column = n.op("Unsqueeze", List.of(real, n.longs(1)));
    float[] inverse = new float[DEPTH / 2];
    for (int i = 0; i < inverse.length; i++) {
      inverse[i] = (float) Math.pow(10_000, -2.0 * i / DEPTH);
    }
    String angles = n.mul(column, n.constant(Tensor.of(inverse, 1, DEPTH / 2)));
    String both = n.op("Concat", List.of(angles, angles), "axis", -1L);
    String cos = n.op("Cos", List.of(both));
    String sin = n.op("Sin", List.of(both));
    String rows = n.op("Unsqueeze", List.of(places, n.longs(1)));
    String columns = n.op("Unsqueeze", List.of(places, n.longs(0)));
    String seen = n.op("LessOrEqual", List.of(columns, rows));
    String mask = n.op("Where", List.of(seen, n.scalar(0), n.scalar(LOWEST)));
    String x = embedded(n, ids, WORDS);
    String normed = n.rootMeanSquareNorm(x, WIDTH);
    int keyHeads = 2;
    int keyWidth = keyHeads * DEPTH;
    String q = n.split(n.op("MatMul", List.of(normed, n.weights(WIDTH, WIDTH))), HEADS, DEPTH);
    String k =
        n.split(n.op("MatMul", List.of(normed, n.weights(WIDTH, keyWidth))), keyHeads, DEPTH);
    String v =
        n.split(n.op("MatMul", List.of(normed, n.weights(WIDTH, keyWidth))), keyHeads, DEPTH);
    q = turned(n, q, cos, sin);
    k = shared(n, turned(n, k, cos, sin));
    v = shared(n, v);
    String scores = n.op("MatMul", List.of(q, n.turned(k)));
    scores = n.mul(scores, n.scalar((float) (1 / Math.sqrt(DEPTH))));
    String shares = n.softmax(n.add(scores, mask));
    String y = n.joined(n.op("MatMul", List.of(shares, v)), WIDTH);
    x = n.add(x, n.op("MatMul", List.of(y, n.weights(WIDTH, WIDTH))));
    normed = n.rootMeanSquareNorm(x, WIDTH);
    String gate = n.silu(n.op("MatMul", List.of(normed, n.weights(WIDTH, 64))));
    String up = n.op("MatMul", List.of(normed, n.weights(WIDTH, 64)));
    return n.give(n.add(x, n.op("MatMul", List.of(n.mul(gate, up), n.weights(64, WIDTH)))));
  }

  /**
   * A decoder as ONNX Runtime's generator writes it: one operator turns queries and keys, takes the
   * past and counts by lengths, which come from the padding mask.
   */
  static Net llamaGrouped() {
    Net n = new Net(22);
    int depth = 16;
    int width = HEADS * depth;
    int keyWidth = 2 * depth;
    int past = 5;
    String ids =
        n.input("input_ids", Tensors.indices(1, WORDS, 1, 2), "batch_size", "sequence_length");
    long[] all = {1, 1, 1, 1, 1, 1, 1};
    String mask =
        n.input("attention_mask", Tensor.of(all, 1, 7), "batch_size", "total_sequence_length");
    List<String> given = new ArrayList<>();
    for (String name : List.of("past_key_values.0.key", "past_key_values.0.value")) {
      Tensor before = Tensors.random(name.length(), DataType.FLOAT, 1, 2, past, depth);
      String[] dims = {"batch_size", "2", "past_sequence_length", Integer.toString(depth)};
      given.add(n.input(name, before, dims));
    }
    String keys = n.op("ReduceSum", List.of(mask, n.longs(1)), "keepdims", 1L);
    String lengths = n.op("Cast", List.of(n.op("Sub", List.of(keys, n.longs(1)))), "to", 6L);
    String total = n.op("Cast", List.of(n.size(mask, 1)), "to", 6L);
    String x = n.op("Gather", List.of(n.weights(WORDS, width), ids));
    String normed = n.rootMeanSquareNorm(x, width);
    List<String> inputs = new ArrayList<>();
    inputs.add(n.op("MatMul", List.of(normed, n.weights(width, width))));
    inputs.add(n.op("MatMul", List.of(normed, n.weights(width, keyWidth))));
    inputs.add(n.op("MatMul", List.of(normed, n.weights(width, keyWidth))));
    inputs.addAll(given);
    inputs.addAll(List.of(lengths, total, n.weights(12, depth / 2), n.weights(12, depth / 2)));
    List<String> attended =
        n.ops(
            "com.microsoft.GroupQueryAttention",
            3,
            inputs,
            "num_heads",
            (long) HEADS,
            "kv_num_heads",
            2L,
            "do_rotary",
            1L);
    x = n.add(x, n.op("MatMul", List.of(attended.get(0), n.weights(width, width))));
    String gate = n.silu(n.op("MatMul", List.of(x, n.weights(width, 64))));
    String up = n.op("MatMul", List.of(x, n.weights(width, 64)));
    x = n.add(x, n.op("MatMul", List.of(n.mul(gate, up), n.weights(64, width))));
    return n.give(x, attended.get(1), attended.get(2));
  }

  private static String turned(Net n, String x, String cos, String sin) {
    String first = n.op("Slice", List.of(x, n.longs(0), n.longs(DEPTH / 2), n.longs(3)));
    String second = n.op("Slice", List.of(x, n.longs(DEPTH / 2), n.longs(DEPTH), n.longs(3)));
    String half = n.op("Concat", List.of(n.op("Neg", List.of(second)), first), "axis", -1L);
    return n.add(n.mul(x, cos), n.mul(half, sin));
  }

  private static String shared(Net n, String x) {
    String one = n.op("Unsqueeze", List.of(x, n.longs(2)));
    String twice = n.op("Expand", List.of(one, n.longs(1, 1, 2, 1, 1)));
    return n.op("Reshape", List.of(twice, n.longs(0, HEADS, -1, DEPTH)));
  }

  /** Spectra {@code [1, bins, frames]} through two convolutions, then an encoder. */
  static Net whisperEncoder() {
    Net n = new Net(7);
    Tensor spectra = Tensors.random(8, DataType.FLOAT, 1, 10, 18);
    String x = n.input("input_features", spectra, "1", "10", "18");
    x = line(n, x, 10, 1);
    x = line(n, x, WIDTH, 2);
    x = n.op("Transpose", List.of(x), "perm", new long[] {0, 2, 1});
    x = n.add(x, n.weights(9, WIDTH));
    x = n.add(x, attention(n, n.norm(x, WIDTH), x, ""));
    return n.give(n.norm(n.add(x, mlp(n, n.norm(x, WIDTH))), WIDTH));
  }

  private static String line(Net n, String x, int from, long stride) {
    List<String> inputs = List.of(x, n.weights(WIDTH, from, 3), n.weights(WIDTH));
    long[] pads = {1, 1};
    return n.gelu(n.op("Conv", inputs, "pads", pads, "strides", new long[] {stride}));
  }

  static Net lstm() {
    Net n = new Net(9);
    String x = n.input("x", Tensors.random(3, DataType.FLOAT, 6, 2, 12), "6", "2", "12");
    List<String> first =
        n.ops(
            "LSTM",
            3,
            List.of(x, n.weights(2, 32, 12), n.weights(2, 32, 8), n.weights(2, 64)),
            "hidden_size",
            8L,
            "direction",
            "bidirectional");
    String turned = n.op("Transpose", List.of(first.get(0)), "perm", new long[] {0, 2, 1, 3});
    String flat = n.op("Reshape", List.of(turned, n.longs(0, 0, 16)));
    return n.give(n.linear(flat, 16, 5), first.get(1), first.get(2));
  }

  static Net gru() {
    Net n = new Net(10);
    String x = n.input("x", Tensors.random(4, DataType.FLOAT, 4, 3, 6), "4", "3", "6");
    List<String> result =
        n.ops(
            "GRU",
            2,
            List.of(x, n.weights(1, 24, 6), n.weights(1, 24, 8), n.weights(1, 48)),
            "hidden_size",
            8L,
            "linear_before_reset",
            1L);
    return n.give(n.op("Squeeze", List.of(result.get(0), n.longs(1))), result.get(1));
  }

  private static long[] count(int size) {
    long[] values = new long[size];
    for (int i = 0; i < size; i++) {
      values[i] = i;
    }
    return values;
  }
}
