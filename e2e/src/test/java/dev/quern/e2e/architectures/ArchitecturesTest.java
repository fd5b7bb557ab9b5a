package dev.quern.e2e.architectures;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.gpu.GpuLimits;
import dev.quern.gpu.Recorder;
import dev.quern.gpu.ShaderCache;
import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.passes.Passes;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.OnnxReader;
import dev.quern.plan.Plan;
import dev.quern.plan.Planner;
import dev.quern.reference.Ort;
import dev.quern.reference.ReferenceKernels;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import dev.quern.runtime.JavetMachine;
import dev.quern.runtime.Limits;
import dev.quern.runtime.ModelRunner;
import dev.quern.schedule.GpuSchedules;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Architectures as exporters write them, small and with seeded weights: each is planned as a whole,
 * its attention is recognised, and generated kernels in V8 give what ONNX Runtime gives.
 */
class ArchitecturesTest {
  private static final Path PAGE = Path.of("..", "docs", "architectures.md");

  /** 8 buffers are what every GPU binds. */
  private static final GpuLimits LIMITS = new GpuLimits(8, 128 << 20);

  /** In how many places there is attention. */
  private static int places(Architecture architecture) {
    return switch (architecture) {
      case BERT, GPT2, T5_ENCODER, BART_DECODER, SWIN, EFFICIENTVIT -> 2;
      case ROBERTA, GPT2_WITH_PAST, LLAMA, LLAMA_GROUPED, WHISPER_ENCODER, VIT, VIT_SCALED -> 1;
      case LSTM, GRU, RESNET, MOBILENET_V2, MOBILENET_V3, EFFICIENTNET, CONVNEXT, U_NET -> 0;
    };
  }

  private static Graph graph(Network net) {
    return Passes.optimise(
        GraphImporter.importModel(OnnxReader.read(Bytes.of(net.file()))), ReferenceKernels.all());
  }

  @ParameterizedTest
  @EnumSource
  void agreesWithOnnxRuntime(Architecture architecture) {
    Network net = architecture.small();
    Graph graph = graph(net);
    assertThat(fused(graph)).as("attention that became one kernel").isEqualTo(places(architecture));
    Plan plan = Planner.plan(graph);
    Map<String, Tensor> expected = Ort.run(net.file(), net.feeds());
    try (JavetMachine machine = JavetMachine.create()) {
      ModelRunner runner = ModelRunner.load(machine, graph, plan, Limits.DEFAULT, 0);
      Map<String, Tensor> actual = runner.run(net.feeds());
      assertThat(actual.keySet()).isEqualTo(expected.keySet());
      expected.forEach((name, tensor) -> Tensors.assertClose(actual.get(name), tensor, 1e-4));
    }
  }

  private static long fused(Graph graph) {
    return graph.nodes().stream().filter(node -> node.isQuern("Attention")).count();
  }

  /** Steps of a plan that have a shader. */
  private static int dispatches(Network net, Graph graph, Plan plan) {
    Map<String, long[]> dims = new LinkedHashMap<>();
    net.feeds().forEach((name, tensor) -> dims.put(name, tensor.dims()));
    long[] weights = new long[plan.weights().size()];
    Arrays.fill(weights, 4096);
    return Recorder.record(
            plan, weights, graph.bind(dims), LIMITS, new ShaderCache(GpuSchedules.Chosen.NONE))
        .dispatches();
  }

  /** Rewritten by {@code -Dgolden.update=true}. */
  @Test
  void pageIsMadeOfThem() throws IOException {
    StringBuilder page =
        new StringBuilder(
            """
            # Architectures

            Made by `ArchitecturesTest`, which builds each of these networks as exporters write it, small and with
            seeded weights, and holds the kernels' results against ONNX Runtime's. *Attention* says in how many
            of its places scores, softmax and product became one kernel that never holds all scores; *steps* are the
            kernels of a run, and how many of them have a shader for WebGPU. `./quern bench --architectures` runs
            them at the sizes of well-known models.

            | network | how it is written | attention | steps | with a shader |
            |---|---|---|---|---|
            """);
    for (Architecture each : Architecture.values()) {
      Network net = each.small();
      Graph graph = graph(net);
      int places = places(each);
      Plan plan = Planner.plan(graph);
      page.append("| ")
          .append(each.name().replace('_', ' '))
          .append(" | ")
          .append(each.how())
          .append(" | ")
          .append(places == 0 ? "" : fused(graph) + " of " + places)
          .append(" | ")
          .append(plan.steps().size())
          .append(" | ")
          .append(dispatches(net, graph, plan))
          .append(" |\n");
    }
    if (Boolean.getBoolean("golden.update")) {
      Files.writeString(PAGE, page);
    }
    assertThat(page.toString())
        .as("%s; if the change is meant, run with -Dgolden.update=true and read it", PAGE)
        .isEqualTo(Files.readString(PAGE));
  }
}
