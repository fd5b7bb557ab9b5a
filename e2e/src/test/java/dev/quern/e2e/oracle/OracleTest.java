package dev.quern.e2e.oracle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.quern.e2e.data.TensorData;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The oracle itself: what it says must make sense before anything is held against it. */
@Tag("slow")
class OracleTest {

  @Test
  void ranksRealSentencesAndIgnoresPadding() {
    try (MiniLm model = new MiniLm()) {
      List<String> texts =
          List.of(
              "a cat sleeps",
              "a kitten is taking a nap on the sofa",
              "the stock market fell sharply");
      float[][] vectors = model.embed(texts);
      assertThat(MiniLm.cosine(vectors[0], vectors[1])).isBetween(0.4, 0.95);
      assertThat(MiniLm.cosine(vectors[0], vectors[2])).isLessThan(0.2);
      float[] alone = model.embed(texts.subList(0, 1))[0];
      assertThat(MiniLm.cosine(vectors[0], alone)).isCloseTo(1, within(1e-6));

      Map<String, TensorData> inputs = model.inputs(texts);
      TensorData hidden = model.hidden(inputs);
      assertThat(hidden.shape())
          .isEqualTo(List.of(3L, inputs.get("input_ids").shape().get(1), 384L));
    }
  }
}
