package dev.quern.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnx.proto.OnnxMl.TensorProto;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.reference.Tensor;
import dev.quern.reference.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Convolutions of 8 bits as quantising tools write them: ONNX Runtime, the scalar reference and the
 * kernels in V8 agree.
 */
class QuantisedImageTest {
  private static final DataType U8 = DataType.UINT8;
  private static final DataType I8 = DataType.INT8;
  private static final long[] SCALAR = {};

  /** Powers of two, with which nothing is lost: ties are ties in every order of the sums. */
  private static TensorProto scales(int count, float first) {
    float[] scales = new float[count];
    for (int i = 0; i < count; i++) {
      scales[i] = first * (1 << i % 3);
    }
    return ModelBuilder.tensor(scales, count);
  }

  private static TensorProto zero(DataType type, int point) {
    return ModelBuilder.raw(type, new byte[] {(byte) point}, SCALAR);
  }

  private static List<String> operators(Graph graph) {
    List<String> list = new ArrayList<>();
    for (Node node : graph.nodes()) {
      list.add(node.operator());
    }
    return list;
  }

  /** Rounds a value to u8 and back. */
  private static String rounded(ModelBuilder model, String value) {
    model.node("QuantizeLinear", List.of(value, "step", "point"), List.of(value + "_q"));
    model.node("DequantizeLinear", List.of(value + "_q", "step", "point"), List.of(value + "_r"));
    return value + "_r";
  }

  private static String weights(ModelBuilder model, String name, long... dims) {
    int outputs = (int) dims[0];
    model.constant(name, QuantisedTest.bytes(outputs, I8, dims));
    model.constant(name + "_scale", scales(outputs, 1f / 2048));
    model.constant(name + "_zero", ModelBuilder.raw(I8, new byte[outputs], outputs));
    List<String> operands = List.of(name, name + "_scale", name + "_zero");
    model.node("DequantizeLinear", operands, List.of(name + "_r"), "axis", 0);
    return name + "_r";
  }

  /** Rounding is an epilogue, weights are constants, and biases of i32 too. */
  @Test
  void networksThatRoundBetweenConvolutionsAgree() {
    ModelBuilder model = new ModelBuilder(13).input("x", DataType.FLOAT, "n", "3", "11", "13");
    model.constant("step", new long[0], 1f / 32).constant("point", zero(U8, 117));
    String w = weights(model, "w", 8, 3, 3, 3);
    model.constant("b", ModelBuilder.raw(DataType.INT32, new byte[32], 8));
    model.constant("b_scale", scales(8, 1f / 65536));
    model.node("DequantizeLinear", List.of("b", "b_scale"), List.of("b_r"), "axis", 0);
    long[] same = {1, 1, 1, 1};
    String x = rounded(model, "x");
    model
        .node("Conv", List.of(x, w, "b_r"), List.of("c"), "pads", same)
        .node("Relu", List.of("c"), List.of("d"));
    String depthwise = weights(model, "dw", 8, 1, 3, 3);
    model.node(
        "Conv", List.of(rounded(model, "d"), depthwise), List.of("e"), "pads", same, "group", 8);
    String pointwise = weights(model, "pw", 5, 8, 1, 1);
    model.node("Conv", List.of(rounded(model, "e"), pointwise), List.of("f"));
    model.node("QuantizeLinear", List.of("f", "step", "point"), List.of("y")).output("y", U8);
    Graph graph =
        QuantisedTest.agree(model, Map.of("x", Tensors.random(7, DataType.FLOAT, 2, 3, 11, 13)), 0);
    assertThat(operators(graph))
        .containsExactly(
            "quern.Elementwise",
            "quern.Conv",
            "quern.Conv",
            "quern.MatMul",
            "quern.Elementwise",
            "Transpose");
  }

