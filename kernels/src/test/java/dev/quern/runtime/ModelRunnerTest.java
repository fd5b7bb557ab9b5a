package dev.quern.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quern.graph.Attribute;
import dev.quern.graph.Constant;
import dev.quern.graph.Dim;
import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.ElementwiseProgram.Instruction;
import dev.quern.graph.Graph;
import dev.quern.graph.GraphBuilder;
import dev.quern.graph.Node;
import dev.quern.graph.Shape;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.reference.Interpreter;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Canonical graphs through plan, kernels and walker in V8, against the scalar interpreter. */
class ModelRunnerTest {
  private static final Dim SEQ = Dim.symbol("seq");
  private static final Dim BATCH = Dim.symbol("batch");
  private static final DataType F32 = DataType.FLOAT;

  private final GraphBuilder graph = new GraphBuilder();
  private int made;

  private String floats(long seed, long... dims) {
    Tensor tensor = Tensors.random(seed, F32, dims);
    for (int i = 0; i < tensor.size(); i++) {
      // As trained weights do, keep the size of what passes through.
      tensor.floats()[i] *= 0.2f;
    }
    return graph.constant(
        new Constant("w" + made++, F32, Shape.of(dims), Bytes.of(tensor.toBytes())));
  }

  private String node(
      String domain,
      String op,
      List<String> inputs,
      Map<String, Attribute> attributes,
      Dim... dims) {
    String name = op + made++;
    return graph.node(
        new Node(name, domain, op, inputs, List.of(name + "_out"), attributes),
        F32,
        new Shape(List.of(dims)));
  }

  private static Attribute number(long value) {
    return new Attribute.Int(value);
  }

  private static Instruction step(ElementwiseOp op, Integer... operands) {
    return new Instruction(op, F32, List.of(operands), 0);
  }

  private static Instruction constant(double value) {
    return new Instruction(ElementwiseOp.CONSTANT, F32, List.of(), value);
  }

  /** {@code gelu(x + bias)}. */
  private static Attribute gelu() {
    return new Attribute.Program(
        new ElementwiseProgram(
            List.of(F32, F32),
            List.of(
                step(ElementwiseOp.ADD, 0, 1),
                constant(Math.sqrt(0.5)),
                step(ElementwiseOp.MUL, 2, 3),
                step(ElementwiseOp.ERF, 4),
                constant(1),
                step(ElementwiseOp.ADD, 5, 6),
                step(ElementwiseOp.MUL, 2, 7),
                constant(0.5),
                step(ElementwiseOp.MUL, 8, 9))));
  }

  private static Attribute sum(int operands) {
    List<Instruction> steps = new ArrayList<>();
    List<DataType> types = new ArrayList<>(List.of(F32));
    int last = 0;
    for (int i = 1; i < operands; i++) {
      types.add(F32);
    }
    for (int i = 1; i < operands; i++) {
      steps.add(step(ElementwiseOp.ADD, last, i));
      last = operands + i - 1;
    }
    return new Attribute.Program(new ElementwiseProgram(types, steps));
  }

  /** A transformer layer of 4 heads of 8, with a feed-forward part of 68. */
  private Graph layer() {
    Dim wide = Dim.of(96);
    Dim hidden = Dim.of(32);
    graph.input("x", F32, new Shape(List.of(BATCH, SEQ, hidden)));
    graph.input("mask", F32, new Shape(List.of(BATCH, Dim.ONE, Dim.ONE, SEQ)));
    String qkv =
        node(
            Node.QUERN,
            "MatMul",
            List.of("x", floats(1, 32, 32), floats(2, 32, 32), floats(3, 32, 32), floats(4, 96)),
            Map.of("parts", number(3), "program", sum(2)),
            BATCH,
            SEQ,
            wide);
    String[] heads = new String[3];
    for (int i = 0; i < 3; i++) {
      heads[i] =
          node(
              "",
              "Slice",
              List.of(qkv),
              Map.of(
                  "starts",
                  new Attribute.Dims(List.of(Dim.ZERO, Dim.ZERO, Dim.of(32L * i))),
                  "steps",
                  new Attribute.Ints(List.of(1L, 1L, 1L))),
              BATCH,
              SEQ,
              hidden);
    }
    String attention =
        node(
            Node.QUERN,
            "Attention",
            List.of(heads[0], heads[1], heads[2], "mask"),
            Map.of("heads", number(4), "scale", new Attribute.Real(0.35)),
            BATCH,
            SEQ,
            hidden);
    String projected =
        node(
            Node.QUERN,
            "MatMul",
            List.of(attention, floats(5, 32, 32), floats(6, 32), "x"),
            Map.of("program", sum(3)),
            BATCH,
            SEQ,
            hidden);
    String normed =
        node(
            "",
            "LayerNormalization",
            List.of(projected, floats(7, 32), floats(8, 32)),
            Map.of("axis", number(-1), "epsilon", new Attribute.Real(1e-6)),
            BATCH,
            SEQ,
            hidden);
    String up =
        node(
            Node.QUERN,
            "MatMul",
            List.of(normed, floats(9, 32, 67), floats(10, 67)),
            Map.of("program", gelu()),
            BATCH,
            SEQ,
            Dim.of(67));
    String down =
        node(
            Node.QUERN,
            "MatMul",
            List.of(up, floats(11, 30, 67), floats(12, 30)),
            Map.of("transB", number(1), "program", sum(2)),
            BATCH,
            SEQ,
            Dim.of(30));
    graph.output(down);
    graph.output(normed);
    return graph.build();
  }

