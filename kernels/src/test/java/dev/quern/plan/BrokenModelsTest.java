package dev.quern.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import com.sun.management.ThreadMXBean;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.passes.Passes;
import dev.quern.onnx.BrokenModels;
import dev.quern.onnx.BrokenModels.Broken;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxReader;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is broken is refused with a place and a reason, at once and in little memory. */
class BrokenModelsTest {
  /** A refusal takes milliseconds; what is caught here is work that does not end. */
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private static final long MOST_BYTES = 64L << 20;

  static List<Broken> broken() {
    return BrokenModels.all();
  }

  static Stream<Broken> unbroken() {
    return BrokenModels.unbroken().stream();
  }

  private static Plan plan(byte[] file) {
    return Planner.plan(
        Passes.optimise(GraphImporter.importModel(OnnxReader.read(Bytes.of(file)))));
  }

  @Test
  void thereAreEnough() {
    assertThat(broken()).hasSizeGreaterThanOrEqualTo(300);
    assertThat(broken().stream().map(Broken::name)).doesNotHaveDuplicates();
  }

  @ParameterizedTest
  @MethodSource("unbroken")
  void whatTheyAreMadeOfIsAccepted(Broken model) {
    assertThatCode(() -> plan(model.file())).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @MethodSource("broken")
  void isRefused(Broken model) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long[] allocated = new long[1];
    RuntimeException refusal =
        Assertions.assertTimeoutPreemptively(
            PATIENCE,
            () -> {
              long before = threads.getCurrentThreadAllocatedBytes();
              try {
                plan(model.file());
                return null;
              } catch (ModelException | PlanException e) {
                return e;
              } finally {
                allocated[0] = threads.getCurrentThreadAllocatedBytes() - before;
              }
            });
    assertThat(refusal).as("%s was accepted", model).isNotNull();
    assertThat(refusal.getMessage()).as(model.name()).contains(model.place());
    assertThat(allocated[0]).isLessThan(MOST_BYTES + model.file().length);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void mutantsArePlannedOrRefused(long seed) {
    for (byte[] mutant : BrokenModels.mutants(seed, 500)) {
      Assertions.assertTimeoutPreemptively(
          PATIENCE,
          () -> {
            try {
              plan(mutant);
            } catch (ModelException | PlanException e) {
              assertThat(e.getMessage()).isNotBlank();
            }
          });
    }
  }
}
