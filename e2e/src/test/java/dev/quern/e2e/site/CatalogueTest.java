package dev.quern.e2e.site;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.e2e.browser.BrowserKind;
import dev.quern.e2e.browser.TestBrowsers;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.models.Models;
import dev.quern.e2e.models.ReceiptPhoto;
import dev.quern.e2e.oracle.Oracle;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The models of the catalogue that take images agree with ONNX Runtime on a photograph. */
@InEachBrowser
class CatalogueTest {
  /** Largest difference of a probability; 3e-5 was seen, on Chromium, in detection. */
  private static final double TOLERANCE = 1e-4;

  /** A model, and parts of the photograph in sizes that it takes. */
  enum Model {
    DETECTION(
        "pp-ocr-v4-detection.onnx",
        ReceiptPhoto.tensor(0, 0, 900, 1200, 288, 384, 0.45f, 0.225f),
        ReceiptPhoto.tensor(100, 40, 720, 480, 480, 320, 0.45f, 0.225f)),
    RECOGNITION(
        "pp-ocr-v4-recognition.onnx",
        ReceiptPhoto.tensor(230, 130, 420, 56, 360, 48, 0.5f, 0.5f),
        ReceiptPhoto.tensor(160, 330, 560, 48, 480, 48, 0.5f, 0.5f)),
    DIRECTION(
        "pp-ocr-v2-direction.onnx", ReceiptPhoto.tensor(230, 130, 224, 56, 192, 48, 0.5f, 0.5f)),
    CLASSIFIER("mobilenet-v2-1.4.onnx", ReceiptPhoto.tensor(0, 0, 900, 900, 224, 224, 0f, 1f));

    final String file;
    final List<TensorData> images;

    Model(String file, TensorData... images) {
      this.file = file;
      this.images = List.of(images);
    }
  }

  private final BrowserKind kind;

  CatalogueTest(BrowserKind kind) {
    this.kind = kind;
  }

  @ParameterizedTest
  @EnumSource
  void agreesWithOnnxRuntime(Model model) throws IOException {
    Path file = Models.catalogue(model.file);
    try (Oracle oracle = new Oracle(Files.readAllBytes(file));
        Harness harness = Site.harness(TestBrowsers.get(kind), true);
        Harness.Loaded loaded = harness.session(file, Site.fixed())) {
      assertThat(loaded.facts().get("device").asString()).isEqualTo("wasm");
      String input = loaded.facts().get("inputs").get(0).get("name").asString();
      for (TensorData image : model.images) {
        TensorData expected = first(oracle.run(Map.of(input, image)));
        TensorData got = first(loaded.run(Map.of(input, image)).tensors());
        assertThat(got.shape()).isEqualTo(expected.shape());
        double difference =
            AgreementTest.difference(
                new float[][] {got.floats()}, new float[][] {expected.floats()});
        assertThat(difference).as(model + " " + image.shape()).isLessThan(TOLERANCE);
      }
    }
  }

  static TensorData first(Map<String, TensorData> outputs) {
    return outputs.values().iterator().next();
  }
}
