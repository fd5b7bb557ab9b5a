package dev.quern.e2e;

import dev.quern.e2e.models.Models;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code quern models}: writes the benchmark's model files and says where they are. */
@Command(
    name = "models",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    hidden = true,
    description = {
      "Makes model files that the benchmark and the tests use, and prints their paths.",
      "A name that there is not is answered with those that there are."
    })
final class ModelsCommand implements Callable<Integer> {
  private static final Map<String, Supplier<Path>> MODELS = new LinkedHashMap<>();

  static {
    MODELS.put("mobilenet-v2.onnx", Models::mobileNetV2);
    MODELS.put("mobilenet-v2.tflite", Models::tfliteMobileNetV2);
    MODELS.put("matmul-128x384x1536.tflite", () -> Models.tfliteMatmul(128, 384, 1536));
    MODELS.put("matmul-128x768x3072.tflite", () -> Models.tfliteMatmul(128, 768, 3072));
    MODELS.put("matmul-1x768x3072.tflite", () -> Models.tfliteMatmul(1, 768, 3072));
    MODELS.put("minilm-1x32.tflite", () -> Models.tfliteMiniLm(1, 32));
    MODELS.put("minilm-1x128.tflite", () -> Models.tfliteMiniLm(1, 128));
    MODELS.put("minilm-8x128.tflite", () -> Models.tfliteMiniLm(8, 128));
  }

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "NAME", description = "Files to make (default: all).")
  private List<String> names = List.of();

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    for (String name : names.isEmpty() ? MODELS.keySet() : names) {
      Supplier<Path> maker = MODELS.get(name);
      if (maker == null) {
        throw new CommandException(
            "there is no model '" + name + "'; there are " + String.join(", ", MODELS.keySet()));
      }
      out.println(maker.get());
      out.flush();
    }
    return 0;
  }
}
