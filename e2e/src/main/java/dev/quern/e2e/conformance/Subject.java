package dev.quern.e2e.conformance;

import dev.quern.e2e.conformance.Case.DataSet;
import dev.quern.e2e.data.TensorData;
import dev.quern.onnx.OnnxModel;
import java.util.List;
import java.util.Map;

/** What is tested. */
interface Subject extends AutoCloseable {
  /** A model or one of its nodes is refused: that is no failure, but nothing is computed. */
  final class Unsupported extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Unsupported(String message, Throwable cause) {
      super(message, cause);
    }
  }

  /**
   * What came of the sets of data.
   *
   * @param outputs of each set, by name
   * @param offGpu where a GPU was asked for: why it did not compute all; empty if it did
   */
  record Answer(List<Map<String, TensorData>> outputs, String offGpu) {}

  /**
   * Loads a case's model and runs it on each set of data.
   *
   * @throws Unsupported if the model is refused
   */
  Answer run(Case one, OnnxModel model, List<DataSet> sets);

  @Override
  void close();
}
