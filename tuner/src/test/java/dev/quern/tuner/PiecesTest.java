package dev.quern.tuner;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PiecesTest {
  @Test
  void whatAPieceAddsComesBeforeWhatWasThere() {
    Pieces pieces = new Pieces();
    List<String> done = new ArrayList<>();
    pieces.add(() -> {
      done.add("a");
      pieces.add(() -> {
        done.add("a1");
        pieces.add(() -> done.add("a1x"));
      });
      pieces.add(() -> done.add("a2"));
    });
    pieces.add(() -> done.add("b"));
    int calls = 1;
    while (pieces.next()) {
      calls++;
    }
    assertThat(done).containsExactly("a", "a1", "a1x", "a2", "b");
    assertThat(calls).isEqualTo(5);
    assertThat(pieces.next()).isFalse();
  }
}
