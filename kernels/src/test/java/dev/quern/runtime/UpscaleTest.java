package dev.quern.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.passes.Passes;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.onnx.OnnxReader;
import dev.quern.reference.Interpreter;
import dev.quern.reference.Ort;
import dev.quern.reference.ReferenceKernels;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Operators that make images larger, by the reference and by kernels, against ONNX Runtime. */
class UpscaleTest {
  private static JavetMachine machine;

  @BeforeAll
  static void start() {
    machine = JavetMachine.create();
  }

  @AfterAll
  static void stop() {
    machine.close();
  }

  private static void check(String title, ModelBuilder model, long[] dims, boolean runs) {
    byte[] file = model.output("y", DataType.FLOAT).build();
    Map<String, Tensor> inputs = Map.of("x", Tensors.random(dims[2], DataType.FLOAT, dims));
    Tensor wanted = Ort.run(file, inputs).get("y");
    Graph graph = GraphImporter.importModel(OnnxReader.read(Bytes.of(file)));
    try {
      Tensors.assertClose(Interpreter.run(graph, inputs).get("y"), wanted, 1e-5);
      if (!runs) {
        return;
      }
      machine.memory().ensure(Control.FREE + file.length);
      machine.memory().write(Control.FREE, file, 0, file.length);
      Bytes bytes = machine.memory().view(Control.FREE, file.length);
      Graph optimised = optimised(bytes);
      ModelRunner runner =
          ModelRunner.load(machine, optimised, Limits.DEFAULT, Control.FREE + file.length);
      Tensors.assertClose(runner.run(inputs).get("y"), wanted, 1e-5);
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError(title + ": " + graph, e);
    }
  }

  /** As the full engine does it, which alone knows these operators. */
  private static Graph optimised(Bytes file) {
    Graph graph = GraphImporter.importModel(OnnxReader.read(file));
    return Passes.optimise(graph, ReferenceKernels.all());
  }

  private static int pick(Random random, int... values) {
    return values[random.nextInt(values.length)];
  }

  private static ModelBuilder input(boolean symbolic, long... dims) {
    String[] labels = new String[dims.length];
    for (int i = 0; i < dims.length; i++) {
      labels[i] = symbolic && i != 1 ? "d" + i : Long.toString(dims[i]);
    }
    return new ModelBuilder(13).input("x", DataType.FLOAT, labels);
  }

  @Test
  void transposedConvolutionsOfAnyWindowAgree() {
    for (int seed = 0; seed < 60; seed++) {
      Random random = new Random(seed);
      int axes = pick(random, 1, 2, 2);
      int groups = pick(random, 1, 1, 2);
      long in = (long) groups * pick(random, 1, 3, 8);
      int out = pick(random, 1, 2, 5, 8);
      long[] dims = new long[2 + axes];
      long[] weights = new long[2 + axes];
      long[] strides = new long[axes];
      long[] more = new long[axes];
      long[] pads = new long[2 * axes];
      dims[0] = 1L + random.nextInt(2);
      dims[1] = in;
      weights[0] = in;
      weights[1] = out;
      for (int i = 0; i < axes; i++) {
        dims[2 + i] = 2L + random.nextInt(6);
        strides[i] = pick(random, 1, 2, 2, 3);
        boolean tiled = random.nextInt(3) == 0;
        weights[2 + i] = tiled ? strides[i] : 1L + random.nextInt(5);
        more[i] = tiled ? 0 : random.nextInt((int) strides[i]);
        pads[i] = tiled ? 0 : random.nextInt((int) weights[2 + i]);
        pads[axes + i] = tiled ? 0 : random.nextInt(2);
        // ONNX Runtime takes no image that nothing is left of.
        while ((dims[2 + i] - 1) * strides[i] + weights[2 + i] + more[i]
            <= pads[i] + pads[axes + i]) {
          dims[2 + i]++;
        }
      }
      boolean symbolic = random.nextBoolean();
      ModelBuilder model = input(symbolic, dims);
      model.constant("w", weights, Tensors.random(seed, DataType.FLOAT, weights).floats());
      List<String> inputs = new ArrayList<>(List.of("x", "w"));
      if (random.nextBoolean()) {
        long[] size = {(long) out * groups};
        model.constant("b", size, Tensors.random(seed + 1, DataType.FLOAT, size).floats());
        inputs.add("b");
      }
      model.node(
          "ConvTranspose",
          inputs,
          List.of("y"),
          "group",
          groups,
          "strides",
          strides,
          "output_padding",
          more,
          "pads",
          pads);
      check("transposed convolution " + seed, model, dims, true);
    }
  }

