package dev.quern.server.intake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quern.graph.GraphImporter;
import dev.quern.graph.passes.Passes;
import dev.quern.kernel.KernelSpec;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.onnx.OnnxModel;
import dev.quern.onnx.OnnxReader;
import dev.quern.plan.Planner;
import dev.quern.plan.Step;
import dev.quern.reference.Ort;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import dev.quern.server.weights.FileWeightStore;
import dev.quern.server.weights.ImportException;
import dev.quern.server.weights.Manifest;
import dev.quern.server.weights.ModelImport.Description;
import dev.quern.server.weights.ModelImport.Input;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class IntakeTest {
  private static final Description NET = new Description("net", "tensors", "MIT", null);

  @TempDir private Path directory;

  private static float[] weights(long seed, int count) {
    float[] values = Tensors.random(seed, DataType.FLOAT, count).floats().clone();
    for (int i = 0; i < count; i++) {
      values[i] *= 0.1f;
    }
    return values;
  }

  /**
   * Three products of odd sizes, one of each form that exporters write, of an input [n, 67]: plain,
   * transposed with a bias, and with an addend that is no vector.
   */
  private static ModelBuilder net(int opset) {
    return new ModelBuilder(opset)
        .input("x", DataType.FLOAT, "n", "67")
        .constant("w1", new long[] {67, 131}, weights(1, 67 * 131))
        .constant("w2", new long[] {65, 131}, weights(2, 65 * 131))
        .constant("b2", new long[] {65}, weights(3, 65))
        .constant("w3", new long[] {65, 77}, weights(4, 65 * 77))
        .constant("b3", new long[] {1, 77}, weights(5, 77))
        .node("MatMul", List.of("x", "w1"), List.of("h1"))
        .node("Relu", List.of("h1"), List.of("h2"))
        .node("Gemm", List.of("h2", "w2", "b2"), List.of("h3"), "transB", 1)
        .node("Tanh", List.of("h3"), List.of("h4"))
        .node("Gemm", List.of("h4", "w3", "b3"), List.of("y"))
        .output("y", DataType.FLOAT);
  }

  private Intake.Result take(Path path, Dtype dtype) throws IOException {
    return Intake.run(store(), NET, path, new Intake.Settings(dtype, Map.of()));
  }

  private FileWeightStore store() throws IOException {
    return new FileWeightStore(directory.resolve("store"));
  }

  private byte[] stored(Manifest manifest) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    var content = store().find(manifest.files().getFirst().sha256()).orElseThrow().identity();
    content.write(0, content.length(), out);
    return out.toByteArray();
  }

  private static String line(Intake.Result result, String word) {
    return result.lines().stream().filter(l -> l.startsWith(word)).findFirst().orElse("");
  }

  @ParameterizedTest
  @CsvSource({
    "F16, 13, f16, 0.001",
    "F16, 11, f16, 0.001",
    "INT8, 13, i8, 0.02",
    "INT8, 11, i8b32, 0.02",
    "INT4, 17, i4b32, 0.25"
  })
  void fewerBitsRunOnKernelsMadeForThemAndAsOnnxRuntimeSays(
      Dtype dtype, int opset, String format, double most) throws IOException {
    byte[] original = net(opset).build();
    Path file = Files.write(directory.resolve("net.onnx"), original);
    Intake.Result result = take(file, dtype);
    byte[] narrowed = stored(result.manifest());
    OnnxModel model = OnnxReader.read(Bytes.of(narrowed));

    Map<String, Tensor> inputs = Map.of("x", Tensors.random(9, DataType.FLOAT, 5, 67));
    Tensor exact = Ort.run(original, inputs).get("y");
    Tensor theirs = Ort.run(narrowed, inputs).get("y");
    Calibration.Result compared =
        Calibration.compare(OnnxReader.read(Bytes.of(original)), model, Map.of());
    double rms = Calibration.difference("y", exact, theirs).rms();
    assertThat(rms).isBetween(most / 100, most);
    Calibration.Difference stated = compared.differences().getFirst();
    assertThat(stated.rms()).as("on other inputs").isBetween(rms / 2, rms * 2);
    Tensor made = compared.inputs().get("x");
    assertThat(made.dims()).containsExactly(1, 67);
    Calibration.Difference same =
        Calibration.difference(
            "y",
            Ort.run(original, compared.inputs()).get("y"),
            Ort.run(narrowed, compared.inputs()).get("y"));
    assertThat(stated.rms() / same.rms()).as("on the same inputs").isBetween(0.98, 1.02);
    assertThat(line(result, "error")).contains("y: RMS " + Summary.number(100 * stated.rms()));

    List<String> formats =
        Planner.plan(Passes.optimise(GraphImporter.importModel(model))).steps().stream()
            .map(Step::kernel)
            .filter(KernelSpec.Matmul.class::isInstance)
            .map(kernel -> ((KernelSpec.Matmul) kernel).format().label())
            .toList();
    assertThat(formats).containsExactly(format, format, format);
    assertThat(line(result, "weights")).contains("3 of 3 matrices as " + dtype.label());
  }

  @Test
  void theSameFileGivesTheSameBytes() throws IOException {
    Path file = Files.write(directory.resolve("net.onnx"), net(13).build());
    Manifest first = take(file, Dtype.INT4).manifest();
    assertThat(take(file, Dtype.INT4).manifest()).isEqualTo(first);
  }

  @Test
  void whatIsUsedOtherwiseOrHasOddFactorsStaysAsItIs() throws IOException {
    float[] large = weights(7, 64 * 64);
    large[100] = 1e6f;
    byte[] model =
        net(13)
            .constant("table", new long[] {100, 67}, weights(6, 6700))
            .constant("large", new long[] {64, 64}, large)
            .constant("small", new long[] {64, 63}, weights(8, 64 * 63))
            .constant("scaled", new long[] {63, 67}, weights(9, 63 * 67))
            .input("ids", DataType.INT64, "n", "s")
            .node("Gather", List.of("table", "ids"), List.of("words"))
            .node("Gemm", List.of("x", "table"), List.of("g1"), "transB", 1)
            .node("Slice", List.of("g1", "from", "to", "axis"), List.of("g2"))
            .constant("from", new long[] {1}, 0L)
            .constant("to", new long[] {1}, 64L)
            .constant("axis", new long[] {1}, 1L)
            .node("MatMul", List.of("g2", "large"), List.of("g3"))
            .node("MatMul", List.of("g3", "small"), List.of("g4"))
            .node("Gemm", List.of("g4", "scaled"), List.of("g5"), "alpha", 0.5f)
            .output("words", DataType.FLOAT)
            .output("g5", DataType.FLOAT)
            .build();
    Path file = Files.write(directory.resolve("net.onnx"), model);
    Intake.Result halves = take(file, Dtype.F16);
    assertThat(line(halves, "weights")).contains("4 of 7 matrices");
    assertThat(String.join("\n", halves.lines()))
        .contains("as it is: table: it also serves Gather, transposed product")
        .contains("as it is: large: it holds a number too large for f16")
        .contains("as it is: small: it has 4032 numbers only")
        .doesNotContain("scaled:");
    Intake.Result blocks = take(file, Dtype.INT4);
    assertThat(String.join("\n", blocks.lines()))
        .contains("as it is: scaled: its Gemm has alpha, beta or transA");
    byte[] narrowed = stored(blocks.manifest());
    Map<String, Tensor> inputs =
        Map.of("x", Tensors.random(9, DataType.FLOAT, 3, 67), "ids", Tensors.indices(3, 100, 3, 2));
    Map<String, Tensor> theirs = Ort.run(narrowed, inputs);
    Tensors.assertClose(theirs.get("words"), Ort.run(model, inputs).get("words"), 0);
    assertThat(theirs.get("g5").dims()).containsExactly(3, 67);
  }

  @Test
  void weightsInConstantNodesAreConverted() throws IOException {
    byte[] model =
        new ModelBuilder(13)
            .input("x", DataType.FLOAT, "n", "64")
            .node(
                "Constant",
                List.of(),
                List.of("w"),
                "value",
                ModelBuilder.tensor(weights(1, 64 * 70), 64, 70))
            .node("MatMul", List.of("x", "w"), List.of("y"))
            .output("y", DataType.FLOAT)
            .build();
    Path file = Files.write(directory.resolve("net.onnx"), model);
    Intake.Result result = take(file, Dtype.INT8);
    assertThat(line(result, "weights")).contains("1 of 1 matrices", "17.9 kB to 4.76 kB");
    assertThat(line(result, "fused")).contains("1 products of few bits");
    byte[] narrowed = stored(result.manifest());
    assertThat(narrowed.length).isLessThan(6000);
    Map<String, Tensor> inputs = Map.of("x", Tensors.random(9, DataType.FLOAT, 2, 64));
    Tensor exact = Ort.run(model, inputs).get("y");
    Tensor theirs = Ort.run(narrowed, inputs).get("y");
    assertThat(Calibration.difference("y", exact, theirs).rms()).isBetween(0.0005, 0.02);
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "INT4"})
  void tensorsInAFileOfTheirOwnAreTakenAlong(Dtype dtype) throws IOException {
    Path folder = Files.createDirectories(directory.resolve("model/onnx"));
    List<Input> written =
        ModelWriter.write(net(13).proto(), Map.of(), folder, "model.onnx", 10_000);
    assertThat(written).extracting(Input::path).containsExactly("model.onnx", "model.onnx.data");
    assertThat(Files.size(folder.resolve("model.onnx"))).isLessThan(3000);
    Files.writeString(directory.resolve("model/config.json"), "{}");
    Manifest manifest = take(directory.resolve("model"), dtype).manifest();
    List<String> roles = manifest.files().stream().map(f -> f.role() + " " + f.path()).toList();
    if (dtype == Dtype.F32) {
      assertThat(roles)
          .containsExactly("model model.onnx", "data model.onnx.data", "config config.json");
    } else {
      assertThat(roles).containsExactly("model model.onnx", "config config.json");
    }
    Manifest alone = take(folder.resolve("model.onnx"), dtype).manifest();
    assertThat(alone.files().getFirst()).isEqualTo(manifest.files().getFirst());
    assertThat(alone.files()).hasSize(manifest.files().size() - 1);
  }

  @Test
  void largeModelsGetAFileForTheirTensors() throws IOException {
    byte[] model = net(13).build();
    Path folder = Files.createDirectories(directory.resolve("model"));
    Path again = Files.createDirectories(directory.resolve("again"));
    ModelWriter.write(net(13).proto(), Map.of(), folder, "model.onnx", 0);
    Path file = folder.resolve("model.onnx");
    try (Arena arena = Arena.ofConfined()) {
      ModelFiles.Opened opened = ModelFiles.open(file, arena);
      ModelWriter.write(ModelWriter.read(file), opened.tensors(), again, "a.onnx", 0);
      ModelWriter.write(ModelWriter.read(file), opened.tensors(), again, "b.onnx", 1 << 20);
      for (Path other : List.of(file, again.resolve("a.onnx"), again.resolve("b.onnx"))) {
        Calibration.Result same =
            Calibration.compare(
                OnnxReader.read(Bytes.of(model)), ModelFiles.open(other, arena).model(), Map.of());
        assertThat(same.differences().getFirst().largest()).isZero();
      }
    }
    assertThat(Files.exists(again.resolve("b.onnx.data"))).isFalse();
  }

  @Test
  void indicesStayWithinTheirTableAndSizesMayBeGiven() throws IOException {
    byte[] model =
        new ModelBuilder(13)
            .input("ids", DataType.INT64, "batch", "tokens")
            .constant("table", new long[] {9, 64}, weights(1, 9 * 64))
            .constant("w", new long[] {64, 64}, weights(2, 64 * 64))
            .node("Gather", List.of("table", "ids"), List.of("words"))
            .node("MatMul", List.of("words", "w"), List.of("y"))
            .output("y", DataType.FLOAT)
            .build();
    OnnxModel read = OnnxReader.read(Bytes.of(model));
    Tensor ids = Calibration.compare(read, read, Map.of()).inputs().get("ids");
    assertThat(ids.dims()).containsExactly(1, 16);
    assertThat(Arrays.stream(ids.longs()).max().orElseThrow()).isBetween(6L, 8L);
    assertThat(Calibration.compare(read, read, Map.of("tokens", 3)).inputs().get("ids").dims())
        .containsExactly(1, 3);
    assertThatThrownBy(() -> Calibration.compare(read, read, Map.of("rows", 3)))
        .isInstanceOf(ImportException.class)
        .hasMessageContaining("no size 'rows', but [batch, tokens]");
  }

  @Test
  void imagesAreMadeLargerUntilTheyFit() {
    byte[] model =
        new ModelBuilder(13)
            .input("image", DataType.FLOAT, "n", "1", "h", "w")
            .constant("window", new long[] {1, 1, 20, 20}, weights(1, 400))
            .node("Conv", List.of("image", "window"), List.of("y"))
            .output("y", DataType.FLOAT)
            .build();
    OnnxModel read = OnnxReader.read(Bytes.of(model));
    assertThat(Calibration.compare(read, read, Map.of()).inputs().get("image").dims())
        .containsExactly(1, 1, 32, 32);
    assertThatThrownBy(() -> Calibration.compare(read, read, Map.of("h", 3)))
        .isInstanceOf(ImportException.class)
        .hasMessageContaining("does not run with made-up inputs", "--size n=8", "[n, h, w]");
  }

  @Test
  void sizesThatAreSumsFitTheirParts() {
    byte[] model =
        new ModelBuilder(13)
            .input("past", DataType.FLOAT, "batch", "past_length")
            .input("now", DataType.FLOAT, "batch", "length")
            .input("mask", DataType.FLOAT, "batch", "past_length + length")
            .node("Concat", List.of("past", "now"), List.of("all"), "axis", 1)
            .node("Mul", List.of("all", "mask"), List.of("y"))
            .output("y", DataType.FLOAT)
            .build();
    OnnxModel read = OnnxReader.read(Bytes.of(model));
    assertThat(Calibration.compare(read, read, Map.of()).inputs().get("mask").dims())
        .containsExactly(1, 17);
  }

  @Test
  void nothingIsStoredOfWhatIsNoModel() throws IOException {
    byte[] whole = net(13).build();
    Path cut = Files.write(directory.resolve("cut.onnx"), Arrays.copyOf(whole, whole.length / 2));
    byte[] unknown =
        new ModelBuilder(13)
            .input("x", DataType.FLOAT, "4")
            .node("Frobnicate", List.of("x"), List.of("y"))
            .output("y", DataType.FLOAT)
            .build();
    Path odd = Files.write(directory.resolve("odd.onnx"), unknown);
    Path tiny = Files.write(directory.resolve("tiny.onnx"), tiny());
    for (Dtype dtype : Dtype.values()) {
      refused(cut, dtype, "cut.onnx", "damaged");
      refused(odd, dtype, "Frobnicate", "not supported");
    }
    refused(tiny, Dtype.INT4, "no weights of products", "w: it has 12 numbers only");
  }

  private static byte[] tiny() {
    return new ModelBuilder(13)
        .input("x", DataType.FLOAT, "4", "4")
        .constant("w", new long[] {4, 3}, weights(1, 12))
        .node("MatMul", List.of("x", "w"), List.of("y"))
        .output("y", DataType.FLOAT)
        .build();
  }

  @Test
  void otherFormatsAreRefusedWithTheirConverter() throws IOException {
    Path lite = Files.write(directory.resolve("net.tflite"), new byte[100]);
    refused(lite, Dtype.F32, "TensorFlow Lite", "tf2onnx.convert --tflite", "tflite2onnx");
    byte[] flat = new byte[100];
    System.arraycopy("TFL3".getBytes(StandardCharsets.US_ASCII), 0, flat, 4, 4);
    refused(Files.write(directory.resolve("net.onnx"), flat), Dtype.F32, "TensorFlow Lite");
    Path folder = Files.createDirectories(directory.resolve("tfjs"));
    Files.writeString(
        folder.resolve("model.json"), "{\"format\": \"graph-model\", \"modelTopology\": {}}");
    Files.write(folder.resolve("group1-shard1of1.bin"), new byte[10]);
    refused(folder, Dtype.F32, "TensorFlow.js graph model", "tf2onnx.convert --tfjs");
    Files.writeString(
        folder.resolve("model.json"), "{\"format\": \"layers-model\", \"modelTopology\": {}}");
    refused(folder.resolve("model.json"), Dtype.F32, "layers model", "tensorflowjs_converter");
    Path torch = Files.write(directory.resolve("net.safetensors"), new byte[100]);
    refused(torch, Dtype.F32, "PyTorch", "torch.onnx.export");
  }

  private void refused(Path path, Dtype dtype, String... parts) throws IOException {
    assertThatThrownBy(() -> take(path, dtype))
        .isInstanceOf(ImportException.class)
        .message()
        .contains(parts);
    try (Stream<Path> files = Files.walk(directory.resolve("store"))) {
      assertThat(files.filter(Files::isRegularFile)).isEmpty();
    }
  }

  @Test
  void aNameIsMadeOfThePath() {
    assertThat(Intake.name(Path.of("models/My net (v2).onnx"))).isEqualTo("My-net-v2-");
    assertThat(Intake.name(Path.of("models/minilm/"))).isEqualTo("minilm");
    assertThat(Intake.name(Path.of("/"))).isEqualTo("model");
  }
}
