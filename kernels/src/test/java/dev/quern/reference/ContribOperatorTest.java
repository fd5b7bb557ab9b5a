package dev.quern.reference;

import ai.onnx.proto.OnnxMl.TensorProto;
import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.reference.OperatorTest.Case;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Operators of {@code com.microsoft}, and ONNX's own that are like them, against ONNX Runtime. */
class ContribOperatorTest {
  private static final String MS = "com.microsoft.";
  private static final String ABSENT = "";
  private static final List<Case> CASES = new ArrayList<>();

  private static void add(
      String title, String op, int outputs, List<Object> inputs, Object... attributes) {
    CASES.add(new Case(title, 17, op, inputs, attributes, outputs, 1e-5));
  }

  private static Tensor f32(long... dims) {
    return Tensors.random(Arrays.hashCode(dims) + CASES.size(), DataType.FLOAT, dims);
  }

  private static Tensor i32(int below, long... dims) {
    Tensor indices = Tensors.indices(CASES.size(), below, dims);
    int[] numbers = new int[indices.size()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = (int) indices.longs()[i];
    }
    return Tensor.of(numbers, dims);
  }

  private static Tensor u8(long... dims) {
    Tensor result = Tensor.zeros(DataType.UINT8, dims);
    for (int i = 0; i < result.size(); i++) {
      result.bytes()[i] = (byte) (i * 37 + 11);
    }
    return result;
  }

  private static TensorProto scalar(float value) {
    return ModelBuilder.tensor(new float[] {value});
  }

  private static TensorProto zero(int value) {
    return ModelBuilder.raw(DataType.UINT8, new byte[] {(byte) value});
  }

  private static TensorProto int32(int value) {
    return ModelBuilder.raw(DataType.INT32, new byte[] {(byte) value, 0, 0, 0});
  }

  static {
    activations();
    normalisations();
    products();
    quantised();
    attention();
    grouped();
    rotary();
    onnx();
  }

  private static void activations() {
    byte[] numbers = new byte[3 * 2 * 8];
    new java.util.Random(1).nextBytes(numbers);
    add(
        "plain",
        MS + "MatMulNBits",
        1,
        List.of(
            f32(2, 5, 20),
            ModelBuilder.raw(DataType.UINT8, numbers, 3, 2, 8),
            ModelBuilder.tensor(new float[] {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f}, 6)),
        "K",
        20L,
        "N",
        3L,
        "bits",
        4L,
        "block_size",
        16L);
    add("plain", MS + "Gelu", 1, List.of(f32(3, 8)));
    add("plain", MS + "BiasGelu", 1, List.of(f32(2, 3, 8), f32(8)));
    add("plain", MS + "FastGelu", 1, List.of(f32(2, 3, 8)));
    add("bias", MS + "FastGelu", 1, List.of(f32(2, 3, 8), f32(8)));
    add("plain", MS + "QuickGelu", 1, List.of(f32(3, 8)));
    add("alpha", MS + "QuickGelu", 1, List.of(f32(3, 8)), "alpha", 0.9f);
  }

  private static void normalisations() {
    add(
        "plain",
        MS + "SkipLayerNormalization",
        1,
        List.of(f32(2, 3, 8), f32(2, 3, 8), f32(8), f32(8)));
    add(
        "bias",
        MS + "SkipLayerNormalization",
        1,
        List.of(f32(2, 3, 8), f32(2, 3, 8), f32(8), f32(8), f32(8)),
        "epsilon",
        1e-3f);
    add(
        "plain",
        MS + "SkipSimplifiedLayerNormalization",
        1,
        List.of(f32(2, 3, 8), f32(2, 3, 8), f32(8)));
    add(
        "plain",
        "SimplifiedLayerNormalization",
        1,
        List.of(f32(2, 3, 8), f32(8)),
        "axis",
        -1L,
        "epsilon",
        1e-5f);
    Tensor ids = i32(20, 2, 5);
    add(
        "segments",
        MS + "EmbedLayerNormalization",
        2,
        List.of(
            ids,
            i32(2, 2, 5),
            weights(20, 8),
            weights(6, 8),
            weights(2, 8),
            weights(8),
            weights(8)));
    add(
        "mask",
        MS + "EmbedLayerNormalization",
        2,
        List.of(
            ids,
            ABSENT,
            weights(20, 8),
            weights(6, 8),
            ABSENT,
            weights(8),
            weights(8),
            i32(2, 2, 5)),
        "epsilon",
        1e-6f);
  }

