package dev.quern.graph;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxReader;
import dev.quern.reference.Interpreter;
import dev.quern.reference.Ort;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GraphImporterTest {
  private static Graph importModel(ModelBuilder model) {
    return GraphImporter.importModel(OnnxReader.read(Bytes.of(model.build())));
  }

  private static ModelException failure(ModelBuilder model) {
    return catchThrowableOfType(ModelException.class, () -> importModel(model));
  }

  /** The arithmetic that exporters write to flatten and split axes of run-time sizes. */
  private static ModelBuilder shapeArithmetic() {
    return new ModelBuilder(13)
        .input("x", DataType.FLOAT, "batch", "seq", "6")
        .output("y", DataType.FLOAT)
        .constant("0", new long[0], 0L)
        .constant("1", new long[0], 1L)
        .constant("[0]", new long[] {1}, 0L)
        .constant("[2]", new long[] {1}, 2L)
        .constant("[3]", new long[] {1}, 3L)
        .constant("[-1]", new long[] {1}, -1L)
        .node("Shape", List.of("x"), List.of("shape"))
        .node("Gather", List.of("shape", "0"), List.of("b"), "axis", 0)
        .node("Gather", List.of("shape", "1"), List.of("s"), "axis", 0)
        .node("Unsqueeze", List.of("b", "[0]"), List.of("[b]"))
        .node("Mul", List.of("s", "1"), List.of("s1"))
        .node("Unsqueeze", List.of("s1", "[0]"), List.of("[s]"))
        .node("Concat", List.of("[b]", "[s]", "[2]", "[3]"), List.of("four"), "axis", 0)
        .node("Reshape", List.of("x", "four"), List.of("split"))
        .node("Transpose", List.of("split"), List.of("turned"), "perm", new long[] {0, 2, 1, 3})
        .node("Mul", List.of("b", "s"), List.of("bs"))
        .node("Unsqueeze", List.of("bs", "[0]"), List.of("[bs]"))
        .node("Concat", List.of("[bs]", "[-1]"), List.of("two"), "axis", 0)
        .node("Reshape", List.of("turned", "two"), List.of("rows"))
        .node("Div", List.of("[s]", "[2]"), List.of("half"))
        .node("Sub", List.of("[s]", "half"), List.of("rest"))
        .node("Slice", List.of("x", "half", "[s]", "1s"), List.of("tail"))
        .node("ConstantOfShape", List.of("four"), List.of("zeros"))
        .node("ReduceSum", List.of("rows"), List.of("sum1"), "keepdims", 0)
        .node("ReduceSum", List.of("tail"), List.of("sum2"), "keepdims", 0)
        .node("ReduceSum", List.of("zeros"), List.of("sum3"), "keepdims", 0)
        .node("Add", List.of("sum1", "sum2"), List.of("sum12"))
        .node("Add", List.of("sum12", "sum3"), List.of("y"))
        .constant("1s", new long[] {1}, 1L);
  }

  @Test
  void followsArithmeticOnSizes() {
    Graph graph = importModel(shapeArithmetic());
    assertThat(graph.value("split").shape().toString()).isEqualTo("[batch, seq, 2, 3]");
    assertThat(graph.value("rows").shape().toString()).isEqualTo("[batch*seq, 6]");
    assertThat(graph.value("tail").shape().toString())
        .isEqualTo("[batch, -floor(seq, 2) + seq, 6]");
    assertThat(graph.value("zeros").shape().toString()).isEqualTo("[batch, seq, 2, 3]");
    assertThat(Verifier.problems(graph)).isEmpty();
    for (long seq : new long[] {1, 4, 7}) {
      Map<String, Tensor> feeds = Map.of("x", Tensors.random(seq, DataType.FLOAT, 2, seq, 6));
      Tensor expected = Ort.run(shapeArithmetic().build(), feeds).get("y");
      Tensors.assertClose(Interpreter.run(graph, feeds).get("y"), expected, 1e-5);
    }
  }

  /** {@code Where(shape == -1, 1, shape)}, as PyTorch exports expand. */
  @Test
  void decidesConditionsOnSizes() {
    ModelBuilder model =
        new ModelBuilder(13)
            .input("x", DataType.FLOAT, "batch", "1")
            .input("like", DataType.FLOAT, "batch", "width")
            .output("y", DataType.FLOAT)
            .constant("ones", new long[] {2}, 1L, 1L)
            .constant("minus", new long[] {2}, -1L, -1L)
            .node("Shape", List.of("like"), List.of("shape"))
            .node("Equal", List.of("shape", "minus"), List.of("free"))
            .node("Where", List.of("free", "ones", "shape"), List.of("target"))
            .node("Expand", List.of("x", "target"), List.of("y"));
    Graph graph = importModel(model);
    assertThat(graph.nodes()).hasSize(1);
    assertThat(graph.value("y").shape().toString()).isEqualTo("[batch, width]");
  }

  @Test
  void assumesThatSymbolsAreEqualAndSaysSo() {
    ModelBuilder model =
        new ModelBuilder(13)
            .input("x", DataType.FLOAT, "batch", "4")
            .input("z", DataType.FLOAT, "n", "4")
            .output("y", DataType.FLOAT)
            .node("Add", List.of("x", "z"), List.of("y"));
    Graph graph = importModel(model);
    assertThat(graph.checks()).hasSize(1);
    Tensor two = Tensors.random(1, DataType.FLOAT, 2, 4);
    Tensor three = Tensors.random(1, DataType.FLOAT, 3, 4);
    assertThat(Interpreter.run(graph, Map.of("x", two, "z", two))).containsKey("y");
    assertThatThrownBy(() -> Interpreter.run(graph, Map.of("x", two, "z", three)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("batch = 2")
        .hasMessageContaining("n = 3")
        .hasMessageContaining("'n0'");
  }

  @Test
  void saysHowLongASequenceMayBe() {
    ModelBuilder model =
        new ModelBuilder(13)
            .input("x", DataType.FLOAT, "1", "seq")
            .output("y", DataType.FLOAT)
            .constant("positions", new long[] {1, 4}, 1f, 2f, 3f, 4f)
            .constant("0", new long[] {1}, 0L)
            .constant("1", new long[] {1}, 1L)
            .node("Shape", List.of("x"), List.of("shape"))
            .node("Gather", List.of("shape", "1"), List.of("seq"))
            .node("Slice", List.of("positions", "0", "seq", "1"), List.of("cut"))
            .node("Add", List.of("x", "cut"), List.of("y"));
    Graph graph = importModel(model);
    Tensor x = Tensors.random(1, DataType.FLOAT, 1, 3);
    Tensors.assertClose(
        Interpreter.run(graph, Map.of("x", x)).get("y"),
        Ort.run(model.build(), Map.of("x", x)).get("y"),
        0);
    Map<String, Tensor> tooLong = Map.of("x", Tensors.random(1, DataType.FLOAT, 1, 5));
    assertThatThrownBy(() -> Interpreter.run(graph, tooLong))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("seq is 5, but node 'n3' allows at most 4");
  }

  @Test
  void refusesInputsThatDoNotFit() {
    Graph graph = importModel(shapeArithmetic());
    assertThatThrownBy(() -> Interpreter.run(graph, Map.of()))
        .hasMessageContaining("input 'x' is missing");
    assertThatThrownBy(
            () -> Interpreter.run(graph, Map.of("x", Tensors.random(1, DataType.FLOAT, 2, 6))))
        .hasMessageContaining("the model wants [batch, seq, 6]");
    assertThatThrownBy(
            () -> Interpreter.run(graph, Map.of("x", Tensors.random(1, DataType.INT64, 2, 2, 6))))
        .hasMessageContaining("holds i64, but the model wants f32");
    assertThatThrownBy(
            () -> Interpreter.run(graph, Map.of("x", Tensors.random(1, DataType.FLOAT, 2, 0, 6))))
        .hasMessageContaining("axis 1 of the input 'x' has the size 0");
  }

  @Test
  void listsEveryProblemTogether() {
    ModelBuilder model =
        new ModelBuilder(13)
            .input("x", DataType.FLOAT, "batch", "4")
            .input("h", DataType.COMPLEX64, "4")
            .input("i", DataType.INT64, "4")
            .output("y", DataType.FLOAT)
            .constant("w", new long[] {5, 2}, new float[10])
            .node("Fancy", List.of("x"), List.of("a"))
            .node("MatMul", List.of("x", "w"), List.of("b"))
            .node("Add", List.of("x", "i"), List.of("c"))
            .node("Add", List.of("a", "b"), List.of("d"))
            .node("Loop", List.of("d"), List.of("e"))
            .node("Relu", List.of("nowhere"), List.of("f"))
            .node("Exp", List.of("i"), List.of("g"))
            .node("Identity", List.of("c"), List.of("y"));
    ModelException e = failure(model);
    assertThat(e.problems()).hasSize(7);
    assertThat(e)
        .hasMessageContaining("7 problems")
        .hasMessageContaining("input 'h': its type is c64")
        .hasMessageContaining("Fancy 'n0': the operator is not supported")
        .hasMessageContaining(
            "MatMul 'n1': the inner sizes of the product of [batch, 4] and [5, 2] differ: 4 and 5")
        .hasMessageContaining("Add 'n2': its operands are f32 and i64")
        .hasMessageContaining("Loop 'n4': the operator is not supported")
        .hasMessageContaining("Relu 'n5': its input 'nowhere' is not defined")
        .hasMessageContaining("Exp 'n6': elements of i64 are not supported");
  }

  @Test
  void countsSizesThatAreElements() {
    ModelBuilder model =
        new ModelBuilder(13)
            .input("x", DataType.INT64, "batch", "3")
            .output("y", DataType.INT64)
            .output("z", DataType.INT64)
            .node("Size", List.of("x"), List.of("n"))
            .node("Add", List.of("x", "n"), List.of("y"))
            .node("Shape", List.of("x"), List.of("s"))
            .node("Mul", List.of("s", "s"), List.of("z"));
    Graph graph = GraphImporter.importModel(OnnxReader.read(Bytes.of(model.build())));
    Tensor x = Tensor.of(new long[] {1, 2, 3, 4, 5, 6}, 2, 3);
    Map<String, Tensor> results = Interpreter.run(graph, Map.of("x", x));
    assertThat(results.get("y").longs()).containsExactly(7, 8, 9, 10, 11, 12);
    assertThat(results.get("z").longs()).containsExactly(4, 9);
  }

  @Test
  void refusesOtherOpsets() {
    for (int opset : new int[] {0, 25}) {
      ModelBuilder model = new ModelBuilder(opset).output("y", DataType.FLOAT);
      assertThat(failure(model))
          .hasMessageContaining("version " + opset)
          .hasMessageContaining("7 to 24");
    }
  }

  @Test
  void refusesValuesThatAreDefinedTwice() {
    ModelBuilder model =
        new ModelBuilder(13)
            .input("x", DataType.FLOAT, "4")
            .output("y", DataType.FLOAT)
            .node("Relu", List.of("x"), List.of("y"))
            .node("Exp", List.of("x"), List.of("y"));
    assertThat(failure(model)).hasMessageContaining("'y' is defined twice");
  }

  @Test
  void outputsMayBeInputsConstantsAndAliases() {
    ModelBuilder model =
        new ModelBuilder(13)
            .input("x", DataType.FLOAT, "n")
            .constant("w", new long[] {2}, 1f, 2f)
            .node("Identity", List.of("x"), List.of("a"))
            .node("Identity", List.of("w"), List.of("b"))
            .output("a", DataType.FLOAT)
            .output("b", DataType.FLOAT)
            .output("w", DataType.FLOAT);
    Tensor x = Tensors.random(1, DataType.FLOAT, 3);
    Map<String, Tensor> result = Interpreter.run(importModel(model), Map.of("x", x));
    assertThat(result.keySet()).containsExactly("a", "b", "w");
    Tensors.assertClose(result.get("a"), x, 0);
    Tensors.assertClose(result.get("b"), Tensor.of(new float[] {1, 2}, 2), 0);
    Tensors.assertClose(result.get("w"), Tensor.of(new float[] {1, 2}, 2), 0);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void survivesMutations(long seed) {
    Random random = new Random(seed);
    byte[] file = shapeArithmetic().build();
    for (int round = 0; round < 1000; round++) {
      byte[] mutant = Arrays.copyOf(file, file.length);
      for (int i = random.nextInt(3); i >= 0; i--) {
        int at = random.nextInt(mutant.length);
        mutant[at] =
            (byte) (random.nextBoolean() ? random.nextInt() : mutant[at] ^ 1 << random.nextInt(8));
      }
      try {
        Graph graph = GraphImporter.importModel(OnnxReader.read(Bytes.of(mutant)));
        assertThat(Verifier.problems(graph)).isEmpty();
        dev.quern.graph.passes.Passes.optimise(graph);
      } catch (ModelException e) {
        assertThat(e.problems()).isNotEmpty();
      }
    }
  }
}
