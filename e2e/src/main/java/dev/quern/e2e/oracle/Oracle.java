package dev.quern.e2e.oracle;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxTensorLike;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import dev.quern.e2e.data.TensorData;
import dev.quern.onnx.DataType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** ONNX Runtime on the JVM: one model, run on named tensors. */
public final class Oracle implements AutoCloseable {
  private static final Map<DataType, OnnxJavaType> TYPES =
      Map.of(
          DataType.FLOAT, OnnxJavaType.FLOAT,
          DataType.DOUBLE, OnnxJavaType.DOUBLE,
          DataType.INT8, OnnxJavaType.INT8,
          DataType.UINT8, OnnxJavaType.UINT8,
          DataType.INT16, OnnxJavaType.INT16,
          DataType.INT32, OnnxJavaType.INT32,
          DataType.INT64, OnnxJavaType.INT64,
          DataType.BOOL, OnnxJavaType.BOOL);

  /**
   * Native initialisation and graph optimisation overflow a stack of one megabyte that is part
   * used.
   */
  private static final long STACK_BYTES = 16 << 20;

  private final OrtEnvironment environment;
  private final OrtSession session;

  /**
   * Loads a model from the bytes of its file; the cores are shared with browsers, so one thread.
   */
  public Oracle(byte[] model) {
    environment = onLargeStack(OrtEnvironment::getEnvironment);
    session =
        onLargeStack(() -> {
          try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
            options.setIntraOpNumThreads(1);
            return environment.createSession(model, options);
          }
        });
  }

  private static <T> T onLargeStack(Callable<T> action) {
    FutureTask<T> task = new FutureTask<>(action);
    new Thread(null, task, "oracle", STACK_BYTES).start();
    try {
      return task.get();
    } catch (ExecutionException e) {
      throw new IllegalArgumentException(
          "ONNX Runtime does not take the model: " + e.getCause(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while ONNX Runtime loads a model", e);
    }
  }

  /** Runs the model; the outputs are in the order of the model's. */
  public Map<String, TensorData> run(Map<String, TensorData> inputs) {
    Map<String, OnnxTensorLike> given = new LinkedHashMap<>();
    try {
      for (Map.Entry<String, TensorData> input : inputs.entrySet()) {
        given.put(input.getKey(), tensor(input.getValue()));
      }
      Map<String, TensorData> outputs = new LinkedHashMap<>();
      try (OrtSession.Result result = session.run(given)) {
        for (Map.Entry<String, OnnxValue> output : result) {
          outputs.put(output.getKey(), data((OnnxTensor) output.getValue()));
        }
      }
      return outputs;
    } catch (OrtException e) {
      throw new IllegalArgumentException(
          "ONNX Runtime does not run the model: " + e.getMessage(), e);
    } finally {
      given.values().forEach(OnnxTensorLike::close);
    }
  }

  private OnnxTensor tensor(TensorData data) throws OrtException {
    ByteBuffer buffer =
        ByteBuffer.allocateDirect(data.bytes().length).order(ByteOrder.nativeOrder());
    buffer.put(data.bytes()).flip();
    long[] shape = data.shape().stream().mapToLong(Long::longValue).toArray();
    OnnxJavaType type = TYPES.get(data.type());
    if (type == null) {
      throw new IllegalArgumentException("the oracle has no tensors of " + data.type().label());
    }
    return OnnxTensor.createTensor(environment, buffer, shape, type);
  }

  private static TensorData data(OnnxTensor tensor) {
    TensorInfo info = tensor.getInfo();
    ByteBuffer buffer = tensor.getByteBuffer();
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    DataType type =
        TYPES.entrySet().stream()
            .filter(entry -> entry.getValue() == info.type)
            .map(Map.Entry::getKey)
            .findFirst()
            .orElseThrow(() -> new IllegalArgumentException("an output of type " + info.type));
    return new TensorData(type, Arrays.stream(info.getShape()).boxed().toList(), bytes);
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
