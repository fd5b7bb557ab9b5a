package dev.quern.onnx;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;

/** The real all-MiniLM-L6-v2 model, from the class path. */
public final class MiniLm {
  private static byte[] bytes = new byte[0];

  private MiniLm() {}

  /** The ONNX file, 90 MB, read once. */
  public static synchronized byte[] file() {
    if (bytes.length == 0) {
      try (InputStream in = MiniLm.class.getResourceAsStream("/all-minilm-l6-v2.onnx")) {
        bytes = in.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return bytes;
  }
}
