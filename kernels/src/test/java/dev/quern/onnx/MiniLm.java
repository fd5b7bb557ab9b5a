package dev.quern.onnx;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;

/** The real all-MiniLM-L6-v2 model, from the class path. */
public final class MiniLm {
  private static byte[] bytes = new byte[0];
  private static byte[] quantised = new byte[0];

  private MiniLm() {}

  /** The ONNX file, 90 MB, read once. */
  public static synchronized byte[] file() {
    if (bytes.length == 0) {
      bytes = read("/all-minilm-l6-v2.onnx");
    }
    return bytes;
  }

  /** The same with weights of 8 bits and activations that are quantised in each run, 23 MB. */
  public static synchronized byte[] quantised() {
    if (quantised.length == 0) {
      quantised = read("/all-minilm-l6-v2-q.onnx");
    }
    return quantised;
  }

  private static byte[] read(String resource) {
    try (InputStream in = MiniLm.class.getResourceAsStream(resource)) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
