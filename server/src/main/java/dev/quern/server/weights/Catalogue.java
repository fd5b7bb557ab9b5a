package dev.quern.server.weights;

import dev.quern.server.weights.Manifest.ImageOptions;
import dev.quern.server.weights.Manifest.PipelineOptions;
import dev.quern.server.weights.ModelImport.Description;
import java.util.List;

/**
 * A model whose files come with the class path: one row of the catalogue that a server offers from
 * its first start.
 *
 * @param files the model first
 */
record Catalogue(Description description, List<Entry> files) {
  /**
   * A file of a model.
   *
   * @param path relative to the model
   * @param role see {@link Manifest.ModelFile}
   * @param resource where it stands on the class path
   */
  record Entry(String path, String role, String resource) {}

  static final List<Catalogue> ALL =
      List.of(
          new Catalogue(
              new Description(
                  ModelImport.DEMO_MODEL,
                  "feature-extraction",
                  "Apache-2.0",
                  new PipelineOptions("mean", true, 512)),
              List.of(
                  new Entry("model.onnx", "model", "/all-minilm-l6-v2.onnx"),
                  new Entry("tokenizer.json", "tokenizer", "/all-minilm-l6-v2-tokenizer.json"))),
          new Catalogue(
              new Description(
                  "all-MiniLM-L6-v2-int8",
                  "feature-extraction",
                  "Apache-2.0",
                  new PipelineOptions("mean", true, 512)),
              List.of(
                  new Entry("model.onnx", "model", "/all-minilm-l6-v2-q.onnx"),
                  new Entry("tokenizer.json", "tokenizer", "/all-minilm-l6-v2-q-tokenizer.json"))),
          new Catalogue(
              new Description(
                  "MobileNetV2-nsfw", "image-classification", "MIT", null, ImageOptions.unit()),
              List.of(
                  new Entry("model.onnx", "model", "/quern-models/mobilenet-v2-1.4.onnx"),
                  new Entry("labels.json", "labels", "/quern-models/mobilenet-v2-labels.json"))),
          new Catalogue(
              new Description("Silero-VAD", "voice-activity-detection", "ISC", null, null),
              List.of(new Entry("model.onnx", "model", "/quern-models/silero-vad-v5.onnx"))),
          // PaddleOCR reads images as BGR, and detects with the means of ImageNet in that order.
          new Catalogue(
              new Description(
                  "PP-OCRv4",
                  "ocr",
                  "MIT",
                  null,
                  new ImageOptions(
                      "bgr", List.of(0.485, 0.456, 0.406), List.of(0.229, 0.224, 0.225))),
              List.of(
                  new Entry("detection.onnx", "model", "/quern-models/pp-ocr-v4-detection.onnx"),
                  new Entry(
                      "recognition.onnx",
                      "recognition",
                      "/quern-models/pp-ocr-v4-recognition.onnx"),
                  new Entry(
                      "direction.onnx", "direction", "/quern-models/pp-ocr-v2-direction.onnx"),
                  new Entry("keys.txt", "keys", "/quern-models/pp-ocr-keys.txt"))));
}
