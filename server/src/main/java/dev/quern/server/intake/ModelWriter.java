package dev.quern.server.intake;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import dev.quern.onnx.DataType;
import dev.quern.server.weights.ModelImport.Input;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * Reads and writes ONNX files as protobuf, whose messages end at 2 GB: more than that goes into a
 * file beside it.
 */
final class ModelWriter {
  /** Bytes of tensors that a model's own file takes. */
  static final long MOST_WITHIN = 1L << 30;

  /** Bytes of the smallest tensor that goes into a file of its own. */
  private static final int LEAST_APART = 1024;

  /** Where tensors begin in that file, so that they can be read where they lie. */
  private static final int ALIGN = 64;

  private final Map<String, Path> sources;
  private final String dataName;

  private ModelWriter(Map<String, Path> sources, String dataName) {
    this.sources = sources;
    this.dataName = dataName;
  }

  static ModelProto read(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      CodedInputStream coded = CodedInputStream.newInstance(in);
      coded.setSizeLimit(Integer.MAX_VALUE);
      return ModelProto.parseFrom(coded);
    }
  }

  /**
   * Writes a model.
   *
   * @param sources the files that its tensors lie in, by the name that the model has for them
   * @param mostWithin see {@link #MOST_WITHIN}
   * @return the files written
   */
  static List<Input> write(
      ModelProto model, Map<String, Path> sources, Path folder, String name, long mostWithin)
      throws IOException {
    String dataName = name + ".data";
    ModelWriter writer = new ModelWriter(sources, dataName);
    long[] bytes = {0};
    tensors(
        model.getGraph(),
        tensor -> {
          bytes[0] += length(tensor);
          return tensor;
        });
    Path file = folder.resolve(name);
    Path data = folder.resolve(dataName);
    Input own = new Input(name, "model", file);
    try {
      if (bytes[0] <= mostWithin) {
        GraphProto graph = tensors(model.getGraph(), writer::within);
        store(model.toBuilder().setGraph(graph).build(), file);
        return List.of(own);
      }
      try (OutputStream out = Files.newOutputStream(data)) {
        long[] at = {0};
        GraphProto graph = tensors(model.getGraph(), tensor -> writer.apart(tensor, out, at));
        store(model.toBuilder().setGraph(graph).build(), file);
      }
      return List.of(own, new Input(dataName, "data", data));
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static void store(ModelProto model, Path file) throws IOException {
    try (OutputStream out = Files.newOutputStream(file)) {
      model.writeTo(out);
    }
  }

  /** The graph with all its tensors replaced, those of its branches and loops too. */
  private static GraphProto tensors(GraphProto source, UnaryOperator<TensorProto> change) {
    GraphProto.Builder graph = source.toBuilder();
    for (int i = 0; i < graph.getInitializerCount(); i++) {
      graph.setInitializer(i, change.apply(graph.getInitializer(i)));
    }
    for (int i = 0; i < graph.getNodeCount(); i++) {
      NodeProto node = graph.getNode(i);
      for (int a = 0; a < node.getAttributeCount(); a++) {
        AttributeProto.Builder attribute = node.getAttribute(a).toBuilder();
        if (attribute.hasT()) {
          attribute.setT(change.apply(attribute.getT()));
        }
        if (attribute.hasG()) {
          attribute.setG(tensors(attribute.getG(), change));
        }
        node = node.toBuilder().setAttribute(a, attribute).build();
      }
      graph.setNode(i, node);
    }
    return graph.build();
  }

  private static boolean isExternal(TensorProto tensor) {
    return tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL;
  }

  private static long length(TensorProto tensor) {
    if (!isExternal(tensor)) {
      return tensor.getRawData().size();
    }
    long elements = tensor.getDimsList().stream().reduce(1L, (a, b) -> a * b);
    return (elements * DataType.ofCode(tensor.getDataType()).bits() + 7) / 8;
  }

  private static String entry(TensorProto tensor, String key, String absent) {
    return tensor.getExternalDataList().stream()
        .filter(entry -> entry.getKey().equals(key))
        .map(StringStringEntryProto::getValue)
        .findFirst()
        .orElse(absent);
  }

  /** A tensor with its bytes in the model's own file. */
  private TensorProto within(TensorProto tensor) {
    if (!isExternal(tensor)) {
      return tensor;
    }
    return tensor.toBuilder()
        .clearExternalData()
        .clearDataLocation()
        .setRawData(ByteString.copyFrom(bytes(tensor)))
        .build();
  }

  /** A tensor with its bytes appended to a file, if there are enough of them. */
  private TensorProto apart(TensorProto tensor, OutputStream out, long[] at) {
    if (length(tensor) < LEAST_APART) {
      return within(tensor);
    }
    try {
      int gap = (int) (-at[0] & ALIGN - 1);
      out.write(new byte[gap]);
      long from = at[0] + gap;
      byte[] bytes = isExternal(tensor) ? bytes(tensor) : null;
      if (bytes == null) {
        tensor.getRawData().writeTo(out);
      } else {
        out.write(bytes);
      }
      long length = length(tensor);
      at[0] = from + length;
      return tensor.toBuilder()
          .clearRawData()
          .clearExternalData()
          .setDataLocation(TensorProto.DataLocation.EXTERNAL)
          .addExternalData(pair("location", dataName))
          .addExternalData(pair("offset", Long.toString(from)))
          .addExternalData(pair("length", Long.toString(length)))
          .build();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static StringStringEntryProto pair(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
  }

  private byte[] bytes(TensorProto tensor) {
    Path file = sources.get(entry(tensor, "location", ""));
    try (SeekableByteChannel channel = Files.newByteChannel(file)) {
      ByteBuffer buffer = ByteBuffer.allocate(Math.toIntExact(length(tensor)));
      channel.position(Long.parseLong(entry(tensor, "offset", "0")));
      int read = 0;
      while (read >= 0 && buffer.hasRemaining()) {
        read = channel.read(buffer);
      }
      return buffer.array();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
