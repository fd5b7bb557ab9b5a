package dev.quern.e2e.conformance;

import dev.quern.e2e.browser.BrowserException;
import dev.quern.e2e.conformance.Case.DataSet;
import dev.quern.e2e.data.TensorData;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxModel;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * What became of a case.
 *
 * @param operators the operators of its model
 * @param message why it did not pass; empty if it did
 */
record Verdict(String name, Set<String> operators, Status status, String message) {
  /** The three ends of a case. */
  enum Status {
    PASSED,
    FAILED,
    UNSUPPORTED
  }

  /**
   * Runs a case and judges its outputs.
   *
   * @throws BrowserException if the browser is lost or does not answer in time
   */
  static Verdict of(Case one, Subject subject) {
    Set<String> operators = new TreeSet<>();
    try {
      OnnxModel model = one.model();
      operators.addAll(Case.operators(model));
      List<DataSet> sets = one.dataSets(model);
      if (sets.isEmpty()) {
        return new Verdict(one.name(), operators, Status.FAILED, "there is no test_data_set_*");
      }
      Optional<String> misfit = Case.misfit(model, sets);
      if (misfit.isPresent()) {
        return new Verdict(one.name(), operators, Status.UNSUPPORTED, misfit.get());
      }
      Optional<String> problem = judge(sets, subject.run(one, model, sets));
      return new Verdict(
          one.name(),
          operators,
          problem.isPresent() ? Status.FAILED : Status.PASSED,
          problem.orElse(""));
    } catch (Subject.Unsupported e) {
      return new Verdict(one.name(), operators, Status.UNSUPPORTED, e.getMessage());
    } catch (ModelException e) {
      // The file itself, or a sequence among its data, cannot be read.
      return new Verdict(
          one.name(), operators, Status.UNSUPPORTED, e.problems().getFirst().toString());
    } catch (BrowserException e) {
      // Without its browser no case says anything.
      throw e;
    } catch (RuntimeException e) {
      return new Verdict(one.name(), operators, Status.FAILED, e.toString());
    }
  }

  private static Optional<String> judge(List<DataSet> sets, List<Map<String, TensorData>> results) {
    for (int i = 0; i < sets.size(); i++) {
      for (Map.Entry<String, TensorData> expected : sets.get(i).outputs().entrySet()) {
        TensorData actual = results.get(i).get(expected.getKey());
        Optional<String> problem =
            actual == null
                ? Optional.of("it is missing")
                : Tolerance.compare(expected.getValue(), actual);
        if (problem.isPresent()) {
          return Optional.of(
              sets.get(i).name() + ", output '" + expected.getKey() + "': " + problem.get());
        }
      }
    }
    return Optional.empty();
  }
}