  @ParameterizedTest
  @ValueSource(strings = {"1x1", "1x7", "2x5", "3x33", "1x130"})
  void aTransformerLayerAgreesWithTheReference(String size) {
    Graph layer = layer();
    int batch = Integer.parseInt(size.substring(0, size.indexOf('x')));
    int seq = Integer.parseInt(size.substring(size.indexOf('x') + 1));
    Map<String, Tensor> inputs = new LinkedHashMap<>();
    inputs.put("x", Tensors.random(20, F32, batch, seq, 32));
    Tensor mask = Tensor.zeros(F32, batch, 1, 1, seq);
    for (int i = 0; i < mask.size(); i += 3) {
      mask.floats()[i] = i == 0 ? 0 : -10000;
    }
    inputs.put("mask", mask);
    same(layer, List.of(inputs));
  }

  @Test
  void oneSessionServesManySizes() {
    Graph layer = layer();
    List<Map<String, Tensor>> runs = new ArrayList<>();
    for (int seq : new int[] {9, 3, 9, 1, 2, 4, 5, 6, 7, 8, 200, 3, 9, 10, 11, 12, 9}) {
      Map<String, Tensor> inputs = new LinkedHashMap<>();
      inputs.put("x", Tensors.random(seq, F32, 1, seq, 32));
      inputs.put("mask", Tensor.zeros(F32, 1, 1, 1, seq));
      runs.add(inputs);
    }
    same(layer, runs);
  }

  @Test
  void dynamicProductsOfBatchesAgree() {
    Dim k = Dim.symbol("k");
    graph.input("a", F32, new Shape(List.of(BATCH, Dim.of(3), SEQ, k)));
    graph.input("b", F32, new Shape(List.of(Dim.of(3), k, Dim.of(5))));
    graph.input("c", F32, new Shape(List.of(Dim.of(6), k)));
    String product =
        node(Node.QUERN, "MatMul", List.of("a", "b"), Map.of(), BATCH, Dim.of(3), SEQ, Dim.of(5));
    String turned =
        node(
            Node.QUERN,
            "MatMul",
            List.of("a", "c"),
            Map.of("transB", number(1)),
            BATCH,
            Dim.of(3),
            SEQ,
            Dim.of(6));
    String soft =
        node(
            "",
            "Softmax",
            List.of(turned),
            Map.of("axis", number(3)),
            BATCH,
            Dim.of(3),
            SEQ,
            Dim.of(6));
    graph.output(product);
    graph.output(soft);
    Map<String, Tensor> inputs = new LinkedHashMap<>();
    inputs.put("a", Tensors.random(1, F32, 2, 3, 7, 11));
    inputs.put("b", Tensors.random(2, F32, 3, 11, 5));
    inputs.put("c", Tensors.random(3, F32, 6, 11));
    same(graph.build(), List.of(inputs));
  }