  /** Sums of bytes are whole numbers in f32, without a way through i32. */
  @ParameterizedTest
  @CsvSource({"i8,1,3", "u8,1,1", "u8,12,3", "i8,1,1"})
  void convolutionsThatQuantiseWhileTheyRunAgree(String type, int groups, int kernel) {
    DataType weights = type.equals("i8") ? I8 : U8;
    ModelBuilder model = new ModelBuilder(13).input("x", DataType.FLOAT, "1", "12", "h", "9");
    long[] dims = {12, 12 / groups, kernel, kernel};
    model.constant("w", QuantisedTest.bytes(3, weights, dims));
    model.constant("wz", zero(weights, weights == I8 ? 0 : 120)).constant("ws", new long[0], 0.01f);
    model.constant(
        "b", new long[] {1, 12, 1, 1}, 1f, 2f, 3f, 4f, 5f, 6f, 7f, 8f, 9f, 10f, 11f, 12f);
    model.node("DynamicQuantizeLinear", List.of("x"), List.of("q", "s", "z"));
    long around = kernel / 2;
    long[] pads = {around, around, around, around};
    model.node(
        "ConvInteger", List.of("q", "w", "z", "wz"), List.of("i"), "pads", pads, "group", groups);
    model.node("Cast", List.of("i"), List.of("f"), "to", DataType.FLOAT.code());
    model.node("Mul", List.of("s", "ws"), List.of("scale"));
    model
        .node("Mul", List.of("f", "scale"), List.of("c"))
        .node("Add", List.of("c", "b"), List.of("y"));
    model.output("y", DataType.FLOAT);
    Graph graph =
        QuantisedTest.agree(
            model, Map.of("x", Tensors.random(5, DataType.FLOAT, 1, 12, 7, 9)), 1e-6);
    String product = groups == 1 && kernel == 1 ? "quern.MatMul" : "quern.Conv";
    assertThat(operators(graph)).contains(product).doesNotContain("host.ConvInteger");
    Node conv =
        graph.nodes().stream()
            .filter(node -> node.operator().equals(product))
            .findFirst()
            .orElseThrow();
    assertThat(conv.hasProgram()).as("scale and bias in the epilogue").isTrue();
  }

  /** Between convolutions that quantise, channels stay last. */
  @Test
  void channelsStayLastBetweenConvolutionsThatQuantise() {
    ModelBuilder model = new ModelBuilder(13).input("x", DataType.FLOAT, "1", "4", "9", "9");
    String at = "x";
    for (int i = 0; i < 3; i++) {
      model
          .constant("w" + i, QuantisedTest.bytes(i, I8, 4, 4, 3, 3))
          .constant("ws" + i, new long[0], 0.01f);
      model.node("DynamicQuantizeLinear", List.of(at), List.of("q" + i, "s" + i, "z" + i));
      model.node("ConvInteger", List.of("q" + i, "w" + i, "z" + i), List.of("i" + i));
      model.node("Cast", List.of("i" + i), List.of("f" + i), "to", DataType.FLOAT.code());
      model.node("Mul", List.of("s" + i, "ws" + i), List.of("t" + i));
      model.node("Mul", List.of("f" + i, "t" + i), List.of("c" + i));
      at = "c" + i;
    }
    model.output(at, DataType.FLOAT);
    Tensor x = Tensors.random(6, DataType.FLOAT, 1, 4, 9, 9);
    Graph graph = QuantisedTest.agree(model, Map.of("x", x), 1e-5);
    assertThat(operators(graph)).filteredOn(op -> op.equals("Transpose")).hasSizeLessThan(3);
  }

