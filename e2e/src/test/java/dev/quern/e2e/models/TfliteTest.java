package dev.quern.e2e.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quern.e2e.bench.Inputs;
import dev.quern.server.models.ModelFileException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tensorflow.lite.schema.BuiltinOperator;
import org.tensorflow.lite.schema.Model;
import org.tensorflow.lite.schema.Operator;
import org.tensorflow.lite.schema.SubGraph;
import org.tensorflow.lite.schema.Tensor;

/**
 * Reads written {@code .tflite} files back by the schema. What they compute is seen where LiteRT
 * runs them: {@code ./quern bench --peers} holds each result against ONNX Runtime.
 */
class TfliteTest {

  @Test
  void aMatmulIsOneLayerWithTheWeightsOfTheOnnxFile() throws IOException {
    Model model = read(Models.tfliteMatmul(3, 5, 7));
    SubGraph graph = model.subgraphs(0);
    assertThat(problems(model)).isEmpty();
    assertThat(operators(model)).containsExactly("FULLY_CONNECTED");
    assertThat(shape(graph.tensors(graph.inputs(0)))).containsExactly(3, 5);
    assertThat(shape(graph.tensors(graph.outputs(0)))).containsExactly(3, 7);
    Operator layer = graph.operators(0);
    assertThat(layer.inputs(2)).as("no bias").isEqualTo(-1);
    Tensor weights = graph.tensors(layer.inputs(1));
    assertThat(shape(weights)).containsExactly(7, 5);
    float[] w = Inputs.random(5 * 7);
    ByteBuffer data = data(model, weights);
    for (int n = 0; n < 7; n++) {
      for (int k = 0; k < 5; k++) {
        assertThat(data.getFloat(4 * (n * 5 + k))).isEqualTo(w[k * 7 + n]);
      }
    }
  }

  @Test
  @Tag("slow")
  void mobileNetHasFusedConvolutionsOnly() throws IOException {
    Model model = read(Models.tfliteMobileNetV2());
    assertThat(problems(model)).isEmpty();
    List<String> operators = operators(model);
    assertThat(operators.stream().filter("CONV_2D"::equals)).hasSize(35);
    assertThat(operators.stream().filter("DEPTHWISE_CONV_2D"::equals)).hasSize(17);
    assertThat(operators.stream().filter("ADD"::equals)).hasSize(10);
    assertThat(operators.subList(0, 2)).containsExactly("MUL", "SUB");
    assertThat(operators.subList(operators.size() - 3, operators.size()))
        .containsExactly("MEAN", "FULLY_CONNECTED", "SOFTMAX");
    SubGraph graph = model.subgraphs(0);
    assertThat(shape(graph.tensors(graph.inputs(0)))).containsExactly(1, 224, 224, 3);
    assertThat(shape(graph.tensors(graph.outputs(0)))).containsExactly(1, 5);
  }

  @Test
  @Tag("slow")
  void miniLmHasSixLayersOfGivenShape() throws IOException {
    Model model = read(Models.tfliteMiniLm(2, 9));
    assertThat(problems(model)).isEmpty();
    List<String> operators = operators(model);
    assertThat(operators.stream().filter("FULLY_CONNECTED"::equals)).hasSize(36);
    assertThat(operators.stream().filter("BATCH_MATMUL"::equals)).hasSize(12);
    assertThat(operators.stream().filter("GELU"::equals)).hasSize(6);
    assertThat(operators.stream().filter("RSQRT"::equals)).hasSize(13);
    SubGraph graph = model.subgraphs(0);
    assertThat(graph.inputsLength()).isEqualTo(3);
    assertThat(shape(graph.tensors(graph.inputs(0)))).containsExactly(2, 9);
    assertThat(shape(graph.tensors(graph.outputs(0)))).containsExactly(2, 9, 384);
    assertThat(model.signatureDefs(0).inputs(2).name()).isEqualTo("token_type_ids");
  }

  @Test
  void aFileIsMadeOnceAVersion(@TempDir Path folder) throws IOException {
    ModelCache first = new ModelCache(folder, "aaaaaaaaaaaa");
    Path file = first.file("x", "bin", () -> new byte[] {1});
    assertThat(first.file("x", "bin", () -> new byte[] {2}))
        .isEqualTo(file)
        .hasBinaryContent(new byte[] {1});
    Path other = first.file("x-y", "bin", () -> new byte[] {3});
    Path newer = new ModelCache(folder, "bbbbbbbbbbbb").file("x", "bin", () -> new byte[] {4});
    assertThat(newer).hasBinaryContent(new byte[] {4});
    assertThat(file).as("the older version").doesNotExist();
    assertThat(other).as("another model").exists();
    assertThatThrownBy(() ->
            first.file(
                "z",
                "bin",
                () -> {
                  throw new IOException("no disk");
                }))
        .isInstanceOf(ModelFileException.class)
        .hasMessageContaining("no disk");
  }

  private static Model read(Path file) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(Model.ModelBufferHasIdentifier(bytes)).isTrue();
    return Model.getRootAsModel(bytes);
  }

  private static List<Integer> shape(Tensor tensor) {
    List<Integer> shape = new ArrayList<>();
    for (int i = 0; i < tensor.shapeLength(); i++) {
      shape.add(tensor.shape(i));
    }
    return shape;
  }

  private static List<String> operators(Model model) {
    List<String> names = new ArrayList<>();
    SubGraph graph = model.subgraphs(0);
    for (int i = 0; i < graph.operatorsLength(); i++) {
      int code =
          model.operatorCodes(Math.toIntExact(graph.operators(i).opcodeIndex())).builtinCode();
      names.add(BuiltinOperator.name(code));
    }
    return names;
  }

  private static ByteBuffer data(Model model, Tensor tensor) {
    return model
        .buffers(Math.toIntExact(tensor.buffer()))
        .dataAsByteBuffer()
        .slice()
        .order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Constants of a wrong size or place, and operators that use what is not computed yet. */
  private static List<String> problems(Model model) {
    List<String> problems = new ArrayList<>();
    SubGraph graph = model.subgraphs(0);
    Set<Integer> ready = new HashSet<>(Set.of(-1));
    for (int i = 0; i < graph.inputsLength(); i++) {
      ready.add(graph.inputs(i));
    }
    for (int i = 0; i < graph.tensorsLength(); i++) {
      Tensor tensor = graph.tensors(i);
      if (tensor.buffer() == 0) {
        continue;
      }
      ready.add(i);
      int size = 4 * shape(tensor).stream().reduce(1, (a, b) -> a * b);
      ByteBuffer data = model.buffers(Math.toIntExact(tensor.buffer())).dataAsByteBuffer();
      if (data.remaining() != size) {
        problems.add(tensor.name() + " has " + data.remaining() + " bytes, not " + size);
      }
      if (data.position() % 16 != 0) {
        problems.add(tensor.name() + " lies at " + data.position());
      }
    }
    for (int i = 0; i < graph.operatorsLength(); i++) {
      Operator operator = graph.operators(i);
      for (int j = 0; j < operator.inputsLength(); j++) {
        if (!ready.contains(operator.inputs(j))) {
          problems.add("operator " + i + " uses tensor " + operator.inputs(j) + " too early");
        }
      }
      if (!ready.add(operator.outputs(0))) {
        problems.add("operator " + i + " computes a tensor a second time");
      }
    }
    if (!ready.contains(graph.outputs(0))) {
      problems.add("the output is not computed");
    }
    return problems;
  }
}
