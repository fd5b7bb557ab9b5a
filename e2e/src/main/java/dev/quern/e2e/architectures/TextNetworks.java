package dev.quern.e2e.architectures;

import dev.quern.onnx.DataType;
import dev.quern.reference.Tensor;
import dev.quern.server.models.OnnxBuilder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Networks over texts and sounds. */
final class TextNetworks {
  /**
   * Sizes of a transformer.
   *
   * @param layers blocks
   * @param width of the residual stream, a multiple of the heads
   * @param inner width inside of the MLP
   * @param words in the vocabulary
   * @param places that there are
   * @param batch texts of the run
   * @param length words of a text of the run
   */
  record Sizes(
      int layers, int width, int heads, int inner, int words, int places, int batch, int length) {
    int depth() {
      return width / heads;
    }
  }

  private static final float LOWEST = -Float.MAX_VALUE;

  /** Words less in each text of a batch than in the one before. */
  private static final int SHORTER = 3;

  private final Network n;
  private final Sizes sizes;
  private final int width;
  private final int heads;
  private final int depth;

  private TextNetworks(long seed, Sizes sizes) {
    n = new Network(seed);
    this.sizes = sizes;
    width = sizes.width;
    heads = sizes.heads;
    depth = sizes.depth();
  }

  static Network bert(Sizes sizes) {
    return new TextNetworks(1, sizes).bert();
  }

  static Network roberta(Sizes sizes) {
    return new TextNetworks(2, sizes).roberta();
  }

  static Network gpt2(Sizes sizes) {
    return new TextNetworks(3, sizes).gpt2();
  }

  static Network gpt2WithPast(Sizes sizes) {
    return new TextNetworks(21, sizes).gpt2WithPast();
  }

  static Network t5Encoder(Sizes sizes) {
    return new TextNetworks(4, sizes).t5Encoder();
  }

  static Network bartDecoder(Sizes sizes, int encoded) {
    return new TextNetworks(5, sizes).bartDecoder(encoded);
  }

  static Network llama(Sizes sizes, int keyHeads) {
    return new TextNetworks(6, sizes).llama(keyHeads);
  }

  static Network llamaGrouped(Sizes sizes, int keyHeads) {
    return new TextNetworks(22, sizes).llamaGrouped(keyHeads);
  }

  static Network whisperEncoder(Sizes sizes, int mels) {
    return new TextNetworks(7, sizes).whisperEncoder(mels);
  }

  /** Ids {@code [batch, length]}. */
  private String ids() {
    Tensor ids = n.indices(sizes.words, sizes.batch, sizes.length);
    return n.input("input_ids", ids, "batch", "length");
  }

  /** 1 where there is a word, {@code [batch, length]}. */
  private String attentionMask() {
    long[] mask = new long[sizes.batch * sizes.length];
    for (int i = 0; i < mask.length; i++) {
      mask[i] = i % sizes.length < sizes.length - SHORTER * (i / sizes.length) ? 1 : 0;
    }
    Tensor value = Tensor.of(mask, sizes.batch, sizes.length);
    return n.input("attention_mask", value, "batch", "length");
  }

  private String embedded(String ids, int rows) {
    return n.gather(n.weights(rows, width), ids, 0);
  }

  /** {@code (1 - mask)·lowest}, as BERT's exporters make it. */
  private String padding(String mask) {
    String real = n.cast(n.unsqueeze(mask, 1, 2), DataType.FLOAT);
    return n.mul(n.op("Sub", n.scalar(1), real), n.scalar(LOWEST));
  }

  private String count(String length) {
    return n.op("Range", n.whole(0), length, n.whole(1));
  }

  /** {@code q·kᵀ / √d}. */
  private String scores(String q, String k) {
    return n.op("Div", n.op("MatMul", q, n.turned(k)), n.scalar((float) Math.sqrt(depth)));
  }

  /** {@code softmax(scores)·v}, heads side by side. */
  private String shared(String scores, String v) {
    return n.joined(n.op("MatMul", n.softmax(scores), v), width);
  }

