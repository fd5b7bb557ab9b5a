package dev.quern.exec;

import static dev.quern.reference.Tensors.assertClose;
import static dev.quern.reference.Tensors.random;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.onnx.proto.OnnxMl.GraphProto;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxReader;
import dev.quern.reference.Ort;
import dev.quern.reference.Tensor;
import dev.quern.runtime.RunException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Models that cannot be planned whole, against ONNX Runtime. */
class ExecutorTest {
  private final AtomicInteger compiled = new AtomicInteger();

  /** What computes islands; a subclass has another. */
  Device device() {
    return Device.REFERENCE;
  }

  /** An executor that counts what its device is asked to compile. */
  private Executor executor(byte[] model) {
    Device device = device();
    return Executor.of(
        OnnxReader.read(Bytes.of(model)),
        graph -> {
          compiled.incrementAndGet();
          return device.compile(graph);
        });
  }

  private static Map<String, Tensor> feeds(Object... namesAndTensors) {
    Map<String, Tensor> feeds = new LinkedHashMap<>();
    for (int i = 0; i < namesAndTensors.length; i += 2) {
      feeds.put((String) namesAndTensors[i], (Tensor) namesAndTensors[i + 1]);
    }
    return feeds;
  }

  private static void compare(Executor executor, byte[] model, Map<String, Tensor> feeds) {
    Map<String, Tensor> expected = Ort.run(model, feeds);
    Map<String, Tensor> actual = executor.run(feeds, Run.UNCANCELLED);
    assertThat(actual.keySet()).isEqualTo(expected.keySet());
    expected.forEach((name, tensor) -> assertClose(actual.get(name), tensor, 1e-5));
  }

  private static Tensor scalar(long value) {
    return Tensor.of(new long[] {value});
  }

  private static Tensor truth(boolean value) {
    return Tensor.of(DataType.BOOL, new byte[] {(byte) (value ? 1 : 0)});
  }

  @Test
  void bindsTheValuesThatShapesNeedAndKeepsWhatItCompiledForThem() {
    byte[] model =
        new ModelBuilder(17)
            .input("x", DataType.FLOAT, "n", "6")
            .input("shape", DataType.INT64, "r")
            .constant("w", new long[] {1}, 2f)
            .node("Mul", List.of("x", "w"), List.of("doubled"))
            .node("Reshape", List.of("doubled", "shape"), List.of("r"))
            .node("Relu", List.of("r"), List.of("y"))
            .output("y", DataType.FLOAT)
            .build();
    Executor executor = executor(model);
    Tensor x = random(1, DataType.FLOAT, 4, 6);
    Tensor flat = Tensor.of(new long[] {-1}, 1);
    Tensor cube = Tensor.of(new long[] {2, 3, 4}, 3);
    compare(executor, model, feeds("x", x, "shape", flat));
    compare(executor, model, feeds("x", x, "shape", cube));
    int before = compiled.get();
    compare(executor, model, feeds("x", x, "shape", flat));
    compare(executor, model, feeds("x", random(2, DataType.FLOAT, 4, 6), "shape", cube));
    assertThat(compiled.get()).isEqualTo(before);
    assertThat(before).isEqualTo(2);
  }

  @Test
  void computesNodesAloneWhoseValuesKeepChanging() {
    byte[] model =
        new ModelBuilder(17)
            .input("x", DataType.FLOAT, "n")
            .input("start", DataType.INT64, "1")
            .constant("end", new long[] {1}, 1L << 40)
            .node("Slice", List.of("x", "start", "end"), List.of("s"))
            .node("Neg", List.of("s"), List.of("y"))
            .output("y", DataType.FLOAT)
            .build();
    Executor executor = executor(model);
    Tensor x = random(1, DataType.FLOAT, 40);
    for (int start = 0; start < 20; start++) {
      compare(executor, model, feeds("x", x, "start", Tensor.of(new long[] {start}, 1)));
    }
    int before = compiled.get();
    for (int start = 20; start < 40; start++) {
      compare(executor, model, feeds("x", x, "start", Tensor.of(new long[] {start}, 1)));
    }
    assertThat(compiled.get()).isEqualTo(before);
  }

  /** As in a decoder that was merged of one with and one without a past. */
  @Test
  void branchesAreCompiledOnceForInputsOfAnySize() {
    ModelBuilder then = new ModelBuilder(17);
    then.node("Relu", List.of("x"), List.of("a")).output("a", DataType.FLOAT, "n", "3");
    ModelBuilder otherwise = new ModelBuilder(17);
    otherwise.node("Neg", List.of("x"), List.of("b")).output("b", DataType.FLOAT, "n", "3");
    byte[] model =
        new ModelBuilder(17)
            .input("x", DataType.FLOAT, "n", "3")
            .input("c", DataType.BOOL, "1")
            .node(
                "If",
                List.of("c"),
                List.of("y"),
                "then_branch",
                then.proto().getGraph(),
                "else_branch",
                otherwise.proto().getGraph())
            .output("y", DataType.FLOAT)
            .build();
    Executor executor = executor(model);
    for (int n = 2; n < 6; n++) {
      for (int c = 0; c < 2; c++) {
        Tensor condition = Tensor.of(DataType.BOOL, new byte[] {(byte) c}, 1);
        compare(executor, model, feeds("x", random(n, DataType.FLOAT, n, 3), "c", condition));
      }
    }
    assertThat(compiled.get()).isEqualTo(2);
  }