  private static void products() {
    add(
        "transposed",
        MS + "FusedMatMul",
        1,
        List.of(f32(2, 5, 3), f32(2, 4, 5)),
        "transA",
        1L,
        "transB",
        1L,
        "alpha",
        0.25f);
    add("plain", MS + "FusedMatMul", 1, List.of(f32(2, 3, 5), f32(5, 4)));
    Object[] both = {"transBatchA", 1L, "transBatchB", 1L};
    add("batches", MS + "FusedMatMul", 1, List.of(f32(3, 2, 5), f32(5, 2, 4)), both);
    add("more", MS + "FusedMatMul", 1, List.of(f32(3, 2, 6, 5), f32(5, 2, 6, 4)), both);
    add(
        "batches and turned",
        MS + "FusedMatMul",
        1,
        List.of(f32(5, 2, 6, 3), f32(4, 2, 6, 5)),
        "transBatchA",
        1L,
        "transBatchB",
        1L,
        "transA",
        1L,
        "transB",
        1L);
    Object[] left = {"transBatchA", 1L};
    add("left batches", MS + "FusedMatMul", 1, List.of(f32(3, 2, 5), f32(2, 5, 4)), left);
    for (String activation : List.of("Relu", "Tanh", "Sigmoid")) {
      add(
          activation,
          MS + "FusedGemm",
          1,
          List.of(f32(4, 6), weights(3, 6), weights(3)),
          "activation",
          activation,
          "transB",
          1L,
          "alpha",
          0.5f,
          "beta",
          2f);
    }
    Object[] leaky = {"activation", "LeakyRelu", "activation_alpha", 0.3f, "transA", 1L};
    add("leaky", MS + "FusedGemm", 1, List.of(f32(6, 4), weights(6, 3)), leaky);
    TensorProto weights = weights(4, 3, 3, 3);
    for (String activation : List.of("Relu", "Tanh", "Sigmoid")) {
      add(
          activation,
          MS + "FusedConv",
          1,
          List.of(f32(1, 3, 6, 7), weights),
          "activation",
          activation,
          "pads",
          new long[] {1, 1, 1, 1});
    }
    add(
        "leaky",
        MS + "FusedConv",
        1,
        List.of(f32(1, 3, 6, 7), weights),
        "activation",
        "LeakyRelu",
        "activation_params",
        new float[] {0.3f});
    add(
        "clip",
        MS + "FusedConv",
        1,
        List.of(f32(1, 3, 6, 7), weights),
        "activation",
        "Clip",
        "activation_params",
        new float[] {-0.5f, 0.75f});
    add(
        "sum",
        MS + "FusedConv",
        1,
        List.of(f32(1, 3, 6, 7), weights, ABSENT, f32(1, 4, 4, 5)),
        "activation",
        "Relu");
  }

  private static TensorProto weights(long... dims) {
    Tensor made = f32(dims);
    return ModelBuilder.tensor(made.floats(), dims);
  }

  private static TensorProto bytes(DataType type, long... dims) {
    byte[] data = new byte[u8(dims).size()];
    for (int i = 0; i < data.length; i++) {
      // Small numbers: ONNX Runtime saturates sums of pairs on some machines.
      data[i] = (byte) (i * 31 % 100 - (type == DataType.INT8 ? 50 : 0));
    }
    return ModelBuilder.raw(type, data, dims);
  }

