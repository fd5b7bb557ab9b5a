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

/** Writes an ONNX file, node by node. */
public final class OnnxBuilder {
  private static final int OPSET = 13;

  private static final String MICROSOFT = "com.microsoft";

  private final GraphProto.Builder graph;
  private final int opset;

  /** A file of operator set 13. */
  public OnnxBuilder(String name) {
    this(name, OPSET);
  }

  /**
   * A file.
   *
   * @param opset the operator set, 13 to 18
   */
  public OnnxBuilder(String name, int opset) {
    graph = GraphProto.newBuilder().setName(name);
    this.opset = opset;
  }

  /**
   * An input of f32.
   *
   * @param dims whole numbers, or a name for a dimension that is known at run time only
   */
  public OnnxBuilder input(String name, Object... dims) {
    graph.addInput(value(name, TensorProto.DataType.FLOAT_VALUE, dims));
    return this;
  }

  /** An input of i64. */
  public OnnxBuilder integerInput(String name, Object... dims) {
    graph.addInput(value(name, TensorProto.DataType.INT64_VALUE, dims));
    return this;
  }

  /** An input of bool. */
  public OnnxBuilder booleanInput(String name, Object... dims) {
    graph.addInput(value(name, TensorProto.DataType.BOOL_VALUE, dims));
    return this;
  }

  /** An output of f32. */
  public OnnxBuilder output(String name, Object... dims) {
    graph.addOutput(value(name, TensorProto.DataType.FLOAT_VALUE, dims));
    return this;
  }

  /** An output of f32 whose shape follows from the nodes. */
  public OnnxBuilder outputOfAnyShape(String name) {
    TypeProto.Tensor.Builder tensor =
        TypeProto.Tensor.newBuilder().setElemType(TensorProto.DataType.FLOAT_VALUE);
    graph.addOutput(
        ValueInfoProto.newBuilder()
            .setName(name)
            .setType(TypeProto.newBuilder().setTensorType(tensor)));
    return this;
  }

  /** A constant of f32. */
  public OnnxBuilder constant(String name, float[] values, int... dims) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return constant(name, TensorProto.DataType.FLOAT_VALUE, bytes, dims);
  }

  /** A constant of i64. */
  public OnnxBuilder constant(String name, long[] values, int... dims) {
    ByteBuffer bytes = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asLongBuffer().put(values);
    return constant(name, TensorProto.DataType.INT64_VALUE, bytes, dims);
  }

  /** A constant of u8. */
  public OnnxBuilder constant(String name, byte[] values, int... dims) {
    return constant(name, TensorProto.DataType.UINT8_VALUE, ByteBuffer.wrap(values), dims);
  }

  /** A constant of bool. */
  public OnnxBuilder constant(String name, boolean[] values, int... dims) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length);
    for (boolean value : values) {
      bytes.put((byte) (value ? 1 : 0));
    }
    return constant(name, TensorProto.DataType.BOOL_VALUE, bytes.flip(), dims);
  }

  private OnnxBuilder constant(String name, int type, ByteBuffer bytes, int... dims) {
    TensorProto.Builder tensor = TensorProto.newBuilder();
    for (int dim : dims) {
      tensor.addDims(dim);
    }
    graph.addInitializer(
        tensor.setName(name).setDataType(type).setRawData(ByteString.copyFrom(bytes)));
    return this;
  }

  /** A node of one output, named as that. */
  public OnnxBuilder node(
      String op, String output, List<String> inputs, AttributeProto... attributes) {
    return node("", op, List.of(output), inputs, attributes);
  }

  /** A node of several outputs, named as the first. */
  public OnnxBuilder node(
      String op, List<String> outputs, List<String> inputs, AttributeProto... attributes) {
    return node("", op, outputs, inputs, attributes);
  }

  /** A node of an operator that ONNX Runtime adds. */
  public OnnxBuilder contrib(
      String op, List<String> outputs, List<String> inputs, AttributeProto... attributes) {
    return node(MICROSOFT, op, outputs, inputs, attributes);
  }

  private OnnxBuilder node(
      String domain,
      String op,
      List<String> outputs,
      List<String> inputs,
      AttributeProto... attributes) {
    graph.addNode(
        NodeProto.newBuilder()
            .setDomain(domain)
            .setOpType(op)
            .setName(outputs.getFirst())
            .addAllInput(inputs)
            .addAllOutput(outputs)
            .addAllAttribute(List.of(attributes)));
    return this;
  }

  public static AttributeProto real(String name, float value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.FLOAT)
        .setF(value)
        .build();
  }

  public static AttributeProto ints(String name, List<Integer> values) {
    AttributeProto.Builder attribute =
        AttributeProto.newBuilder().setName(name).setType(AttributeProto.AttributeType.INTS);
    values.forEach(attribute::addInts);
    return attribute.build();
  }

  public static AttributeProto integer(String name, long value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  public static AttributeProto text(String name, String value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.STRING)
        .setS(ByteString.copyFromUtf8(value))
        .build();
  }

  /** A branch or a loop's body. Its outputs need no sizes. */
  public static AttributeProto body(String name, OnnxBuilder body) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.GRAPH)
        .setG(body.graph)
        .build();
  }

  public byte[] bytes() {
    return ModelProto.newBuilder()
        // ONNX 1.8 brought operator set 13, ONNX 1.10 number 15.
        .setIrVersion(opset >= 15 ? 8 : 7)
        .setProducerName("quern")
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(opset))
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain(MICROSOFT).setVersion(1))
        .setGraph(graph)
        .build()
        .toByteArray();
  }

  private static ValueInfoProto value(String name, int type, Object... dims) {
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
                .setTensorType(TypeProto.Tensor.newBuilder().setElemType(type).setShape(shape)))
        .build();
  }
}
