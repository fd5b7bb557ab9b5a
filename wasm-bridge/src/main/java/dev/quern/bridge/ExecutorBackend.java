package dev.quern.bridge;

import dev.quern.exec.Device;
import dev.quern.exec.Executor;
import dev.quern.exec.WasmDevice;
import dev.quern.graph.Dim;
import dev.quern.graph.Shape;
import dev.quern.graph.Value;
import dev.quern.onnx.OnnxModel;
import dev.quern.onnx.OnnxValue;
import dev.quern.reference.Tensor;
import dev.quern.runtime.Control;
import dev.quern.runtime.Limits;
import dev.quern.tuner.DeviceProfile;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A model that cannot be planned whole: islands of kernels, and what lies between them in Java. */
final class ExecutorBackend extends ScalarBackend {
  /** What stands for the sizes of a value whose rank the model does not say. */
  private static final String ANY_RANK = "...";

  private final BrowserMachine machine;
  private final Executor executor;
  private final boolean reference;

  private ExecutorBackend(BrowserMachine machine, Executor executor, boolean reference) {
    super(machine);
    this.machine = machine;
    this.executor = executor;
    this.reference = reference;
  }

  /**
   * Opens a model.
   *
   * @param top the first address behind the model's files
   * @throws dev.quern.onnx.ModelException that lists what is not supported
   */
  static Model.Opened open(BrowserMachine machine, OnnxModel file, Request request, long top) {
    boolean reference = request.text("device").equals("reference");
    Executor executor =
        Executor.of(file, reference ? Device.REFERENCE : device(machine, request, top));
    List<Value> inputs = new ArrayList<>();
    executor.inputs().forEach(input -> inputs.add(value(input)));
    List<Value> outputs = new ArrayList<>();
    executor.outputs().forEach(output -> outputs.add(value(output)));
    return new Model.Opened(inputs, outputs, new ExecutorBackend(machine, executor, reference));
  }

  private static Device device(BrowserMachine machine, Request request, long top) {
    DeviceProfile profile =
        DeviceProfile.guess(request.text("family"), machine.features(), machine.threads());
    return new WasmDevice(machine, new Limits(profile.registers(), profile.l2Bytes()), top);
  }

  private static Value value(OnnxValue declared) {
    List<Dim> dims = new ArrayList<>();
    if (declared.dims().isEmpty()) {
      dims.add(Dim.symbol(ANY_RANK));
    }
    for (OnnxValue.OnnxDim dim : declared.dims().orElse(List.of())) {
      if (dim.value() >= 0) {
        dims.add(Dim.of(dim.value()));
      } else {
        boolean named = !dim.symbol().isEmpty();
        dims.add(Dim.symbol(named ? dim.symbol() : declared.name() + "." + dims.size()));
      }
    }
    return new Value(declared.name(), declared.type(), new Shape(dims));
  }

  @Override
  Map<String, Tensor> compute(Map<String, Tensor> inputs) {
    // Without shared memory nobody can set the word while a run goes on.
    return executor.run(inputs, () -> machine.memory().getInt(Control.CANCEL) != 0);
  }

  @Override
  public int threads() {
    return reference ? 1 : machine.threads();
  }

  @Override
  public Map<String, Object> profile(Map<String, Input> inputs, int runs) {
    throw new EngineException(
        "argument", "This model has no fixed list of steps to profile: its shapes depend on data.");
  }
}
