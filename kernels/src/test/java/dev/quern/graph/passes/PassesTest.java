package dev.quern.graph.passes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.graph.Graph;
import dev.quern.graph.GraphImporter;
import dev.quern.graph.Node;
import dev.quern.graph.Verifier;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.MiniLm;
import dev.quern.onnx.MobileNet;
import dev.quern.onnx.ModelBuilder;
import dev.quern.onnx.OnnxReader;
import dev.quern.reference.Interpreter;
import dev.quern.reference.Ort;
import dev.quern.reference.ReferenceKernels;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PassesTest {
  /** Runs every pass, verifies after each and compares results before and after. */
  private static Graph optimise(Graph graph, Map<String, Tensor> feeds, double tolerance) {
    assertThat(Verifier.problems(graph)).isEmpty();
    Graph before = graph;
    Map<String, Tensor> expected = Interpreter.run(graph, feeds);
    for (Pass pass : Passes.all(ReferenceKernels.all())) {
      Graph after = pass.rewrite().apply(before);
      assertThat(Verifier.problems(after)).as(pass.name()).isEmpty();
      Map<String, Tensor> actual = Interpreter.run(after, feeds);
      assertThat(actual.keySet()).isEqualTo(expected.keySet());
      actual.forEach((name, value) -> Tensors.assertClose(value, expected.get(name), tolerance));
      before = after;
    }
    return before;
  }

  private static Graph optimise(ModelBuilder model, Map<String, Tensor> feeds) {
    byte[] file = model.build();
    Graph graph = GraphImporter.importModel(OnnxReader.read(Bytes.of(file)));
    Graph result = optimise(graph, feeds, 1e-5);
    Map<String, Tensor> actual = Interpreter.run(result, feeds);
    Ort.run(file, feeds)
        .forEach((name, value) -> Tensors.assertClose(actual.get(name), value, 1e-5));
    return result;
  }

  private static List<String> operators(Graph graph) {
    List<String> result = new ArrayList<>();
    for (Node node : graph.nodes()) {
      result.add(node.operator());
    }
    return result;
  }

  private static Map<String, Tensor> miniLmFeeds(int batch, int seq) {
    Tensor mask = Tensor.zeros(DataType.INT64, batch, seq);
    Arrays.fill(mask.longs(), 1);
    if (batch > 1) {
      mask.longs()[mask.size() - 1] = 0;
    }
    return Map.of(
        "input_ids",
        Tensors.indices(batch * 31L + seq, 30000, batch, seq),
        "attention_mask",
        mask,
        "token_type_ids",
        Tensor.zeros(DataType.INT64, batch, seq));
  }

  private static Graph miniLm() {
    return GraphImporter.importModel(OnnxReader.read(Bytes.of(MiniLm.file())));
  }

  @Test
  @org.junit.jupiter.api.Tag("slow")
  void miniLmKeepsItsResultsThroughEachPass() {
    optimise(miniLm(), miniLmFeeds(2, 3), 2e-5);
  }

  @ParameterizedTest
  @CsvSource({"1,1", "2,1", "1,7", "2,7"})
  void miniLmAgreesWithOnnxRuntime(int batch, int seq) {
    Map<String, Tensor> feeds = miniLmFeeds(batch, seq);
    Tensor expected = Ort.run(MiniLm.file(), feeds).get("last_hidden_state");
    Tensor plain = Interpreter.run(miniLm(), feeds).get("last_hidden_state");
    Tensors.assertClose(plain, expected, 1e-4);
    Graph optimised = Passes.optimise(miniLm());
    Tensors.assertClose(Interpreter.run(optimised, feeds).get("last_hidden_state"), expected, 1e-4);
  }

  @Test
  void miniLmBecomesCanonical() {
    Graph graph = Passes.optimise(miniLm());
    List<String> expected =
        new ArrayList<>(
            List.of(
                "Reshape",
                "quern.Elementwise",
                "Slice",
                "Gather",
                "Gather",
                "Gather",
                "quern.Elementwise",
                "LayerNormalization"));
    for (int layer = 0; layer < 6; layer++) {
      expected.addAll(
          List.of(
              "quern.MatMul",
              "Slice",
              "Slice",
              "Slice",
              "quern.Attention",
              "quern.MatMul",
              "LayerNormalization",
              "quern.MatMul",
              "quern.MatMul",
              "LayerNormalization"));
    }
    assertThat(operators(graph)).isEqualTo(expected);
    for (int layer = 0; layer < 6; layer++) {
      List<Node> nodes = graph.nodes().subList(8 + 10 * layer, 18 + 10 * layer);
      Node qkv = nodes.get(0);
      assertThat(qkv.integer("parts", 1)).isEqualTo(3);
      assertThat(qkv.inputs()).hasSize(5);
      assertThat(qkv.program("program").toString()).isEqualTo("r2 = ADD(r0, r1)");
      assertThat(graph.value(qkv.output()).shape().toString())
          .isEqualTo("[batch_size, sequence_length, 1152]");
      for (int i = 0; i < 3; i++) {
        assertThat(nodes.get(1 + i).dims("starts").get(2).constant()).isEqualTo(384L * i);
      }
      Node attention = nodes.get(4);
      assertThat(attention.integer("heads", 0)).isEqualTo(12);
      assertThat(attention.real("scale", 0))
          .isEqualTo(1 / Math.sqrt(32), org.assertj.core.api.Assertions.within(1e-7));
      assertThat(attention.inputs()).hasSize(4);
      assertThat(attention.inputs().subList(0, 3))
          .isEqualTo(List.of(nodes.get(1).output(), nodes.get(2).output(), nodes.get(3).output()));
      // Bias and residual; bias and GELU; bias and residual.
      assertThat(nodes.get(5).inputs()).hasSize(4);
      assertThat(nodes.get(7).inputs()).hasSize(3);
      assertThat(nodes.get(7).program("program").toString()).contains("ERF");
      assertThat(nodes.get(8).inputs()).hasSize(4);
    }
    // Weights stay views of the file: what passes made is small.
    assertThat(graph.constants().values().stream().filter(c -> c.name().matches(".*:[0-9]+")))
        .allMatch(c -> c.size() <= 1152);
  }

  /** Attention in the ways exporters write it. */
  @ParameterizedTest
  @CsvSource({
    "after,divide,one,mask",
    "after,multiply,two,none",
    "query,multiply,one,mask",
    "both,multiply,two,mask",
    "projection,divide,two,none"
  })
  void recognisesAttention(String where, String how, String transposes, String masked) {
    boolean one = transposes.equals("one");
    ModelBuilder model =
        new ModelBuilder(13)
            .input("x", DataType.FLOAT, "batch", "seq", "12")
            .input("mask", DataType.FLOAT, "batch", "1", "1", "seq")
            .output("y", DataType.FLOAT)
            .constant("heads", new long[] {4}, 0L, 0L, 3L, 4L)
            .constant("joined", new long[] {3}, 0L, 0L, 12L)
            .constant("scale", new long[0], how.equals("divide") ? 2f : 0.5f)
            .constant("root", new long[0], (float) Math.sqrt(0.5));
    String scale = how.equals("divide") ? "Div" : "Mul";
    for (String p : List.of("q", "k", "v")) {
      float[] weights = Tensors.random(p.charAt(0), DataType.FLOAT, 144).floats();
      for (int i = 0; i < weights.length; i++) {
        weights[i] *= 0.3f;
      }
      model.constant("w" + p, new long[] {12, 12}, weights);
      model.constant("b" + p, new long[] {12}, Arrays.copyOf(weights, 12));
      model.node("MatMul", List.of("x", "w" + p), List.of("m" + p));
      model.node("Add", List.of("m" + p, "b" + p), List.of(p));
      String projected = p;
      if (p.equals("q") && where.equals("projection")) {
        model.node(scale, List.of("q", "scale"), List.of("qs"));
        projected = "qs";
      }
      model.node("Reshape", List.of(projected, "heads"), List.of("r" + p));
      long[] perm = p.equals("k") && one ? new long[] {0, 2, 3, 1} : new long[] {0, 2, 1, 3};
      model.node("Transpose", List.of("r" + p), List.of("t" + p), "perm", perm);
    }
    String k = "tk";
    if (where.equals("both")) {
      model.node("Mul", List.of("tk", "root"), List.of("tks"));
      k = "tks";
    }
    if (!one) {
      model.node("Transpose", List.of(k), List.of("tt"), "perm", new long[] {0, 1, 3, 2});
      k = "tt";
    }
    String q = "tq";
    if (where.equals("query") || where.equals("both")) {
      model.node("Mul", List.of("tq", where.equals("both") ? "root" : "scale"), List.of("tqs"));
      q = "tqs";
    }
    model.node("MatMul", List.of(q, k), List.of("product"));
    String scores = "product";
    if (where.equals("after")) {
      model.node(scale, List.of("product", "scale"), List.of("scaled"));
      scores = "scaled";
    }
    if (masked.equals("mask")) {
      model.node("Add", List.of("mask", scores), List.of("masked"));
      scores = "masked";
    }
    model
        .node("Softmax", List.of(scores), List.of("weights"), "axis", -1)
        .node("MatMul", List.of("weights", "tv"), List.of("heads4"))
        .node("Transpose", List.of("heads4"), List.of("turned"), "perm", new long[] {0, 2, 1, 3})
        .node("Reshape", List.of("turned", "joined"), List.of("y"));
    Graph graph =
        optimise(
            model,
            Map.of(
                "x",
                Tensors.random(1, DataType.FLOAT, 2, 5, 12),
                "mask",
                Tensors.random(2, DataType.FLOAT, 2, 1, 1, 5)));
    assertThat(operators(graph))
        .containsExactly("quern.MatMul", "Slice", "Slice", "Slice", "quern.Attention");
    Node attention = graph.nodes().getLast();
    assertThat(attention.real("scale", 0))
        .isEqualTo(0.5, org.assertj.core.api.Assertions.within(1e-6));
    assertThat(attention.inputs()).hasSize(masked.equals("mask") ? 4 : 3);
  }

  /**
   * Attention whose heads stand apart before it and behind it, with four axes, three, or turned.
   */
  @ParameterizedTest
  @CsvSource({"four", "grouped", "three", "columns", "turned", "guarded"})
  void recognisesAttentionOfHeadsThatStandApart(String how) {
    boolean four = how.equals("four") || how.equals("grouped");
    boolean columns = how.equals("columns") || how.equals("turned");
    // Symbols stay: nothing is known of batch and places.
    List<String> rows = List.of("batch", "seq", "8");
    List<String> apart = List.of("batch", "3", "seq", "8");
    List<String> pixels = List.of("batch", "8", "seq");
    String[] dims = (four ? apart : columns ? pixels : rows).toArray(String[]::new);
    String[] one = how.equals("grouped") ? new String[] {"batch", "1", "seq", "8"} : dims;
    ModelBuilder model =
        new ModelBuilder(13)
            .input("q", DataType.FLOAT, dims)
            .input("k0", DataType.FLOAT, one)
            .input("v0", DataType.FLOAT, one)
            .input(
                "mask", DataType.FLOAT, four ? new String[] {"batch", "1", "1", "seq"} : dims(how))
            .output("y", DataType.FLOAT)
            .constant("scale", new long[0], 0.25f)
            .constant("zero", new long[0], 0f)
            .constant("open", new long[] {5}, 0L, 0L, 1L, -1L, 8L)
            .constant("all", new long[] {5}, 1L, 1L, 3L, 1L, 1L)
            .constant("joined", new long[] {4}, 0L, 3L, -1L, 8L);
    for (String p : List.of("k", "v")) {
      if (how.equals("grouped")) {
        model.node("Reshape", List.of(p + "0", "open"), List.of(p + "1"));
        model.node("Expand", List.of(p + "1", "all"), List.of(p + "2"));
        model.node("Reshape", List.of(p + "2", "joined"), List.of(p));
      } else {
        model.node("Neg", List.of(p + "0"), List.of(p));
      }
    }
    long[] perm = four ? new long[] {0, 1, 3, 2} : new long[] {0, 2, 1};
    model.node("Mul", List.of("q", "scale"), List.of("qs"));
    if (columns) {
      model.node("Transpose", List.of("qs"), List.of("qt"), "perm", perm);
      model.node("MatMul", List.of("qt", "k"), List.of("product"));
    } else {
      model.node("Transpose", List.of("k"), List.of("kt"), "perm", perm);
      model.node("MatMul", List.of("qs", "kt"), List.of("product"));
    }
    model.node("Add", List.of("product", "mask"), List.of("scores"));
    // Two are added, such as numbers by distance and padding.
    boolean twice = how.equals("four");
    if (twice) {
      model.input("bias", DataType.FLOAT, "3", "seq", "seq");
      model.node("Add", List.of("bias", "scores"), List.of("more"));
    }
    String scores = twice ? "more" : "scores";
    model.node("Softmax", List.of(scores), List.of("weights"), "axis", -1);
    if (columns) {
      model.node("Transpose", List.of("weights"), List.of("wt"), "perm", perm);
      model.node("MatMul", List.of("v", "wt"), List.of("y"));
    } else if (how.equals("guarded")) {
      model.node("IsNaN", List.of("weights"), List.of("lost"));
      model.node("Where", List.of("lost", "zero", "weights"), List.of("kept"));
      model.node("MatMul", List.of("kept", "v"), List.of("y"));
    } else {
      model.node("MatMul", List.of("weights", "v"), List.of("y"));
    }
    long[] shape =
        four ? new long[] {2, 3, 5, 8} : columns ? new long[] {2, 8, 5} : new long[] {2, 5, 8};
    long[] few = how.equals("grouped") ? new long[] {2, 1, 5, 8} : shape;
    long[] added =
        four
            ? new long[] {2, 1, 1, 5}
            : how.equals("turned") ? new long[] {5, 5} : new long[] {2, 5, 5};
    Map<String, Tensor> feeds = new LinkedHashMap<>();
    feeds.put("q", Tensors.random(1, DataType.FLOAT, shape));
    feeds.put("k0", Tensors.random(2, DataType.FLOAT, few));
    feeds.put("v0", Tensors.random(3, DataType.FLOAT, few));
    feeds.put("mask", Tensors.random(4, DataType.FLOAT, added));
    if (twice) {
      feeds.put("bias", Tensors.random(5, DataType.FLOAT, 3, 5, 5));
    }
    Graph graph = optimise(model, feeds);
    assertThat(operators(graph))
        .contains("quern.Attention")
        .doesNotContain("Softmax", "quern.MatMul");
    Node attention =
        graph.nodes().stream().filter(node -> node.isQuern("Attention")).findFirst().orElseThrow();
    assertThat(attention.real("scale", 0)).isEqualTo(0.25);
    assertThat(attention.integer("group", 1)).isEqualTo(how.equals("grouped") ? 3 : 1);
  }

  private static String[] dims(String how) {
    return how.equals("turned")
        ? new String[] {"seq", "seq"}
        : new String[] {"batch", "seq", "seq"};
  }

  @ParameterizedTest
  @CsvSource({
    "Pow,Sqrt,Div,true",
    "Mul,Sqrt,Reciprocal,true",
    "Mul,Pow,Div,false",
    "Pow,Sqrt,One,true",
    "Mul,Inverse,Mul,true"
  })
  void recognisesLayerNormalisation(String square, String root, String quotient, boolean bias) {
    ModelBuilder model =
        new ModelBuilder(13)
            .input("x", DataType.FLOAT, "batch", "seq", "6")
            .output("y", DataType.FLOAT)
            .constant("two", new long[0], 2f)
            .constant("half", new long[0], root.equals("Inverse") ? -0.5f : 0.5f)
            .constant("one", new long[0], 1f)
            .constant("epsilon", new long[0], 1e-3f)
            .constant("scale", new long[] {1, 6}, 1f, 2f, 3f, 4f, 5f, 6f)
            .constant("bias", new long[] {6}, 1f, 2f, 3f, 4f, 5f, -6f)
            .node("ReduceMean", List.of("x"), List.of("mean"), "axes", new long[] {-1})
            .node("Sub", List.of("x", "mean"), List.of("d"))
            .node("Sub", List.of("x", "mean"), List.of("d2"))
            .node(square, List.of("d2", square.equals("Pow") ? "two" : "d2"), List.of("square"))
            .node("ReduceMean", List.of("square"), List.of("variance"), "axes", new long[] {2})
            .node("Add", List.of("variance", "epsilon"), List.of("sum"));
    if (root.equals("Sqrt")) {
      model.node("Sqrt", List.of("sum"), List.of("root"));
    } else {
      model.node("Pow", List.of("sum", "half"), List.of("root"));
    }
    switch (quotient) {
      case "Div" -> model.node("Div", List.of("d", "root"), List.of("n"));
      case "Mul" -> model.node("Mul", List.of("d", "root"), List.of("n"));
      case "One" ->
          model
              .node("Div", List.of("one", "root"), List.of("inverse"))
              .node("Mul", List.of("d", "inverse"), List.of("n"));
      default ->
          model
              .node("Reciprocal", List.of("root"), List.of("inverse"))
              .node("Mul", List.of("inverse", "d"), List.of("n"));
    }
    model.node("Mul", List.of("scale", "n"), List.of(bias ? "scaled" : "y"));
    if (bias) {
      model.node("Add", List.of("scaled", "bias"), List.of("y"));
    }
    Graph graph = optimise(model, Map.of("x", Tensors.random(1, DataType.FLOAT, 2, 5, 6)));
    assertThat(operators(graph)).containsExactly("LayerNormalization");
    assertThat(graph.nodes().getFirst().inputs()).hasSize(bias ? 3 : 2);
    assertThat((float) graph.nodes().getFirst().real("epsilon", 0)).isEqualTo(1e-3f);
  }

  @Test
  void sharesEqualNodesAndFoldsConstants() {
    Graph graph =
        optimise(
            new ModelBuilder(13)
                .input("x", DataType.FLOAT, "n", "4")
                .output("y", DataType.FLOAT)
                .constant("a", new long[] {4}, 1f, 2f, 3f, 4f)
                .constant("b", new long[0], 3f)
                .node("Exp", List.of("a"), List.of("ea"))
                .node("Mul", List.of("ea", "b"), List.of("c"))
                .node("ReduceMax", List.of("x"), List.of("m1"), "axes", new long[] {1})
                .node("ReduceMax", List.of("x"), List.of("m2"), "axes", new long[] {1})
                .node("Sub", List.of("x", "m1"), List.of("d1"))
                .node("Sub", List.of("x", "m2"), List.of("d2"))
                .node("Mul", List.of("d1", "d2"), List.of("square"))
                .node("Add", List.of("square", "c"), List.of("y")),
            Map.of("x", Tensors.random(1, DataType.FLOAT, 3, 4)));
    assertThat(operators(graph)).containsExactly("ReduceMax", "quern.Elementwise");
    assertThat(graph.constants().keySet()).containsExactly("c");
    assertThat(graph.nodes().getLast().program("program").toString())
        .isEqualTo("r3 = SUB(r0, r1); r4 = MUL(r3, r3); r5 = ADD(r4, r2)");
  }

  @Test
  void fusesEpiloguesButKeepsWhatOthersUse() {
    Graph graph =
        optimise(
            new ModelBuilder(13)
                .input("x", DataType.FLOAT, "n", "4")
                .output("y", DataType.FLOAT)
                .output("raw", DataType.FLOAT)
                .constant("w", new long[] {4, 4}, Tensors.random(3, DataType.FLOAT, 16).floats())
                .constant("b", new long[] {4}, 1f, 2f, 3f, 4f)
                .node("MatMul", List.of("x", "w"), List.of("raw"))
                .node("Add", List.of("raw", "b"), List.of("a"))
                .node("Gemm", List.of("a", "w", "b"), List.of("g"), "transB", 1, "alpha", 0.5f)
                .node("Relu", List.of("g"), List.of("r"))
                .node("Add", List.of("r", "a"), List.of("y")),
            Map.of("x", Tensors.random(1, DataType.FLOAT, 3, 4)));
    // The first product is an output itself; the second takes bias, activation and residual in.
    assertThat(operators(graph))
        .containsExactly("quern.MatMul", "quern.Elementwise", "quern.MatMul");
    assertThat(graph.nodes().getFirst().hasProgram()).isFalse();
    assertThat(graph.nodes().getLast().integer("transB", 0)).isEqualTo(1);
    assertThat(graph.nodes().getLast().inputs()).containsExactly("a", "w", "b", "a");
  }

  @Test
  void simplifiesMovement() {
    Graph graph =
        optimise(
            new ModelBuilder(13)
                .input("x", DataType.FLOAT, "n", "2", "6")
                .output("y", DataType.FLOAT)
                .output("z", DataType.FLOAT)
                .constant("three", new long[] {4}, 0L, 0L, 2L, 3L)
                .constant("two", new long[] {2}, 0L, -1L)
                .constant("w", new long[] {5, 12}, Tensors.random(3, DataType.FLOAT, 60).floats())
                .constant("start", new long[] {1}, 0L)
                .constant("end", new long[] {1}, Long.MAX_VALUE)
                .node("Transpose", List.of("x"), List.of("t1"), "perm", new long[] {1, 0, 2})
                .node("Transpose", List.of("t1"), List.of("t2"), "perm", new long[] {1, 0, 2})
                .node("Reshape", List.of("t2", "three"), List.of("r1"))
                .node("Slice", List.of("r1", "start", "end"), List.of("s"))
                .node("Reshape", List.of("s", "two"), List.of("r2"))
                .node("Transpose", List.of("w"), List.of("wt"))
                .node("MatMul", List.of("r2", "wt"), List.of("y"))
                .node("Identity", List.of("x"), List.of("z")),
            Map.of("x", Tensors.random(1, DataType.FLOAT, 3, 2, 6)));
    // The output that is an input stays a copy.
    assertThat(operators(graph)).containsExactlyInAnyOrder("Reshape", "quern.MatMul", "Reshape");
    Node product =
        graph.nodes().stream().filter(n -> n.isQuern("MatMul")).findFirst().orElseThrow();
    assertThat(product.inputs().get(1)).isEqualTo("w");
    assertThat(product.integer("transB", 0)).isEqualTo(1);
  }

  @ParameterizedTest
  @CsvSource({"32,true", "40,false", "size,true"})
  void mobileNetBecomesProductsAndConvolutionsOnly(String size, boolean normalises) {
    byte[] file = MobileNet.model(0.35, size, 5, normalises);
    long edge = size.equals("size") ? 33 : Long.parseLong(size);
    Map<String, Tensor> feeds =
        Map.of("image", Tensors.random(edge, DataType.FLOAT, 1, 3, edge, edge));
    Graph result =
        optimise(GraphImporter.importModel(OnnxReader.read(Bytes.of(file))), feeds, 1e-4);
    Ort.run(file, feeds)
        .forEach((name, value) ->
            Tensors.assertClose(Interpreter.run(result, feeds).get(name), value, 1e-4));
    List<String> operators = operators(result);
    assertThat(operators.subList(0, 3)).containsExactly("quern.Conv", "quern.Conv", "quern.MatMul");
    assertThat(operators.subList(operators.size() - 4, operators.size()))
        .containsExactly("ReduceMean", "Reshape", "quern.MatMul", "Softmax");
    assertThat(operators.subList(3, operators.size() - 4))
        .containsOnly("quern.Conv", "quern.MatMul");
    assertThat(operators).hasSize(18 + 35 + 3);
  }

  private static Tensor small(long... dims) {
    Tensor tensor = Tensors.random(1, DataType.FLOAT, dims);
    for (int i = 0; i < tensor.size(); i++) {
      tensor.floats()[i] *= 0.1f;
    }
    return tensor;
  }

  @Test
  void channelsStayLastThroughWhatConvolutionsAreJoinedBy() {
    long[] same = {1, 1, 1, 1};
    ModelBuilder model = new ModelBuilder(13).input("x", DataType.FLOAT, "2", "8", "9", "7");
    model.constant("w", ModelBuilder.tensor(small(8, 8, 3, 3).floats(), 8, 8, 3, 3));
    model.constant("c", new long[] {8, 1, 1}, 1f, 2f, 3f, 4f, 5f, 6f, 7f, 8f);
    model.constant("p", new long[] {8}, 0, 0, 1, 0, 0, 0, 0, 1);
    model.node("Conv", List.of("x", "w"), List.of("a"), "pads", same);
    model.node("Conv", List.of("a", "w"), List.of("b"), "pads", same);
    model.node("GlobalAveragePool", List.of("b"), List.of("mean"));
    model.node("Sigmoid", List.of("mean"), List.of("gate"));
    model.node("Mul", List.of("b", "gate"), List.of("gated"));
    model.node("Mul", List.of("c", "gated"), List.of("scaled"));
    model.node("Concat", List.of("scaled", "a"), List.of("both"), "axis", 1);
    model.node("MaxPool", List.of("both"), List.of("pooled"), "kernel_shape", new long[] {2, 2});
    model.node("Pad", List.of("pooled", "p"), List.of("padded"));
    model.node("ReduceSum", List.of("padded"), List.of("y"), "keepdims", 1);
    model.node("GlobalMaxPool", List.of("padded"), List.of("z"));
    model.output("y", DataType.FLOAT).output("z", DataType.FLOAT);
    Graph result = optimise(model, Map.of("x", Tensors.random(3, DataType.FLOAT, 2, 8, 9, 7)));
    assertThat(operators(result)).filteredOn(op -> op.equals("Transpose")).hasSize(1);
  }

  /** As networks write it whose places are rows of a product, and pixels of a convolution. */
  @Test
  void channelsStayLastBetweenProductsAndConvolutions() {
    ModelBuilder model = new ModelBuilder(13).input("x", DataType.FLOAT, "2", "63", "8");
    model.constant("w", ModelBuilder.tensor(small(8, 1, 3, 3).floats(), 8, 1, 3, 3));
    model.constant("m", ModelBuilder.tensor(small(8, 8).floats(), 8, 8));
    model
        .constant("image", new long[] {4}, 0, 8, 9, 7)
        .constant("places", new long[] {3}, 0, 8, -1);
    model.node("MatMul", List.of("x", "m"), List.of("a"));
    model.node("Transpose", List.of("a"), List.of("b"), "perm", new long[] {0, 2, 1});
    model.node("Reshape", List.of("b", "image"), List.of("c"));
    model.node(
        "Conv", List.of("c", "w"), List.of("d"), "group", 8, "pads", new long[] {1, 1, 1, 1});
    model.node("Reshape", List.of("d", "places"), List.of("e"));
    model.node("Transpose", List.of("e"), List.of("f"), "perm", new long[] {0, 2, 1});
    model.node("Relu", List.of("f"), List.of("g"));
    model.node("MatMul", List.of("g", "m"), List.of("y")).output("y", DataType.FLOAT);
    Graph result = optimise(model, Map.of("x", Tensors.random(3, DataType.FLOAT, 2, 63, 8)));
    assertThat(operators(result))
        .containsExactly("quern.MatMul", "Reshape", "quern.Conv", "Reshape", "quern.MatMul");
  }
}