  /** QLinearConv: from bytes to bytes. */
  @ParameterizedTest
  @CsvSource({"1,true", "6,false"})
  void convolutionsFromBytesToBytesAgree(int groups, boolean bias) {
    ModelBuilder model = new ModelBuilder(13).input("x", U8, "2", "6", "8", "10");
    model.constant("xs", new long[0], 0.02f).constant("xz", zero(U8, 7));
    model.constant("w", QuantisedTest.bytes(4, I8, 6, 6 / groups, 3, 3));
    model.constant("ws", scales(6, 0.01f)).constant("wz", ModelBuilder.raw(I8, new byte[6], 6));
    model.constant("ys", new long[0], 0.5f).constant("yz", zero(U8, 100));
    List<String> inputs = new ArrayList<>(List.of("x", "xs", "xz", "w", "ws", "wz", "ys", "yz"));
    if (bias) {
      byte[] bytes = new byte[24];
      bytes[0] = 100;
      bytes[5] = 3;
      model.constant("b", ModelBuilder.raw(DataType.INT32, bytes, 6));
      inputs.add("b");
    }
    model.node("QLinearConv", inputs, List.of("y"), "group", groups).output("y", U8);
    Graph graph = QuantisedTest.agree(model, Map.of("x", bytes(2, 6, 8, 10)), 0);
    assertThat(operators(graph)).contains("quern.Conv").doesNotContain("host.ConvInteger");
  }

  /** QLinearMatMul, with weights that are rounded by columns. */
  @Test
  void productsFromBytesToBytesAgree() {
    ModelBuilder model = new ModelBuilder(13).input("x", U8, "2", "5", "24");
    model.constant("xs", new long[0], 1f / 64).constant("xz", zero(U8, 7));
    model.constant("w", QuantisedTest.bytes(4, I8, 24, 9));
    model.constant("ws", scales(9, 1f / 64)).constant("wz", ModelBuilder.raw(I8, new byte[9], 9));
    model.constant("ys", new long[0], 0.5f).constant("yz", zero(U8, 100));
    List<String> inputs = List.of("x", "xs", "xz", "w", "ws", "wz", "ys", "yz");
    model.node("QLinearMatMul", inputs, List.of("y")).output("y", U8);
    Graph graph = QuantisedTest.agree(model, Map.of("x", bytes(2, 5, 24)), 0);
    assertThat(operators(graph))
        .containsExactly("quern.Elementwise", "quern.MatMul", "quern.Elementwise");
  }

  private static Tensor bytes(long... dims) {
    byte[] data = QuantisedTest.bytes(9, U8, dims).getRawData().toByteArray();
    return Tensor.of(U8, data, dims);
  }

  /** 16 bits there and back; an embedding of bytes is looked up before it is dequantised. */
  @Test
  void sixteenBitsAndTablesAgree() {
    ModelBuilder model = new ModelBuilder(21).input("x", DataType.FLOAT, "5", "7");
    model.input("ids", DataType.INT64, "4");
    model.constant("step", new long[0], 0.0001f);
    for (DataType type : List.of(DataType.INT16, DataType.UINT16)) {
      String name = type.label();
      model.constant(name, ModelBuilder.raw(type, new byte[] {5, 64}, SCALAR));
      model.node("QuantizeLinear", List.of("x", "step", name), List.of(name + "_q"));
      model.node("DequantizeLinear", List.of(name + "_q", "step", name), List.of(name + "_r"));
      model.output(name + "_r", DataType.FLOAT);
    }
    model.constant("table", QuantisedTest.bytes(3, I8, 50, 6)).constant("zero", zero(I8, 3));
    model.node("DequantizeLinear", List.of("table", "step", "zero"), List.of("rows"));
    model.node("Gather", List.of("rows", "ids"), List.of("found")).output("found", DataType.FLOAT);
    Tensor x = Tensors.random(3, DataType.FLOAT, 5, 7);
    x.floats()[0] = 1e9f;
    x.floats()[1] = -1e9f;
    Graph graph =
        QuantisedTest.agree(
            model, Map.of("x", x, "ids", Tensor.of(new long[] {0, 49, -1, 7}, 4)), 0);
    assertThat(graph.constants().get("table")).as("the table of bytes stays").isNotNull();
  }
}
