package dev.quern.architecture;

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
import java.util.function.Supplier;
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

  /** A network, how it is written, and in how many places its attention becomes one kernel. */
  enum Architecture {
    BERT(TextNets::bert, 2, 2, "padding added to the scores, places sliced from a constant"),
    ROBERTA(TextNets::roberta, 1, 1, "places counted by a running sum"),
    GPT2(TextNets::gpt2, 2, 2, "queries, keys and values of one product; Where by a triangle"),
    GPT2_WITH_PAST(
        TextNets::gpt2WithPast, 1, 1, "keys and values of earlier runs; Where, then padding added"),
    T5_ENCODER(TextNets::t5Encoder, 2, 2, "no scale; added are numbers chosen by distance"),
    BART_DECODER(TextNets::bartDecoder, 2, 2, "a triangle by Trilu; then an encoder's states"),
    LLAMA(
        TextNets::llama, 1, 1, "queries and keys turned, keys shared by heads, an MLP with a gate"),
    LLAMA_GROUPED(
        TextNets::llamaGrouped, 1, 1, "GroupQueryAttention with a past and lengths of the mask"),
    WHISPER_ENCODER(TextNets::whisperEncoder, 1, 1, "convolutions over time before it"),
    LSTM(TextNets::lstm, 0, 0, "both directions, a known number of steps"),
    GRU(TextNets::gru, 0, 0, "reset after the product, a known number of steps"),
    RESNET(ImageNets::resNet, 0, 0, "batch normalisation, sums with what was before"),
    MOBILENET_V2(ImageNets::mobileNetV2, 0, 0, "channels widened, convolved alone, narrowed"),
    MOBILENET_V3(ImageNets::mobileNetV3, 0, 0, "HardSwish, channels weighted by their means"),
    EFFICIENTNET(ImageNets::efficientNet, 0, 0, "SiLU, channels weighted by their means"),
    CONVNEXT(ImageNets::convNext, 0, 0, "7x7 over single channels, layer normalisation of pixels"),
    U_NET(ImageNets::uNet, 0, 0, "down, up by ConvTranspose and Resize, joined with before"),
    VIT_SCALED(
        ImageNets::vitScaled,
        1,
        1,
        "queries and keys scaled each, keys turned as matrices, shares that are NaN made 0"),
    VIT(ImageNets::vit, 1, 1, "patches by a convolution; parts of one product by Gather"),
    SWIN(ImageNets::swin, 1, 1, "windows of a shifted image, a table added to the scores"),
    EFFICIENTVIT(ImageNets::efficientViT, 2, 0, "single heads one after the other, over pixels");

    private final Supplier<Net> net;
    private final int places;
    private final int fused;
    private final String how;

    Architecture(Supplier<Net> net, int places, int fused, String how) {
      this.net = net;
      this.places = places;
      this.fused = fused;
      this.how = how;
    }

    Graph graph() {
      byte[] file = net.get().file();
      return Passes.optimise(
          GraphImporter.importModel(OnnxReader.read(Bytes.of(file))), ReferenceKernels.all());
    }
  }

  @ParameterizedTest
  @EnumSource
  void agreesWithOnnxRuntime(Architecture architecture) {
    Net net = architecture.net.get();
    Graph graph = architecture.graph();
    assertThat(fused(graph)).as("attention that became one kernel").isEqualTo(architecture.fused);
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
  private static int dispatches(Architecture architecture, Graph graph, Plan plan) {
    Map<String, long[]> dims = new LinkedHashMap<>();
    architecture.net.get().feeds().forEach((name, tensor) -> dims.put(name, tensor.dims()));
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
            kernels of a run, and how many of them have a shader for WebGPU.

            | network | how it is written | attention | steps | with a shader |
            |---|---|---|---|---|
            """);
    for (Architecture each : Architecture.values()) {
      Graph graph = each.graph();
      Plan plan = Planner.plan(graph);
      page.append("| ")
          .append(each.name().replace('_', ' '))
          .append(" | ")
          .append(each.how)
          .append(" | ")
          .append(each.places == 0 ? "" : each.fused + " of " + each.places)
          .append(" | ")
          .append(plan.steps().size())
          .append(" | ")
          .append(dispatches(each, graph, plan))
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
