package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.e2e.architectures.Architecture;
import dev.quern.e2e.architectures.Network;
import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.oracle.Oracle;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each architecture, small, with two threads: every output is that of ONNX Runtime. */
@InEachBrowser
class ArchitecturesInBrowsersTest {
  private static final double TOLERANCE = 1e-4;

  private final BrowserKind kind;

  ArchitecturesInBrowsersTest(BrowserKind kind) {
    this.kind = kind;
  }

  @Test
  void agreeWithOnnxRuntime(@TempDir Path folder) throws IOException {
    SoftAssertions all = new SoftAssertions();
    try (Harness harness = Site.harness(TestBrowsers.get(kind), true)) {
      for (Architecture architecture : Architecture.values()) {
        Network network = architecture.small();
        byte[] onnx = network.file();
        Path file = folder.resolve(architecture.name() + ".onnx");
        Files.write(file, onnx);
        Map<String, TensorData> inputs = new LinkedHashMap<>();
        network.feeds().forEach((name, tensor) -> inputs.put(name, TensorData.of(tensor)));
        try (Oracle oracle = new Oracle(onnx);
            Harness.Loaded model = harness.session(file, Site.fixed().put("threads", 2))) {
          Map<String, TensorData> expected = oracle.run(inputs);
          // Twice: the second run begins with what the first has left.
          model.run(inputs);
          Map<String, TensorData> outputs = model.run(inputs).tensors();
          assertThat(outputs.keySet()).isEqualTo(expected.keySet());
          expected.forEach((name, tensor) -> {
            assertThat(outputs.get(name).shape()).isEqualTo(tensor.shape());
            all.assertThat(difference(outputs.get(name).floats(), tensor.floats()))
                .as("%s, output %s", architecture, name)
                .isLessThan(TOLERANCE);
          });
        }
      }
    }
    all.assertAll();
  }

  /** The largest difference, over 1 or the largest value. */
  private static double difference(float[] got, float[] wanted) {
    double largest = 1;
    double worst = 0;
    for (int i = 0; i < wanted.length; i++) {
      largest = Math.max(largest, Math.abs(wanted[i]));
      double off = Math.abs(got[i] - wanted[i]);
      worst = off <= worst ? worst : off;
    }
    return worst / largest;
  }
}
