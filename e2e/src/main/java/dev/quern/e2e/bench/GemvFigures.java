package dev.quern.e2e.bench;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Front;
import dev.quern.e2e.harness.Harness;
import dev.quern.e2e.harness.Harness.Loaded;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import tools.jackson.databind.node.ObjectNode;

/**
 * Decoding at batch 1: a row times weights of 64 MB in each format, one thread, as a share of the
 * bandwidth that a probe reads with between the runs.
 */
public final class GemvFigures {
  private static final int DEPTH = 4096;
  private static final int WEIGHT_BYTES = 64 << 20;
  private static final int PAIRS = 25;

  /** How a model stores its weights. */
  private enum Stored {
    F32(4),
    F16(2),
    I8(1);

    private final int bytes;

    Stored(int bytes) {
      this.bytes = bytes;
    }

    int columns() {
      return WEIGHT_BYTES / bytes / DEPTH;
    }

    /** The number that stands for a byte at random; small, and exact in each format. */
    float number(byte random) {
      return random / 128f;
    }
  }

  private final Harness harness;
  private final Front front;
  private final Consumer<Figure> result;

  /** Figures that are handed on as they are measured. */
  public GemvFigures(Harness harness, Front front, Consumer<Figure> result) {
    this.harness = harness;
    this.front = front;
    this.result = result;
  }

  /** Measures each format; takes half a minute. */
  public void run() {
    String probe = Front.PREFIX + "read.wasm";
    front.serve(probe, "application/wasm", ReadProbe.module(), Map.of());
    for (Stored stored : Stored.values()) {
      measure(stored, probe);
    }
  }

  private void measure(Stored stored, String probe) {
    String path = Front.PREFIX + "gemv-" + stored + ".onnx";
    byte[] random = new byte[DEPTH * stored.columns()];
    new Random(7).nextBytes(random);
    front.serve(path, "application/octet-stream", model(stored, random), Map.of());
    float[] row = Inputs.random(DEPTH);
    Map<String, TensorData> inputs = Map.of("x", TensorData.of(row, 1, DEPTH));
    ObjectNode options =
        Harness.options().put("threads", 1).put("schedules", false).put("tune", false);
    try (Loaded model = harness.session(front.origin() + path, options)) {
      Harness.Outputs first = model.run(inputs);
      double error = error(stored, random, row, first.tensors().get("y"));
      List<Double> shares = new ArrayList<>();
      List<Double> speeds = new ArrayList<>();
      double before = bandwidth(probe);
      for (int i = 0; i < PAIRS; i++) {
        double speed = WEIGHT_BYTES / model.run(inputs).timing().milliseconds() / 1e6;
        double after = bandwidth(probe);
        speeds.add(speed);
        shares.add(speed * 2 / (before + after));
        before = after;
      }
      result.accept(
          Figure.atLeast(
              "row times 64 MB of " + stored + " over read bandwidth",
              median(shares),
              "x",
              0.8,
              String.format(
                  Locale.ROOT,
                  "%.1f GB/s, largest error %.1e of the largest result, 1 thread",
                  median(speeds),
                  error)));
    }
  }

  private double bandwidth(String probe) {
    ObjectNode request = Harness.options().put("url", probe).put("flops", ReadProbe.BYTES);
    return harness.call("peak", request.put("pages", ReadProbe.PAGES)).asDouble();
  }

  /** The largest error of every 61st column, relative to the largest of these numbers. */
  private static double error(Stored stored, byte[] random, float[] row, TensorData y) {
    int n = stored.columns();
    double error = 0;
    double largest = 0;
    for (int column = 0; column < n; column += 61) {
      double sum = 0;
      for (int i = 0; i < DEPTH; i++) {
        sum += (double) row[i] * stored.number(random[i * n + column]);
      }
      largest = Math.max(largest, Math.abs(sum));
      error = Math.max(error, Math.abs(sum - y.floats()[column]));
    }
    if (error > 1e-3 * largest) {
      throw new IllegalStateException(stored + ": the product is off by " + error);
    }
    return error / largest;
  }

  private static double median(List<Double> values) {
    return values.stream().sorted().toList().get(values.size() / 2);
  }

  /** {@code y = x · w}, w stored as said and made f32 by a node. */
  private static byte[] model(Stored stored, byte[] random) {
    byte[] data = new byte[WEIGHT_BYTES];
    for (int i = 0; i < random.length; i++) {
      float number = stored.number(random[i]);
      int bits =
          switch (stored) {
            case F32 -> Float.floatToRawIntBits(number);
            case F16 -> Float.floatToFloat16(number);
            case I8 -> random[i];
          };
      for (int b = 0; b < stored.bytes; b++) {
        data[i * stored.bytes + b] = (byte) (bits >> 8 * b);
      }
    }
    int type =
        switch (stored) {
          case F32 -> 1;
          case F16 -> 10;
          case I8 -> 3;
        };
    GraphProto.Builder graph =
        GraphProto.newBuilder()
            .setName("gemv")
            .addInput(MatmulModel.value("x", DEPTH))
            .addOutput(MatmulModel.value("y", stored.columns()))
            .addInitializer(
                TensorProto.newBuilder()
                    .setName("w")
                    .setDataType(type)
                    .addDims(DEPTH)
                    .addDims(stored.columns())
                    .setRawData(ByteString.copyFrom(data)));
    if (stored == Stored.F16) {
      graph.addNode(
          node("Cast", "wide", "w")
              .addAttribute(
                  AttributeProto.newBuilder()
                      .setName("to")
                      .setType(AttributeProto.AttributeType.INT)
                      .setI(1)));
    } else if (stored == Stored.I8) {
      graph.addInitializer(
          TensorProto.newBuilder().setName("s").setDataType(1).addFloatData(1 / 128f));
      graph.addNode(node("DequantizeLinear", "wide", "w", "s"));
    }
    graph.addNode(node("MatMul", "y", "x", stored == Stored.F32 ? "w" : "wide"));
    return ModelProto.newBuilder()
        .setIrVersion(7)
        .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(13))
        .setGraph(graph)
        .build()
        .toByteArray();
  }

  private static NodeProto.Builder node(String type, String output, String... inputs) {
    return NodeProto.newBuilder()
        .setName(output)
        .setOpType(type)
        .addAllInput(List.of(inputs))
        .addOutput(output);
  }
}