  @Test
  void movementAndReductionsAgree() {
    graph.input("x", F32, new Shape(List.of(BATCH, Dim.of(4), SEQ, Dim.of(6))));
    String turned =
        node(
            "",
            "Transpose",
            List.of("x"),
            Map.of("perm", new Attribute.Ints(List.of(2L, 0L, 3L, 1L))),
            SEQ,
            BATCH,
            Dim.of(6),
            Dim.of(4));
    String cut =
        node(
            "",
            "Slice",
            List.of(turned),
            Map.of(
                "starts",
                new Attribute.Dims(List.of(Dim.ONE, Dim.ZERO, Dim.ONE, Dim.ZERO)),
                "steps",
                new Attribute.Ints(List.of(1L, 1L, 2L, 1L))),
            SEQ.minus(Dim.ONE),
            BATCH,
            Dim.of(3),
            Dim.of(4));
    String both =
        node(
            "",
            "Concat",
            List.of(cut, cut),
            Map.of("axis", number(2)),
            SEQ.minus(Dim.ONE),
            BATCH,
            Dim.of(6),
            Dim.of(4));
    String mean =
        node(
            "",
            "ReduceMean",
            List.of(both),
            Map.of("axes", new Attribute.Ints(List.of(2L)), "keepdims", number(0)),
            SEQ.minus(Dim.ONE),
            BATCH,
            Dim.of(4));
    String apart =
        node(
            "",
            "ReduceMax",
            List.of("x"),
            Map.of("axes", new Attribute.Ints(List.of(0L, 2L)), "keepdims", number(0)),
            Dim.of(4),
            Dim.of(6));
    String sum =
        node(
            "",
            "ReduceSum",
            List.of("x"),
            Map.of("axes", new Attribute.Ints(List.of(3L)), "keepdims", number(1)),
            BATCH,
            Dim.of(4),
            SEQ,
            Dim.ONE);
    String wide =
        node(
            Node.QUERN,
            "Elementwise",
            List.of("x", sum, "x"),
            Map.of("program", sum(3)),
            BATCH,
            Dim.of(4),
            SEQ,
            Dim.of(6));
    graph.output(mean);
    graph.output(apart);
    graph.output(wide);
    same(
        graph.build(),
        List.of(
            Map.of("x", Tensors.random(5, F32, 2, 4, 5, 6)),
            Map.of("x", Tensors.random(6, F32, 1, 4, 2, 6))));
  }

  @Test
  void anIndexOutOfRangeIsReportedAndTheSessionLivesOn() {
    graph.input("ids", DataType.INT64, new Shape(List.of(SEQ)));
    String rows =
        node(
            "",
            "Gather",
            List.of(floats(1, 10, 6), "ids"),
            Map.of("axis", number(0)),
            SEQ,
            Dim.of(6));
    graph.output(rows);
    Graph built = graph.build();
    try (JavetMachine machine = JavetMachine.create()) {
      ModelRunner runner = ModelRunner.load(machine, built, Limits.DEFAULT, 0);
      assertThatThrownBy(() -> runner.run(Map.of("ids", Tensor.of(new long[] {3, 10, 1}, 3))))
          .isInstanceOf(RunException.class)
          .hasMessageContaining("Gather")
          .hasMessageContaining("index 10")
          .hasMessageContaining("0..9");
      Map<String, Tensor> good = Map.of("ids", Tensor.of(new long[] {3, -10, 1, 9}, 4));
      Tensors.assertClose(runner.run(good).get(rows), Interpreter.run(built, good).get(rows), 0);
    }
  }

  @Test
  void warmingChangesNoResult() {
    Graph built = layer();
    Map<String, Tensor> inputs = new LinkedHashMap<>();
    inputs.put("x", Tensors.random(3, F32, 1, 9, 32));
    inputs.put("mask", Tensor.zeros(F32, 1, 1, 1, 9));
    try (JavetMachine machine = JavetMachine.create()) {
      ModelRunner runner = ModelRunner.load(machine, built, Limits.DEFAULT, 0);
      for (int i = 0; i < 3; i++) {
        runner.warm(1);
      }
      Map<String, Tensor> found = runner.run(inputs);
      Interpreter.run(built, inputs)
          .forEach((name, tensor) -> Tensors.assertClose(found.get(name), tensor, 2e-4));
    }
  }

  @Test
  void inputsThatDoNotFitAreNamed() {
    Graph built = layer();
    try (JavetMachine machine = JavetMachine.create()) {
      ModelRunner runner = ModelRunner.load(machine, built, Limits.DEFAULT, 0);
      Tensor x = Tensors.random(1, F32, 2, 5, 32);
      assertThatThrownBy(() -> runner.run(Map.of("x", x)))
          .hasMessageContaining("'mask' is missing");
      assertThatThrownBy(() -> runner.run(Map.of("x", x, "mask", Tensor.zeros(F32, 3, 1, 1, 5))))
          .hasMessageContaining("'mask' has the size 3")
          .hasMessageContaining("batch is 2");
      assertThatThrownBy(
              () -> runner.run(Map.of("x", x, "mask", Tensor.zeros(F32, 2, 1, 1, 5), "y", x)))
          .hasMessageContaining("no input [y]");
    }
  }

  private static void same(Graph graph, List<Map<String, Tensor>> runs) {
    try (JavetMachine machine = JavetMachine.create()) {
      ModelRunner runner = ModelRunner.load(machine, graph, Limits.DEFAULT, 0);
      for (Map<String, Tensor> inputs : runs) {
        Map<String, Tensor> found = runner.run(inputs);
        Map<String, Tensor> expected = Interpreter.run(graph, inputs);
        assertThat(found.keySet()).isEqualTo(expected.keySet());
        expected.forEach((name, tensor) -> Tensors.assertClose(found.get(name), tensor, 2e-4));
      }
    }
  }
}
