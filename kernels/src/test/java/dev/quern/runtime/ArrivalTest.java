package dev.quern.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quern.onnx.Bytes;
import dev.quern.runtime.Arrival.Gap;
import dev.quern.runtime.Arrival.MissingException;
import java.util.List;
import org.junit.jupiter.api.Test;

class ArrivalTest {
  private static final int AT = 4096;

  @Test
  void onlyWhatIsOnItsWayCannotBeRead() {
    try (JavetMachine machine = JavetMachine.create()) {
      for (int i = 0; i < 25; i++) {
        machine.memory().putInt(AT + 4 * i, 0x01010101 * i);
      }
      Arrival arrival = new Arrival();
      Addressed file = (Addressed) machine.memory().view(AT, 100);
      Bytes view = arrival.view(file, List.of(new Gap(10, 20), new Gap(50, 8)));
      assertThat(view.size()).isEqualTo(100);
      assertThat(view.get(9)).isEqualTo((byte) 2);
      assertThat(view.getInt(30)).isEqualTo(0x08080707);
      assertThat(view.getLong(42)).isEqualTo(file.getLong(42));
      assertThat(view.slice(0, 10).toArray()).hasSize(10);
      assertThat(view.slice(58, 42).toArray()).endsWith((byte) 24);
      assertMissing(() -> view.get(10));
      assertMissing(() -> view.get(29));
      assertMissing(() -> view.getInt(7));
      assertMissing(() -> view.getFloat(28));
      assertMissing(() -> view.getLong(43));
      assertMissing(() -> view.getDouble(57));
      assertMissing(() -> view.slice(5, 60).slice(20, 30).toArray());
      assertThat(view.slice(5, 60).slice(25, 20).toArray()).hasSize(20);
      Addressed tensor = (Addressed) view.slice(10, 20);
      assertThat(tensor.address()).isEqualTo(AT + 10);
      assertMissing(tensor::toArray);

      arrival.complete();
      assertThat(tensor.getInt(2)).isEqualTo(0x03030303);
      assertThat(view.slice(5, 60).slice(20, 30).toArray()).isEqualTo(file.slice(25, 30).toArray());
    }
  }

  private static void assertMissing(Runnable read) {
    assertThatThrownBy(read::run)
        .isInstanceOf(MissingException.class)
        .hasMessageContaining("has not arrived");
  }
}
