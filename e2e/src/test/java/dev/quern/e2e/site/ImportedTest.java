package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.oracle.Oracle;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.reference.Tensors;
import dev.quern.server.intake.Dtype;
import dev.quern.server.intake.Intake;
import dev.quern.server.weights.Manifest;
import dev.quern.server.weights.ModelImport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A model that was imported with weights of fewer bits, loaded from the server by its name. */
@InEachBrowser
class ImportedTest {
  private static final int WIDTH = 515;
  private static final int HIDDEN = 1031;

  private final BrowserKind kind;

  ImportedTest(BrowserKind kind) {
    this.kind = kind;
  }

  /**
   * The output differs from ONNX Runtime's on the stored model by what rounding the activations to
   * 8 bits costs where the weights are integers, and from the original's by what the import states.
   *
   * @param rounding most that it differs from the stored model's, as a part of the output
   * @param narrowing most that it differs from the original's
   */
  @ParameterizedTest
  @CsvSource({"F16, 1e-5, 1e-3", "INT8, 0.02, 0.03", "INT4, 0.02, 0.25"})
  void computesWhatTheStoredModelSays(
      Dtype dtype, double rounding, double narrowing, @TempDir Path folder) throws IOException {
    byte[] original = net();
    Path file = Files.write(folder.resolve("net.onnx"), original);
    String name = "net-" + dtype.label();
    Manifest manifest =
        Intake.run(
                Site.app().weights(),
                new ModelImport.Description(name, "tensors", "MIT", null),
                file,
                new Intake.Settings(dtype, Map.of()))
            .manifest();
    try (Harness harness = Site.harness(TestBrowsers.get(kind), true);
        Harness.Loaded loaded = harness.session(name, Site.fixed());
        Oracle stored = new Oracle(Site.stored(manifest.files().getFirst()));
        Oracle exact = new Oracle(original)) {
      for (int rows : new int[] {1, 7}) {
        Map<String, TensorData> inputs =
            Map.of("x", TensorData.of(random(rows, rows * WIDTH), rows, WIDTH));
        float[] got = loaded.run(inputs).tensors().get("y").floats();
        assertThat(distance(got, stored.run(inputs).get("y").floats())).isLessThan(rounding);
        assertThat(distance(got, exact.run(inputs).get("y").floats())).isLessThan(narrowing);
      }
    }
  }

  /** Two products of odd sizes, over several pieces of the store. */
  private static byte[] net() {
    return new ModelBuilder(17)
        .input("x", DataType.FLOAT, "n", String.valueOf(WIDTH))
        .constant("w1", new long[] {WIDTH, HIDDEN}, random(1, WIDTH * HIDDEN))
        .constant("b1", new long[] {HIDDEN}, random(2, HIDDEN))
        .constant("w2", new long[] {HIDDEN, WIDTH}, random(3, HIDDEN * WIDTH))
        .node("MatMul", List.of("x", "w1"), List.of("p"))
        .node("Add", List.of("p", "b1"), List.of("s"))
        .node("Relu", List.of("s"), List.of("h"))
        .node("MatMul", List.of("h", "w2"), List.of("y"))
        .output("y", DataType.FLOAT)
        .build();
  }

  private static float[] random(long seed, int count) {
    return Tensors.random(seed, DataType.FLOAT, count).floats();
  }

  /** Root mean square of the difference, as a part of that of what is expected. */
  private static double distance(float[] got, float[] expected) {
    assertThat(got).hasSameSizeAs(expected);
    double difference = 0;
    double all = 0;
    for (int i = 0; i < got.length; i++) {
      difference += Math.pow((double) got[i] - expected[i], 2);
      all += Math.pow(expected[i], 2);
    }
    return Math.sqrt(difference / all);
  }
}
