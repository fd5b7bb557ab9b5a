package dev.quern.e2e.bench;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import java.util.List;
import java.util.Random;

/**
 * Products of rows with the same weights {@code [DEPTH, columns]}, stored as a format says.
 *
 * @param numbers a byte for each weight, {@code [columns, DEPTH]}
 */
record GemvModel(Stored stored, int columns, byte[] numbers) {
  /** The depth of the product. */
  static final int DEPTH = 4096;

  /** Weights of 4 bits that share a scale. */
  private static final int BLOCK = 32;

  /** How a model stores its weights. */
  enum Stored {
    F32(4),
    F16(2),
    I8(1),
    /** Of 4 bits with a scale of f32 for each 32, A rounded to 8 bits. */
    I4(0.5 + 4.0 / BLOCK);

    private final double bytes;

    Stored(double bytes) {
      this.bytes = bytes;
    }

    /** Columns of weights of about so many bytes, a multiple of 32. */
    int columns(long size) {
      return (int) (size / bytes / DEPTH) / 32 * 32;
    }

    double bytes(int columns) {
      return bytes * columns * DEPTH;
    }
  }

  static GemvModel random(Stored stored, int columns) {
    byte[] numbers = new byte[DEPTH * columns];
    new Random(7).nextBytes(numbers);
    return new GemvModel(stored, columns, numbers);
  }

  double bytes() {
    return stored.bytes(columns);
  }

  /** The weight that a number stands for; exact in each format. */
  float weight(int k, int column) {
    byte number = numbers[column * DEPTH + k];
    return (stored == Stored.I4 ? (number & 15) - 8 : number) / 128f;
  }

  /** The model's file: {@code y0 = x0 · w, y1 = x1 · w} and so on. */
  byte[] file(int rows) {
    GraphProto.Builder graph = GraphProto.newBuilder().setName("gemv");
    graph.addInitializer(weights());
    if (stored == Stored.F16) {
      graph.addNode(node("Cast", "wide", "w").addAttribute(attribute("to", 1)));
    } else if (stored == Stored.I8) {
      graph.addInitializer(scales("s", 1));
      graph.addNode(node("DequantizeLinear", "wide", "w", "s"));
    } else if (stored == Stored.I4) {
      graph.addInitializer(scales("s", columns * (DEPTH / BLOCK)));
    }
    for (int i = 0; i < rows; i++) {
      graph.addInput(MatmulModel.value("x" + i, DEPTH));
      graph.addOutput(MatmulModel.value("y" + i, columns));
      graph.addNode(product("x" + i, "y" + i));
    }
    return ModelProto.newBuilder()
        .setIrVersion(7)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(13))
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("com.microsoft").setVersion(1))
        .setGraph(graph)
        .build()
        .toByteArray();
  }

  private NodeProto.Builder product(String x, String y) {
    if (stored != Stored.I4) {
      return node("MatMul", y, x, stored == Stored.F32 ? "w" : "wide");
    }
    return node("MatMulNBits", y, x, "w", "s")
        .setDomain("com.microsoft")
        .addAttribute(attribute("K", DEPTH))
        .addAttribute(attribute("N", columns))
        .addAttribute(attribute("bits", 4))
        .addAttribute(attribute("block_size", BLOCK))
        .addAttribute(attribute("accuracy_level", 4));
  }

  private TensorProto weights() {
    int size = stored == Stored.I4 ? numbers.length / 2 : (int) bytes();
    byte[] data = new byte[size];
    int each = (int) stored.bytes;
    for (int i = 0; i < numbers.length; i++) {
      int column = i / DEPTH;
      int k = i % DEPTH;
      if (stored == Stored.I4) {
        data[i / 2] |= (byte) ((numbers[i] & 15) << i % 2 * 4);
        continue;
      }
      int bits =
          switch (stored) {
            case F32 -> Float.floatToRawIntBits(weight(k, column));
            case F16 -> Float.floatToFloat16(weight(k, column));
            default -> numbers[i];
          };
      for (int b = 0; b < each; b++) {
        data[(k * columns + column) * each + b] = (byte) (bits >> 8 * b);
      }
    }
    int type =
        switch (stored) {
          case F32 -> 1;
          case F16 -> 10;
          case I8 -> 3;
          case I4 -> 2;
        };
    TensorProto.Builder tensor =
        TensorProto.newBuilder()
            .setName("w")
            .setDataType(type)
            .setRawData(ByteString.copyFrom(data));
    if (stored == Stored.I4) {
      return tensor.addDims(columns).addDims(DEPTH / BLOCK).addDims(BLOCK / 2).build();
    }
    return tensor.addDims(DEPTH).addDims(columns).build();
  }

  private static TensorProto scales(String name, int count) {
    TensorProto.Builder tensor = TensorProto.newBuilder().setName(name).setDataType(1);
    for (int i = 0; i < count; i++) {
      tensor.addFloatData(1 / 128f);
    }
    return count == 1 ? tensor.build() : tensor.addDims(count).build();
  }

  private static AttributeProto attribute(String name, long value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  private static NodeProto.Builder node(String type, String output, String... inputs) {
    return NodeProto.newBuilder()
        .setName(output)
        .setOpType(type)
        .addAllInput(List.of(inputs))
        .addOutput(output);
  }
}
