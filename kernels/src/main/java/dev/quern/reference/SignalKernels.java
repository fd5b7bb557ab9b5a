package dev.quern.reference;

/** Fourier transforms, by their definition: sums of products with sines. */
final class SignalKernels {
  private SignalKernels() {}

  /** Real and imaginary part of one coefficient of a signal. */
  private static void coefficient(
      double[] re, double[] im, int k, boolean inverse, double[] result) {
    int n = re.length;
    double real = 0;
    double imaginary = 0;
    for (int t = 0; t < n; t++) {
      // The angle's whole turns are taken away first, so that it stays exact.
      double angle = 2 * Math.PI * ((long) k * t % n) / n * (inverse ? 1 : -1);
      double cos = Math.cos(angle);
      double sin = Math.sin(angle);
      real += re[t] * cos - im[t] * sin;
      imaginary += re[t] * sin + im[t] * cos;
    }
    result[0] = inverse ? real / n : real;
    result[1] = inverse ? imaginary / n : imaginary;
  }

  static Tensor dft(Interpreter.Call call) {
    Tensor x = call.input(0);
    int axis = (int) call.node().integer("axis", 1);
    boolean inverse = call.node().integer("inverse", 0) != 0;
    int length = (int) call.node().dims("length").getFirst().evaluate(call.symbols());
    int parts = (int) x.dims()[x.rank() - 1];
    Axes from = Axes.of(x.dims(), axis);
    Axes to = Axes.of(call.dims(), axis);
    Tensor result = Tensor.zeros(x.type(), call.dims());
    double[] pair = new double[2];
    for (int o = 0; o < from.outer(); o++) {
      for (int i = 0; i < from.inner() / parts; i++) {
        double[] re = new double[length];
        double[] im = new double[length];
        for (int t = 0; t < Math.min(length, from.size()); t++) {
          re[t] = x.number(from.at(o, t, i * parts));
          im[t] = parts == 2 ? x.number(from.at(o, t, i * parts + 1)) : 0;
        }
        for (int k = 0; k < to.size(); k++) {
          coefficient(re, im, k, inverse, pair);
          result.set(to.at(o, k, 2 * i), pair[0]);
          result.set(to.at(o, k, 2 * i + 1), pair[1]);
        }
      }
    }
    return result;
  }

  /** The signal, and perhaps a window as long as a frame. */
  static Tensor stft(Interpreter.Call call) {
    Tensor x = call.input(0);
    Tensor window = call.inputs().size() > 1 ? call.input(1) : null;
    int step = (int) call.node().dims("step").getFirst().evaluate(call.symbols());
    int length = (int) call.node().dims("length").getFirst().evaluate(call.symbols());
    int samples = (int) x.dims()[1];
    int parts = x.rank() == 3 ? (int) x.dims()[2] : 1;
    int frames = (int) call.dims()[1];
    int bins = (int) call.dims()[2];
    Tensor result = Tensor.zeros(x.type(), call.dims());
    double[] re = new double[length];
    double[] im = new double[length];
    double[] pair = new double[2];
    int at = 0;
    for (int n = 0; n < x.dims()[0]; n++) {
      for (int frame = 0; frame < frames; frame++) {
        for (int t = 0; t < length; t++) {
          double factor = window == null ? 1 : window.number(t);
          int from = (n * samples + frame * step + t) * parts;
          re[t] = x.number(from) * factor;
          im[t] = parts == 2 ? x.number(from + 1) * factor : 0;
        }
        for (int k = 0; k < bins; k++) {
          coefficient(re, im, k, false, pair);
          result.set(at++, pair[0]);
          result.set(at++, pair[1]);
        }
      }
    }
    return result;
  }
}
