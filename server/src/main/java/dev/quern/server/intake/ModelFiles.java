package dev.quern.server.intake;

import dev.quern.onnx.Bytes;
import dev.quern.onnx.ExternalData;
import dev.quern.onnx.OnnxModel;
import dev.quern.onnx.OnnxReader;
import dev.quern.server.weights.ImportException;
import dev.quern.server.weights.ModelImport.Input;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The files of a model that is brought.
 *
 * @param model the ONNX file
 * @param others whatever goes with it, such as a tokenizer; tensors in files of their own too
 */
record ModelFiles(Path model, List<Input> others) {
  ModelFiles {
    others = List.copyOf(others);
  }

  /**
   * Sorts what was found. Paths become relative to the ONNX file's folder where they lie in it, as
   * the ONNX file names its tensors.
   */
  static ModelFiles of(List<Input> found) {
    Path model =
        found.stream()
            .filter(input -> input.role().equals("model"))
            .findFirst()
            .orElseThrow(() -> new ImportException("there is no ONNX file"))
            .file();
    List<Input> others = new ArrayList<>();
    for (Input input : found) {
      if (!input.file().equals(model)) {
        String path =
            input.file().startsWith(folder(model))
                ? folder(model).relativize(input.file()).toString().replace('\\', '/')
                : input.path();
        others.add(new Input(path, input.role(), input.file()));
      }
    }
    return new ModelFiles(model, others);
  }

  static Path folder(Path model) {
    return model.getParent() == null ? Path.of("") : model.getParent();
  }

  /**
   * What an ONNX file holds.
   *
   * @param tensors the other files that it names, by their paths relative to it
   */
  record Opened(OnnxModel model, Map<String, Path> tensors, long bytes) {}

  /**
   * Reads an ONNX file; its tensors are views of mapped files, until the arena is closed.
   *
   * @throws dev.quern.onnx.ModelException if it is broken
   */
  static Opened open(Path file, Arena arena) throws IOException {
    Map<String, Path> tensors = new LinkedHashMap<>();
    ExternalData external =
        location -> {
          Path other = folder(file).resolve(location);
          if (!Files.isRegularFile(other)) {
            throw new UncheckedIOException(new IOException("there is no such file"));
          }
          tensors.put(location, other);
          return map(other, arena);
        };
    OnnxModel model = OnnxReader.read(map(file, arena), external);
    long bytes = Files.size(file);
    for (Path other : tensors.values()) {
      bytes += Files.size(other);
    }
    return new Opened(model, tensors, bytes);
  }

  private static Bytes map(Path file, Arena arena) {
    try {
      return MappedBytes.of(file, arena);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** All files of a model as they were brought. */
  List<Input> asBrought(Opened opened) {
    List<Input> all = new ArrayList<>();
    all.add(new Input(model.getFileName().toString(), "model", model));
    all.addAll(others);
    opened
        .tensors()
        .forEach((path, file) -> {
          if (others.stream().noneMatch(other -> other.path().equals(path))) {
            all.add(new Input(path, "data", file));
          }
        });
    return all;
  }

  /** The files of a model whose ONNX file was written anew. */
  List<Input> rewritten(List<Input> made, Opened opened) {
    List<Input> all = new ArrayList<>(made);
    for (Input other : others) {
      if (!opened.tensors().containsKey(other.path())) {
        all.add(other);
      }
    }
    return all;
  }
}
