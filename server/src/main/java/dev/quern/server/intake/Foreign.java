package dev.quern.server.intake;

import dev.quern.server.weights.ImportException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** Formats that are no ONNX, and what converts them. */
final class Foreign {
  /** Bytes of a file that are looked at. */
  private static final int HEAD = 4096;

  private static final String TF2ONNX = "convert it with tf2onnx: python -m tf2onnx.convert ";

  /**
   * A format.
   *
   * @param endings of file names
   * @param advice with %s for the file
   */
  private record Format(List<String> endings, String what, String advice) {}

  private static final Format TFLITE =
      new Format(
          List.of(".tflite", ".lite"),
          "a TensorFlow Lite model",
          TF2ONNX
              + "--tflite %1$s --output model.onnx, or with tflite2onnx: tflite2onnx %1$s model.onnx");

  private static final Format TFJS_GRAPH =
      new Format(
          List.of(), "a TensorFlow.js graph model", TF2ONNX + "--tfjs %1$s --output model.onnx");

  private static final Format TFJS_LAYERS =
      new Format(
          List.of(),
          "a TensorFlow.js layers model",
          "make it a graph model with tensorflowjs_converter --input_format=tfjs_layers_model"
              + " --output_format=tfjs_graph_model %1$s graph, then "
              + TF2ONNX
              + "--tfjs graph/model.json --output model.onnx");

  private static final List<Format> BY_NAME =
      List.of(
          TFLITE,
          new Format(
              List.of(".pb"),
              "a TensorFlow model",
              TF2ONNX + "--saved-model FOLDER --output model.onnx"),
          new Format(
              List.of(".h5", ".keras"),
              "a Keras model",
              "save it with model.export(FOLDER), then "
                  + TF2ONNX
                  + "--saved-model FOLDER --output model.onnx"),
          new Format(
              List.of(".pt", ".pth", ".safetensors"),
              "PyTorch's weights",
              "export it with torch.onnx.export, or a model of Hugging Face with optimum: optimum-cli"
                  + " export onnx --model NAME FOLDER"),
          new Format(
              List.of(".gguf"),
              "a GGUF model",
              "export the model that it was made of: optimum-cli export onnx --model NAME FOLDER"));

  private Foreign() {}

  /**
   * Refuses what is another format.
   *
   * @throws ImportException that says what the file is and which converter to use
   */
  static void refuse(Path path) throws IOException {
    if (Files.isRegularFile(path)) {
      refuseFile(path);
    } else if (Files.isDirectory(path)) {
      refuseFolder(path);
    }
  }

  private static void refuseFile(Path file) throws IOException {
    Format format = format(file);
    if (format != null) {
      throw new ImportException(
          file + " is " + format.what() + ", not ONNX: " + format.advice().formatted(file));
    }
  }

  /** A folder is refused for a foreign file only where there is no ONNX file in it. */
  private static void refuseFolder(Path folder) throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.walk(folder)) {
      files = all.filter(Files::isRegularFile).sorted().toList();
    }
    if (files.stream().anyMatch(file -> lower(file).endsWith(".onnx"))) {
      return;
    }
    for (Path file : files) {
      refuseFile(file);
    }
  }

  private static String lower(Path file) {
    return file.getFileName().toString().toLowerCase(Locale.ROOT);
  }

  private static Format format(Path file) throws IOException {
    String name = lower(file);
    byte[] head;
    try (InputStream in = Files.newInputStream(file)) {
      head = in.readNBytes(HEAD);
    }
    // FlatBuffers keep a file's kind behind the first offset.
    if (head.length >= 8 && new String(head, 4, 4, StandardCharsets.ISO_8859_1).equals("TFL3")) {
      return TFLITE;
    }
    if (name.endsWith(".json")) {
      String text = new String(head, StandardCharsets.UTF_8);
      boolean model = text.contains("modelTopology") || text.contains("weightsManifest");
      return text.contains("graph-model") || text.contains("\"node\"") && model
          ? TFJS_GRAPH
          : text.contains("layers-model") || model ? TFJS_LAYERS : null;
    }
    return BY_NAME.stream()
        .filter(format -> format.endings().stream().anyMatch(name::endsWith))
        .findFirst()
        .orElse(null);
  }
}
