package dev.quern.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.passes.Passes;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.onnx.OnnxReader;
import dev.quern.plan.Plan;
import dev.quern.plan.Planner;
import dev.quern.reference.Ort;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * Models that are f16 from input to output, as exporters' "fp16" files are: computed with kernels
 * of f32, against ONNX Runtime.
 */
class HalfModelTest {
  private static final DataType F16 = DataType.FLOAT16;

  private static void constant(ModelBuilder model, String name, long... dims) {
    Tensor tensor = Tensors.random(name.hashCode(), F16, dims);
    model.constant(name, ModelBuilder.raw(F16, tensor.toBytes(), dims));
  }

  private static void check(ModelBuilder model, Map<String, Tensor> feeds, double tolerance) {
    byte[] file = model.build();
    Graph graph = Passes.optimise(GraphImporter.importModel(OnnxReader.read(Bytes.of(file))));
    Plan plan = Planner.plan(graph);
    Map<String, Tensor> expected = Ort.run(file, feeds);
    try (JavetMachine machine = JavetMachine.create()) {
      ModelRunner runner = ModelRunner.load(machine, graph, plan, Limits.DEFAULT, 0);
      Map<String, Tensor> actual = runner.run(feeds);
      assertThat(actual.keySet()).isEqualTo(expected.keySet());
      expected.forEach((name, tensor) -> {
        assertThat(actual.get(name).type()).isEqualTo(tensor.type());
        Tensors.assertClose(actual.get(name), tensor, tolerance);
      });
    }
  }

  /** Products, a normalisation with a scalar of f16, a mask, softmax, a part in f32. */
  @Test
  void aTransformersPartsRun() {
    ModelBuilder model = new ModelBuilder(17);
    model.input("x", F16, "n", "48");
    constant(model, "w", 48, 96);
    constant(model, "b", 96);
    constant(model, "gamma", 96);
    constant(model, "beta", 96);
    constant(model, "scale");
    constant(model, "v", 96, 5);
    model.node("MatMul", List.of("x", "w"), List.of("a"));
    model.node("Add", List.of("a", "b"), List.of("c"));
    model.node("LayerNormalization", List.of("c", "gamma", "beta"), List.of("d"));
    model.node("Mul", List.of("d", "scale"), List.of("e"));
    model.node("Cast", List.of("e"), List.of("f"), "to", (long) DataType.FLOAT.code());
    model.node("Softmax", List.of("f"), List.of("g"));
    model.node("Cast", List.of("g"), List.of("h"), "to", (long) F16.code());
    model.node("MatMul", List.of("h", "v"), List.of("y"));
    model.output("y", F16).output("e", F16).output("g", DataType.FLOAT);
    check(model, Map.of("x", Tensors.random(3, F16, 7, 48)), 4e-3);
  }

  @Test
  void imagesRun() {
    ModelBuilder model = new ModelBuilder(17);
    model.input("x", F16, "1", "3", "9", "7");
    constant(model, "w", 4, 3, 3, 3);
    constant(model, "b", 4);
    model.node("Conv", List.of("x", "w", "b"), List.of("a"), "pads", new long[] {1, 1, 1, 1});
    model.node("Relu", List.of("a"), List.of("r"));
    model.node("MaxPool", List.of("r"), List.of("p"), "kernel_shape", new long[] {2, 2});
    model.node("GlobalAveragePool", List.of("p"), List.of("y"));
    model.output("y", F16).output("p", F16);
    check(model, Map.of("x", Tensors.random(4, F16, 1, 3, 9, 7)), 4e-3);
  }

  /** Inputs and constants that are outputs as well, and what is made in f16. */
  @Test
  void outputsKeepTheirType() {
    ModelBuilder model = new ModelBuilder(17);
    model.input("x", F16, "n");
    constant(model, "k", 3);
    model.constant("shape", new long[] {1}, 4L);
    Tensor one = Tensor.of(F16, new float[] {1.5f}, 1);
    model.node(
        "ConstantOfShape",
        List.of("shape"),
        List.of("filled"),
        "value",
        ModelBuilder.raw(F16, one.toBytes(), 1));
    model.node("Identity", List.of("x"), List.of("same"));
    model.node("Identity", List.of("k"), List.of("fixed"));
    model.node("Neg", List.of("x"), List.of("y"));
    for (String name : List.of("filled", "same", "fixed", "y")) {
      model.output(name, F16);
    }
    check(model, Map.of("x", Tensors.random(5, F16, 6)), 0);
  }
}