  /** {@code softmax(q·kᵀ / √d + mask)·v}, between projections. */
  private String attention(String queries, String keys, String mask) {
    String q = n.heads(n.linear(queries, width, width), heads, depth);
    String k = n.heads(n.linear(keys, width, width), heads, depth);
    String v = n.heads(n.linear(keys, width, width), heads, depth);
    String scores = scores(q, k);
    return n.linear(shared(mask.isEmpty() ? scores : n.add(scores, mask), v), width, width);
  }

  private String mlp(String x) {
    return n.linear(n.gelu(n.linear(x, width, sizes.inner)), sizes.inner, width);
  }

  private String encoder(String x, String mask) {
    for (int layer = 0; layer < sizes.layers; layer++) {
      x = n.norm(n.add(x, attention(x, x, mask)), width);
      x = n.norm(n.add(x, mlp(x)), width);
    }
    return x;
  }

  private Network bert() {
    String ids = ids();
    String mask = padding(attentionMask());
    Tensor kinds = n.indices(2, sizes.batch, sizes.length);
    String types = n.input("token_type_ids", kinds, "batch", "length");
    long[] counted = new long[sizes.places];
    Arrays.setAll(counted, i -> i);
    String end = n.unsqueeze(n.size(ids, 1), 0);
    String places = n.op("Slice", n.constant(counted, 1, sizes.places), n.list(0), end, n.list(1));
    String x = n.add(embedded(ids, sizes.words), embedded(types, 2));
    return n.give(encoder(n.norm(n.add(x, embedded(places, sizes.places)), width), mask));
  }

  /** Places are counted from the words that are no padding. */
  private Network roberta() {
    String ids = ids();
    String words = n.op("Not", n.op("Equal", ids, n.whole(1)));
    String set = n.cast(words, DataType.INT32);
    String counted = n.mul(n.op("CumSum", set, n.whole(1)), set);
    String places = n.add(n.cast(counted, DataType.INT64), n.whole(1));
    String x = n.add(embedded(ids, sizes.words), embedded(places, sizes.places));
    return n.give(encoder(n.norm(x, width), padding(attentionMask())));
  }

  /** True where a place is not before another, {@code [1, 1, places, places]}. */
  private String triangle() {
    int places = sizes.places;
    boolean[] triangle = new boolean[places * places];
    for (int i = 0; i < triangle.length; i++) {
      triangle[i] = i % places <= i / places;
    }
    return n.constant(triangle, 1, 1, places, places);
  }

  /** A triangle that is sliced from a constant, and Where. */
  private Network gpt2() {
    String ids = ids();
    String length = n.size(ids, 1);
    String x = n.add(embedded(ids, sizes.words), embedded(count(length), sizes.places));
    String end = n.unsqueeze(length, 0);
    String rows = n.op("Slice", triangle(), n.list(0), end, n.list(2));
    String seen = n.op("Slice", rows, n.list(0), end, n.list(3));
    for (int layer = 0; layer < sizes.layers; layer++) {
      String all = n.linear(n.norm(x, width), width, 3 * width);
      List<String> parts = n.split(all, 2, width, width, width);
      String k = n.heads(parts.get(1), heads, depth);
      String scores = scores(n.heads(parts.get(0), heads, depth), k);
      scores = n.op("Where", seen, scores, n.scalar(LOWEST));
      String y = shared(scores, n.heads(parts.get(2), heads, depth));
      x = n.add(x, n.linear(y, width, width));
      x = n.add(x, mlp(n.norm(x, width)));
    }
    return n.give(n.product(n.norm(x, width), width, sizes.words));
  }

