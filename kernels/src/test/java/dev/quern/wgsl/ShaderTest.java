package dev.quern.wgsl;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.gpu.GpuLimits;
import dev.quern.gpu.Recorder;
import dev.quern.gpu.Recording;
import dev.quern.gpu.ShaderCache;
import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.passes.Passes;
import dev.quern.kernel.AttentionKernel;
import dev.quern.kernel.KernelSpec;
import dev.quern.kernel.WeightFormat;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.onnx.OnnxReader;
import dev.quern.plan.Activation;
import dev.quern.plan.Arg;
import dev.quern.plan.Base;
import dev.quern.plan.Lowerings;
import dev.quern.plan.Plan;
import dev.quern.plan.Planner;
import dev.quern.plan.Step;
import dev.quern.plan.Weight;
import dev.quern.plan.Work;
import dev.quern.reference.Interpreter;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import dev.quern.schedule.GpuSchedules;
import dev.quern.schedule.Schedule;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.LongBinaryOperator;
import org.junit.jupiter.api.Test;

/**
 * Every family's shaders: models of a few nodes, planned as for the CPU, whose steps Tint takes in
 * core and compatibility mode, and whose results on SwiftShader are the scalar reference's.
 */
class ShaderTest {
  private static final DataType F32 = DataType.FLOAT;
  private static final int[] SIZES = {1, 2, 3, 4, 5, 7, 8, 13, 31, 33, 64, 65, 130};

  /**
   * Cases of a family that are computed in a short run: SwiftShader compiles for up to a second.
   */
  private static final int MOST = 10;

  /** A model while it is written, with what it is run on. */
  private static final class Model {
    final Random random;
    final ModelBuilder builder = new ModelBuilder(17);
    final Map<String, Tensor> feeds = new LinkedHashMap<>();
    String at = "";
    int made;

    Model(long seed) {
      random = new Random(seed);
    }

    Model input(String name, long... dims) {
      return input(name, Tensors.random(random.nextInt(), F32, dims));
    }

    Model input(String name, Tensor x) {
      String[] dims = Arrays.stream(x.dims()).mapToObj(Long::toString).toArray(String[]::new);
      builder.input(name, x.type(), dims);
      feeds.put(name, x);
      at = name;
      return this;
    }

    String weights(long... dims) {
      String name = "w" + made++;
      builder.constant(name, dims, Tensors.random(random.nextInt(), F32, dims).floats());
      return name;
    }

    /** A product of x with weights of few bits. */
    void blocks(int bits, int block, boolean zeros, boolean rounded, int k, int n) {
      int blocks = (k + block - 1) / block;
      byte[] numbers = new byte[n * blocks * block * bits / 8];
      byte[] points = new byte[n * ((blocks * bits + 7) / 8)];
      random.nextBytes(numbers);
      random.nextBytes(points);
      long bytes = (long) block * bits / 8;
      builder.constant("w", ModelBuilder.raw(DataType.UINT8, numbers, n, blocks, bytes));
      float[] scales = Tensors.random(random.nextInt(), F32, (long) n * blocks).floats();
      builder.constant("s", new long[] {scales.length}, scales);
      builder.constant("z", ModelBuilder.raw(DataType.UINT8, points, points.length));
      List<String> inputs = zeros ? List.of("x", "w", "s", "z") : List.of("x", "w", "s");
      at = "v" + made++;
      builder.node(
          "MatMulNBits",
          inputs,
          List.of(at),
          "K",
          (long) k,
          "N",
          (long) n,
          "bits",
          (long) bits,
          "block_size",
          (long) block,
          "accuracy_level",
          rounded ? 4L : 0L);
      builder.domain("com.microsoft");
    }

    Model node(String op, List<String> inputs, Object... attributes) {
      String output = "v" + made++;
      builder.node(op, inputs, List.of(output), attributes);
      at = output;
      return this;
    }
  }

  /** A model's dispatches and what they must give. */
  private record Case(Dawn.Job job, Tensor wanted, double tolerance, Set<String> families) {}

  private static Case plan(Model model, double tolerance) {
    return plan(model, tolerance, null, false);
  }

  /** With a schedule for its products, if that is not null. */
  private static Case plan(Model model, double tolerance, Schedule schedule) {
    return plan(model, tolerance, schedule, false);
  }

