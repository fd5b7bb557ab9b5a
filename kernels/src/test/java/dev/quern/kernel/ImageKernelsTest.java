package dev.quern.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.passes.Passes;
import dev.quern.kernel.KernelRig.Buffer;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.onnx.OnnxReader;
import dev.quern.plan.Activation;
import dev.quern.plan.Arg;
import dev.quern.plan.Base;
import dev.quern.plan.Plan;
import dev.quern.plan.PlanException;
import dev.quern.plan.Planner;
import dev.quern.plan.Step;
import dev.quern.plan.Weight;
import dev.quern.plan.Work;
import dev.quern.reference.Interpreter;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import dev.quern.schedule.Features;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Convolutions, pools and pads: models of a few nodes, lowered as always, whose steps run between
 * guards, against the scalar reference.
 */
class ImageKernelsTest {
  private static final DataType F32 = DataType.FLOAT;

  private static KernelRig rig;

  @BeforeAll
  static void start() {
    rig = new KernelRig();
  }

  @AfterAll
  static void stop() {
    rig.close();
  }

  /** A model while it is written, with what it is run on. */
  private static final class Model {
    final Random random;
    final ModelBuilder builder = new ModelBuilder(13);
    final Map<String, Tensor> feeds = new LinkedHashMap<>();
    final Set<String> families = new TreeSet<>();
    String at = "x";
    int made;

    Model(long seed) {
      random = new Random(seed);
    }

    Model input(boolean symbolic, long... dims) {
      return input(symbolic, Tensors.random(random.nextInt(), F32, dims));
    }

    Model input(boolean symbolic, Tensor x) {
      String[] dims = new String[x.rank()];
      for (int i = 0; i < dims.length; i++) {
        dims[i] = symbolic && i != 1 ? "d" + i : Long.toString(x.dims()[i]);
      }
      builder.input("x", F32, dims);
      feeds.put("x", x);
      return this;
    }

    String weights(long... dims) {
      float[] data = Tensors.random(random.nextInt(), F32, dims).floats();
      for (int i = 0; i < data.length; i++) {
        data[i] *= 0.3f;
      }
      String name = "w" + made++;
      builder.constant(name, dims, data);
      return name;
    }

    Model node(String op, List<String> inputs, Object... attributes) {
      String output = "v" + made++;
      builder.node(op, inputs, List.of(output), attributes);
      at = output;
      return this;
    }

    Graph graph() {
      byte[] file = builder.output(at, F32).build();
      return Passes.optimise(GraphImporter.importModel(OnnxReader.read(Bytes.of(file))));
    }

    void check(double tolerance) {
      Graph graph = graph();
      Tensor wanted = Interpreter.run(graph, feeds).get(at);
      for (Features features : List.of(KernelRig.PLAIN, KernelRig.FMA)) {
        Tensor found = run(this, graph, features);
        Tensors.assertClose(found, wanted, tolerance);
      }
    }
  }

  /** Weights as the loader packs them; a convolution in groups needs the loader itself. */
  private static Buffer weight(Weight weight, Random random) {
    float[] data = floats(weight.parts().getFirst().data());
    if (!weight.packed()) {
      return rig.input(4 * random.nextInt(4), data);
    }
    assertThat(weight.parts()).hasSize(1);
    int n = (int) weight.parts().getFirst().shape().dim(0).constant();
    int taps = weight.taps();
    float[] ordered = new float[data.length];
    for (int i = 0; i < data.length; i++) {
      int column = i % weight.k();
      int to = column % taps * (weight.k() / taps) + column / taps;
      ordered[i - column + to] = data[i];
    }
    return rig.packed(ordered, weight.k(), n, true, 0);
  }

  private static float[] floats(Bytes bytes) {
    float[] result = new float[(int) (bytes.size() / 4)];
    for (int i = 0; i < result.length; i++) {
      result[i] = bytes.getFloat(4L * i);
    }
    return result;
  }

