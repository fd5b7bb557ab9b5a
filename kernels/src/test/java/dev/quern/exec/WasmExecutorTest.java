package dev.quern.exec;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.graph.Constant;
import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.onnx.OnnxReader;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import dev.quern.runtime.Control;
import dev.quern.runtime.JavetMachine;
import dev.quern.runtime.Limits;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The same models with islands of generated kernels, in V8. */
class WasmExecutorTest extends ExecutorTest {
  private final JavetMachine machine = JavetMachine.create();

  @Override
  Device device() {
    return new WasmDevice(machine, new Limits(15, 512 << 10), Control.FREE);
  }

  @AfterEach
  void close() {
    machine.close();
  }

  /** Products of several sizes in one workspace, run in turn: none disturbs another's weights. */
  @Test
  void keepsManyPlansInOneMemory() {
    Device device = device();
    List<Graph> graphs = new ArrayList<>();
    List<Device.Compiled> plans = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      int k = 8 << i % 5;
      float[] weights = Tensors.random(i, DataType.FLOAT, k, 20).floats();
      byte[] model =
          new ModelBuilder(17)
              .input("x", DataType.FLOAT, "m", Integer.toString(k))
              .constant("w", new long[] {k, 20}, weights)
              .node("MatMul", List.of("x", "w"), List.of("p"))
              .node("Softmax", List.of("p"), List.of("y"))
              .output("y", DataType.FLOAT)
              .build();
      graphs.add(GraphImporter.importModel(OnnxReader.read(Bytes.of(model))));
      plans.add(device.compile(graphs.getLast()));
      if (i == 5) {
        plans.get(2).release();
      }
      for (int j = 0; j <= i; j++) {
        if (j != 2 || i < 5) {
          check(graphs.get(j), plans.get(j), 1 + (i * 7 + j) % 60);
        }
      }
    }
  }

  private static void check(Graph graph, Device.Compiled plan, int rows) {
    Constant weights = graph.constants().get("w");
    Tensor x = Tensors.random(rows, DataType.FLOAT, rows, weights.shape().dim(0).constant());
    Map<String, Tensor> expected = Device.REFERENCE.compile(graph).run(Map.of("x", x));
    Tensors.assertClose(plan.run(Map.of("x", x)).get("y"), expected.get("y"), 1e-5);
    assertThat(expected.get("y").dims()[0]).isEqualTo(rows);
  }
}
