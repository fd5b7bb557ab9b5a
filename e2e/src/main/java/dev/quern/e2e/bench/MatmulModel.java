package dev.quern.e2e.bench;

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

/** The smallest model with a matmul in it. */
public final class MatmulModel {
  private MatmulModel() {}

  /** y [m, n] = x [m, k] · w [k, n], w random and constant, m any size. */
  public static byte[] of(int k, int n) {
    TensorData weight = TensorData.of(Inputs.random(k * n), k, n);
    return ModelProto.newBuilder()
        .setIrVersion(7)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(13))
        .setGraph(
            GraphProto.newBuilder()
                .setName("matmul")
                .addInput(value("x", k))
                .addOutput(value("y", n))
                .addInitializer(
                    TensorProto.newBuilder()
                        .setName("w")
                        .setDataType(weight.type().code())
                        .addAllDims(weight.shape())
                        .setRawData(ByteString.copyFrom(weight.bytes())))
                .addNode(
                    NodeProto.newBuilder()
                        .setName("product")
                        .setOpType("MatMul")
                        .addInput("x")
                        .addInput("w")
                        .addOutput("y")))
        .build()
        .toByteArray();
  }

  static ValueInfoProto value(String name, int width) {
    TensorShapeProto shape =
        TensorShapeProto.newBuilder()
            .addDim(TensorShapeProto.Dimension.newBuilder().setDimParam("m"))
            .addDim(TensorShapeProto.Dimension.newBuilder().setDimValue(width))
            .build();
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            TypeProto.newBuilder()
                .setTensorType(TypeProto.Tensor.newBuilder().setElemType(1).setShape(shape)))
        .build();
  }
}
