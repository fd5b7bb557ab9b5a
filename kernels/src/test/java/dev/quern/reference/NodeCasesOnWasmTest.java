package dev.quern.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.quern.exec.Device;
import dev.quern.exec.Executor;
import dev.quern.exec.Run;
import dev.quern.graph.Graph;
import dev.quern.graph.passes.Passes;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxModel;
import dev.quern.onnx.OnnxReader;
import dev.quern.onnx.OnnxTensor;
import dev.quern.onnx.OnnxValue;
import dev.quern.plan.Plan;
import dev.quern.plan.Planner;
import dev.quern.runtime.JavetMachine;
import dev.quern.runtime.Limits;
import dev.quern.runtime.ModelRunner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * ONNX's own operator cases on generated kernels in V8, and on scalar ones where none are made, as
 * the engine runs them in a page.
 */
@Tag("slow")
class NodeCasesOnWasmTest {
  /** Cases that pass; rises as operators are added. */
  private static final int FLOOR = 879;

  private static Device.Compiled compile(Graph graph) {
    Graph optimised = Passes.optimise(graph, ReferenceKernels.all());
    Plan plan = Planner.plan(optimised);
    JavetMachine machine = JavetMachine.create();
    ModelRunner runner = ModelRunner.load(machine, optimised, plan, Limits.DEFAULT, 0);
    return new Device.Compiled() {
      @Override
      public Map<String, Tensor> run(Map<String, Tensor> inputs) {
        return runner.run(inputs);
      }

      @Override
      public void release() {
        machine.close();
      }
    };
  }

  @Test
  void noneGivesAWrongResult() throws IOException {
    assumeTrue(Files.isDirectory(NodeCasesTest.FOLDER), "libonnx-testdata is not installed");
    List<String> failed = new ArrayList<>();
    int passed = 0;
    try (Stream<Path> folders = Files.list(NodeCasesTest.FOLDER)) {
      for (Path folder : folders.sorted().toList()) {
        try {
          passed += run(folder) ? 1 : 0;
        } catch (RuntimeException | AssertionError e) {
          failed.add(folder.getFileName() + ": " + e.toString().replace('\n', ' '));
        }
      }
    }
    assertThat(failed).isEmpty();
    assertThat(passed).isGreaterThanOrEqualTo(FLOOR);
  }

  /** Whether a case passes; false if it is refused. */
  private static boolean run(Path folder) throws IOException {
    Executor executor;
    OnnxModel model;
    List<OnnxTensor> inputs;
    List<OnnxTensor> outputs;
    try {
      model = OnnxReader.read(Bytes.of(Files.readAllBytes(folder.resolve("model.onnx"))));
      inputs = NodeCasesTest.tensors(folder.resolve("test_data_set_0"), "input_");
      outputs = NodeCasesTest.tensors(folder.resolve("test_data_set_0"), "output_");
      if (!NodeCasesTest.misfit(model, inputs).isEmpty()) {
        return false;
      }
      executor = Executor.of(model, NodeCasesOnWasmTest::compile);
    } catch (ModelException e) {
      return false;
    }
    Map<String, Tensor> feeds = new LinkedHashMap<>();
    for (int i = 0; i < inputs.size(); i++) {
      OnnxValue input = model.graph().inputs().get(i);
      if (input.type() == DataType.UNDEFINED || !Tensor.holds(inputs.get(i).type())) {
        return false;
      }
      feeds.put(input.name(), NodeCasesTest.tensor(inputs.get(i), input.type()));
    }
    List<Tensor> results;
    try {
      results = new ArrayList<>(executor.run(feeds, Run.UNCANCELLED).values());
    } catch (ModelException e) {
      return false;
    } finally {
      executor.release();
    }
    for (int i = 0; i < outputs.size(); i++) {
      DataType type = results.get(i).type();
      NodeCasesTest.compare(model, results.get(i), NodeCasesTest.tensor(outputs.get(i), type));
    }
    return true;
  }
}
