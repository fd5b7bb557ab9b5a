package dev.quern.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.passes.Passes;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.onnx.OnnxReader;
import dev.quern.reference.Interpreter;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Models that join what came before with what is new, as decoders do. */
class GrowingTest {
  private static final int WIDTH = 8;

  /** {@code present = [past, x]}, {@code y = softmax(x · presentᵀ + mask) · present}. */
  private static Graph graph() {
    return GraphImporter.importModel(
        OnnxReader.read(
            Bytes.of(
                new ModelBuilder(13)
                    .input("x", DataType.FLOAT, "batch", "new", "8")
                    .input("mask", DataType.FLOAT, "batch", "past + new")
                    .input("past", DataType.FLOAT, "batch", "past", "8")
                    .output("y", DataType.FLOAT)
                    .output("present", DataType.FLOAT)
                    .constant("axes", new long[] {1}, 1L)
                    .node("Concat", List.of("past", "x"), List.of("present"), "axis", 1)
                    .node(
                        "Transpose",
                        List.of("present"),
                        List.of("turned"),
                        "perm",
                        new long[] {0, 2, 1})
                    .node("MatMul", List.of("x", "turned"), List.of("scores"))
                    .node("Unsqueeze", List.of("mask", "axes"), List.of("row"))
                    .node("Add", List.of("scores", "row"), List.of("masked"))
                    .node("Softmax", List.of("masked"), List.of("shares"))
                    .node("MatMul", List.of("shares", "present"), List.of("y"))
                    .build())));
  }

  private static Map<String, Tensor> inputs(int batch, int past, int fresh) {
    return Map.of(
        "x", Tensors.random(past + 1, DataType.FLOAT, batch, fresh, WIDTH),
        "mask", Tensors.random(past + 2, DataType.FLOAT, batch, past + fresh),
        "past", Tensors.random(past + 3, DataType.FLOAT, batch, past, WIDTH));
  }

  @Test
  void nothingNeedHaveComeBefore() {
    Graph graph = Passes.optimise(graph());
    assertThat(graph.value("present").shape().toString()).isEqualTo("[batch, new + past, 8]");
    try (JavetMachine machine = JavetMachine.create()) {
      ModelRunner runner =
          ModelRunner.load(machine, graph, new Limits(15, 512 << 10), Control.FREE);
      for (int past : new int[] {0, 1, 5, 0}) {
        for (int fresh = 1; fresh < 4; fresh++) {
          Map<String, Tensor> inputs = inputs(2, past, fresh);
          Map<String, Tensor> expected = Interpreter.run(graph, inputs);
          runner
              .run(inputs)
              .forEach((name, got) -> Tensors.assertClose(got, expected.get(name), 1e-5));
        }
      }
    }
  }

  /** Values stay in memory through runs of other sizes, through growth, and after a failed run. */
  @Test
  void whatRunsLeaveIsReadByTheNext() {
    Graph graph = Passes.optimise(graph());
    try (JavetMachine machine = JavetMachine.create()) {
      ModelRunner runner =
          ModelRunner.load(machine, graph, new Limits(15, 512 << 10), Control.FREE);
      Kept kept = runner.keep(Map.of("past", "present"));
      Tensor past = Tensor.of(new float[0], 2, 0, WIDTH);
      for (int step = 0; step < 100; step++) {
        int before = (int) past.dims()[1];
        Map<String, Tensor> inputs = new LinkedHashMap<>(inputs(2, before, step == 0 ? 7 : 1));
        inputs.put("past", past);
        Map<String, Tensor> expected = Interpreter.run(graph, inputs);
        if (step > 0) {
          inputs.remove("past");
          assertThat(kept.dims().get("past")).containsExactly(past.dims());
        }
        bind(runner, kept, inputs);
        runner.execute();
        if (step % 3 == 1) {
          // It was not said that the run ended well: it is done again.
          bind(runner, kept, inputs);
          runner.execute();
        }
        runner.executed();
        for (String name : List.of("y", "present")) {
          Tensor want = expected.get(name);
          Bytes got = machine.memory().view(runner.address(name), 4L * want.size());
          Tensors.assertClose(Tensor.fromBytes(DataType.FLOAT, got, want.dims()), want, 1e-5);
        }
        past = expected.get("present");
        if (step % 10 == 5) {
          runner.run(inputs(1, step, 3));
        }
      }
    }
  }

