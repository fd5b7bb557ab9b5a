package dev.quern.e2e.conformance;

import dev.quern.e2e.conformance.Case.DataSet;
import dev.quern.e2e.data.TensorData;
import dev.quern.exec.Device;
import dev.quern.exec.Executor;
import dev.quern.exec.Run;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxModel;
import dev.quern.reference.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The scalar kernels, in this process. */
final class ReferenceSubject implements Subject {
  @Override
  public Answer run(Case one, OnnxModel model, List<DataSet> sets) {
    try {
      Executor executor = Executor.of(model, Device.REFERENCE);
      List<Map<String, TensorData>> results = new ArrayList<>();
      for (DataSet set : sets) {
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        set.inputs().forEach((name, data) -> inputs.put(name, tensor(data)));
        Map<String, TensorData> outputs = new LinkedHashMap<>();
        executor
            .run(inputs, Run.UNCANCELLED)
            .forEach((name, tensor) -> outputs.put(name, data(tensor)));
        results.add(outputs);
      }
      return new Answer(results, "");
    } catch (ModelException e) {
      throw new Unsupported(e.problems().getFirst().toString(), e);
    }
  }

  private static Tensor tensor(TensorData data) {
    long[] dims = new long[data.shape().size()];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = data.shape().get(i);
    }
    return Tensor.fromBytes(data.type(), Bytes.of(data.bytes()), dims);
  }

  private static TensorData data(Tensor tensor) {
    List<Long> shape = new ArrayList<>();
    for (long dim : tensor.dims()) {
      shape.add(dim);
    }
    return new TensorData(tensor.type(), shape, tensor.toBytes());
  }

  @Override
  public void close() {
    // There is nothing to give back.
  }
}