  @Test
  void paddingThatKeepsTheSizeTimesTheStrideAgrees() {
    for (String auto : List.of("SAME_UPPER", "SAME_LOWER", "VALID")) {
      for (int kernel = 2; kernel <= 5; kernel++) {
        long[] dims = {1, 3, 4, 5};
        long[] weights = {3, 2, kernel, 3};
        ModelBuilder model = input(false, dims);
        model.constant("w", weights, Tensors.random(kernel, DataType.FLOAT, weights).floats());
        long[] strides = {2, 2};
        model.node(
            "ConvTranspose", List.of("x", "w"), List.of("y"), "auto_pad", auto, "strides", strides);
        check(auto + " " + kernel, model, dims, false);
      }
    }
  }

  @Test
  void weightsThatAreTooLargeToOrderAgree() {
    long[] dims = {1, 160, 3, 2};
    long[] weights = {160, 110, 2, 2};
    ModelBuilder model = input(true, dims);
    float[] data = Tensors.random(5, DataType.FLOAT, weights).floats();
    for (int i = 0; i < data.length; i++) {
      data[i] *= 0.05f;
    }
    model.constant("w", weights, data);
    long[] strides = {2, 2};
    model.node("ConvTranspose", List.of("x", "w"), List.of("y"), "strides", strides);
    check("large weights", model, dims, true);
  }

  @Test
  void resizingByWholeFactorsAgrees() {
    for (int seed = 0; seed < 24; seed++) {
      Random random = new Random(seed);
      boolean flat = random.nextInt(3) == 0;
      long[] dims = flat ? new long[] {2, 3, 5} : new long[] {2, pick(random, 1, 3, 8), 3, 4};
      float[] scales = new float[dims.length];
      long[] sizes = new long[dims.length];
      for (int i = 0; i < dims.length; i++) {
        scales[i] = i < 2 ? 1 : pick(random, 1, 2, 3, 4);
        sizes[i] = (long) (dims[i] * scales[i]);
      }
      long[] length = {dims.length};
      boolean bySizes = random.nextBoolean();
      ModelBuilder model = input(!bySizes && random.nextBoolean(), dims);
      model.constant("scales", length, scales).constant("sizes", length, sizes);
      model.node("Relu", List.of("x"), List.of("positive"));
      boolean centred = random.nextBoolean();
      model.node(
          "Resize",
          bySizes ? List.of("positive", "", "", "sizes") : List.of("positive", "", "scales"),
          List.of("larger"),
          "mode",
          "nearest",
          "coordinate_transformation_mode",
          centred ? "half_pixel" : "asymmetric",
          "nearest_mode",
          centred ? "round_prefer_floor" : "floor");
      model.node("Neg", List.of("larger"), List.of("y"));
      check("resize " + seed, model, dims, true);
    }
  }

  @Test
  void anImageThatIsResizedBetweenConvolutionsStaysInItsLayout() {
    long[] dims = {1, 3, 8, 8};
    ModelBuilder model = input(true, dims);
    long[] first = {4, 3, 3, 3};
    long[] second = {6, 4, 1, 1};
    model.constant("w1", first, Tensors.random(1, DataType.FLOAT, first).floats());
    model.constant("w2", second, Tensors.random(2, DataType.FLOAT, second).floats());
    model.constant("scales", new long[] {4}, 1f, 1f, 2f, 2f);
    long[] pads = {1, 1, 1, 1};
    model.node("Conv", List.of("x", "w1"), List.of("a"), "pads", pads);
    model.node(
        "Resize",
        List.of("a", "", "scales"),
        List.of("b"),
        "mode",
        "nearest",
        "coordinate_transformation_mode",
        "asymmetric",
        "nearest_mode",
        "floor");
    model.node("Conv", List.of("b", "w2"), List.of("y"));
    check("between", model, dims, true);
    Graph graph = optimised(Bytes.of(model.build()));
    // One at the input, where the image comes in planes, is read by the convolution itself.
    assertThat(graph.nodes()).filteredOn(node -> node.isOnnx("Transpose")).hasSizeLessThan(2);
  }
}
