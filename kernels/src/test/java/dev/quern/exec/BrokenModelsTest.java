package dev.quern.exec;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.onnx.BrokenModels;
import dev.quern.onnx.BrokenModels.Broken;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxReader;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What is broken in any run is refused before the first one. */
class BrokenModelsTest {
  @Test
  void refusesEachWithItsPlace() {
    List<String> wrong = new ArrayList<>();
    for (Broken model : BrokenModels.all()) {
      try {
        Executor.of(OnnxReader.read(Bytes.of(model.file())), Device.REFERENCE);
        wrong.add(model.name() + ": accepted");
      } catch (ModelException e) {
        if (!e.getMessage().contains(model.place())) {
          wrong.add(model.name() + ": " + e.getMessage() + " lacks " + model.place());
        }
      }
    }
    assertThat(wrong).isEmpty();
  }
}