  private static Case plan(Model model, double tolerance, Schedule schedule, boolean bytes) {
    byte[] file = model.builder.output(model.at, F32).build();
    Graph graph = Passes.optimise(GraphImporter.importModel(OnnxReader.read(Bytes.of(file))));
    Tensor wanted = Interpreter.run(graph, model.feeds).get(model.at);
    Plan plan = Planner.plan(graph, Lowerings.all(), bytes);
    Map<String, long[]> dims = new LinkedHashMap<>();
    model.feeds.forEach((name, tensor) -> dims.put(name, tensor.dims()));
    Map<String, Long> symbols = graph.bind(dims);
    Map<Base, Integer> places = new LinkedHashMap<>();
    List<byte[]> buffers = new ArrayList<>();
    for (Activation activation : plan.activations()) {
      places.put(new Base.OfActivation(activation.id()), buffers.size());
      byte[] empty = new byte[padded(activation.bytes().evaluate(symbols))];
      // What no shader writes shows.
      Arrays.fill(empty, (byte) 0xff);
      buffers.add(empty);
    }
    model.feeds.forEach((name, tensor) -> {
      Base base = new Base.OfActivation(plan.places().get(name));
      buffers.set(places.get(base), bytes(tensor));
    });
    for (Weight weight : plan.weights()) {
      places.put(new Base.OfWeight(weight.id()), buffers.size());
      buffers.add(weight(weight));
    }
    List<Dawn.Dispatch> dispatches = new ArrayList<>();
    Set<String> families = new TreeSet<>();
    for (Step step : plan.steps()) {
      if (step.kernel() instanceof KernelSpec.QuantizeBlocks) {
        continue; // shaders read what it rounds
      }
      families.add(step.kernel().getClass().getSimpleName());
      dispatches.add(dispatch(step, symbols, places, schedule));
    }
    int result = places.get(new Base.OfActivation(plan.places().get(model.at)));
    String title = families + " of " + graph;
    return new Case(new Dawn.Job(title, buffers, dispatches, result), wanted, tolerance, families);
  }

  /** As the engine records it, on a device whose buffers hold half of its largest weight. */
  private static Case recorded(Model model, double tolerance) {
    byte[] file = model.builder.output(model.at, F32).build();
    Graph graph = Passes.optimise(GraphImporter.importModel(OnnxReader.read(Bytes.of(file))));
    Plan plan = Planner.plan(graph);
    Map<String, long[]> dims = new LinkedHashMap<>();
    model.feeds.forEach((name, tensor) -> dims.put(name, tensor.dims()));
    List<byte[]> weights = plan.weights().stream().map(ShaderTest::weight).toList();
    long bindingBytes = 16 + weights.stream().mapToLong(bytes -> bytes.length).max().orElse(0) / 2;
    Recording recording =
        Recorder.record(
            plan,
            weights.stream().mapToLong(bytes -> bytes.length).toArray(),
            graph.bind(dims),
            new GpuLimits(8, bindingBytes),
            new ShaderCache(GpuSchedules.Chosen.NONE));
    List<byte[]> buffers = new ArrayList<>();
    for (Recording.Buffer buffer : recording.buffers()) {
      byte[] bytes = new byte[(int) buffer.bytes()];
      Arrays.fill(bytes, (byte) 0xff);
      if (buffer.weight() >= 0) {
        byte[] all = weights.get(buffer.weight());
        int length = (int) Math.min(bytes.length, all.length - buffer.from());
        System.arraycopy(all, (int) buffer.from(), bytes, 0, length);
        assertThat(buffer.bytes()).isLessThanOrEqualTo(bindingBytes);
      }
      buffers.add(bytes);
    }
    model.feeds.forEach((name, tensor) -> {
      byte[] from = bytes(tensor);
      byte[] to = buffers.get(recording.activations().get(plan.places().get(name)));
      System.arraycopy(from, 0, to, 0, Math.min(from.length, to.length));
    });
    List<Dawn.Dispatch> dispatches = new ArrayList<>();
    for (Recording.Part part : recording.parts()) {
      assertThat(part).as(part.toString()).isInstanceOf(Recording.Dispatches.class);
      for (Recording.Dispatch one : ((Recording.Dispatches) part).list()) {
        dispatches.add(
            new Dawn.Dispatch(
                recording.shaders().get(one.shader()),
                one.faults(),
                one.bindings().stream().map(Recording.Binding::buffer).toList(),
                one.words(),
                one.groups()));
      }
    }
    assertThat(dispatches).hasSizeGreaterThan(plan.steps().size());
    int result = recording.activations().get(plan.places().get(model.at));
    Tensor wanted = Interpreter.run(graph, model.feeds).get(model.at);
    String title = "parts of " + graph;
    return new Case(
        new Dawn.Job(title, buffers, dispatches, result), wanted, tolerance, Set.of("parts"));
  }

  private static Dawn.Dispatch dispatch(
      Step step, Map<String, Long> symbols, Map<Base, Integer> places, Schedule schedule) {
    long items =
        switch (step.work()) {
          case Work.Items work -> work.count().evaluate(symbols);
          case Work.Blocks work -> work.batch().evaluate(symbols);
        };
    long[] args = step.args().stream().mapToLong(arg -> arg.value().evaluate(symbols)).toArray();
    List<Integer> buffers =
        step.args().stream().map(Arg::base).map(base -> places.getOrDefault(base, -1)).toList();
    return dispatch(step.kernel(), args, buffers, items, schedule);
  }