  /** Runs the steps of a model's plan, each between guards. */
  private static Tensor run(Model model, Graph graph, Features features) {
    Plan plan = Planner.plan(graph);
    Map<String, long[]> dims = new LinkedHashMap<>();
    model.feeds.forEach((name, tensor) -> dims.put(name, tensor.dims()));
    Map<String, Long> symbols = graph.bind(dims);
    rig.reset();
    Map<Integer, Buffer> buffers = new LinkedHashMap<>();
    model.feeds.forEach((name, tensor) ->
        buffers.put(
            plan.places().get(name), rig.input(4 * model.random.nextInt(4), tensor.floats())));
    for (Activation activation : plan.activations()) {
      int bytes = (int) activation.bytes().evaluate(symbols);
      buffers.computeIfAbsent(
          activation.id(), id -> rig.output(bytes, 4 * model.random.nextInt(4)));
    }
    List<Buffer> weights = new ArrayList<>();
    for (Weight weight : plan.weights()) {
      weights.add(weight(weight, model.random));
    }
    for (Step step : plan.steps()) {
      model.families.add(step.kernel().getClass().getSimpleName());
      for (int i = 0; i < step.args().size(); i++) {
        Arg arg = step.args().get(i);
        long value = arg.value().evaluate(symbols);
        if (arg.base() instanceof Base.OfActivation(int id)) {
          value += buffers.get(id).address();
        } else if (arg.base() instanceof Base.OfWeight(int id)) {
          value += weights.get(id).address();
        }
        rig.arg(i, (int) value);
      }
      Work.Items work = (Work.Items) step.work();
      rig.run(step.kernel(), features, (int) work.count().evaluate(symbols));
    }
    float[] found = rig.read(buffers.get(plan.places().get(model.at)));
    return Tensor.of(found, graph.value(model.at).shape().evaluate(symbols));
  }

  private static int pick(Random random, int... values) {
    return values[random.nextInt(values.length)];
  }

  private static long[] pair(long h, long w) {
    return new long[] {h, w};
  }

  /** A convolution of any window with any epilogue. */
  private static Model convolution(long seed) {
    Model model = new Model(seed);
    Random random = model.random;
    boolean depthwise = random.nextBoolean();
    int channels = pick(random, 1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 23, 36);
    int out = depthwise ? channels : pick(random, 1, 3, 4, 5, 8, 11, 13, 16, 21);
    int kernelH = pick(random, 1, 2, 3, 3, 5);
    int kernelW = pick(random, 1, 2, 3, 3, 5, 7);
    long[] dilations = pair(pick(random, 1, 1, 2), pick(random, 1, 1, 2, 3));
    long[] strides = pair(pick(random, 1, 1, 2, 3), pick(random, 1, 1, 2, 3));
    long[] pads = new long[4];
    for (int i = 0; i < 4; i++) {
      pads[i] = random.nextInt(random.nextBoolean() ? 1 : 4);
    }
    int extentH = (int) ((kernelH - 1) * dilations[0] + 1);
    int extentW = (int) ((kernelW - 1) * dilations[1] + 1);
    // From images that a window only just fits to some tiles.
    int h = Math.max(1, extentH - (int) (pads[0] + pads[2])) + random.nextInt(6);
    int w = Math.max(1, extentW - (int) (pads[1] + pads[3])) + random.nextInt(30);
    model.input(random.nextInt(3) == 0, 1 + random.nextInt(2), channels, h, w);
    if (random.nextInt(3) == 0) {
      // What stands before it makes the image one with channels last.
      model.node("MaxPool", List.of(model.at), "kernel_shape", pair(1, 1));
    }
    String weights = model.weights(out, depthwise ? 1 : channels, kernelH, kernelW);
    boolean biased = random.nextBoolean();
    model.node(
        "Conv",
        biased ? List.of(model.at, weights, model.weights(out)) : List.of(model.at, weights),
        "group",
        depthwise ? channels : 1,
        "strides",
        strides,
        "dilations",
        dilations,
        "pads",
        pads);
    switch (random.nextInt(6)) {
      case 0 -> model.node("Relu", List.of(model.at));
      case 1 -> {
        model.builder.constant("low", new long[] {}, 0f).constant("high", new long[] {}, 6f);
        model.node("Clip", List.of(model.at, "low", "high"));
      }
      case 2 -> {
        String product = model.at;
        model.node("Sigmoid", List.of(product)).node("Mul", List.of(product, model.at));
      }
      case 3 -> {
        String product = model.at;
        model.node("GlobalMaxPool", List.of(product)).node("Mul", List.of(product, model.at));
      }
      default -> {}
    }
    return model;
  }

