package dev.quern.e2e.models;

import dev.quern.e2e.bench.Inputs;
import dev.quern.e2e.models.TfliteBuilder.Activation;
import dev.quern.e2e.models.TfliteFile.Value;
import dev.quern.server.models.Convolution;
import dev.quern.server.models.MakeModels;
import dev.quern.server.models.ModelFileException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;

/**
 * The model files that are measured and tested with. Each is made when it is first asked for, and
 * kept in {@code e2e/target/models}; a maker that changed makes its files anew.
 */
public final class Models {
  /** Height and width of MobileNetV2's image. */
  public static final int IMAGE = MakeModels.IMAGE;

  private static final Path TARGET = target();

  /** Where the server's build made the catalogue's models. */
  private static final Path MADE = TARGET.resolve("../../server/target").normalize();

  private static final ModelCache CACHE =
      ModelCache.ofThisPackage(
          TARGET.resolve("models"),
          MADE.resolve("classes").resolve(MakeModels.FOLDER).resolve(MakeModels.STAMP));

  private Models() {}

  /** The build's output folder of this module: it holds the jar or the classes. */
  private static Path target() {
    try {
      return Path.of(Models.class.getProtectionDomain().getCodeSource().getLocation().toURI())
          .getParent();
    } catch (URISyntaxException e) {
      throw new ModelFileException("the folder of the build is not known: " + e.getMessage(), e);
    }
  }

  /**
   * MobileNetV2 1.4 as ONNX, 580 million multiply-adds an image. Input {@code image} [batch, 3,
   * 224, 224]: RGB from 0 to 1 (the model itself maps it to -1 to 1). Output {@code probabilities}
   * [batch, 5].
   *
   * <p>The weights are {@code mobilenet_v2_mid} of npm's {@code nsfwjs} (MIT), which holds them as
   * uint8; here they are f32.
   */
  public static Path mobileNetV2() {
    return catalogue("mobilenet-v2-1.4.onnx");
  }

  /** The graph model of TF.js that it is made from: a folder with {@code model.json}. */
  public static Path tfjsMobileNetV2() {
    return MADE.resolve("nsfwjs");
  }

  /**
   * {@link #mobileNetV2} as {@code .tflite}. Input {@code image} [1, 224, 224, 3]: RGB from 0 to 1.
   * Output {@code probabilities} [1, 5].
   */
  public static Path tfliteMobileNetV2() {
    return CACHE.file(
        "mobilenet-v2-1.4",
        "tflite",
        () ->
            TfjsToTflite.convert(
                MakeModels.mobileNetV2(MADE), "MobileNetV2", IMAGE, "image", "probabilities"));
  }

  /**
   * A matrix product as {@code .tflite}: {@code y} [m, n] = {@code x} [m, k] · w [k, n], w constant
   * and that of {@link dev.quern.e2e.bench.MatmulModel}.
   */
  public static Path tfliteMatmul(int m, int k, int n) {
    return CACHE.file(
        "matmul-" + m + "x" + k + "x" + n,
        "tflite",
        () -> {
          TfliteBuilder out = new TfliteBuilder(4 * k * n);
          float[] weights = Convolution.transposed(Inputs.random(k * n), k, n);
          Value w = out.constant("w", weights, n, k);
          Value x = out.input("x", m, k);
          return out.bytes("matmul", out.fullyConnected("y", x, w, null, Activation.NONE));
        });
  }

  /**
   * all-MiniLM-L6-v2, f32, as {@code .tflite} for one batch and length. Inputs {@code input_ids},
   * {@code attention_mask}, {@code token_type_ids} [batch, seq], 32-bit integers; output {@code
   * last_hidden_state} [batch, seq, 384].
   */
  public static Path tfliteMiniLm(int batch, int seq) {
    return CACHE.file(
        "minilm-" + batch + "x" + seq,
        "tflite",
        () -> MiniLmTflite.make(new OnnxWeights(miniLm()), batch, seq));
  }

  private static byte[] miniLm() throws IOException {
    String name = "/all-minilm-l6-v2.onnx";
    try (InputStream in = Objects.requireNonNull(Models.class.getResourceAsStream(name), name)) {
      return in.readAllBytes();
    }
  }

  /** A file that the build made for the catalogue, such as {@code pp-ocr-v4-detection.onnx}. */
  public static Path catalogue(String name) {
    Path file = MADE.resolve("classes").resolve(MakeModels.FOLDER).resolve(name);
    if (!Files.isRegularFile(file)) {
      throw new ModelFileException(
          "there is no " + file + ": start through ./quern, which makes it");
    }
    return file;
  }
}
