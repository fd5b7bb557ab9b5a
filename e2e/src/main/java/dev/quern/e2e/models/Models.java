package dev.quern.e2e.models;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;

/**
 * The model files that are measured and tested with. Each is made when it is first asked for, and
 * kept in {@code e2e/target/models}; a maker that changed makes its files anew.
 */
public final class Models {
  /** Height and width of MobileNetV2's image. */
  public static final int IMAGE = 224;

  private static final Path TARGET = target();
  private static final ModelCache CACHE = ModelCache.ofThisPackage(TARGET.resolve("models"));

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
    return CACHE.file(
        "mobilenet-v2-1.4",
        "onnx",
        () ->
            TfjsToOnnx.convert(
                mobileNetV2Source(), "MobileNetV2", IMAGE, "image", "probabilities"));
  }

  private static TfjsModel mobileNetV2Source() throws IOException {
    NpmFolder packages = new NpmFolder(TARGET.resolveSibling("models"));
    packages.install();
    Path unpacked = TARGET.resolve("models/nsfwjs");
    packages.node("unpack.cjs", unpacked.toString());
    return TfjsModel.read(unpacked.resolve("model.json"), unpacked.resolve("weights.bin"));
  }
}
