package dev.quern.e2e.peers;

import dev.quern.e2e.peers.Workload.Kind;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** One row an engine: Quern, and those that it is measured against. */
public enum Engine {
  QUERN("quern", "Quern", Format.ONNX, EnumSet.allOf(Kind.class)),
  ORT("ort", "ONNX Runtime Web", Format.ONNX, EnumSet.allOf(Kind.class)),
  LITERT(
      "litert", "LiteRT.js", Format.TFLITE, EnumSet.of(Kind.MATMUL, Kind.MINILM, Kind.MOBILENET)),
  TFJS(
      "tfjs",
      "TensorFlow.js",
      Format.WEIGHTS,
      EnumSet.of(Kind.MATMUL, Kind.MINILM, Kind.MOBILENET)),
  JAX("jax", "jax-js", Format.WEIGHTS, EnumSet.of(Kind.MATMUL, Kind.MINILM)),
  TRANSFORMERS(
      "transformers",
      "Transformers.js",
      Format.HUB_FOLDER,
      EnumSet.of(Kind.MINILM, Kind.MINILM_INT8));

  /** In which form an engine gets a model. */
  enum Format {
    /** The ONNX file. */
    ONNX,
    /** A file of TensorFlow Lite with the same weights, for the shape of a case. */
    TFLITE,
    /**
     * The constants of the ONNX file, for a library of operators; its script writes the model; or
     * TF.js's own.
     */
    WEIGHTS,
    /** A folder laid out like a repository of a model hub. */
    HUB_FOLDER
  }

  private final String id;
  private final String label;
  private final Format format;
  private final Set<Kind> kinds;

  Engine(String id, String label, Format format, Set<Kind> kinds) {
    this.id = id;
    this.label = label;
    this.format = format;
    this.kinds = kinds;
  }

  /** The engines that Quern is measured against. */
  public static List<Engine> peers() {
    return Arrays.stream(values()).filter(engine -> engine != QUERN).toList();
  }

  /** A peer by its {@link #id}. */
  public static Optional<Engine> peer(String id) {
    return peers().stream().filter(engine -> engine.id.equals(id)).findFirst();
  }

  /** The ids of all peers, for a message. */
  public static String peerIds() {
    return peers().stream().map(Engine::id).collect(Collectors.joining(", "));
  }

  /** Name in options and in JSON, and of the script that adapts it: {@code ID.js}. */
  public String id() {
    return id;
  }

  /** Its name for people. */
  public String label() {
    return label;
  }

  /** In which form it gets a model. */
  Format format() {
    return format;
  }

  /** Whether there is a model of that kind for it. */
  public boolean takes(Kind kind) {
    return kinds.contains(kind);
  }

  /** Whether it loads a model from a file, so that its loading can be compared with others'. */
  boolean loadsModels() {
    return format != Format.WEIGHTS;
  }
}
