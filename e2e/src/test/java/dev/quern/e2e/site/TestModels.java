package dev.quern.e2e.site;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import com.google.protobuf.ByteString;
import dev.quern.e2e.data.TensorData;
import java.util.List;
import java.util.Random;

/**
 * Small models built with ONNX's own classes: one that works, and ones that are broken each in its
 * way.
 */
public final class TestModels {
  private static final int WIDTH = 16;
  private static final int CLASSES = 4;

  private TestModels() {}

  /** softmax(relu(x [n, 16] · w [16, 4] + b [4])) = y [n, 4]. */
  public static byte[] mlp() {
    return classifier("Softmax");
  }

  /** The same with log-softmax at its end, which the core engine does not know. */
  static byte[] rareOperator() {
    return classifier("LogSoftmax");
  }

  private static byte[] classifier(String last) {
    return model(
        graph()
            .addNode(node("MatMul", "product", List.of("x", "w"), "p"))
            .addNode(node("Add", "bias", List.of("p", "b"), "s"))
            .addNode(node("Relu", "activation", List.of("s"), "r"))
            .addNode(
                node(last, "share", List.of("r"), "y").toBuilder()
                    .addAttribute(
                        AttributeProto.newBuilder()
                            .setName("axis")
                            .setType(AttributeProto.AttributeType.INT)
                            .setI(-1)))
            .addInitializer(random("w", WIDTH, CLASSES))
            .addInitializer(random("b", CLASSES)));
  }

  /** An input of the models, [rows, 16]. */
  public static TensorData input(int rows) {
    float[] values = new float[rows * WIDTH];
    Random random = new Random(3);
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat() * 2 - 1;
    }
    return TensorData.of(values, rows, WIDTH);
  }

  static byte[] unknownOperators() {
    return model(
        graph()
            .addNode(node("Frobnicate", "first", List.of("x"), "p"))
            .addNode(node("Wibble", "second", List.of("p"), "y")));
  }

  static byte[] misfit() {
    return model(
        graph()
            .addNode(node("MatMul", "product", List.of("x", "w"), "y"))
            .addInitializer(random("w", WIDTH + 1, CLASSES)));
  }

  static byte[] cycle() {
    return model(
        graph()
            .addNode(node("Add", "around", List.of("x", "q"), "p"))
            .addNode(node("Relu", "back", List.of("p"), "q"))
            .addNode(node("Relu", "out", List.of("q"), "y")));
  }

  static byte[] huge() {
    TensorProto weight =
        TensorProto.newBuilder()
            .setName("weight")
            .setDataType(TensorProto.DataType.FLOAT_VALUE)
            .addDims(1L << 40)
            .addDims(1L << 40)
            .setRawData(ByteString.copyFrom(new byte[8]))
            .build();
    return model(
        graph()
            .addNode(node("MatMul", "product", List.of("x", "weight"), "y"))
            .addInitializer(weight));
  }

  private static GraphProto.Builder graph() {
    return GraphProto.newBuilder()
        .setName("test")
        .addInput(value("x", "n", WIDTH))
        .addOutput(value("y", "n", CLASSES));
  }

  private static byte[] model(GraphProto.Builder graph) {
    return ModelProto.newBuilder()
        .setIrVersion(7)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(13))
        .setGraph(graph)
        .build()
        .toByteArray();
  }

  private static NodeProto node(String op, String name, List<String> inputs, String output) {
    return NodeProto.newBuilder()
        .setOpType(op)
        .setName(name)
        .addAllInput(inputs)
        .addOutput(output)
        .build();
  }

  private static ValueInfoProto value(String name, String symbol, long width) {
    TensorShapeProto shape =
        TensorShapeProto.newBuilder()
            .addDim(TensorShapeProto.Dimension.newBuilder().setDimParam(symbol))
            .addDim(TensorShapeProto.Dimension.newBuilder().setDimValue(width))
            .build();
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            TypeProto.newBuilder()
                .setTensorType(
                    TypeProto.Tensor.newBuilder()
                        .setElemType(TensorProto.DataType.FLOAT_VALUE)
                        .setShape(shape)))
        .build();
  }

  private static TensorProto random(String name, long... dims) {
    Random random = new Random(name.hashCode());
    TensorProto.Builder tensor =
        TensorProto.newBuilder().setName(name).setDataType(TensorProto.DataType.FLOAT_VALUE);
    long size = 1;
    for (long dim : dims) {
      tensor.addDims(dim);
      size *= dim;
    }
    for (long i = 0; i < size; i++) {
      tensor.addFloatData(random.nextFloat() * 2 - 1);
    }
    return tensor.build();
  }
}
