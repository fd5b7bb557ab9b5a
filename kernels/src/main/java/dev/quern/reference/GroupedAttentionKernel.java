package dev.quern.reference;

import dev.quern.graph.Node;

/**
 * {@code com.microsoft.GroupQueryAttention}: several heads of queries share one of keys and values.
 * Inputs are queries {@code [b, s, heads·d]}, new keys and values {@code [b, s, kv·d]}, past keys
 * and values {@code [b, kv, past, d]} or none, one less than the keys of each sequence, how many
 * there are at most, and tables of cosines and sines.
 */
final class GroupedAttentionKernel {
  private final Interpreter.Call call;
  private final int heads;
  private final int keyHeads;
  private final int batch;
  private final int steps;
  private final int size;
  private final int total;

  private GroupedAttentionKernel(Interpreter.Call call) {
    this.call = call;
    Node node = call.node();
    heads = (int) node.integer("num_heads", 1);
    keyHeads = (int) node.integer("kv_num_heads", 1);
    batch = (int) call.input(0).dims()[0];
    steps = (int) call.input(0).dims()[1];
    size = (int) call.input(1).dims()[2] / keyHeads;
    long past = call.input(3) == null ? 0 : call.input(3).dims()[2];
    total = (int) Math.max(past, call.input(6).integer(0));
  }

  /** Part 0 is the result {@code [b, s, heads·d]}, 1 and 2 all keys and values. */
  static Tensor run(Interpreter.Call call) {
    GroupedAttentionKernel kernel = new GroupedAttentionKernel(call);
    return switch ((int) call.node().integer("part", 0)) {
      case 1 -> kernel.present(1);
      case 2 -> kernel.present(2);
      default -> kernel.attend();
    };
  }

  /** Where the first new key of a sequence stands: behind its past. */
  private int start(int b) {
    int keys = (int) call.input(5).integer(b) + 1;
    int first = call.input(3) == null ? 0 : keys - steps;
    if (keys > total || first < 0) {
      throw new IllegalArgumentException(
          "GroupQueryAttention '"
              + call.node().name()
              + "': a sequence has "
              + keys
              + " keys of "
              + total);
    }
    return first;
  }

  /** Past and new keys, or values, {@code [b, kv, total, d]}. */
  private Tensor present(int input) {
    Tensor fresh = call.input(input);
    Tensor past = call.input(input + 2);
    Tensor result = Tensor.zeros(call.type(), batch, keyHeads, total, size);
    double[] row = new double[size];
    for (int b = 0; b < batch; b++) {
      int first = start(b);
      for (int h = 0; h < keyHeads; h++) {
        int to = (b * keyHeads + h) * total;
        for (int t = 0; t < first && past != null; t++) {
          int rows = (int) past.dims()[2];
          MatrixKernels.read(past, ((b * keyHeads + h) * rows + t) * size, row);
          MatrixKernels.write(row, result, (to + t) * size);
        }
        for (int t = 0; t < steps && first + t < total; t++) {
          MatrixKernels.read(fresh, ((b * steps + t) * keyHeads + h) * size, row);
          if (input == 1) {
            turn(row, first + t);
          }
          MatrixKernels.write(row, result, (to + first + t) * size);
        }
      }
    }
    return result;
  }

  /** Turns the pairs of a row by the angles of its position. */
  private void turn(double[] row, int position) {
    if (call.node().integer("do_rotary", 0) == 0) {
      return;
    }
    Tensor cos = call.input(7);
    Tensor sin = call.input(8);
    int half = (int) cos.dims()[1];
    boolean interleaved = call.node().integer("rotary_interleaved", 0) != 0;
    for (int i = 0; i < half; i++) {
      int a = interleaved ? 2 * i : i;
      int b = interleaved ? a + 1 : i + half;
      double c = cos.number(position * half + i);
      double s = sin.number(position * half + i);
      double x = row[a];
      double y = row[b];
      row[a] = x * c - y * s;
      row[b] = x * s + y * c;
    }
  }

  private Tensor attend() {
    Tensor keys = present(1);
    Tensor values = present(2);
    Node node = call.node();
    double given = node.real("scale", 0);
    double scale = given == 0 ? 1 / Math.sqrt(size) : given;
    double cap = node.real("softcap", 0);
    long window = node.integer("local_window_size", -1);
    Tensor result = Tensor.zeros(call.type(), call.dims());
    double[] query = new double[size];
    double[] row = new double[size];
    double[] sums = new double[size];
    for (int b = 0; b < batch; b++) {
      int first = start(b);
      for (int i = 0; i < heads * steps; i++) {
        int h = i % heads;
        int t = i / heads;
        int at = ((b * steps + t) * heads + h) * size;
        MatrixKernels.read(call.input(0), at, query);
        turn(query, first + t);
        int plane = (b * keyHeads + h / (heads / keyHeads)) * total;
        int seen = Math.min(first + t + 1, total);
        int from = window > 0 ? (int) Math.max(0, seen - window) : 0;
        double[] scores = new double[seen - from];
        for (int j = from; j < seen; j++) {
          MatrixKernels.read(keys, (plane + j) * size, row);
          double sum = 0;
          for (int p = 0; p < size; p++) {
            sum += query[p] * row[p];
          }
          sum *= scale;
          scores[j - from] = cap > 0 ? cap * Math.tanh(sum / cap) : sum;
        }
        RowKernels.softmax(scores);
        java.util.Arrays.fill(sums, 0);
        for (int j = from; j < seen; j++) {
          MatrixKernels.read(values, (plane + j) * size, row);
          for (int p = 0; p < size; p++) {
            sums[p] += scores[j - from] * row[p];
          }
        }
        MatrixKernels.write(sums, result, at);
      }
    }
    return result;
  }
}