  @Test
  void convolutionsAgreeWithTheDefinition() {
    long stop = System.nanoTime() + (KernelRig.full() ? 120_000_000_000L : 8_000_000_000L);
    int count = KernelRig.full() ? 20_000 : 1500;
    Set<String> families = new TreeSet<>();
    for (int seed = 0; seed < count && (System.nanoTime() < stop || seed < 60); seed++) {
      Model model = convolution(seed);
      try {
        model.check(2e-5);
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError("convolution " + seed + ": " + model.graph(), e);
      }
      families.addAll(model.families);
    }
    assertThat(families).contains("Conv", "Depthwise", "Pad", "Pool");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 48, 49, 97, 163, 300})
  void imagesOfOneRowAreCutIntoSegments(int width) {
    for (int stride = 1; stride <= 3; stride++) {
      // What a stride leaves has a width that is known, or not, when the plan is made.
      for (String w : List.of("w", Integer.toString(width))) {
        Model model = new Model(width);
        model.builder.input("x", F32, "n", "6", "1", w);
        model.feeds.put("x", Tensors.random(width, F32, 2, 6, 1, width));
        model.node("MaxPool", List.of("x"), "kernel_shape", pair(1, 1), "strides", pair(1, stride));
        String before = model.at;
        long[] same = {0, 2, 0, 2};
        model.node("Conv", List.of(before, model.weights(6, 6, 1, 5)), "pads", same);
        model.node("Add", List.of(model.at, model.weights(6, 1, 1)));
        model.node("Add", List.of(model.at, before));
        model.check(2e-5);
        assertThat(model.families).contains("Conv");
      }
    }
  }

  @Test
  void anImageOfOneRowIsWorkForAllThreads() {
    Model model = new Model(1).input(false, 1, 64, 1, 1000);
    model.node("Conv", List.of("x", model.weights(64, 64, 1, 3)), "strides", pair(1, 2));
    model.node("Add", List.of(model.at, model.weights(64, 1, 499)));
    long[] twoEach = {0, 2, 0, 2};
    String before = model.at;
    String taps = model.weights(64, 1, 1, 5);
    model.node("Conv", List.of(before, taps), "group", 64, "pads", twoEach);
    model.node("Add", List.of(model.at, before)).node("Relu", List.of(model.at));
    model.node("MaxPool", List.of(model.at), "kernel_shape", pair(1, 3), "strides", pair(1, 2));
    for (Step step : Planner.plan(model.graph()).steps()) {
      assertThat(((Work.Items) step.work()).count().constant()).isGreaterThan(8);
    }
    model.check(2e-5);
    assertThat(model.families).contains("Conv", "Depthwise", "Pool");
  }

  @Test
  void residualsAndGatesAreReadWhereTheyLie() {
    for (int groups : new int[] {1, 10}) {
      Model model = new Model(groups).input(false, 2, 10, 6, 9);
      String weights = model.weights(10, 10 / groups, 3, 3);
      long[] same = {1, 1, 1, 1};
      model.node("MaxPool", List.of("x"), "kernel_shape", pair(1, 1));
      String residual = model.at;
      model.node("Conv", List.of(residual, weights), "group", groups, "pads", same);
      model.node("Add", List.of(model.at, residual));
      model.node("Mul", List.of(model.at, model.weights(2, 10, 1, 1)));
      model.node("Add", List.of(model.at, model.weights(6, 9)));
      model.check(2e-5);
      assertThat(model.families).doesNotContain("Elementwise");
    }
  }

  @Test
  void planesAreReadWhereTheyLie() {
    Model model = new Model(1).input(false, 2, 3, 13, 17);
    model.node("Conv", List.of("x", model.weights(5, 3, 3, 3)), "strides", pair(2, 2));
    model.check(2e-5);
    assertThat(model.families).containsExactly("Conv", "Copy");
  }

  @Test
  void nanAndInfinityStayInTheWindowsThatSeeThem() {
    for (int groups : new int[] {1, 6}) {
      Tensor x = Tensors.random(5, F32, 1, 6, 9, 12);
      x.floats()[3] = Float.NaN;
      x.floats()[2 * 108 + 60] = Float.POSITIVE_INFINITY;
      x.floats()[5 * 108 + 107] = Float.NEGATIVE_INFINITY;
      Model model = new Model(3).input(false, x);
      model.node("MaxPool", List.of("x"), "kernel_shape", pair(1, 1));
      String weights = model.weights(6, 6 / groups, 3, 3);
      model.node("Conv", List.of(model.at, weights), "group", groups, "strides", pair(2, 2));
      model.node("Relu", List.of(model.at));
      model.check(2e-5);
    }
  }

  private static Model pool(long seed) {
    Model model = new Model(seed);
    Random random = model.random;
    int kernelH = pick(random, 1, 2, 3, 4);
    int kernelW = pick(random, 1, 2, 3, 5);
    boolean max = random.nextBoolean();
    long[] dilations = max ? pair(pick(random, 1, 2), pick(random, 1, 3)) : pair(1, 1);
    int extentH = (int) ((kernelH - 1) * dilations[0] + 1);
    int extentW = (int) ((kernelW - 1) * dilations[1] + 1);
    long[] pads = new long[4];
    for (int i = 0; i < 4; i++) {
      pads[i] = random.nextInt(i % 2 == 0 ? kernelH : kernelW);
    }
    int channels = pick(random, 1, 3, 4, 7, 8, 19);
    int h = extentH + random.nextInt(5);
    int w = extentW + random.nextInt(9);
    model.input(random.nextInt(3) == 0, 1 + random.nextInt(2), channels, h, w);
    List<Object> attributes =
        new ArrayList<>(
            List.of(
                "kernel_shape",
                pair(kernelH, kernelW),
                "pads",
                pads,
                "strides",
                pair(pick(random, 1, 2, 3), pick(random, 1, 2)),
                "ceil_mode",
                random.nextInt(2)));
    if (max) {
      attributes.addAll(List.of("dilations", dilations));
    } else {
      attributes.addAll(List.of("count_include_pad", random.nextInt(2)));
    }
    return model.node(max ? "MaxPool" : "AveragePool", List.of("x"), attributes.toArray());
  }

  @Test
  void poolsAgreeWithTheDefinition() {
    for (int seed = 0; seed < (KernelRig.full() ? 2000 : 120); seed++) {
      pool(seed).check(2e-6);
    }
  }

  @Test
  void aPoolOfNaNIsNaN() {
    Tensor x = Tensors.random(5, F32, 1, 5, 6, 6);
    x.floats()[20] = Float.NaN;
    x.floats()[100] = Float.POSITIVE_INFINITY;
    x.floats()[101] = Float.NEGATIVE_INFINITY;
    for (String op : List.of("MaxPool", "AveragePool")) {
      new Model(1).input(false, x).node(op, List.of("x"), "kernel_shape", pair(2, 3)).check(2e-6);
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {0f, -0f, 1.5f, Float.NaN, Float.NEGATIVE_INFINITY})
  void padsAnyAxes(float value) {
    long[][] pads = {
      {0, 0, 1, 2, 0, 0, 3, 0},
      {1, 0, 0, 0, 0, 0, 0, 0},
      {0, 0, 0, 3, 0, 0, 0, 1},
      {1, 2, 1, 0, 0, 1, 2, 5},
      {0, 1, 0, 2, 2, 0, 0, 2},
      {0, 0, 0, 0, 0, 0, 0, 0},
      {0, -1, 2, -2, 0, 0, -1, 4}
    };
    for (long[] pad : pads) {
      Model model = new Model(1).input(false, 2, 3, 4, 5);
      model.builder.constant("pads", new long[] {8}, pad);
      model.builder.constant("value", new long[] {}, value);
      model.node("Pad", List.of("x", "pads", "value")).node("Neg", List.of(model.at)).check(0);
    }
  }

  @Test
  void computedWeightsOverImagesOfAnySizeAreRefusedByName() {
    ModelBuilder model = new ModelBuilder(13);
    model.input("x", F32, "1", "3", "h", "w").input("weights", F32, "4", "3", "3", "3");
    model.node("Conv", List.of("x", "weights"), List.of("y")).output("y", F32);
    Graph graph =
        Passes.optimise(GraphImporter.importModel(OnnxReader.read(Bytes.of(model.build()))));
    assertThatThrownBy(() -> Planner.plan(graph))
        .isInstanceOf(PlanException.class)
        .hasMessageContaining("host.Conv 'n0'");
  }
}