  /**
   * One layer with keys and values of an earlier run, as decoders are exported: rows of the
   * triangle from the first new place, then padding added.
   */
  private Network gpt2WithPast() {
    int past = 5;
    String ids = ids();
    long[] present = {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1};
    Tensor seenKeys = Tensor.of(present, sizes.batch, past + sizes.length);
    String mask = n.input("attention_mask", seenKeys, "batch", "past + length");
    Tensor numbered = n.indices(past + sizes.length, sizes.batch, sizes.length);
    String positions = n.input("position_ids", numbered, "batch", "length");
    String x = n.add(embedded(ids, sizes.words), embedded(positions, sizes.places));
    String padding = padding(mask);
    List<String> given = new ArrayList<>();
    for (String name : List.of("past.key", "past.value")) {
      Tensor before = n.numbers(sizes.batch, heads, past, depth);
      given.add(n.input(name, before, "batch", heads, "past", depth));
    }
    String normed = n.norm(x, width);
    String q = n.heads(n.linear(normed, width, width), heads, depth);
    List<String> grown = new ArrayList<>();
    for (String before : given) {
      grown.add(n.concat(-2, before, n.heads(n.linear(normed, width, width), heads, depth)));
    }
    String keys = n.unsqueeze(n.size(grown.getFirst(), 2), 0);
    String queries = n.unsqueeze(n.size(q, 2), 0);
    String first = n.op("Sub", keys, queries);
    String rows = n.op("Slice", triangle(), first, keys, n.list(2));
    String seen = n.op("Slice", rows, n.list(0), keys, n.list(3));
    String scores = n.op("Where", seen, scores(q, grown.getFirst()), n.scalar(LOWEST));
    String y = shared(n.add(scores, padding), grown.getLast());
    x = n.add(x, n.linear(y, width, width));
    x = n.add(x, mlp(n.norm(x, width)));
    String logits = n.product(n.norm(x, width), width, sizes.words);
    return n.give(logits, grown.getFirst(), grown.getLast());
  }

  /** Distances of places choose what is added to the scores, which have no scale. */
  private Network t5Encoder() {
    String ids = ids();
    String bias = distances(count(n.size(ids, 1)));
    String mask = n.add(bias, padding(attentionMask()));
    String x = embedded(ids, sizes.words);
    for (int layer = 0; layer < sizes.layers; layer++) {
      String normed = n.rootMeanSquareNorm(x, width);
      String q = n.heads(n.product(normed, width, width), heads, depth);
      String k = n.heads(n.product(normed, width, width), heads, depth);
      String v = n.heads(n.product(normed, width, width), heads, depth);
      String scores = n.add(n.op("MatMul", q, n.turned(k)), mask);
      x = n.add(x, n.product(shared(scores, v), width, width));
      normed = n.rootMeanSquareNorm(x, width);
      String inner = n.relu(n.product(normed, width, sizes.inner));
      x = n.add(x, n.product(inner, sizes.inner, width));
    }
    return n.give(n.rootMeanSquareNorm(x, width));
  }

  /** A number for each head and two places, from a table of 16 distances: {@code [1, h, l, l]}. */
  private String distances(String places) {
    String distance = n.op("Sub", n.unsqueeze(places, 0), n.unsqueeze(places, 1));
    String side = n.cast(n.op("Greater", distance, n.whole(0)), DataType.INT64);
    String size = n.op("Abs", distance);
    String log = n.op("Log", n.op("Div", n.cast(size, DataType.FLOAT), n.scalar(4)));
    String steps = n.cast(n.mul(log, n.scalar(1.7f)), DataType.INT64);
    String far = n.op("Min", n.add(steps, n.whole(4)), n.whole(7));
    String bucket = n.op("Where", n.op("Less", size, n.whole(4)), size, far);
    bucket = n.add(bucket, n.mul(side, n.whole(8)));
    String table = n.gather(n.weights(16, heads), bucket, 0);
    return n.unsqueeze(n.transpose(table, 2, 0, 1), 0);
  }

  /** Attention to itself under a triangle, then to an encoder's states. */
  private Network bartDecoder(int places) {
    String x = n.states("decoder", sizes.batch, sizes.length, width);
    String encoded = n.states("encoder", sizes.batch, places, width);
    String side = n.unsqueeze(n.size(x, 1), 0);
    String full = n.op("Expand", n.scalar(LOWEST), n.concat(0, side, side));
    String upper = n.op("Trilu", List.of(full, n.whole(1)), OnnxBuilder.integer("upper", 1));
    String mask = n.unsqueeze(upper, 0, 1);
    for (int layer = 0; layer < sizes.layers; layer++) {
      x = n.norm(n.add(x, attention(x, x, mask)), width);
      x = n.norm(n.add(x, attention(x, encoded, "")), width);
      x = n.norm(n.add(x, mlp(x)), width);
    }
    return n.give(x);
  }

