package dev.quern.architecture;

import static org.assertj.core.api.Assertions.assertThat;

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
import java.util.Map;
import java.util.function.Supplier;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Architectures as exporters write them, small and with seeded weights: each is planned as a whole,
 * its attention is recognised, and generated kernels in V8 give what ONNX Runtime gives.
 */
class ArchitecturesTest {
  /** A network, and in how many places its attention becomes one kernel. */
  enum Architecture {
    BERT(TextNets::bert, 2),
    ROBERTA(TextNets::roberta, 1),
    GPT2(TextNets::gpt2, 2),
    T5_ENCODER(TextNets::t5Encoder, 2),
    BART_DECODER(TextNets::bartDecoder, 2),
    LLAMA(TextNets::llama, 1),
    WHISPER_ENCODER(TextNets::whisperEncoder, 1),
    LSTM(TextNets::lstm, 0),
    GRU(TextNets::gru, 0),
    RESNET(ImageNets::resNet, 0),
    MOBILENET_V2(ImageNets::mobileNetV2, 0),
    MOBILENET_V3(ImageNets::mobileNetV3, 0),
    EFFICIENTNET(ImageNets::efficientNet, 0),
    CONVNEXT(ImageNets::convNext, 0),
    U_NET(ImageNets::uNet, 0),
    VIT(ImageNets::vit, 1),
    SWIN(ImageNets::swin, 1),
    EFFICIENTVIT(ImageNets::efficientViT, 0);

    private final Supplier<Net> net;
    private final int fused;

    Architecture(Supplier<Net> net, int fused) {
      this.net = net;
      this.fused = fused;
    }
  }

  @ParameterizedTest
  @EnumSource
  void agreesWithOnnxRuntime(Architecture architecture) {
    Net net = architecture.net.get();
    byte[] file = net.file();
    Graph graph =
        Passes.optimise(
            GraphImporter.importModel(OnnxReader.read(Bytes.of(file))), ReferenceKernels.all());
    long fused = graph.nodes().stream().filter(node -> node.isQuern("Attention")).count();
    assertThat(fused).as("attention that became one kernel").isEqualTo(architecture.fused);
    Plan plan = Planner.plan(graph);
    Map<String, Tensor> expected = Ort.run(file, net.feeds());
    try (JavetMachine machine = JavetMachine.create()) {
      ModelRunner runner = ModelRunner.load(machine, graph, plan, Limits.DEFAULT, 0);
      Map<String, Tensor> actual = runner.run(net.feeds());
      assertThat(actual.keySet()).isEqualTo(expected.keySet());
      expected.forEach((name, tensor) -> Tensors.assertClose(actual.get(name), tensor, 1e-4));
    }
  }
}
