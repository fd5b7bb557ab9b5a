package dev.quern.e2e.models;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.e2e.oracle.Oracle;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** ONNX Runtime goes on as the decoder was built to, with keys and values kept and without. */
class CopyingDecoderTest {
  /** What follows is the second token again, and so on. */
  private static final List<String> CYCLE = List.of(" red", " green", " caf", " ", "g", " blue");

  private static List<Integer> ids(List<String> tokens) {
    return tokens.stream().map(CopyingDecoder::id).toList();
  }

  @Test
  void continuesWithWhatFollowedBefore() {
    List<String> prompt = new ArrayList<>(List.of("o"));
    prompt.addAll(CYCLE);
    prompt.add(CYCLE.getFirst());
    List<String> expected = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      expected.add(CYCLE.get((i + 1) % CYCLE.size()));
    }
    try (Oracle oracle = new Oracle(CopyingDecoder.file())) {
      Greedy greedy = new Greedy(oracle::run, CopyingDecoder.SIZES);
      assertThat(greedy.kept(ids(prompt), 40)).isEqualTo(ids(expected));
      assertThat(greedy.afresh(ids(prompt), 40)).isEqualTo(ids(expected));
    }
  }
}
