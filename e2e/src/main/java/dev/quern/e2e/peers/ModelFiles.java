package dev.quern.e2e.peers;

import dev.quern.e2e.harness.Front;
import dev.quern.e2e.models.Models;
import dev.quern.e2e.peers.Engine.Format;
import dev.quern.server.weights.Manifest;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** One model in every form that an engine asks for, served at paths of the front. */
final class ModelFiles implements AutoCloseable {
  private static final String BYTES = "application/octet-stream";
  private static final String JSON = "application/json";

  /** What Transformers.js must know of the model beside its file. */
  private static final String CONFIG =
      """
      {"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 384,
       "num_attention_heads": 12, "num_hidden_layers": 6, "intermediate_size": 1536,
       "max_position_embeddings": 512, "vocab_size": 30522}
      """;

  private final Front front;
  private final Workload workload;
  private final byte[] onnx;
  private final String base;
  private final Set<Format> served = EnumSet.noneOf(Format.class);
  private final Set<String> paths = new HashSet<>();

  /**
   * @param workload any case of the model
   */
  ModelFiles(Front front, Workload workload) {
    this.front = front;
    this.workload = workload;
    this.onnx = workload.onnx();
    this.base = EnginePage.BASE + "models/" + workload.model() + "/";
  }

  /** The bytes of the ONNX file. */
  byte[] onnx() {
    return onnx;
  }

  /**
   * What an engine's script is told about the model of a case: {@code key}, the same for cases that
   * need no other loading; {@code kind}; and addresses according to the format.
   */
  ObjectNode model(Format format, Workload workload) {
    if (served.add(format)) {
      serve(format);
    }
    ObjectNode model =
        JsonMapper.shared()
            .createObjectNode()
            .put("key", workload.model())
            .put("kind", workload.kind().name().toLowerCase(Locale.ROOT));
    return switch (format) {
      case ONNX -> model.put("onnx", base + "model.onnx").put("manifest", base + "manifest.json");
      case TFLITE -> tflite(model, workload);
      case WEIGHTS -> model.put("weights", base + "weights.bin");
      case HUB_FOLDER -> model.put("folder", base + "hub/");
    };
  }

  /** Its shapes are fixed, so that each case has a file of its own. */
  private ObjectNode tflite(ObjectNode model, Workload workload) {
    Path file =
        workload
            .tflite()
            .orElseThrow(() -> new PeerException("there is no .tflite of " + workload.name()));
    serve(file.getFileName().toString(), file);
    return model.put("key", workload.name()).put("tflite", base + file.getFileName());
  }

  private void serve(Format format) {
    switch (format) {
      case ONNX -> {
        serve("model.onnx", BYTES, onnx);
        serveManifest();
      }
      case TFLITE -> {
        // Each case has its own.
      }
      case WEIGHTS -> {
        if (workload.kind() == Workload.Kind.MOBILENET) {
          // The graph model from which the ONNX file was made.
          Path unpacked = Models.tfjsMobileNetV2();
          serve("weights.bin", unpacked.resolve("weights.bin"));
          serve("weights.bin.json", unpacked.resolve("model.json"));
          return;
        }
        Weights weights = Weights.of(onnx);
        serve("weights.bin", BYTES, weights.bytes());
        serve("weights.bin.json", JSON, utf8(weights.table().toString()));
      }
      case HUB_FOLDER -> {
        String folder = "hub/all-MiniLM-L6-v2/";
        boolean int8 = workload.kind() == Workload.Kind.MINILM_INT8;
        serve(folder + "config.json", JSON, utf8(CONFIG));
        serve(folder + "onnx/" + (int8 ? "model_quantized.onnx" : "model.onnx"), BYTES, onnx);
      }
    }
  }

  /**
   * What Quern's server would serve of the model: it is loaded by digest, not by the file's name.
   */
  private void serveManifest() {
    MemoryWeightStore store = new MemoryWeightStore();
    Manifest manifest = store.model(workload.model(), onnx);
    serve("manifest.json", JSON, utf8(JsonMapper.shared().writeValueAsString(manifest)));
    store
        .files()
        .forEach((digest, bytes) -> {
          front.serve("/weights/" + digest, BYTES, bytes, Map.of());
          paths.add("/weights/" + digest);
        });
  }

  private void serve(String name, String type, byte[] bytes) {
    front.serve(base + name, type, bytes, Map.of());
    paths.add(base + name);
  }

  private void serve(String name, Path file) {
    front.serve(base + name, BYTES, file);
    paths.add(base + name);
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** Serves nothing any more. */
  @Override
  public void close() {
    paths.forEach(front::withdraw);
  }
}