  private static Dawn.Dispatch dispatch(
      KernelSpec spec, long[] args, List<Integer> buffers, long items, Schedule schedule) {
    Shader.Sizes sizes =
        new Shader.Sizes() {
          @Override
          public long arg(int index) {
            return args[index];
          }

          @Override
          public long items() {
            return items;
          }
        };
    Shaders.Choice choice = Shaders.choice(spec, sizes, GpuSchedules.Chosen.NONE);
    if (schedule != null && choice.schedule() != null) {
      choice = choice.with(schedule);
    }
    Shader shader = Shaders.of(spec, choice);
    List<Integer> bound = shader.bindings().stream().map(b -> buffers.get(b.arg())).toList();
    List<Long> words =
        shader.words().stream().map(w -> w.source().value(sizes) & 0xffffffffL).toList();
    List<Long> groups = Arrays.stream(shader.grid().groups(sizes)).boxed().toList();
    return new Dawn.Dispatch(shader.text(), shader.faults(), bound, words, groups);
  }

  private static int padded(long bytes) {
    return (int) Math.max(16, (bytes + 15) / 16 * 16);
  }

  private static byte[] bytes(Tensor tensor) {
    if (tensor.type() != F32) {
      byte[] data = tensor.toBytes();
      return Arrays.copyOf(data, padded(data.length));
    }
    return bytes(tensor.floats());
  }

