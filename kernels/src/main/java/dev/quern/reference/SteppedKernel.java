package dev.quern.reference;

import dev.quern.graph.Node;

/**
 * {@code quern.Recurrent}: the steps of an RNN, of a GRU that resets after the product, or of an
 * LSTM, whose inputs have been multiplied before; see {@code SteppedLayer}. Computed in f64.
 */
final class SteppedKernel {
  private final Interpreter.Call call;
  private final int gates;
  private final int directions;
  private final boolean biased;
  private final int time;
  private final int batch;
  private final int hidden;

  private SteppedKernel(Interpreter.Call call) {
    this.call = call;
    Node node = call.node();
    gates = (int) node.integer("gates", 0);
    directions = (int) node.integer("directions", 1);
    biased = node.integer("biased", 0) != 0;
    time = (int) call.input(0).dims()[0];
    batch = (int) call.input(0).dims()[1];
    hidden = (int) call.input(directions).dims()[1];
  }

  static Tensor run(Interpreter.Call call) {
    SteppedKernel kernel = new SteppedKernel(call);
    Tensor result = Tensor.zeros(call.type(), call.dims());
    for (int d = 0; d < kernel.directions; d++) {
      for (int b = 0; b < kernel.batch; b++) {
        kernel.sequence(result, d, b);
      }
    }
    return result;
  }

  private double of(int function, double x) {
    return switch (call.node().text("function" + function, "")) {
      case "Sigmoid" -> 1 / (1 + Math.exp(-x));
      case "Tanh" -> Math.tanh(x);
      default -> Math.max(x, 0);
    };
  }

  private void sequence(Tensor result, int d, int b) {
    boolean reverse = d == 1 || call.node().integer("reverse", 0) != 0;
    int place = (d * batch + b) * hidden;
    double[] h = new double[hidden];
    double[] cell = new double[hidden];
    if (call.node().integer("started", 0) != 0) {
      int first = directions * (biased ? 3 : 2);
      MatrixKernels.read(call.input(first), place, h);
      if (gates == 4) {
        MatrixKernels.read(call.input(first + 1), place, cell);
      }
    }
    double[] x = new double[gates * hidden];
    for (int step = 0; step < time; step++) {
      int t = reverse ? time - 1 - step : step;
      MatrixKernels.read(call.input(d), (t * batch + b) * gates * hidden, x);
      step(x, states(d, h), h, cell);
      MatrixKernels.write(h, result, t * directions * batch * hidden + place);
    }
    int last = time * directions * batch * hidden;
    MatrixKernels.write(h, result, last + place);
    if (gates == 4) {
      MatrixKernels.write(cell, result, last + directions * batch * hidden + place);
    }
  }

  /** What the state adds to the gates. */
  private double[] states(int d, double[] h) {
    Tensor weights = call.input(directions + d);
    double[] sums = new double[gates * hidden];
    for (int i = 0; i < sums.length; i++) {
      double sum = biased ? call.input(2 * directions + d).number(i) : 0;
      for (int k = 0; k < hidden; k++) {
        sum += h[k] * weights.number(i * hidden + k);
      }
      sums[i] = sum;
    }
    return sums;
  }

  private void step(double[] x, double[] s, double[] h, double[] cell) {
    for (int i = 0; i < hidden; i++) {
      double first = of(0, x[i] + s[i]);
      int second = hidden + i;
      int third = 2 * hidden + i;
      switch (gates) {
        case 1 -> h[i] = first;
        case 3 -> {
          double reset = of(0, x[second] + s[second]);
          double candidate = of(1, x[third] + reset * s[third]);
          h[i] = (1 - first) * candidate + first * h[i];
        }
        default -> {
          double kept = of(0, x[third] + s[third]);
          double candidate = of(1, x[third + hidden] + s[third + hidden]);
          cell[i] = kept * cell[i] + first * candidate;
          h[i] = of(0, x[second] + s[second]) * of(2, cell[i]);
        }
      }
    }
  }
}
