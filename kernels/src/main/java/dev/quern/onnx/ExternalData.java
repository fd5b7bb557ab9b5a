package dev.quern.onnx;

/** Gives the files that a model keeps its weights in, outside of the ONNX file. */
@FunctionalInterface
public interface ExternalData {
  /**
   * A whole file.
   *
   * @param location the path that the model names, relative to the model's own folder, already
   *     checked not to lead out of it
   * @return the file's bytes
   * @throws java.io.UncheckedIOException if there is no such file or it cannot be read
   */
  Bytes file(String location);
}
