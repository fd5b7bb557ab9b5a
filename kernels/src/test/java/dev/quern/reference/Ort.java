package dev.quern.reference;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;

/** ONNX Runtime on the JVM: the oracle for results. */
public final class Ort implements AutoCloseable {
  private static final OrtEnvironment ENVIRONMENT = OrtEnvironment.getEnvironment();
  private final OrtSession session;

  /** A session of a model. */
  public Ort(byte[] model) {
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      session = ENVIRONMENT.createSession(model, options);
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Runs a model once. */
  public static Map<String, Tensor> run(byte[] model, Map<String, Tensor> inputs) {
    try (Ort ort = new Ort(model)) {
      return ort.run(inputs);
    }
  }

  /** Runs the session. */
  public Map<String, Tensor> run(Map<String, Tensor> inputs) {
    Map<String, OnnxTensor> feeds = new LinkedHashMap<>();
    try {
      for (Map.Entry<String, Tensor> input : inputs.entrySet()) {
        feeds.put(input.getKey(), toOrt(input.getValue()));
      }
      Map<String, Tensor> results = new LinkedHashMap<>();
      try (OrtSession.Result result = session.run(feeds)) {
        for (Map.Entry<String, OnnxValue> output : result) {
          results.put(output.getKey(), fromOrt((OnnxTensor) output.getValue()));
        }
      }
      return results;
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    } finally {
      feeds.values().forEach(OnnxTensor::close);
    }
  }

  private static OnnxTensor toOrt(Tensor tensor) throws OrtException {
    byte[] bytes = tensor.toBytes();
    ByteBuffer buffer = ByteBuffer.allocateDirect(bytes.length).order(ByteOrder.nativeOrder());
    buffer.put(bytes).rewind();
    OnnxJavaType type =
        switch (tensor.type()) {
          case FLOAT -> OnnxJavaType.FLOAT;
          case FLOAT16 -> OnnxJavaType.FLOAT16;
          case DOUBLE -> OnnxJavaType.DOUBLE;
          case INT64 -> OnnxJavaType.INT64;
          case INT32 -> OnnxJavaType.INT32;
          case BOOL -> OnnxJavaType.BOOL;
          case UINT8 -> OnnxJavaType.UINT8;
          default -> OnnxJavaType.INT8;
        };
    return OnnxTensor.createTensor(ENVIRONMENT, buffer, tensor.dims(), type);
  }

  private static Tensor fromOrt(OnnxTensor tensor) {
    TensorInfo info = tensor.getInfo();
    ByteBuffer buffer = tensor.getByteBuffer().order(ByteOrder.nativeOrder());
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    DataType type =
        switch (info.type) {
          case FLOAT -> DataType.FLOAT;
          case FLOAT16 -> DataType.FLOAT16;
          case DOUBLE -> DataType.DOUBLE;
          case INT64 -> DataType.INT64;
          case INT32 -> DataType.INT32;
          case BOOL -> DataType.BOOL;
          case UINT8 -> DataType.UINT8;
          default -> DataType.INT8;
        };
    return Tensor.fromBytes(type, Bytes.of(bytes), info.getShape());
  }

  @Override
  public void close() {
    try {
      session.close();
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }
}
