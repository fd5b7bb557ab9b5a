package dev.quern.server.intake;

import dev.quern.exec.Device;
import dev.quern.exec.Executor;
import dev.quern.exec.Run;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxModel;
import dev.quern.reference.Tensor;
import dev.quern.runtime.RunException;
import dev.quern.server.weights.ImportException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs two models on the scalar kernels with the same made-up inputs, and tells how far their
 * outputs lie apart.
 */
final class Calibration {
  private Calibration() {}

  /**
   * How far an output is from the one that it should be.
   *
   * @param output its name
   * @param rms root of the squared differences' sum over that of the squares
   * @param largest largest difference over the largest number
   * @param numbers how many were compared
   * @param differing how many whole numbers are not the same; -1 for reals
   */
  record Difference(String output, double rms, double largest, int numbers, int differing) {}

  /**
   * What was compared.
   *
   * @param inputs the shapes of the inputs, by name
   */
  record Result(Map<String, Tensor> inputs, List<Difference> differences) {}

  /**
   * Compares two models.
   *
   * @param sizes numbers for named sizes; others are tried until the model runs
   * @throws ImportException if the model runs with none of the sizes that are tried
   */
  static Result compare(OnnxModel original, OnnxModel changed, Map<String, Integer> sizes) {
    Executor executor = Executor.of(original, Device.REFERENCE);
    MadeUpInputs inputs = new MadeUpInputs(original, executor.inputs(), sizes);
    String first = "";
    for (int size : MadeUpInputs.SIZES) {
      Map<String, Tensor> given = inputs.of(size);
      Map<String, Tensor> expected;
      try {
        expected = executor.run(given, Run.UNCANCELLED);
      } catch (ModelException | RunException | IllegalArgumentException e) {
        first = first.isEmpty() ? String.valueOf(e.getMessage()) : first;
        continue;
      }
      Executor other = Executor.of(changed, Device.REFERENCE);
      Map<String, Tensor> got = other.run(given, Run.UNCANCELLED);
      return new Result(given, differences(expected, got));
    }
    throw new ImportException(
        "the model does not run with made-up inputs, so that the error of fewer bits is not known: "
            + first
            + " (give sizes that it takes, such as --size "
            + inputs.anySymbol()
            + "=8; its sizes are "
            + inputs.symbols()
            + ")");
  }

  private static List<Difference> differences(
      Map<String, Tensor> expected, Map<String, Tensor> got) {
    Map<String, Difference> result = new LinkedHashMap<>();
    expected.forEach((name, tensor) -> result.put(name, difference(name, tensor, got.get(name))));
    return List.copyOf(result.values());
  }

  static Difference difference(String name, Tensor expected, Tensor got) {
    if (expected.size() != got.size()) {
      // How many there are depends on what was computed, as of NonZero.
      double infinite = Double.POSITIVE_INFINITY;
      return new Difference(name, infinite, infinite, expected.size(), expected.size());
    }
    if (!expected.type().isFloating()) {
      int differing = 0;
      for (int i = 0; i < expected.size(); i++) {
        differing += expected.integer(i) == got.integer(i) ? 0 : 1;
      }
      return new Difference(name, 0, 0, expected.size(), differing);
    }
    double squares = 0;
    double lost = 0;
    double most = 0;
    double worst = 0;
    for (int i = 0; i < expected.size(); i++) {
      double wanted = expected.number(i);
      double is = got.number(i);
      if (Double.compare(wanted, is) == 0 || Double.isNaN(wanted) && Double.isNaN(is)) {
        // The same, be it infinite: masks are.
        double size = Double.isFinite(wanted) ? Math.abs(wanted) : 0;
        squares += size * size;
        most = Math.max(most, size);
        continue;
      }
      double difference = Math.abs(wanted - is);
      difference = Double.isFinite(difference) ? difference : Double.POSITIVE_INFINITY;
      squares += Double.isFinite(wanted) ? wanted * wanted : 0;
      most = Double.isFinite(wanted) ? Math.max(most, Math.abs(wanted)) : most;
      lost += difference * difference;
      worst = Math.max(worst, difference);
    }
    return new Difference(
        name,
        lost == 0 ? 0 : Math.sqrt(lost / squares),
        worst == 0 ? 0 : worst / most,
        expected.size(),
        -1);
  }
}
