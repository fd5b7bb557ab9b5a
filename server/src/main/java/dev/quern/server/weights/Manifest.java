package dev.quern.server.weights;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;

/**
 * What a client must know to load a model, and to verify each piece of it while it streams.
 *
 * @param version of this format, 1
 * @param name under which sites ask for it
 * @param task such as {@code feature-extraction}, {@code image-classification}, {@code ocr} or
 *     {@code voice-activity-detection}
 * @param licence SPDX identifier as its origin declares it, or {@code unknown}
 * @param files the model first
 * @param pipeline how the task uses the model's output, or null
 * @param image how the task makes the model's input of an image, or null
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Manifest(
    int version,
    String name,
    String task,
    String licence,
    List<ModelFile> files,
    PipelineOptions pipeline,
    ImageOptions image) {
  public static final int VERSION = 1;

  /** Bytes of a chunk with a digest of its own; the last one may be shorter. */
  public static final int CHUNK_BYTES = 1 << 18;

  private static final String NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}";

  /** Bytes of all files together. */
  public long bytes() {
    return files.stream().mapToLong(ModelFile::bytes).sum();
  }

  /** Whether a model may be called so: one path segment, which cannot climb out of a directory. */
  public static boolean isName(String text) {
    return text.matches(NAME);
  }

  /**
   * One file of a model.
   *
   * @param path relative to the model, as an ONNX file names its external data
   * @param role {@code model}, {@code data}, {@code tokenizer} or {@code config}; of an image
   *     classifier also {@code labels}; of an OCR model, which detects lines of text, also {@code
   *     recognition}, {@code direction} and {@code keys}
   * @param bytes its length
   * @param sha256 hex digest of all of it
   * @param url where this server serves it
   * @param chunkBytes bytes of each chunk but the last
   * @param chunks hex digests of the chunks in order
   * @param outline what a client needs of a model before its large tensors arrive, or null
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record ModelFile(
      String path,
      String role,
      long bytes,
      String sha256,
      String url,
      int chunkBytes,
      List<String> chunks,
      Outline outline) {}

  /**
   * A file with everything of another one but its large tensors.
   *
   * @param url where this server serves it
   * @param sha256 hex digest of all of it
   * @param bytes its length
   * @param pieces where its bytes lie in the other file, in order: positions and lengths
   */
  public record Outline(String url, String sha256, long bytes, List<List<Long>> pieces) {}

  /**
   * How feature extraction makes one vector of a text.
   *
   * @param pooling {@code mean} over the tokens that the attention mask keeps, or {@code cls}
   * @param normalize whether vectors are scaled to length 1
   * @param maxLength tokens that the model takes; more are cut off
   */
  public record PipelineOptions(String pooling, boolean normalize, int maxLength) {}

  /**
   * How an image becomes the numbers that a model takes: {@code (value / 255 - mean) / std}.
   *
   * @param channels their order, {@code rgb} or {@code bgr}
   * @param mean one for each channel, in that order
   * @param std one for each channel, in that order
   */
  public record ImageOptions(String channels, List<Double> mean, List<Double> std) {
    public ImageOptions {
      mean = List.copyOf(mean);
      std = List.copyOf(std);
    }

    /** Red, green and blue from 0 to 1. */
    public static ImageOptions unit() {
      return new ImageOptions("rgb", List.of(0.0, 0.0, 0.0), List.of(1.0, 1.0, 1.0));
    }
  }
}
