package dev.quern.e2e.conformance;

import dev.quern.e2e.data.TensorData;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.onnx.OnnxAttribute;
import dev.quern.onnx.OnnxGraph;
import dev.quern.onnx.OnnxModel;
import dev.quern.onnx.OnnxNode;
import dev.quern.onnx.OnnxReader;
import dev.quern.onnx.OnnxTensor;
import dev.quern.onnx.OnnxValue;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * A folder with a model and its data.
 *
 * @param name the folder's path below the one that was searched
 */
public record Case(String name, Path folder) {
  /**
   * One set of data.
   *
   * @param inputs by the names of the model's inputs
   * @param outputs what is expected, by the names of the model's outputs
   */
  record DataSet(String name, Map<String, TensorData> inputs, Map<String, TensorData> outputs) {}

  /** Every case below a folder, by name. */
  static List<Case> below(Path root) {
    try (Stream<Path> files = Files.walk(root, FileVisitOption.FOLLOW_LINKS)) {
      List<Case> cases = new ArrayList<>();
      for (Path model : files.filter(file -> file.endsWith("model.onnx")).sorted().toList()) {
        Path folder = model.getParent();
        String name = root.relativize(folder).toString();
        cases.add(new Case(name.isEmpty() ? folder.getFileName().toString() : name, folder));
      }
      return cases;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Path modelFile() {
    return folder.resolve("model.onnx");
  }

  OnnxModel model() {
    return OnnxReader.read(
        Bytes.of(bytes(modelFile())), location -> Bytes.of(bytes(folder.resolve(location))));
  }

  /** The operators of the model, those of its bodies among them. */
  static Set<String> operators(OnnxModel model) {
    Set<String> names = new TreeSet<>();
    addOperators(model.graph(), names);
    return names;
  }

  private static void addOperators(OnnxGraph graph, Set<String> names) {
    for (OnnxNode node : graph.nodes()) {
      names.add(node.domain().isEmpty() ? node.op() : node.domain() + "." + node.op());
      for (OnnxAttribute attribute : node.attributes().values()) {
        if (attribute instanceof OnnxAttribute.Body body) {
          addOperators(body.value(), names);
        }
      }
    }
  }

  /** The sets of data; a model's n-th input is in {@code input_n.pb}. */
  List<DataSet> dataSets(OnnxModel model) {
    List<DataSet> sets = new ArrayList<>();
    List<OnnxValue> inputs = model.graph().inputs();
    List<OnnxValue> outputs = model.graph().outputs();
    for (Path set : dataFolders()) {
      sets.add(
          new DataSet(
              set.getFileName().toString(),
              tensors(set, "input_", inputs),
              tensors(set, "output_", outputs)));
    }
    return sets;
  }

  private List<Path> dataFolders() {
    try (Stream<Path> folders = Files.list(folder)) {
      return folders
          .filter(set -> set.getFileName().toString().startsWith("test_data_set_"))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Map<String, TensorData> tensors(Path set, String prefix, List<OnnxValue> values) {
    Map<String, TensorData> tensors = new LinkedHashMap<>();
    for (int i = 0; i < values.size(); i++) {
      Path file = set.resolve(prefix + i + ".pb");
      if (Files.exists(file)) {
        OnnxTensor tensor = OnnxReader.readTensor(Bytes.of(bytes(file)));
        List<Long> shape = new ArrayList<>();
        for (long dim : tensor.dims()) {
          shape.add(dim);
        }
        OnnxValue value = values.get(i);
        DataType type = type(tensor, value);
        tensors.put(value.name(), new TensorData(type, shape, tensor.data().toArray()));
      }
    }
    return tensors;
  }

  /** An input that does not have the shape that the model declares: no engine takes it. */
  static Optional<String> misfit(OnnxModel model, List<DataSet> sets) {
    for (DataSet set : sets) {
      for (OnnxValue input : model.graph().inputs()) {
        TensorData given = set.inputs().get(input.name());
        if (given == null || input.dims().isEmpty()) {
          continue;
        }
        List<OnnxValue.OnnxDim> declared = input.dims().get();
        boolean fits = declared.size() == given.shape().size();
        for (int i = 0; fits && i < declared.size(); i++) {
          long size = declared.get(i).value();
          fits = size < 0 || size == given.shape().get(i);
        }
        if (!fits) {
          return Optional.of(
              "the case's own input '"
                  + input.name()
                  + "' has the shape "
                  + given.shape()
                  + ", not the one that its model declares");
        }
      }
    }
    return Optional.empty();
  }

  /** A tensor's type: ONNX's cases write bf16 as u16. */
  private static DataType type(OnnxTensor tensor, OnnxValue value) {
    boolean half = tensor.type() == DataType.UINT16 && value.type() == DataType.BFLOAT16;
    return half ? value.type() : tensor.type();
  }

  private static byte[] bytes(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
