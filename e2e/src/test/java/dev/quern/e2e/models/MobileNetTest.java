package dev.quern.e2e.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.oracle.Oracle;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Holds the converted MobileNetV2 against what the original computes. The expected vectors are of
 * TF.js 4.22.0 itself, its CPU backend in Node 20, which ran the package's own files (nsfwjs 4.4.0,
 * {@code mobilenet_v2_mid}) on 2026-11-25 on the two images below.
 */
@Tag("slow")
class MobileNetTest {
  /** Logarithms are compared, so that rare classes count as much as the likely ones. */
  private static final double TOLERANCE = 2e-4;

  private static final float[] DIAMOND_EXPECTED = {
    0.04767463356256485f,
    0.033573687076568604f,
    0.9120486974716187f,
    0.004152067471295595f,
    0.0025509351398795843f
  };
  private static final float[] STRIPES_EXPECTED = {
    0.01814739964902401f,
    0.000632646435406059f,
    0.9810593724250793f,
    0.00009677468187874183f,
    0.0000637678531347774f
  };

  @Test
  void onnxComputesWhatTheOriginalDoes() throws IOException {
    try (Oracle oracle = new Oracle(Files.readAllBytes(Models.mobileNetV2()))) {
      TensorData images = TestImages.nchw(TestImages.DIAMOND, TestImages.STRIPES);
      TensorData result = oracle.run(Map.of("image", images)).get("probabilities");
      assertThat(result.shape()).isEqualTo(List.of(2L, 5L));
      float[] values = result.floats();
      for (int i = 0; i < 5; i++) {
        assertThat(Math.log(values[i])).isCloseTo(Math.log(DIAMOND_EXPECTED[i]), within(TOLERANCE));
        assertThat(Math.log(values[5 + i]))
            .isCloseTo(Math.log(STRIPES_EXPECTED[i]), within(TOLERANCE));
      }
    }
  }
}
