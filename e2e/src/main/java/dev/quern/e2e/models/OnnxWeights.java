package dev.quern.e2e.models;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.quern.server.models.ModelFileException;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;

/** The f32 constants of an ONNX file, by name. */
final class OnnxWeights {
  private final Map<String, TensorProto> constants = new HashMap<>();
  private final Map<String, NodeProto> nodes = new HashMap<>();

  OnnxWeights(byte[] model) {
    try {
      GraphProto graph = ModelProto.parseFrom(model).getGraph();
      graph.getInitializerList().forEach(tensor -> constants.put(tensor.getName(), tensor));
      graph.getNodeList().forEach(node -> nodes.put(node.getName(), node));
    } catch (InvalidProtocolBufferException e) {
      throw new ModelFileException("the ONNX file cannot be read: " + e.getMessage(), e);
    }
  }

  /** A constant's values in C order. */
  float[] floats(String name) {
    TensorProto tensor = constants.get(name);
    if (tensor == null || tensor.getDataType() != TensorProto.DataType.FLOAT_VALUE) {
      throw new ModelFileException("the ONNX file has no f32 constant " + name);
    }
    float[] values = new float[tensor.getRawData().size() / 4];
    tensor
        .getRawData()
        .asReadOnlyByteBuffer()
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer()
        .get(values);
    return values;
  }

  /** The matrix [k, n] that a MatMul node multiplies with; exporters give it no name. */
  float[] matrix(String node) {
    NodeProto matmul = nodes.get(node);
    if (matmul == null || !matmul.getOpType().equals("MatMul")) {
      throw new ModelFileException("the ONNX file has no MatMul " + node);
    }
    return floats(matmul.getInput(1));
  }
}
