package dev.quern.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.passes.Passes;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.onnx.OnnxReader;
import dev.quern.reference.Interpreter;
import dev.quern.reference.Ort;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * Random numbers: of the distribution that was asked for, and the same in V8 as in the reference.
 */
class RandomTest {
  private static ModelBuilder model() {
    ModelBuilder model = new ModelBuilder(15).input("x", DataType.FLOAT, "n", "100");
    model.node("RandomNormalLike", List.of("x"), List.of("a"), "mean", 3f, "scale", 2f);
    model.node("RandomNormalLike", List.of("x"), List.of("b"), "mean", 3f, "scale", 2f);
    model.node("RandomUniformLike", List.of("x"), List.of("c"), "low", -1f, "high", 4f, "seed", 7f);
    model.node("RandomUniformLike", List.of("x"), List.of("d"), "low", -1f, "high", 4f, "seed", 7f);
    model.node("Bernoulli", List.of("x"), List.of("e"));
    long[] shape = {5, 7};
    model.node("RandomNormal", List.of(), List.of("f"), "shape", shape);
    model.node("RandomUniform", List.of(), List.of("g"), "shape", shape, "dtype", 11);
    for (String output : List.of("a", "b", "c", "d", "e", "f")) {
      model.output(output, DataType.FLOAT);
    }
    return model.output("g", DataType.DOUBLE);
  }

  private static double mean(Tensor tensor) {
    double sum = 0;
    for (float number : tensor.floats()) {
      sum += number;
    }
    return sum / tensor.size();
  }

  private static double deviation(Tensor tensor) {
    double mean = mean(tensor);
    double sum = 0;
    for (float number : tensor.floats()) {
      sum += (number - mean) * (number - mean);
    }
    return Math.sqrt(sum / tensor.size());
  }

  @Test
  void numbersAreOfTheirDistributionAndTheSameEverywhere() {
    byte[] file = model().build();
    float[] shares = new float[300 * 100];
    Arrays.fill(shares, 0.3f);
    Map<String, Tensor> inputs = Map.of("x", Tensor.of(shares, 300, 100));
    Graph plain = GraphImporter.importModel(OnnxReader.read(Bytes.of(file)));
    Map<String, Tensor> wanted = Interpreter.run(plain, inputs);
    assertThat(mean(wanted.get("a"))).isCloseTo(3, within(0.05));
    assertThat(deviation(wanted.get("a"))).isCloseTo(2, within(0.05));
    assertThat(wanted.get("a").floats()).isNotEqualTo(wanted.get("b").floats());
    assertThat(mean(wanted.get("c"))).isCloseTo(1.5, within(0.05));
    assertThat(deviation(wanted.get("c"))).isCloseTo(5 / Math.sqrt(12), within(0.05));
    for (float number : wanted.get("c").floats()) {
      assertThat(number).isBetween(-1f, 4f);
    }
    assertThat(wanted.get("c").floats()).isEqualTo(wanted.get("d").floats());
    assertThat(mean(wanted.get("e"))).isCloseTo(0.3, within(0.02));
    // Of others, what ONNX says is the type and the shape.
    Ort.run(file, inputs)
        .forEach((name, tensor) -> {
          assertThat(wanted.get(name).type()).as(name).isEqualTo(tensor.type());
          assertThat(wanted.get(name).dims()).as(name).isEqualTo(tensor.dims());
        });
    try (JavetMachine machine = JavetMachine.create()) {
      ModelRunner runner =
          ModelRunner.load(machine, Passes.optimise(plain), Limits.DEFAULT, Control.FREE);
      for (int run = 0; run < 2; run++) {
        Map<String, Tensor> found = runner.run(inputs);
        wanted.forEach((name, tensor) -> Tensors.assertClose(found.get(name), tensor, 1e-5));
      }
    }
  }
}
