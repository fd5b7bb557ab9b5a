package dev.quern.onnx;

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

/** Writes small ONNX models with the real protobuf classes. */
public final class ModelBuilder {
  private final GraphProto.Builder graph = GraphProto.newBuilder().setName("made");
  private final ModelProto.Builder model = ModelProto.newBuilder().setProducerName("tests");

  /** A model of an operator set version. */
  public ModelBuilder(int opset) {
    // ONNX Runtime wants an IR version that knows the operator set.
    model.setIrVersion(opset >= 21 ? 10 : opset >= 19 ? 9 : opset >= 15 ? 8 : 7);
    model.addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(opset));
  }

  /** Adds an input; a dim is a number (as text) or a symbol, or "?" for neither. */
  public ModelBuilder input(String name, DataType type, String... dims) {
    graph.addInput(valueInfo(name, type, dims));
    return this;
  }

  /** Adds an output of unknown shape. */
  public ModelBuilder output(String name, DataType type) {
    TypeProto.Tensor.Builder tensor = TypeProto.Tensor.newBuilder().setElemType(type.code());
    graph.addOutput(
        ValueInfoProto.newBuilder()
            .setName(name)
            .setType(TypeProto.newBuilder().setTensorType(tensor)));
    return this;
  }

  /** Adds an output of a declared shape, as bodies of loops need it. */
  public ModelBuilder output(String name, DataType type, String... dims) {
    graph.addOutput(valueInfo(name, type, dims));
    return this;
  }

  /** Adds a constant of raw little-endian data. */
  public ModelBuilder constant(String name, TensorProto tensor) {
    graph.addInitializer(tensor.toBuilder().setName(name));
    return this;
  }

  /** Adds a constant of i64. */
  public ModelBuilder constant(String name, long[] dims, long... values) {
    return constant(name, tensor(values, dims));
  }

  /** Adds a constant of f32. */
  public ModelBuilder constant(String name, long[] dims, float... values) {
    return constant(name, tensor(values, dims));
  }

  /**
   * Adds a node; attributes alternate names and values. An operator of another domain than ONNX's
   * has its name before it, as in {@code com.microsoft.BiasGelu}.
   */
  public ModelBuilder node(
      String op, List<String> inputs, List<String> outputs, Object... attributes) {
    int dot = op.lastIndexOf('.');
    if (dot > 0) {
      model.addOpsetImport(
          OperatorSetIdProto.newBuilder().setDomain(op.substring(0, dot)).setVersion(1));
    }
    NodeProto.Builder node =
        NodeProto.newBuilder()
            .setName("n" + graph.getNodeCount())
            .setDomain(dot > 0 ? op.substring(0, dot) : "")
            .setOpType(op.substring(dot + 1))
            .addAllInput(inputs)
            .addAllOutput(outputs);
    for (int i = 0; i < attributes.length; i += 2) {
      node.addAttribute(attribute((String) attributes[i], attributes[i + 1]));
    }
    graph.addNode(node);
    return this;
  }

  /** Gives the last node another domain than ONNX's own. */
  public ModelBuilder domain(String domain) {
    graph.getNodeBuilder(graph.getNodeCount() - 1).setDomain(domain);
    model.addOpsetImport(OperatorSetIdProto.newBuilder().setDomain(domain).setVersion(1));
    return this;
  }

  /** The graph so far, to change directly. */
  public GraphProto.Builder graph() {
    return graph;
  }

  /** The model as protobuf. */
  public ModelProto proto() {
    return model.setGraph(graph).build();
  }

  /** The model's file. */
  public byte[] build() {
    return proto().toByteArray();
  }

  /** An attribute. */
  public static AttributeProto attribute(String name, Object value) {
    AttributeProto.Builder result = AttributeProto.newBuilder().setName(name);
    switch (value) {
      case Integer v -> result.setType(AttributeProto.AttributeType.INT).setI(v);
      case Long v -> result.setType(AttributeProto.AttributeType.INT).setI(v);
      case Float v -> result.setType(AttributeProto.AttributeType.FLOAT).setF(v);
      case String v ->
          result.setType(AttributeProto.AttributeType.STRING).setS(ByteString.copyFromUtf8(v));
      case String[] v -> {
        result.setType(AttributeProto.AttributeType.STRINGS);
        for (String text : v) {
          result.addStrings(ByteString.copyFromUtf8(text));
        }
      }
      case TensorProto v -> result.setType(AttributeProto.AttributeType.TENSOR).setT(v);
      case GraphProto v -> result.setType(AttributeProto.AttributeType.GRAPH).setG(v);
      case long[] v -> {
        result.setType(AttributeProto.AttributeType.INTS);
        for (long x : v) {
          result.addInts(x);
        }
      }
      case float[] v -> {
        result.setType(AttributeProto.AttributeType.FLOATS);
        for (float x : v) {
          result.addFloats(x);
        }
      }
      default -> throw new IllegalArgumentException("attribute of " + value.getClass());
    }
    return result.build();
  }

  /** A tensor of i64, as raw data. */
  public static TensorProto tensor(long[] values, long... dims) {
    ByteBuffer bytes = ByteBuffer.allocate(8 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (long value : values) {
      bytes.putLong(value);
    }
    return raw(DataType.INT64, bytes.array(), dims);
  }

  /** A tensor of f32, as raw data. */
  public static TensorProto tensor(float[] values, long... dims) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      bytes.putFloat(value);
    }
    return raw(DataType.FLOAT, bytes.array(), dims);
  }

  /** A tensor of any type, as raw data. */
  public static TensorProto raw(DataType type, byte[] data, long... dims) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder().setDataType(type.code()).setRawData(ByteString.copyFrom(data));
    for (long dim : dims) {
      tensor.addDims(dim);
    }
    return tensor.build();
  }

  private static ValueInfoProto valueInfo(String name, DataType type, String... dims) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    for (String dim : dims) {
      TensorShapeProto.Dimension.Builder axis = TensorShapeProto.Dimension.newBuilder();
      if (Character.isDigit(dim.charAt(0))) {
        axis.setDimValue(Long.parseLong(dim));
      } else if (!dim.equals("?")) {
        axis.setDimParam(dim);
      }
      shape.addDim(axis);
    }
    TypeProto.Tensor.Builder tensor =
        TypeProto.Tensor.newBuilder().setElemType(type.code()).setShape(shape);
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(TypeProto.newBuilder().setTensorType(tensor))
        .build();
  }
}
