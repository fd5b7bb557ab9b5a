package dev.quern.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.passes.Passes;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.onnx.OnnxReader;
import dev.quern.plan.Activation;
import dev.quern.plan.Plan;
import dev.quern.plan.Planner;
import dev.quern.schedule.GpuSchedules;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RecorderTest {
  private static final GpuLimits LIMITS = new GpuLimits(8, 128 << 20);

  /** y = softmax(tanh(softmax(x · w) · w)), quantised in between, for which there is no shader. */
  private static Plan plan(boolean quantised) {
    ModelBuilder builder = new ModelBuilder(17);
    builder.input("x", DataType.FLOAT, "n", "8");
    float[] weights = new float[64];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = i % 7;
    }
    builder.constant("w", new long[] {8, 8}, weights);
    builder.constant("axis", new long[] {}, 1L);
    builder.node("MatMul", List.of("x", "w"), List.of("a"));
    builder.node("Softmax", List.of("a"), List.of("b"));
    String last = "b";
    if (quantised) {
      builder.node("DynamicQuantizeLinear", List.of("b"), List.of("q", "scale", "zero"));
      builder.node("DequantizeLinear", List.of("q", "scale", "zero"), List.of("c"));
      last = "c";
    }
    builder.node("MatMul", List.of(last, "w"), List.of("d"));
    builder.node("Tanh", List.of("d"), List.of("e"));
    builder.node("Softmax", List.of("e"), List.of("y"));
    byte[] file = builder.output("y", DataType.FLOAT).build();
    Graph graph = Passes.optimise(GraphImporter.importModel(OnnxReader.read(Bytes.of(file))));
    return Planner.plan(graph);
  }

  private static Recording record(Plan plan, GpuLimits limits) {
    long[] bytes = new long[plan.weights().size()];
    Arrays.fill(bytes, 256);
    return Recorder.record(
        plan, bytes, Map.of("n", 5L), limits, new ShaderCache(GpuSchedules.Chosen.NONE));
  }

  @Test
  void whatHasShadersIsOneListOfDispatches() {
    Plan plan = plan(false);
    Recording recording = record(plan, LIMITS);
    assertThat(recording.parts()).hasSize(1);
    assertThat(recording.dispatches()).isEqualTo(plan.steps().size());
    assertThat(recording.flops()).isGreaterThanOrEqualTo(2 * 2 * 5 * 8 * 8);
    // Both softmaxes have one shader; the products differ in what follows them.
    assertThat(recording.shaders()).hasSize(3).doesNotHaveDuplicates();
    assertThat(recording.buffers().stream().filter(b -> b.weight() >= 0)).isNotEmpty();
  }

  @Test
  void stepsSeeNoMoreThanTheirTensors() {
    Plan plan = plan(false);
    Recording recording = record(plan, LIMITS);
    Recording.Dispatches all = (Recording.Dispatches) recording.parts().getFirst();
    for (Recording.Dispatch dispatch : all.list()) {
      for (Recording.Binding binding : dispatch.bindings()) {
        Recording.Buffer buffer = recording.buffers().get(binding.buffer());
        assertThat(binding.bytes()).isLessThanOrEqualTo(buffer.bytes());
        if (buffer.weight() >= 0) {
          assertThat(binding.bytes()).isEqualTo(buffer.bytes());
        } else {
          // Activations are [5, 8] of f32.
          assertThat(binding.bytes()).isBetween(16L, 160L);
        }
      }
    }
  }

  @Test
  void stepsWithoutShadersStayOnTheCpuBetweenTheOthers() {
    Plan plan = plan(true);
    Recording recording = record(plan, LIMITS);
    List<Recording.OnCpu> onCpu = new ArrayList<>();
    int covered = recording.dispatches();
    for (Recording.Part part : recording.parts()) {
      if (part instanceof Recording.OnCpu steps) {
        onCpu.add(steps);
        covered += steps.last() - steps.first();
        assertThat(steps.why()).contains("no shader is made for");
        assertThat(steps.needs()).isNotEmpty();
        assertThat(steps.gives()).isNotEmpty();
        for (int id : steps.needs()) {
          assertThat(plan.activations().get(id).first()).isLessThan(steps.first());
        }
      }
    }
    assertThat(onCpu).hasSize(1);
    assertThat(covered).isEqualTo(plan.steps().size());
    assertThat(recording.parts()).hasSize(3);
  }

  @Test
  void roundingForTheCpuAloneIsLeftOut() {
    ModelBuilder builder = new ModelBuilder(17);
    builder.input("x", DataType.FLOAT, "n", "32");
    builder.constant("w", ModelBuilder.raw(DataType.UINT8, new byte[8 * 16], 8, 1, 16));
    builder.constant("s", new long[] {8}, new float[8]);
    builder.node(
        "com.microsoft.MatMulNBits",
        List.of("x", "w", "s"),
        List.of("y"),
        "K",
        32,
        "N",
        8,
        "bits",
        4,
        "block_size",
        32,
        "accuracy_level",
        4);
    byte[] file = builder.output("y", DataType.FLOAT).build();
    Graph graph = Passes.optimise(GraphImporter.importModel(OnnxReader.read(Bytes.of(file))));
    Plan plan = Planner.plan(graph);
    assertThat(plan.steps()).hasSize(2);
    Recording recording = record(plan, LIMITS);
    assertThat(recording.parts()).hasSize(1);
    assertThat(recording.dispatches()).isEqualTo(1);
    // Where the product stays on the CPU, the rounding does, too.
    Recording small = record(plan, new GpuLimits(8, 16));
    assertThat(small.dispatches()).isZero();
    assertThat(((Recording.OnCpu) small.parts().getFirst()).last()).isEqualTo(2);
  }

  @Test
  void whatTheDeviceDoesNotAllowStaysOnTheCpu() {
    Plan plan = plan(false);
    Recording few = record(plan, new GpuLimits(2, 128 << 20));
    // A softmax reads one buffer and writes one, a product reads two.
    assertThat(few.dispatches()).isEqualTo(2);
    assertThat(few.parts().getFirst()).isInstanceOf(Recording.OnCpu.class);
    // Activations take 160 bytes.
    Recording small = record(plan, new GpuLimits(8, 150));
    assertThat(small.dispatches()).isZero();
  }

  @Test
  void weightsThatNoBufferHoldsLieInSeveral() {
    Recording recording = record(plan(false), new GpuLimits(8, 200));
    // Each product has two panels of 128 bytes.
    assertThat(recording.parts()).hasSize(1);
    assertThat(recording.dispatches()).isEqualTo(2 + 2 * 2);
    List<Recording.Buffer> weights =
        recording.buffers().stream().filter(buffer -> buffer.weight() >= 0).toList();
    assertThat(weights).extracting(Recording.Buffer::bytes).containsOnly(128L);
    assertThat(weights).extracting(Recording.Buffer::from).contains(0L, 128L);
  }

  @Test
  void activationsShareBuffersOnlyWhenTheirLivesDoNotMeet() {
    Plan plan = plan(true);
    List<Integer> places = record(plan, LIMITS).activations();
    boolean shared = false;
    for (Activation a : plan.activations()) {
      for (Activation b : plan.activations()) {
        if (a.id() < b.id() && places.get(a.id()).equals(places.get(b.id()))) {
          shared = true;
          assertThat(a.last() < b.first() || b.last() < a.first()).as("%s and %s", a, b).isTrue();
        }
      }
    }
    assertThat(shared).isTrue();
  }
}