  @Test
  void takesSizesOfZeroAndOne() {
    byte[] model =
        new ModelBuilder(17)
            .input("a", DataType.FLOAT, "n", "3")
            .input("b", DataType.FLOAT, "m", "3")
            .node("Add", List.of("a", "b"), List.of("sum"))
            .node("Concat", List.of("sum", "a"), List.of("y"), "axis", 0)
            .output("y", DataType.FLOAT)
            .build();
    Executor executor = executor(model);
    for (long[] sizes : new long[][] {{2, 2}, {2, 1}, {0, 1}, {0, 0}, {5, 5}, {1, 1}}) {
      compare(
          executor,
          model,
          feeds(
              "a", random(1, DataType.FLOAT, sizes[0], 3),
              "b", random(2, DataType.FLOAT, sizes[1], 3)));
    }
  }

  private static GraphProto scaled(String name, float factor) {
    return new ModelBuilder(17)
        .constant("factor_" + name, new long[] {}, factor)
        .node("Mul", List.of("hidden", "factor_" + name), List.of(name))
        .output(name, DataType.FLOAT, "?")
        .graph()
        .build();
  }

  @Test
  void branches() {
    byte[] model =
        new ModelBuilder(17)
            .input("x", DataType.FLOAT, "n")
            .input("cond", DataType.BOOL)
            .node("Abs", List.of("x"), List.of("hidden"))
            .node(
                "If",
                List.of("cond"),
                List.of("chosen"),
                "then_branch",
                scaled("t", 3),
                "else_branch",
                scaled("e", -1))
            .node("Add", List.of("chosen", "x"), List.of("y"))
            .output("y", DataType.FLOAT)
            .build();
    Executor executor = executor(model);
    Tensor x = random(3, DataType.FLOAT, 5);
    compare(executor, model, feeds("x", x, "cond", truth(true)));
    compare(executor, model, feeds("x", x, "cond", truth(false)));
    int before = compiled.get();
    compare(executor, model, feeds("x", x, "cond", truth(true)));
    assertThat(compiled.get()).isEqualTo(before);
  }

  /** Appends the sum of what is there, turn by turn, while the last element stays below a limit. */
  private static byte[] growing() {
    GraphProto body =
        new ModelBuilder(17)
            .input("turn", DataType.INT64)
            .input("goes_on", DataType.BOOL)
            .input("so_far", DataType.FLOAT, "?")
            .node("ReduceSum", List.of("so_far"), List.of("total"), "keepdims", 1)
            .node("Concat", List.of("so_far", "total"), List.of("longer"), "axis", 0)
            .node("Less", List.of("total", "limit"), List.of("below"))
            .node("Squeeze", List.of("below"), List.of("go"))
            .node("Cast", List.of("turn"), List.of("scan"), "to", 1)
            .output("go", DataType.BOOL)
            .output("longer", DataType.FLOAT, "?")
            .output("scan", DataType.FLOAT)
            .graph()
            .build();
    return new ModelBuilder(17)
        .input("start", DataType.FLOAT, "n")
        .input("trips", DataType.INT64)
        .input("limit", DataType.FLOAT)
        .node("Loop", List.of("trips", "", "start"), List.of("all", "turns"), "body", body)
        .output("all", DataType.FLOAT)
        .output("turns", DataType.FLOAT)
        .build();
  }

  @Test
  void loopsWithTensorsThatGrow() {
    byte[] model = growing();
    Executor executor = executor(model);
    Tensor start = Tensor.of(new float[] {1, 0.5f}, 2);
    for (float limit : new float[] {3, 1e5f, -1}) {
      compare(
          executor,
          model,
          feeds("start", start, "trips", scalar(12), "limit", Tensor.of(new float[] {limit})));
    }
    int before = compiled.get();
    compare(
        executor,
        model,
        feeds("start", start, "trips", scalar(16), "limit", Tensor.of(new float[] {1e9f})));
    assertThat(compiled.get()).isEqualTo(before);
    assertThat(before).isLessThan(10);
    Map<String, Tensor> none =
        executor.run(
            feeds("start", start, "trips", scalar(0), "limit", Tensor.of(new float[] {1})),
            Run.UNCANCELLED);
    assertClose(none.get("all"), start, 0);
    assertThat(none.get("turns").dims()).containsExactly(0);
  }

