package dev.quern.e2e.conformance;

import dev.quern.e2e.browser.BrowserException;
import dev.quern.e2e.conformance.Case.DataSet;
import dev.quern.e2e.data.TensorData;
import dev.quern.graph.RandomRules;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxModel;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * What became of a case.
 *
 * @param operators the operators of its model
 * @param message why it did not pass; empty if it did
 * @param forGpu whether it passed and its data are of types that a GPU computes with
 * @param offGpu where a GPU was asked for: why it did not compute all; empty if it did
 */
record Verdict(
    String name,
    Set<String> operators,
    Status status,
    String message,
    boolean forGpu,
    String offGpu) {
  private static final Set<DataType> GPU_TYPES =
      Set.of(DataType.FLOAT, DataType.FLOAT16, DataType.INT32, DataType.UINT32, DataType.BOOL);

  private Verdict(String name, Set<String> operators, Status status, String message) {
    this(name, operators, status, message, false, "");
  }

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
      Subject.Answer answer = subject.run(one, model, sets);
      Optional<String> problem = judge(model, sets, answer.outputs());
      if (problem.isPresent()) {
        return new Verdict(one.name(), operators, Status.FAILED, problem.get());
      }
      return new Verdict(one.name(), operators, Status.PASSED, "", forGpu(sets), answer.offGpu());
    } catch (Subject.Unsupported e) {
      return new Verdict(one.name(), operators, Status.UNSUPPORTED, e.getMessage());
    } catch (ModelException e) {
      // The file itself, or a sequence among its data, cannot be read.
      return new Verdict(
          one.name(), operators, Status.UNSUPPORTED, e.problems().getFirst().toString());
    } catch (BrowserException e) {
      // Without its browser no case says anything.
      throw new BrowserException(one.name() + ": " + e.getMessage(), e);
    } catch (RuntimeException e) {
      return new Verdict(one.name(), operators, Status.FAILED, e.toString());
    }
  }

  private static boolean forGpu(List<DataSet> sets) {
    return sets.stream()
        .flatMap(
            set -> Stream.concat(set.inputs().values().stream(), set.outputs().values().stream()))
        .allMatch(tensor -> GPU_TYPES.contains(tensor.type()));
  }

  private static Optional<String> judge(
      OnnxModel model, List<DataSet> sets, List<Map<String, TensorData>> results) {
    boolean random = RandomRules.draws(model.graph());
    for (int i = 0; i < sets.size(); i++) {
      for (Map.Entry<String, TensorData> expected : sets.get(i).outputs().entrySet()) {
        TensorData actual = results.get(i).get(expected.getKey());
        Optional<String> problem =
            actual == null
                ? Optional.of("it is missing")
                : Tolerance.compare(expected.getValue(), actual, random);
        if (problem.isPresent()) {
          return Optional.of(
              sets.get(i).name() + ", output '" + expected.getKey() + "': " + problem.get());
        }
      }
    }
    return Optional.empty();
  }
}