  private static void bind(ModelRunner runner, Kept kept, Map<String, Tensor> inputs) {
    Map<String, long[]> dims = new LinkedHashMap<>(kept.holds() ? kept.dims() : Map.of());
    inputs.forEach((name, tensor) -> dims.put(name, tensor.dims()));
    runner.bind(dims, kept);
    inputs.forEach((name, tensor) -> {
      byte[] bytes = tensor.toBytes();
      runner.machine().memory().write(runner.address(name), bytes, 0, bytes.length);
    });
  }

  /** The kernels that a sequence needs are there when it has doubled once more. */
  @Test
  void growingSequencesSeldomNeedOtherKernels() {
    try (JavetMachine machine = JavetMachine.create()) {
      ModelRunner runner =
          ModelRunner.load(
              machine, Passes.optimise(graph()), new Limits(15, 512 << 10), Control.FREE);
      for (int past = 0; past < 8; past++) {
        runner.run(inputs(1, past, 1));
      }
      runner.run(inputs(1, 15, 1));
      runner.run(inputs(1, 31, 1));
      double before = runner.compileMilliseconds();
      for (int past = 8; past < 31; past++) {
        runner.run(inputs(1, past, 1));
      }
      assertThat(runner.compileMilliseconds()).isEqualTo(before);
    }
  }

  @Test
  void whatCannotBecomeAnInputIsTold() {
    try (JavetMachine machine = JavetMachine.create()) {
      ModelRunner runner =
          ModelRunner.load(
              machine, Passes.optimise(graph()), new Limits(15, 512 << 10), Control.FREE);
      assertThatThrownBy(() -> runner.keep(Map.of("past", "z")))
          .hasMessageContaining("'z' cannot become the input 'past'");
    }
  }

  @Test
  void sizesThatAreSumsOfOthersAreChecked() {
    Graph graph = graph();
    assertThat(graph.bind(Map.of("x", dims(2, 3, 8), "mask", dims(2, 3), "past", dims(2, 0, 8))))
        .containsOnly(Map.entry("batch", 2L), Map.entry("new", 3L), Map.entry("past", 0L));
    assertThatThrownBy(
            () -> graph.bind(Map.of("x", dims(2, 3, 8), "mask", dims(2, 4), "past", dims(2, 0, 8))))
        .hasMessageContaining("'mask' has the size 4, but new + past is 3");
    assertThatThrownBy(
            () -> graph.bind(Map.of("x", dims(2, 0, 8), "mask", dims(2, 4), "past", dims(2, 4, 8))))
        .hasMessageContaining("axis 1 of the input 'x' has the size 0");
  }

  /**
   * A size that something else is done with cannot be 0: sizes are reasoned about as if it never
   * were.
   */
  @Test
  void onlyWhatIsJoinedMayBeEmpty() {
    Graph graph =
        GraphImporter.importModel(
            OnnxReader.read(
                Bytes.of(
                    new ModelBuilder(13)
                        .input("x", DataType.FLOAT, "n", "4")
                        .input("past", DataType.FLOAT, "p", "4")
                        .output("y", DataType.FLOAT)
                        .output("z", DataType.FLOAT)
                        .node("Concat", List.of("past", "x"), List.of("y"), "axis", 0)
                        .node("Relu", List.of("past"), List.of("z"))
                        .build())));
    assertThatThrownBy(() -> graph.bind(Map.of("x", dims(1, 4), "past", dims(0, 4))))
        .hasMessageContaining("'past' has the size 0");
  }

  private static long[] dims(long... dims) {
    return dims;
  }
}