  @Test
  void endsALoopThatIsCancelled() {
    GraphProto body =
        new ModelBuilder(17)
            .input("turn", DataType.INT64)
            .input("goes_on", DataType.BOOL)
            .input("x", DataType.FLOAT, "n")
            .node("Identity", List.of("goes_on"), List.of("on"))
            .node("Neg", List.of("x"), List.of("turned"))
            .output("on", DataType.BOOL)
            .output("turned", DataType.FLOAT, "n")
            .graph()
            .build();
    Executor executor =
        executor(
            new ModelBuilder(17)
                .input("start", DataType.FLOAT, "n")
                .node("Loop", List.of("", "", "start"), List.of("y"), "body", body)
                .output("y", DataType.FLOAT)
                .build());
    int[] asked = {0};
    assertThatThrownBy(() ->
            executor.run(feeds("start", random(1, DataType.FLOAT, 3)), () -> ++asked[0] > 1000))
        .isInstanceOf(RunException.class)
        .hasMessage("the run was cancelled");
  }

  @Test
  void scansBackwardsAlongAnotherAxis() {
    GraphProto body =
        new ModelBuilder(17)
            .input("state", DataType.FLOAT, "3")
            .input("row", DataType.FLOAT, "3")
            .node("Mul", List.of("row", "weights"), List.of("weighted"))
            .node("Add", List.of("state", "weighted"), List.of("next"))
            .node("Identity", List.of("next"), List.of("seen"))
            .output("next", DataType.FLOAT, "3")
            .output("seen", DataType.FLOAT, "3")
            .graph()
            .build();
    byte[] model =
        new ModelBuilder(17)
            .input("state", DataType.FLOAT, "3")
            .input("rows", DataType.FLOAT, "3", "n")
            .constant("weights", new long[] {3}, 1f, -2f, 0.5f)
            .node("Identity", List.of("state"), List.of("start"))
            .node(
                "Scan",
                List.of("start", "rows"),
                List.of("last", "all"),
                "body",
                body,
                "num_scan_inputs",
                1,
                "scan_input_axes",
                new long[] {1},
                "scan_input_directions",
                new long[] {1},
                "scan_output_axes",
                new long[] {-1})
            .output("last", DataType.FLOAT)
            .output("all", DataType.FLOAT)
            .build();
    Executor executor = executor(model);
    for (int n : new int[] {1, 4, 7}) {
      compare(
          executor,
          model,
          feeds("state", random(n, DataType.FLOAT, 3), "rows", random(9, DataType.FLOAT, 3, n)));
    }
  }

  @Test
  void refusesWhatNoRuleIsForInABodyToo() {
    GraphProto odd =
        new ModelBuilder(17)
            .node("NoSuchOperator", List.of("x"), List.of("t"))
            .output("t", DataType.FLOAT, "n")
            .graph()
            .build();
    byte[] model =
        new ModelBuilder(17)
            .input("x", DataType.FLOAT, "n")
            .input("cond", DataType.BOOL)
            .node("If", List.of("cond"), List.of("y"), "then_branch", odd, "else_branch", odd)
            .output("y", DataType.FLOAT)
            .build();
    assertThatThrownBy(() -> executor(model))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("NoSuchOperator 'n0': the operator is not supported");
  }

  @Test
  void namesAnInputThatDoesNotFit() {
    Executor executor = executor(growing());
    Map<String, Tensor> feeds =
        feeds(
            "start", random(1, DataType.FLOAT, 2, 2),
            "trips", scalar(1),
            "limit", Tensor.of(new float[] {1}));
    assertThatThrownBy(() -> executor.run(feeds, Run.UNCANCELLED))
        .isInstanceOf(RunException.class)
        .hasMessage("the input 'start' has the shape [2, 2], but the model wants [n]");
    assertThatThrownBy(() -> executor.run(feeds("start", scalar(1)), Run.UNCANCELLED))
        .isInstanceOf(RunException.class)
        .hasMessageContaining("the input 'start' holds i64, but the model wants f32");
  }

  @Test
  void saysWhichNodeIsNotSupportedForTheSizesOfARun() {
    byte[] model =
        new ModelBuilder(17)
            .input("x", DataType.FLOAT, "n")
            .input("shape", DataType.INT64, "r")
            .node("Reshape", List.of("x", "shape"), List.of("y"))
            .output("y", DataType.FLOAT)
            .build();
    Executor executor = executor(model);
    assertThatThrownBy(() ->
            executor.run(
                feeds("x", random(1, DataType.FLOAT, 6), "shape", Tensor.of(new long[] {4}, 1)),
                Run.UNCANCELLED))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("Reshape 'n0': the numbers of elements of [6] and [4] differ");
  }
}
