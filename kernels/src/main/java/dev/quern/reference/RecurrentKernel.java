package dev.quern.reference;

import dev.quern.graph.Attribute;
import dev.quern.graph.Node;
import java.util.ArrayList;
import java.util.List;

/**
 * RNN (one gate), GRU (three: z, r, h) and LSTM (four: i, o, f, c), for one or two directions.
 * Everything is computed in f64. The result is flat: every hidden state {@code [time, directions,
 * batch, hidden]}, the last one {@code [directions, batch, hidden]}, the last cell state of an
 * LSTM.
 */
final class RecurrentKernel {
  private final Interpreter.Call call;
  private final Node node;
  private final int gates;
  private final boolean batchFirst;
  private final int time;
  private final int batch;
  private final int width;
  private final int hidden;
  private final int directions;
  private final Gate[] functions;
  private final double clip;

  /** The activation of a gate, with its two numbers. */
  private record Gate(String name, double alpha, double beta) {
    double of(double x) {
      return switch (name) {
        case "Sigmoid" -> 1 / (1 + Math.exp(-x));
        case "Tanh" -> Math.tanh(x);
        case "Relu" -> Math.max(x, 0);
        case "Affine" -> alpha * x + beta;
        case "LeakyRelu" -> x >= 0 ? x : alpha * x;
        case "ThresholdedRelu" -> x >= alpha ? x : 0;
        case "ScaledTanh" -> alpha * Math.tanh(beta * x);
        case "HardSigmoid" -> Math.min(Math.max(alpha * x + beta, 0), 1);
        case "Elu" -> x >= 0 ? x : alpha * (Math.exp(x) - 1);
        case "Softsign" -> x / (1 + Math.abs(x));
        default -> Math.max(x, 0) + Math.log(1 + Math.exp(-Math.abs(x)));
      };
    }
  }

  RecurrentKernel(Interpreter.Call call, int gates) {
    this.call = call;
    this.gates = gates;
    node = call.node();
    batchFirst = node.integer("layout", 0) != 0;
    Tensor x = call.input(0);
    time = (int) x.dims()[batchFirst ? 1 : 0];
    batch = (int) x.dims()[batchFirst ? 0 : 1];
    width = (int) x.dims()[2];
    hidden = (int) call.input(2).dims()[2];
    directions = node.text("direction", "").equals("bidirectional") ? 2 : 1;
    functions = functions(node);
    clip = node.real("clip", 0);
  }

  private static Gate[] functions(Node node) {
    List<String> names = names(node.text("activations", ""));
    Gate[] result = new Gate[names.size()];
    int nextAlpha = 0;
    int nextBeta = 0;
    for (int i = 0; i < result.length; i++) {
      String name = names.get(i);
      double alpha =
          switch (name) {
            case "LeakyRelu" -> 0.01;
            case "HardSigmoid" -> 0.2;
            default -> 1;
          };
      double beta = name.equals("HardSigmoid") ? 0.5 : name.equals("ScaledTanh") ? 1 : 0;
      boolean two =
          name.equals("Affine") || name.equals("ScaledTanh") || name.equals("HardSigmoid");
      boolean one =
          two || name.equals("LeakyRelu") || name.equals("ThresholdedRelu") || name.equals("Elu");
      // The numbers that are given go to the functions that take some, in order.
      if (one) {
        alpha = number(node, "alpha", nextAlpha++, alpha);
      }
      if (two) {
        beta = number(node, "beta", nextBeta++, beta);
      }
      result[i] = new Gate(name, alpha, beta);
    }
    return result;
  }

  private static List<String> names(String list) {
    List<String> names = new ArrayList<>();
    int from = 0;
    for (int comma = list.indexOf(','); comma >= 0; comma = list.indexOf(',', from)) {
      names.add(list.substring(from, comma));
      from = comma + 1;
    }
    names.add(list.substring(from));
    return names;
  }

  private static double number(Node node, String list, int index, double otherwise) {
    List<Double> given =
        node.attributes().get(list) instanceof Attribute.Reals a ? a.value() : List.of();
    return index < given.size() ? given.get(index) : otherwise;
  }

  private Tensor input(int index) {
    return index < call.inputs().size() ? call.input(index) : null;
  }

  Tensor run() {
    Tensor result = Tensor.zeros(call.type(), call.dims());
    for (int d = 0; d < directions; d++) {
      boolean reverse = node.text("direction", "").equals("reverse") || d == 1;
      for (int b = 0; b < batch; b++) {
        sequence(result, d, b, reverse);
      }
    }
    return result;
  }