  /** {@code down(silu(gate)·up)}. */
  private String gated(String x) {
    String gate = n.silu(n.product(x, width, sizes.inner));
    String up = n.product(x, width, sizes.inner);
    return n.product(n.mul(gate, up), sizes.inner, width);
  }

  /** Turned queries and keys, heads that share keys, a mask of Where, an MLP with a gate. */
  private Network llama(int keyHeads) {
    String ids = ids();
    String places = count(n.size(ids, 1));
    float[] inverse = new float[depth / 2];
    for (int i = 0; i < inverse.length; i++) {
      inverse[i] = (float) Math.pow(10_000, -2.0 * i / depth);
    }
    String column = n.unsqueeze(n.cast(places, DataType.FLOAT), 1);
    String angles = n.mul(column, n.constant(inverse, 1, depth / 2));
    String both = n.concat(-1, angles, angles);
    String cos = n.op("Cos", both);
    String sin = n.op("Sin", both);
    String seen = n.op("LessOrEqual", n.unsqueeze(places, 0), n.unsqueeze(places, 1));
    String mask = n.op("Where", seen, n.scalar(0), n.scalar(LOWEST));
    String x = embedded(ids, sizes.words);
    int keyWidth = keyHeads * depth;
    for (int layer = 0; layer < sizes.layers; layer++) {
      String normed = n.rootMeanSquareNorm(x, width);
      String q = n.heads(n.product(normed, width, width), heads, depth);
      String k = n.heads(n.product(normed, width, keyWidth), keyHeads, depth);
      String v = n.heads(n.product(normed, width, keyWidth), keyHeads, depth);
      q = rotated(q, cos, sin);
      k = repeated(rotated(k, cos, sin), keyHeads);
      String scores = n.op("MatMul", q, n.turned(k));
      scores = n.mul(scores, n.scalar((float) (1 / Math.sqrt(depth))));
      String y = shared(n.add(scores, mask), repeated(v, keyHeads));
      x = n.add(x, n.product(y, width, width));
      x = n.add(x, gated(n.rootMeanSquareNorm(x, width)));
    }
    return n.give(x);
  }

  private String rotated(String x, String cos, String sin) {
    String first = n.slice(x, 3, 0, depth / 2, 1);
    String second = n.slice(x, 3, depth / 2, depth, 1);
    String half = n.concat(-1, n.op("Neg", second), first);
    return n.add(n.mul(x, cos), n.mul(half, sin));
  }

  /** Every head of keys as often as there are heads of queries to it. */
  private String repeated(String x, int keyHeads) {
    String more = n.op("Expand", n.unsqueeze(x, 2), n.list(1, 1, heads / keyHeads, 1, 1));
    return n.reshape(more, 0, heads, -1, depth);
  }