  private static void quantised() {
    add(
        "bias",
        MS + "DynamicQuantizeMatMul",
        1,
        List.of(f32(3, 8), bytes(DataType.UINT8, 8, 5), scalar(0.02f), zero(50), f32(5)));
    add(
        "no zero point",
        MS + "DynamicQuantizeMatMul",
        1,
        List.of(f32(3, 8), bytes(DataType.INT8, 8, 5), scalar(0.02f)));
    add(
        "zero points",
        MS + "MatMulIntegerToFloat",
        1,
        List.of(
            u8(3, 8), bytes(DataType.UINT8, 8, 5), scalar(0.02f), scalar(0.1f), zero(7), zero(50)));
    for (String op : List.of("QLinearAdd", "QLinearMul")) {
      add(
          "broadcast",
          MS + op,
          1,
          List.of(
              u8(3, 8),
              scalar(0.0213f),
              zero(100),
              u8(8),
              scalar(0.0317f),
              zero(20),
              scalar(0.0533f),
              zero(30)));
    }
    add(
        "plain",
        MS + "QLinearSigmoid",
        1,
        List.of(u8(3, 8), scalar(0.05f), zero(100), scalar(1 / 256f), zero(0)));
    add(
        "plain",
        MS + "QLinearLeakyRelu",
        1,
        List.of(u8(3, 8), scalar(0.05f), zero(100), scalar(0.07f), zero(60)),
        "alpha",
        0.2f);
    add(
        "plain",
        MS + "QLinearSoftmax",
        1,
        List.of(u8(3, 8), scalar(0.01f), zero(100), scalar(1 / 256f), zero(0)),
        "opset",
        13L);
    add(
        "plain",
        MS + "QLinearGlobalAveragePool",
        1,
        List.of(u8(1, 3, 4, 5), scalar(0.05f), zero(100), scalar(0.05f), zero(100)));
    add(
        "plain",
        MS + "QLinearAveragePool",
        1,
        List.of(u8(1, 3, 4, 5), scalar(0.05f), zero(100), scalar(0.05f), zero(100)),
        "kernel_shape",
        new long[] {2, 2});
    add(
        "two",
        MS + "QLinearConcat",
        1,
        List.of(
            scalar(0.05f),
            zero(90),
            u8(2, 3),
            scalar(0.03f),
            zero(100),
            u8(2, 4),
            scalar(0.06f),
            zero(10)),
        "axis",
        1L);
    add(
        "bytes",
        MS + "QGemm",
        1,
        List.of(
            u8(3, 8),
            scalar(0.02f),
            zero(100),
            bytes(DataType.UINT8, 8, 5),
            scalar(0.03f),
            zero(40),
            ABSENT,
            scalar(0.2f),
            zero(100)),
        "alpha",
        1f);
  }

  private static void attention() {
    List<Object> plain = List.of(f32(2, 5, 8), f32(2, 5, 8), f32(2, 5, 8));
    add("plain", MS + "MultiHeadAttention", 1, plain, "num_heads", 2L);
    add(
        "bias",
        MS + "MultiHeadAttention",
        1,
        List.of(f32(2, 4, 8), f32(2, 6, 8), f32(2, 6, 8), f32(24)),
        "num_heads",
        2L,
        "scale",
        0.5f);
    Tensor mask = Tensor.of(new int[] {1, 1, 1, 0, 0, 1, 1, 1, 1, 0}, 2, 5);
    add(
        "mask",
        MS + "MultiHeadAttention",
        1,
        List.of(f32(2, 5, 8), f32(2, 5, 8), f32(2, 5, 8), ABSENT, mask),
        "num_heads",
        2L);
    add(
        "past",
        MS + "MultiHeadAttention",
        3,
        List.of(
            f32(2, 1, 8),
            f32(2, 1, 8),
            f32(2, 1, 8),
            ABSENT,
            ABSENT,
            f32(1, 2, 1, 4),
            f32(2, 2, 3, 4),
            f32(2, 2, 3, 4)),
        "num_heads",
        2L);
    add(
        "causal",
        MS + "MultiHeadAttention",
        1,
        List.of(f32(2, 5, 8), f32(2, 5, 8), f32(2, 5, 8)),
        "num_heads",
        4L,
        "unidirectional",
        1L);
    add("plain", MS + "Attention", 1, List.of(f32(2, 5, 6), f32(6, 24), f32(24)), "num_heads", 2L);
    add(
        "mask",
        MS + "Attention",
        1,
        List.of(f32(2, 5, 6), f32(6, 24), f32(24), mask),
        "num_heads",
        2L);
    add(
        "lengths",
        MS + "Attention",
        1,
        List.of(f32(2, 5, 6), f32(6, 24), f32(24), Tensor.of(new int[] {3, 5}, 2)),
        "num_heads",
        2L);
    add(
        "causal with past",
        MS + "Attention",
        2,
        List.of(f32(2, 2, 6), f32(6, 24), f32(24), ABSENT, f32(2, 2, 2, 3, 4)),
        "num_heads",
        2L,
        "unidirectional",
        1L);
  }