  private static byte[] bytes(float[] values) {
    byte[] bytes = new byte[padded(4L * values.length)];
    ByteBuffer out = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      out.putFloat(value);
    }
    return bytes;
  }

  /** Weights as they lie: panels of four columns, k rows each. */
  private static byte[] weight(Weight weight) {
    Bytes raw = weight.parts().getFirst().data();
    if (!weight.packed()) {
      byte[] bytes = new byte[padded(raw.size())];
      ByteBuffer out = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      for (long i = 0; i < raw.size() / 4; i++) {
        out.putInt(raw.getInt(4 * i));
      }
      return bytes;
    }
    if (weight.format().kind() == WeightFormat.Kind.BLOCKS) {
      return blocks(weight);
    }
    assertThat(weight.parts()).as("parts of a weight").hasSize(1);
    if (weight.format().isWhole()) {
      return wholes(weight);
    }
    if (weight.format().kind() == WeightFormat.Kind.F16) {
      return halves(raw, weight.k());
    }
    int k = weight.k();
    int n = (int) (raw.size() / 4 / k);
    int taps = weight.taps();
    float[] panels = new float[(n + 3) / 4 * 4 * k];
    for (int column = 0; column < n; column++) {
      for (int row = 0; row < k; row++) {
        int from = row % (k / taps) * taps + row / (k / taps);
        long at = weight.transposed() ? (long) column * k + from : (long) from * n + column;
        panels[(column / 4 * k + row) * 4 + column % 4] = raw.getFloat(4 * at);
      }
    }
    return bytes(panels);
  }

  /** Two rows of four columns a vector, of bits sign, lowest of the mantissa, exponent, highest. */
  private static byte[] halves(Bytes raw, int k) {
    int n = (int) (raw.size() / 2 / k);
    byte[] bytes = new byte[padded((n + 3L) / 4 * ((k + 1) / 2) * 16L)];
    ByteBuffer out = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int column = 0; column < n; column++) {
      for (int row = 0; row < k; row++) {
        long from = 2L * (row * n + column);
        int x = raw.get(from) & 0xff | (raw.get(from + 1) & 0xff) << 8;
        int turned = x & 0x8000 | (x & 7) << 12 | (x >> 10 & 31) << 7 | x >> 3 & 0x7f;
        int vector = column / 4 * ((k + 1) / 2) + row / 2;
        out.putShort(16 * vector + 8 * (row % 2) + 2 * (column % 4), (short) turned);
      }
    }
    return bytes;
  }

  /** Two or four rows of four columns, less the zero points. */
  private static byte[] wholes(Weight weight) {
    Bytes raw = weight.parts().getFirst().data();
    boolean unsigned = weight.parts().getFirst().type() == DataType.UINT8;
    int k = weight.k();
    int n = (int) (raw.size() / k);
    int each = weight.format() == WeightFormat.I16 ? 2 : 1;
    int depth = weight.format().depth();
    int steps = weight.format().steps(k);
    byte[] bytes = new byte[padded(weight.format().bytes(k, n))];
    ByteBuffer out = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int column = 0; column < n; column++) {
      for (int row = 0; row < k; row++) {
        byte number =
            raw.get(weight.transposed() ? (long) column * k + row : (long) row * n + column);
        byte zero = weight.zeros().getFirst()[column];
        int value = unsigned ? (number & 0xff) - (zero & 0xff) : number - zero;
        int step = column / 4 * steps + row / depth;
        int at = (step * 4 + column % 4) * depth + row % depth;
        if (each == 1) {
          out.put(at, (byte) value);
        } else {
          out.putShort(2 * at, (short) value);
        }
      }
    }
    return bytes;
  }

  /** Blocks of four columns: scales, words of 32 bits, zero points. */
  private static byte[] blocks(Weight weight) {
    WeightFormat format = weight.format();
    Bytes numbers = weight.parts().get(0).data();
    Bytes scales = weight.parts().get(1).data();
    int blocks = (weight.k() + format.block() - 1) / format.block();
    int each = format.numberBytes() / 4;
    int n = (int) (numbers.size() / blocks / each);
    byte[] bytes = new byte[padded((long) (n + 3) / 4 * blocks * format.blockBytes())];
    ByteBuffer out = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int column = 0; column < n; column++) {
      for (int block = 0; block < blocks; block++) {
        int at = (column / 4 * blocks + block) * format.blockBytes();
        int lane = column % 4;
        out.putInt(at + 4 * lane, scales.getInt(4L * (column * blocks + block)));
        for (int word = 0; word < each / 4; word++) {
          int from = (column * blocks + block) * each + 4 * word;
          out.putInt(at + 16 + 16 * word + 4 * lane, numbers.getInt(from));
        }
        if (format.zeros()) {
          Bytes zeros = weight.parts().get(2).data();
          int bits = format.bits() * block;
          int row = (format.bits() * blocks + 7) / 8;
          int zero = (zeros.get((long) column * row + bits / 8) & 0xff) >> bits % 8;
          int point = at + 16 + format.numberBytes() + lane;
          out.put(point, (byte) (zero & (1 << format.bits()) - 1));
        }
      }
    }
    return bytes;
  }

  /** Holds cases against Tint and against the reference. */
  private static void check(List<Case> cases, String... families) {
    Set<String> seen = new TreeSet<>();
    cases.forEach(c -> seen.addAll(c.families()));
    assertThat(seen).contains(families);
    List<Dawn.Job> jobs = cases.stream().map(Case::job).toList();
    Dawn.validate(jobs);
    List<Case> computed = new ArrayList<>();
    int step = Boolean.getBoolean("quern.full") ? 1 : (cases.size() + MOST - 1) / MOST;
    for (int i = 0; i < cases.size(); i += step) {
      computed.add(cases.get(i));
    }
    List<byte[]> results = Dawn.compute(computed.stream().map(Case::job).toList());
    for (int i = 0; i < computed.size(); i++) {
      Case c = computed.get(i);
      ByteBuffer found = ByteBuffer.wrap(results.get(i)).order(ByteOrder.LITTLE_ENDIAN);
      assertThat(found.getInt(0)).as("faults of %s", c.job().title()).isZero();
      float[] values = new float[c.wanted().floats().length];
      found.position(16);
      found.asFloatBuffer().get(values);
      try {
        Tensors.assertClose(Tensor.of(values, c.wanted().dims()), c.wanted(), c.tolerance());
      } catch (AssertionError e) {
        throw new AssertionError(
            c.job().title() + "\n" + c.job().dispatches().getLast().shader(), e);
      }
    }
  }

  private static int pick(Random random, int... values) {
    return values[random.nextInt(values.length)];
  }

  private static long[] pair(long h, long w) {
    return new long[] {h, w};
  }

  @Test
  void productsWithPackedWeights() {
    List<Case> cases = new ArrayList<>();
    for (int seed = 0; seed < 60; seed++) {
      Model model = new Model(seed);
      Random random = model.random;
      int k = pick(random, SIZES);
      int n = pick(random, SIZES);
      model.input("x", 1 + random.nextInt(2), pick(random, SIZES), k);
      model.node("MatMul", List.of("x", model.weights(k, n)));
      if (random.nextBoolean()) {
        model.node("Add", List.of(model.at, model.weights(n)));
      }
      if (random.nextBoolean()) {
        model.node(pick(random, 0, 1) == 0 ? "Relu" : "Tanh", List.of(model.at));
      }
      cases.add(plan(model, 5e-5));
    }
    check(cases, "Matmul");
  }

  @Test
  void productsWithNarrowWeights() {
    List<Case> cases = new ArrayList<>();
    for (int seed = 0; seed < 60; seed++) {
      Model model = new Model(seed);
      Random random = model.random;
      int k = pick(random, SIZES);
      int n = pick(random, SIZES);
      model.input("x", 1, pick(random, SIZES), k);
      // Numbers reach 128, and sums of them cancel.
      double tolerance = 1e-3;
      if (seed % 3 == 0) {
        ByteBuffer halves = ByteBuffer.allocate(2 * k * n).order(ByteOrder.LITTLE_ENDIAN);
        // A denormal number, which is lost where exponents are only moved.
        halves.putShort((short) 0x0155);
        while (halves.hasRemaining()) {
          halves.putShort(Float.floatToFloat16((float) random.nextGaussian()));
        }
        model.builder.constant("w", ModelBuilder.raw(DataType.FLOAT16, halves.array(), k, n));
        model.node("Cast", List.of("w"), "to", 1L);
        model.node("MatMul", List.of("x", model.at));
      } else {
        int bits = seed % 2 == 0 ? 4 : 8;
        int block = pick(random, 16, 32, 64);
        boolean rounded = bits == 4 && random.nextBoolean();
        model.blocks(bits, block, random.nextBoolean(), rounded, k, n);
        tolerance = rounded ? 0.06 : tolerance;
      }
      if (random.nextBoolean()) {
        model.node("Add", List.of(model.at, model.weights(n)));
      }
      cases.add(plan(model, tolerance));
    }
    check(cases, "Matmul");
  }

  /** A rounded by the range of the tensor or of its row, weights of 8 bits with zero points. */
  @Test
  void productsOfWholeNumbers() {
    List<Case> cases = new ArrayList<>();
    for (int seed = 0; seed < 60; seed++) {
      Model model = new Model(seed);
      Random random = model.random;
      int k = pick(random, SIZES);
      int n = pick(random, SIZES);
      model.input("x", 1, pick(random, 1, 3, 33, 130), k);
      boolean signed = random.nextBoolean();
      byte[] numbers = new byte[k * n];
      random.nextBytes(numbers);
      DataType type = signed ? DataType.INT8 : DataType.UINT8;
      byte zero = signed ? 0 : random.nextBoolean() ? (byte) 128 : 77;
      model.builder.constant("w", ModelBuilder.raw(type, numbers, k, n));
      model.builder.constant("wz", ModelBuilder.raw(type, new byte[] {zero}));
      model.builder.constant("ws", new long[] {}, 0.01f);
      if (seed % 2 == 0) {
        model.node("DequantizeLinear", List.of("w", "ws", "wz"));
        model.node("MatMul", List.of("x", model.at));
      } else {
        model.builder.node("DynamicQuantizeLinear", List.of("x"), List.of("q", "s", "z"));
        model.node("MatMulInteger", List.of("q", "w", "z", "wz"));
        model.node("Cast", List.of(model.at), "to", 1L);
        model.builder.node("Mul", List.of("s", "ws"), List.of("scale"));
        model.node("Mul", List.of(model.at, "scale"));
      }
      if (random.nextBoolean()) {
        model.node("Add", List.of(model.at, model.weights(n)));
      }
      // A number that lies between two steps is rounded either way.
      cases.add(plan(model, 0.06, null, seed % 4 > 1));
    }
    check(cases, "Matmul", "Quantize", "Range");
  }

  /**
   * Each schedule that a search may come to, whole tiles and tails, rows of whole vectors or not.
   */
  @Test
  void everyScheduleOfTheSpace() {
    List<Case> cases = new ArrayList<>();
    int[][] shapes = {{70, 64, 96}, {33, 67, 30}, {5, 4, 4}, {131, 33, 65}};
    Random random = new Random(11);
    for (Schedule schedule : GpuSchedules.grid()) {
      // In a short run one shape each.
      int only = Boolean.getBoolean("quern.full") ? -1 : random.nextInt(shapes.length);
      for (int i = 0; i < shapes.length; i++) {
        if (only >= 0 && i != only) {
          continue;
        }
        int[] shape = shapes[i];
        Model model = new Model(i).input("x", 1, shape[0], shape[1]);
        model.node("MatMul", List.of("x", model.weights(shape[1], shape[2])));
        model.node("Add", List.of(model.at, model.weights(shape[2])));
        cases.add(plan(model, 5e-5, schedule));
      }
    }
    assertThat(cases).hasSizeGreaterThan(100);
    check(cases, "Matmul");
  }

  /** Weights that are more than a buffer of the device lie in several. */
  @Test
  void weightsInParts() {
    List<Case> cases = new ArrayList<>();
    for (int seed = 0; seed < 12; seed++) {
      Model model = new Model(seed);
      Random random = model.random;
      boolean narrow = seed % 3 == 0;
      int k = narrow ? 130 : pick(random, 17, 33, 64);
      int n = pick(random, 61, 64, 130);
      model.input("x", 1, pick(random, 1, 3, 5), k);
      if (narrow) {
        model.blocks(4, 32, random.nextBoolean(), false, k, n);
      } else {
        model.node("MatMul", List.of("x", model.weights(k, n)));
      }
      model.node("Add", List.of(model.at, model.weights(n)));
      cases.add(recorded(model, narrow ? 1e-3 : 5e-5));
    }
    for (int seed = 0; seed < 3; seed++) {
      Model model = new Model(seed);
      model.builder.input("i", DataType.INT64, "2", "5");
      model.feeds.put("i", Tensor.of(new long[] {0, 40, -1, 17, 18, 3, -41, 20, 39, 21}, 2, 5));
      model.node("Gather", List.of(model.weights(41, 12 + seed), "i"));
      cases.add(recorded(model, 0));
    }
    check(cases, "parts");
  }

  @Test
  void bigProductsTakeBigTiles() {
    Model model = new Model(1).input("x", 1, 389, 67);
    model.node("MatMul", List.of("x", model.weights(67, 1030)));
    check(List.of(plan(model, 5e-5)), "Matmul");
  }

  @Test
  void productsOfActivations() {
    List<Case> cases = new ArrayList<>();
    for (int seed = 0; seed < 40; seed++) {
      Model model = new Model(seed);
      Random random = model.random;
      int k = pick(random, SIZES);
      int batch = 1 + random.nextInt(3);
      model.input("x", batch, pick(random, SIZES), k);
      model.input("y", batch, k, pick(random, SIZES));
      cases.add(plan(model.node("MatMul", List.of("x", "y")), 5e-5));
    }
    check(cases, "Matmul");
  }

  @Test
  void elementwisePrograms() {
    List<Case> cases = new ArrayList<>();
    for (String op :
        List.of(
            "Neg",
            "Abs",
            "Exp",
            "Erf",
            "Tanh",
            "Sigmoid",
            "Relu",
            "Floor",
            "Ceil",
            "Round",
            "Sign",
            "Reciprocal")) {
      Model model = new Model(cases.size()).input("x", 3, pick(new Random(cases.size()), SIZES));
      cases.add(plan(model.node(op, List.of("x")), op.equals("Reciprocal") ? 1e-2 : 5e-6));
    }
    for (String op : List.of("Add", "Sub", "Mul", "Max", "Min")) {
      for (long[] other : new long[][] {{2, 3, 5}, {5}, {3, 1}, {2, 1, 5}, {1}}) {
        Model model = new Model(cases.size()).input("x", 2, 3, 5).input("y", other);
        cases.add(plan(model.node(op, List.of("x", "y")), 1e-6));
      }
    }
    // What was rounded to 8 bits, made f32 by a number that is known.
    byte[] numbers = new byte[35];
    new Random(4).nextBytes(numbers);
    Model bytes = new Model(10).input("x", Tensor.of(DataType.UINT8, numbers, 5, 7));
    bytes.builder.constant("scale", new long[] {}, 0.5f);
    bytes.builder.constant("zero", ModelBuilder.raw(DataType.UINT8, new byte[] {7}));
    cases.add(plan(bytes.node("DequantizeLinear", List.of("x", "scale", "zero")), 1e-6));
    Model bools = new Model(9).input("x", 4, 7).input("y", 7);
    bools.node("Less", List.of("x", "y"));
    cases.add(plan(bools.node("Where", List.of(bools.at, "x", "y")), 0));
    check(cases, "Elementwise");
  }

  /** Functions that are programs of arithmetic, remainders, infinities, numbers of 16 bits. */
  @Test
  void functions() {
    List<Case> cases = new ArrayList<>();
    for (String op : List.of("Sin", "Cos", "Tan", "Asin", "Atan", "Sinh", "Cosh", "Asinh")) {
      Model model = new Model(cases.size()).input("x", 3, 7);
      cases.add(plan(model.node(op, List.of("x")), 2e-5));
    }
    Model remainder = new Model(9).input("x", 5, 3).input("y", 5, 3);
    cases.add(plan(remainder.node("Mod", List.of("x", "y"), "fmod", 1L), 1e-5));
    float[] odd = {0, 1, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, -3, Float.MAX_VALUE};
    Model infinite = new Model(1).input("x", Tensor.of(odd, 6)).node("IsInf", List.of("x"));
    cases.add(plan(infinite.node("Cast", List.of(infinite.at), "to", 1L), 0));
    Model halves = new Model(2).input("x", Tensors.random(5, DataType.FLOAT16, 3, 5));
    halves.node("Mul", List.of("x", "x"));
    cases.add(plan(halves.node("Cast", List.of(halves.at), "to", 1L), 2e-3));
    check(cases, "Elementwise");
  }

  /** Each pair of numbers beside the borders of words, against Java's arithmetic, exactly. */
  @Test
  void numbersOfTwoWords() {
    long[] border = {0, 1, -1, 5, -7, 0x7fffffffL, 0x80000000L, 0xffffffffL, 1L << 32, 1L << 40};
    int count = border.length * border.length;
    long[] a = new long[count];
    long[] b = new long[count];
    for (int i = 0; i < count; i++) {
      a[i] = border[i % border.length] - (i % 3 == 0 ? 1L << 33 : 0);
      b[i] = border[i / border.length];
    }
    List<Case> cases = new ArrayList<>();
    Map<String, LongBinaryOperator> operations = new LinkedHashMap<>();
    operations.put("Add", (x, y) -> x + y);
    operations.put("Sub", (x, y) -> x - y);
    operations.put("Mul", (x, y) -> x * y);
    operations.put("Min", Math::min);
    operations.put("Max", Math::max);
    operations.forEach((op, value) -> {
      long[] wanted = new long[count];
      Arrays.setAll(wanted, i -> value.applyAsLong(a[i], b[i]));
      Model model = new Model(1).input("a", Tensor.of(a, count)).input("b", Tensor.of(b, count));
      model.builder.constant("wanted", new long[] {count}, wanted);
      model.node(op, List.of("a", "b"));
      model.node("Equal", List.of(model.at, "wanted"));
      cases.add(plan(model.node("Cast", List.of(model.at), "to", 1L), 0));
    });
    for (String op : List.of("Less", "LessOrEqual", "Greater", "GreaterOrEqual")) {
      Model model = new Model(2).input("a", Tensor.of(a, count)).input("b", Tensor.of(b, count));
      model.node(op, List.of("a", "b"));
      cases.add(plan(model.node("Cast", List.of(model.at), "to", 1L), 0));
    }
    float[] reals = {0, 1.5f, -1.5f, 3e9f, -3e9f, 1e12f, -1e12f, 2147483648f};
    long[] wanted = new long[reals.length];
    Arrays.setAll(wanted, i -> (long) reals[i]);
    Model cut = new Model(3).input("x", Tensor.of(reals, reals.length));
    cut.builder.constant("wanted", new long[] {reals.length}, wanted);
    cut.node("Cast", List.of("x"), "to", 7L);
    cut.node("Equal", List.of(cut.at, "wanted"));
    cases.add(plan(cut.node("Cast", List.of(cut.at), "to", 1L), 0));
    check(cases, "Elementwise");
  }

  @Test
  void rangesAndRunningSums() {
    List<Case> cases = new ArrayList<>();
    Model range = new Model(1);
    range.builder.input("x", F32, "n", "3");
    range.feeds.put("x", Tensors.random(1, F32, 7, 3));
    range.builder.constant("axis", new long[] {}, 0L);
    range.builder.constant("start", new long[] {}, -2L);
    range.builder.constant("step", new long[] {}, 3L);
    range.node("Gather", List.of(range.node("Shape", List.of("x")).at, "axis"));
    range.node("Range", List.of("start", range.at, "step"));
    cases.add(plan(range.node("Cast", List.of(range.at), "to", 1L), 0));
    for (int i = 0; i < 4; i++) {
      Model sums = new Model(i).input("x", 2, 5, 3);
      sums.builder.constant("axis", new long[] {}, 1L);
      List<String> inputs = List.of("x", "axis");
      sums.node("CumSum", inputs, "exclusive", (long) i % 2, "reverse", (long) i / 2);
      cases.add(plan(sums, 1e-5));
    }
    check(cases, "Iota", "CumSum", "Elementwise");
  }

  @Test
  void rows() {
    List<Case> cases = new ArrayList<>();
    for (int columns : SIZES) {
      for (String op : List.of("Softmax", "LogSoftmax")) {
        Model model = new Model(columns).input("x", 5, columns);
        cases.add(plan(model.node(op, List.of("x"), "axis", 1), 1e-5));
      }
      Model norm = new Model(columns).input("x", 4, columns);
      List<String> inputs = List.of("x", norm.weights(columns), norm.weights(columns));
      cases.add(plan(norm.node("LayerNormalization", inputs, "axis", 1), 1e-4));
      for (String op : List.of("ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1")) {
        for (long axis : new long[] {1, 2}) {
          Model model = new Model(columns).input("x", 2, columns, columns % 9 + 1);
          model.node(op, List.of("x"), "axes", new long[] {axis});
          cases.add(plan(model, 2e-5 * columns));
        }
      }
    }
    check(cases, "Softmax", "LayerNorm", "Reduce");
  }

  @Test
  void moves() {
    List<Case> cases = new ArrayList<>();
    long[][] orders = {{0, 1, 2, 3}, {0, 2, 1, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}};
    for (long[] order : orders) {
      Model model = new Model(7).input("x", 2, 3, 5, 7).node("Neg", List.of("x"));
      model.node("Transpose", List.of(model.at), "perm", order);
      cases.add(plan(model, 0));
      Model bools = new Model(8).input("x", 2, 3, 5, 7).input("y", 2, 3, 5, 7);
      bools.node("Less", List.of("x", "y"));
      bools.node("Transpose", List.of(bools.at), "perm", order);
      cases.add(plan(bools.node("Cast", List.of(bools.at), "to", 1L), 0));
    }
    Model parts = new Model(3).input("x", 2, 3, 5).input("y", 2, 4, 5);
    cases.add(plan(parts.node("Concat", List.of("x", "y"), "axis", 1), 0));
    for (int axis = 0; axis < 3; axis++) {
      Model model = new Model(axis).input("x", 4, 5, 6);
      model.input("i", Tensors.indices(axis, 4, 3, 2));
      cases.add(plan(model.node("Gather", List.of("x", "i"), "axis", axis), 0));
    }
    for (long[] pads :
        new long[][] {
          {0, 0, 1, 2, 0, 0, 3, 0}, {1, 2, 1, 0, 0, 1, 2, 5}, {0, 1, 0, 2, 2, 0, 0, 2}
        }) {
      Model model = new Model(1).input("x", 2, 3, 4, 5);
      model.builder.constant("pads", new long[] {8}, pads);
      model.builder.constant("value", new long[] {}, 1.5f);
      cases.add(plan(model.node("Pad", List.of("x", "pads", "value")), 0));
    }
    check(cases, "Copy", "Gather", "Pad");
  }

  @Test
  void convolutionsAndPools() {
    List<Case> cases = new ArrayList<>();
    for (int seed = 0; seed < 80; seed++) {
      Model model = new Model(seed);
      Random random = model.random;
      boolean depthwise = random.nextBoolean();
      int channels = pick(random, 1, 3, 4, 5, 8, 12, 17);
      int out = depthwise ? channels : pick(random, 1, 3, 4, 8, 13);
      int h = pick(random, 1, 2, 3, 5);
      int w = pick(random, 1, 3);
      model.input("x", 1 + random.nextInt(2), channels, h + 2 + random.nextInt(5), w + 5);
      if (random.nextInt(3) == 0) {
        model.node(
            "MaxPool", List.of("x"), "kernel_shape", pair(2, 3), "pads", new long[] {1, 1, 0, 2});
      } else if (random.nextInt(3) == 0) {
        model.node(
            "AveragePool",
            List.of("x"),
            "kernel_shape",
            pair(2, 2),
            "pads",
            new long[] {1, 0, 0, 1},
            "count_include_pad",
            random.nextInt(2));
      }
      String weights = model.weights(out, depthwise ? 1 : channels, h, w);
      model.node(
          "Conv",
          List.of(model.at, weights, model.weights(out)),
          "group",
          depthwise ? channels : 1,
          "strides",
          pair(pick(random, 1, 2), pick(random, 1, 1, 3)),
          "pads",
          new long[] {random.nextInt(2), 1, random.nextInt(2), 2},
          "dilations",
          pair(1, pick(random, 1, 2)));
      if (random.nextBoolean()) {
        model.node("Relu", List.of(model.at));
      }
      cases.add(plan(model, 5e-5));
    }
    check(cases, "Conv", "Depthwise", "Pool");
  }

  /** Attention of one buffer of Q, K and V rows, with a mask a key or none. */
  private static Case attention(int seed, int batch, int heads, int sq, int sk, int depth) {
    boolean masked = seed % 2 == 0;
    int row = heads * depth;
    float[] q = Tensors.random(seed, F32, batch, sq, row).floats();
    float[] kv = Tensors.random(seed + 1L, F32, batch, sk, 2L * row).floats();
    float[] mask = new float[sk];
    for (int j = 1; j < sk && masked; j++) {
      mask[j] = j % 3 == 0 ? Float.NEGATIVE_INFINITY : j % 3 == 1 ? -10000 : 0.5f;
    }
    float[] wanted = new float[batch * sq * row];
    float scale = (float) (1 / Math.sqrt(depth));
    for (int at = 0; at < batch * sq * heads; at++) {
      int b = at / heads / sq;
      int h = at % heads;
      double[] p = new double[sk];
      double top = Double.NEGATIVE_INFINITY;
      for (int j = 0; j < sk; j++) {
        for (int d = 0; d < depth; d++) {
          p[j] += (double) q[at * depth + d] * kv[(b * sk + j) * 2 * row + h * depth + d];
        }
        p[j] = p[j] * scale + mask[j];
        top = Math.max(top, p[j]);
      }
      double sum = 0;
      for (int j = 0; j < sk; j++) {
        p[j] = Math.exp(p[j] - top);
        sum += p[j];
      }
      for (int d = 0; d < depth; d++) {
        double value = 0;
        for (int j = 0; j < sk; j++) {
          value += p[j] / sum * kv[(b * sk + j) * 2 * row + row + h * depth + d];
        }
        wanted[at * depth + d] = (float) value;
      }
    }
    KernelSpec spec =
        new KernelSpec.Attention(depth, depth, row, 2 * row, 2 * row, row, 1, scale, masked);
    long[] args = new long[AttentionKernel.MASK_ROW + 1];
    args[AttentionKernel.V] = 4L * row;
    args[AttentionKernel.SQ] = sq;
    args[AttentionKernel.SK] = sk;
    args[AttentionKernel.HEADS] = heads;
    args[AttentionKernel.Q_BATCH] = 4L * sq * row;
    args[AttentionKernel.K_BATCH] = 8L * sk * row;
    args[AttentionKernel.V_BATCH] = 8L * sk * row;
    args[AttentionKernel.OUT_BATCH] = 4L * sq * row;
    for (int i = 0; i < 3; i++) {
      args[AttentionKernel.Q_HEAD + i] = 4L * depth;
    }
    int blocks = (sq + AttentionKernel.QUERIES - 1) / AttentionKernel.QUERIES;
    args[AttentionKernel.BLOCKS] = blocks;
    Integer[] buffers = new Integer[args.length];
    Arrays.fill(buffers, -1);
    buffers[AttentionKernel.Q] = 0;
    buffers[AttentionKernel.K] = 1;
    buffers[AttentionKernel.V] = 1;
    buffers[AttentionKernel.OUT] = 2;
    buffers[AttentionKernel.MASK] = 3;
    Dawn.Dispatch dispatch =
        dispatch(spec, args, List.of(buffers), (long) batch * heads * blocks, null);
    String title = spec.signature() + " sq=" + sq + " sk=" + sk;
    List<byte[]> data = List.of(bytes(q), bytes(kv), new byte[wanted.length * 4], bytes(mask));
    return new Case(
        new Dawn.Job(title, data, List.of(dispatch), 2),
        Tensor.of(wanted, batch, sq, row),
        1e-5,
        Set.of("Attention"));
  }

  @Test
  void attentionOfAnyLength() {
    List<Case> cases = new ArrayList<>();
    for (int length : new int[] {1, 2, 3, 4, 5, 7, 15, 16, 17, 31, 32, 33, 65, 200}) {
      for (int depth : new int[] {4, 32, 64}) {
        cases.add(attention(cases.size(), 2, 3, length, length, depth));
      }
      cases.add(attention(cases.size(), 1, 2, 3, length, 12));
    }
    check(cases, "Attention");
  }
}