  /**
   * One layer of a decoder as ONNX Runtime's generator writes it: one operator turns queries and
   * keys, takes the past and counts by lengths, which come from the padding mask.
   */
  private Network llamaGrouped(int keyHeads) {
    int past = 5;
    int all = past + sizes.length;
    Tensor words = n.indices(sizes.words, sizes.batch, sizes.length);
    String ids = n.input("input_ids", words, "batch_size", "sequence_length");
    long[] present = new long[sizes.batch * all];
    Arrays.fill(present, 1);
    Tensor seen = Tensor.of(present, sizes.batch, all);
    String mask = n.input("attention_mask", seen, "batch_size", "total_sequence_length");
    List<String> given = new ArrayList<>();
    for (String name : List.of("past_key_values.0.key", "past_key_values.0.value")) {
      Tensor before = n.numbers(sizes.batch, keyHeads, past, depth);
      given.add(n.input(name, before, "batch_size", keyHeads, "past_sequence_length", depth));
    }
    String keys = n.op("ReduceSum", List.of(mask, n.list(1)), OnnxBuilder.integer("keepdims", 1));
    String lengths = n.cast(n.op("Sub", keys, n.list(1)), DataType.INT32);
    String total = n.cast(n.size(mask, 1), DataType.INT32);
    String x = embedded(ids, sizes.words);
    String normed = n.rootMeanSquareNorm(x, width);
    int keyWidth = keyHeads * depth;
    List<String> inputs = new ArrayList<>();
    inputs.add(n.product(normed, width, width));
    inputs.add(n.product(normed, width, keyWidth));
    inputs.add(n.product(normed, width, keyWidth));
    inputs.addAll(given);
    inputs.addAll(List.of(lengths, total));
    inputs.add(n.weights(sizes.places, depth / 2));
    inputs.add(n.weights(sizes.places, depth / 2));
    List<String> attended =
        n.contrib(
            "GroupQueryAttention",
            3,
            inputs,
            OnnxBuilder.integer("num_heads", heads),
            OnnxBuilder.integer("kv_num_heads", keyHeads),
            OnnxBuilder.integer("do_rotary", 1));
    x = n.add(x, n.product(attended.get(0), width, width));
    return n.give(n.add(x, gated(x)), attended.get(1), attended.get(2));
  }

  /** Spectra {@code [1, mels, 2·length]} through two convolutions, then an encoder. */
  private Network whisperEncoder(int mels) {
    Tensor spectra = n.numbers(1, mels, 2 * sizes.length);
    String x = n.input("input_features", spectra, 1, mels, 2 * sizes.length);
    x = line(line(x, mels, 1), width, 2);
    x = n.add(n.transpose(x, 0, 2, 1), n.weights(sizes.length, width));
    for (int layer = 0; layer < sizes.layers; layer++) {
      String normed = n.norm(x, width);
      x = n.add(x, attention(normed, normed, ""));
      x = n.add(x, mlp(n.norm(x, width)));
    }
    return n.give(n.norm(x, width));
  }

  private String line(String x, int from, int stride) {
    return n.gelu(
        n.op(
            "Conv",
            List.of(x, n.weights(width, from, 3), n.weights(width)),
            OnnxBuilder.ints("pads", List.of(1, 1)),
            OnnxBuilder.ints("strides", List.of(stride))));
  }

  /**
   * A layer in both directions over {@code [steps, batch, from]}, and a product of what it says.
   */
  static Network lstm(int steps, int batch, int from, int hidden, int to) {
    Network n = new Network(9);
    String x = n.input("x", n.numbers(steps, batch, from), steps, batch, from);
    List<String> first =
        n.ops(
            "LSTM",
            3,
            recurrent(n, x, 2, 4, from, hidden),
            OnnxBuilder.integer("hidden_size", hidden),
            OnnxBuilder.text("direction", "bidirectional"));
    String flat = n.reshape(n.transpose(first.get(0), 0, 2, 1, 3), 0, 0, 2L * hidden);
    return n.give(n.linear(flat, 2 * hidden, to), first.get(1), first.get(2));
  }

  /** The operands of a layer: what it runs over, weights of inputs and of the state, biases. */
  private static List<String> recurrent(
      Network n, String x, int directions, int gates, int from, int hidden) {
    return List.of(
        x,
        n.weights(directions, gates * hidden, from),
        n.weights(directions, gates * hidden, hidden),
        n.weights(directions, 2 * gates * hidden));
  }

  /** A layer over {@code [steps, batch, from]}. */
  static Network gru(int steps, int batch, int from, int hidden) {
    Network n = new Network(10);
    String x = n.input("x", n.numbers(steps, batch, from), steps, batch, from);
    List<String> result =
        n.ops(
            "GRU",
            2,
            recurrent(n, x, 1, 3, from, hidden),
            OnnxBuilder.integer("hidden_size", hidden),
            OnnxBuilder.integer("linear_before_reset", 1));
    return n.give(n.op("Squeeze", result.get(0), n.list(1)), result.get(1));
  }
}