  private static void grouped() {
    Tensor lengths = Tensor.of(new int[] {4}, 1);
    add(
        "first",
        MS + "GroupQueryAttention",
        3,
        List.of(f32(1, 5, 32), f32(1, 5, 16), f32(1, 5, 16), ABSENT, ABSENT, lengths, int32(5)),
        "num_heads",
        4L,
        "kv_num_heads",
        2L);
    add(
        "next",
        MS + "GroupQueryAttention",
        3,
        List.of(
            f32(1, 1, 32),
            f32(1, 1, 16),
            f32(1, 1, 16),
            f32(1, 2, 4, 8),
            f32(1, 2, 4, 8),
            lengths,
            int32(5)),
        "num_heads",
        4L,
        "kv_num_heads",
        2L);
    add(
        "rotary",
        MS + "GroupQueryAttention",
        3,
        List.of(
            f32(1, 1, 64),
            f32(1, 1, 32),
            f32(1, 1, 32),
            f32(1, 2, 4, 16),
            f32(1, 2, 4, 16),
            lengths,
            int32(5),
            f32(9, 8),
            f32(9, 8)),
        "num_heads",
        4L,
        "kv_num_heads",
        2L,
        "do_rotary",
        1L);
    add(
        "window",
        MS + "GroupQueryAttention",
        1,
        List.of(f32(1, 5, 32), f32(1, 5, 16), f32(1, 5, 16), ABSENT, ABSENT, lengths, int32(5)),
        "num_heads",
        4L,
        "kv_num_heads",
        2L,
        "local_window_size",
        3L,
        "scale",
        0.2f);
  }

  private static void rotary() {
    Tensor places = Tensors.indices(3, 7, 2, 5);
    add("halves", MS + "RotaryEmbedding", 1, List.of(f32(2, 5, 24), places, f32(7, 4), f32(7, 4)));
    add(
        "pairs",
        MS + "RotaryEmbedding",
        1,
        List.of(f32(2, 3, 5, 8), places, f32(7, 4), f32(7, 4)),
        "interleaved",
        1L);
    add(
        "offset",
        MS + "RotaryEmbedding",
        1,
        List.of(f32(2, 3, 5, 8), Tensor.of(new long[] {2}, 1), f32(7, 4), f32(7, 4)));
    add(
        "part",
        MS + "RotaryEmbedding",
        1,
        List.of(f32(2, 5, 24), places, f32(7, 2), f32(7, 2)),
        "num_heads",
        3L,
        "rotary_embedding_dim",
        4L);
  }

  private static void onnx(
      String title, String op, int outputs, List<Object> inputs, Object... attributes) {
    CASES.add(new Case(title, 23, op, inputs, attributes, outputs, 1e-5));
  }

  private static void onnx() {
    onnx("four axes", "Attention", 1, List.of(f32(2, 3, 5, 8), f32(2, 3, 6, 8), f32(2, 3, 6, 8)));
    onnx(
        "groups",
        "Attention",
        1,
        List.of(f32(2, 5, 32), f32(2, 6, 16), f32(2, 6, 16)),
        "q_num_heads",
        4L,
        "kv_num_heads",
        2L);
    onnx(
        "causal",
        "Attention",
        1,
        List.of(f32(2, 3, 5, 8), f32(2, 3, 5, 8), f32(2, 3, 5, 8)),
        "is_causal",
        1L);
    onnx(
        "mask and cap",
        "Attention",
        1,
        List.of(f32(2, 3, 5, 8), f32(2, 3, 6, 8), f32(2, 3, 6, 8), f32(5, 6)),
        "softcap",
        2f);
    onnx(
        "past",
        "Attention",
        3,
        List.of(
            f32(2, 3, 1, 8),
            f32(2, 3, 1, 8),
            f32(2, 3, 1, 8),
            ABSENT,
            f32(2, 3, 4, 8),
            f32(2, 3, 4, 8)));
    onnx(
        "positions",
        "RotaryEmbedding",
        1,
        List.of(f32(2, 3, 5, 8), f32(7, 4), f32(7, 4), Tensors.indices(3, 7, 2, 5)));
    onnx(
        "three axes",
        "RotaryEmbedding",
        1,
        List.of(f32(2, 5, 24), f32(2, 5, 4), f32(2, 5, 4)),
        "num_heads",
        3L);
  }

  static Stream<Case> cases() {
    return CASES.stream();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void agreesWithOnnxRuntime(Case test) {
    OperatorTest.check(test);
  }
}