  private void sequence(Tensor result, int d, int b, boolean reverse) {
    Tensor lengths = input(4);
    int length = lengths == null ? time : (int) lengths.integer(b);
    if (length < 0 || length > time) {
      throw new IllegalArgumentException(
          node.op() + " '" + node.name() + "': a sequence is " + length + " long");
    }
    double[] h = state(5, d, b);
    double[] c = state(6, d, b);
    double[] x = new double[width];
    for (int step = 0; step < length; step++) {
      int t = reverse ? length - 1 - step : step;
      int row = batchFirst ? b * time + t : t * batch + b;
      MatrixKernels.read(call.input(0), row * width, x);
      double[] inputs = products(1, d, x, width, 0);
      switch (gates) {
        case 1 -> h = simple(d, inputs, h);
        case 3 -> h = gated(d, inputs, h);
        default -> lstm(d, inputs, h, c);
      }
      MatrixKernels.write(h, result, ((t * directions + d) * batch + b) * hidden);
    }
    int all = time * directions * batch * hidden;
    int last = directions * batch * hidden;
    MatrixKernels.write(h, result, all + (d * batch + b) * hidden);
    if (gates == 4) {
      MatrixKernels.write(c, result, all + last + (d * batch + b) * hidden);
    }
  }

  private double[] state(int input, int d, int b) {
    double[] state = new double[hidden];
    Tensor given = gates == 4 || input == 5 ? input(input) : null;
    if (given != null) {
      int row = batchFirst ? b * directions + d : d * batch + b;
      MatrixKernels.read(given, row * hidden, state);
    }
    return state;
  }

  /** {@code x·Wᵀ + B} for all gates; the bias of W is the first half of B, that of R the second. */
  private double[] products(int weights, int d, double[] x, int depth, int half) {
    return products(weights, d, x, depth, half, 0, gates);
  }

  private double[] products(
      int weights, int d, double[] x, int depth, int half, int firstGate, int lastGate) {
    Tensor w = call.input(weights);
    Tensor bias = input(3);
    int rows = gates * hidden;
    double[] result = new double[rows];
    for (int i = firstGate * hidden; i < lastGate * hidden; i++) {
      double sum = bias == null ? 0 : bias.number(d * 2 * rows + half * rows + i);
      int from = (d * rows + i) * depth;
      for (int j = 0; j < depth; j++) {
        sum += x[j] * w.number(from + j);
      }
      result[i] = sum;
    }
    return result;
  }

  private double clipped(double x) {
    return clip > 0 ? Math.max(-clip, Math.min(clip, x)) : x;
  }

  private Gate function(int d, int index) {
    return functions[d * (functions.length / directions) + index];
  }

  private double[] simple(int d, double[] inputs, double[] h) {
    double[] states = products(2, d, h, hidden, 1);
    double[] next = new double[hidden];
    for (int i = 0; i < hidden; i++) {
      next[i] = function(d, 0).of(clipped(inputs[i] + states[i]));
    }
    return next;
  }

  private double[] gated(int d, double[] inputs, double[] h) {
    double[] states = products(2, d, h, hidden, 1, 0, 2);
    double[] z = new double[hidden];
    double[] r = new double[hidden];
    for (int i = 0; i < hidden; i++) {
      z[i] = function(d, 0).of(clipped(inputs[i] + states[i]));
      r[i] = function(d, 0).of(clipped(inputs[hidden + i] + states[hidden + i]));
    }
    boolean linear = node.integer("linear_before_reset", 0) != 0;
    double[] reset = new double[hidden];
    for (int i = 0; i < hidden; i++) {
      reset[i] = linear ? h[i] : r[i] * h[i];
    }
    double[] candidates = products(2, d, reset, hidden, 1, 2, 3);
    double[] next = new double[hidden];
    for (int i = 0; i < hidden; i++) {
      double state = candidates[2 * hidden + i] * (linear ? r[i] : 1);
      double candidate = function(d, 1).of(clipped(inputs[2 * hidden + i] + state));
      next[i] = (1 - z[i]) * candidate + z[i] * h[i];
    }
    return next;
  }

  /** Changes both states. */
  private void lstm(int d, double[] inputs, double[] h, double[] c) {
    double[] states = products(2, d, h, hidden, 1);
    Tensor peep = input(7);
    boolean couples = node.integer("input_forget", 0) != 0;
    int first = d * 3 * hidden;
    for (int i = 0; i < hidden; i++) {
      double cell = c[i];
      double in = inputs[i] + states[i] + (peep == null ? 0 : peep.number(first + i) * cell);
      double forget = inputs[2 * hidden + i] + states[2 * hidden + i];
      forget += peep == null ? 0 : peep.number(first + 2 * hidden + i) * cell;
      double candidate = inputs[3 * hidden + i] + states[3 * hidden + i];
      double opened = function(d, 0).of(clipped(in));
      double kept = couples ? 1 - opened : function(d, 0).of(clipped(forget));
      c[i] = kept * cell + opened * function(d, 1).of(clipped(candidate));
      double out = inputs[hidden + i] + states[hidden + i];
      out += peep == null ? 0 : peep.number(first + hidden + i) * c[i];
      h[i] = function(d, 0).of(clipped(out)) * function(d, 2).of(c[i]);
    }
  }
}
