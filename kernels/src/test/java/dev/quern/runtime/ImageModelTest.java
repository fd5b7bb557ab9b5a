package dev.quern.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.passes.Passes;
import dev.quern.kernel.KernelSpec;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.MobileNet;
import dev.quern.onnx.ModelBuilder;
import dev.quern.onnx.OnnxReader;
import dev.quern.reference.Ort;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Models of images, from their files in linear memory, in V8, against ONNX Runtime. */
class ImageModelTest {
  private static ModelRunner load(JavetMachine machine, byte[] file) {
    machine.memory().ensure(Control.FREE + file.length);
    machine.memory().write(Control.FREE, file, 0, file.length);
    Bytes bytes = machine.memory().view(Control.FREE, file.length);
    Graph graph = Passes.optimise(GraphImporter.importModel(OnnxReader.read(bytes)));
    return ModelRunner.load(machine, graph, Limits.DEFAULT, Control.FREE + file.length);
  }

  @ParameterizedTest
  @CsvSource({"0.35,64,false", "0.35,33,true", "1.4,32,false", "0.5,size,false"})
  void mobileNetAgreesWithOnnxRuntime(double width, String size, boolean normalises) {
    byte[] file = MobileNet.model(width, size, 5, normalises);
    try (JavetMachine machine = JavetMachine.create();
        Ort ort = new Ort(file)) {
      ModelRunner runner = load(machine, file);
      long[] edges = size.equals("size") ? new long[] {40, 71} : new long[] {Long.parseLong(size)};
      for (long edge : edges) {
        Map<String, Tensor> inputs =
            Map.of("image", Tensors.random(edge, DataType.FLOAT, 1, 3, edge, edge));
        Tensor found = runner.run(inputs).get("probabilities");
        Tensors.assertClose(found, ort.run(inputs).get("probabilities"), 1e-4);
      }
      // Nothing but what the network is made of, and the image with zeros around it.
      assertThat(runner.plan().steps().size()).isEqualTo(18 + 35 + 2 + 1);
    }
  }

  /** Convolutions in groups and along lines, whose weights the loader orders. */
  @Test
  void groupsAndLinesAgreeWithOnnxRuntime() {
    ModelBuilder model = new ModelBuilder(13).input("x", DataType.FLOAT, "n", "12", "119");
    long[][] weights = {{18, 12, 5}, {10, 9, 3}, {20, 5, 4}, {20, 1, 3}};
    int[] groups = {1, 2, 2, 20};
    String at = "x";
    for (int i = 0; i < weights.length; i++) {
      Tensor tensor = Tensors.random(i, DataType.FLOAT, weights[i]);
      for (int j = 0; j < tensor.size(); j++) {
        tensor.floats()[j] *= 0.2f;
      }
      model.constant("w" + i, weights[i], tensor.floats());
      long[] pads = {1, i};
      model.node("Conv", List.of(at, "w" + i), List.of("v" + i), "group", groups[i], "pads", pads);
      at = "v" + i;
    }
    byte[] file = model.output(at, DataType.FLOAT).build();
    try (JavetMachine machine = JavetMachine.create()) {
      ModelRunner runner = load(machine, file);
      for (long n = 1; n < 3; n++) {
        Map<String, Tensor> inputs = Map.of("x", Tensors.random(n, DataType.FLOAT, n, 12, 119));
        Tensors.assertClose(runner.run(inputs).get(at), Ort.run(file, inputs).get(at), 1e-5);
      }
      assertThat(runner.plan().steps())
          .filteredOn(step -> step.kernel() instanceof KernelSpec.Conv)
          .hasSize(3);
    }
  }
}
