package dev.quern.server.models;

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
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** Writes an ONNX file of operator set 13, node by node; all values are f32. */
final class OnnxBuilder {
  private static final int OPSET = 13;

  /** ONNX 1.8, which brought operator set 13. */
  private static final int IR_VERSION = 7;

  private final GraphProto.Builder graph;

  OnnxBuilder(String name) {
    graph = GraphProto.newBuilder().setName(name);
  }

  /**
   * @param dims whole numbers, or a name for a dimension that is known at run time only
   */
  OnnxBuilder input(String name, Object... dims) {
    graph.addInput(value(name, dims));
    return this;
  }

  OnnxBuilder output(String name, Object... dims) {
    graph.addOutput(value(name, dims));
    return this;
  }

  /** A constant of f32. */
  OnnxBuilder constant(String name, float[] values, int... dims) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    TensorProto.Builder tensor = TensorProto.newBuilder();
    for (int dim : dims) {
      tensor.addDims(dim);
    }
    graph.addInitializer(
        tensor
            .setName(name)
            .setDataType(TensorProto.DataType.FLOAT_VALUE)
            .setRawData(ByteString.copyFrom(bytes)));
    return this;
  }

  /** A node of one output, named as that. */
  OnnxBuilder node(String op, String output, List<String> inputs, AttributeProto... attributes) {
    graph.addNode(
        NodeProto.newBuilder()
            .setOpType(op)
            .setName(output)
            .addAllInput(inputs)
            .addOutput(output)
            .addAllAttribute(List.of(attributes)));
    return this;
  }

  static AttributeProto ints(String name, List<Integer> values) {
    AttributeProto.Builder attribute =
        AttributeProto.newBuilder().setName(name).setType(AttributeProto.AttributeType.INTS);
    values.forEach(attribute::addInts);
    return attribute.build();
  }

  static AttributeProto integer(String name, long value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  byte[] bytes() {
    return ModelProto.newBuilder()
        .setIrVersion(IR_VERSION)
        .setProducerName("quern")
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(OPSET))
        .setGraph(graph)
        .build()
        .toByteArray();
  }

  private static ValueInfoProto value(String name, Object... dims) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    for (Object dim : dims) {
      if (dim instanceof String symbol) {
        shape.addDimBuilder().setDimParam(symbol);
      } else {
        shape.addDimBuilder().setDimValue(((Number) dim).longValue());
      }
    }
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
}
