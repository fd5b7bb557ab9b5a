package dev.quern.server;

import dev.quern.server.intake.Dtype;
import dev.quern.server.intake.Intake;
import dev.quern.server.weights.FileWeightStore;
import dev.quern.server.weights.ImportException;
import dev.quern.server.weights.Manifest;
import dev.quern.server.weights.ModelImport.Description;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code import}: takes a model in. */
@Command(
    name = "import",
    mixinStandardHelpOptions = true,
    description =
        "Checks an ONNX file, or a directory with one (and tokenizer.json, external data), tells"
            + " what is in it, and puts it into the store.")
final class ImportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(index = "0", paramLabel = "FILE|DIR", description = "What to take in.")
  private Path path;

  @Option(
      names = "--name",
      paramLabel = "NAME",
      description = "Name that sites ask for (default: the file's or directory's).")
  private String name;

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      defaultValue = "f32",
      description =
          "Weights of products: f32 (as they are), f16, int8 (a scale a column) or int4 (a scale"
              + " for 32 numbers); the error is measured and told (default: ${DEFAULT-VALUE}).")
  private String dtype;

  @Option(
      names = "--size",
      paramLabel = "NAME=N",
      description = "A named size of the inputs that memory and error are told for; repeatable.")
  private Map<String, Integer> sizes = new LinkedHashMap<>();

  @Option(
      names = "--store",
      paramLabel = "DIR",
      description = "Directory of the weights (default: the user's data directory).")
  private Path store;

  @Option(
      names = "--task",
      paramLabel = "TASK",
      defaultValue = "tensors",
      description = "tensors or feature-extraction (default: ${DEFAULT-VALUE}).")
  private String task;

  @Option(
      names = "--licence",
      paramLabel = "SPDX",
      defaultValue = "unknown",
      description = "SPDX identifier of the licence (default: ${DEFAULT-VALUE}).")
  private String licence;

  @Option(
      names = "--pooling",
      paramLabel = "KIND",
      defaultValue = "mean",
      description = "mean or cls, for feature-extraction (default: ${DEFAULT-VALUE}).")
  private String pooling;

  @Option(
      names = "--no-normalize",
      negatable = false,
      description = "Leave vectors as long as they are, for feature-extraction.")
  private boolean raw;

  @Option(
      names = "--max-length",
      paramLabel = "TOKENS",
      defaultValue = "512",
      description = "Tokens that the model takes (default: ${DEFAULT-VALUE}).")
  private int maxLength;

  @Override
  public Integer call() throws IOException {
    Manifest.PipelineOptions pipeline = pipeline();
    Dtype weights = Dtype.of(dtype);
    for (Map.Entry<String, Integer> size : sizes.entrySet()) {
      if (size.getValue() < 1) {
        throw new ImportException("--size is at least 1, not " + size);
      }
    }
    Description description =
        new Description(name == null ? Intake.name(path) : name, task, licence, pipeline);
    Path directory = store == null ? Options.in(Options.home()).store() : store;
    Intake.Result result =
        Intake.run(
            new FileWeightStore(directory), description, path, new Intake.Settings(weights, sizes));
    PrintWriter out = spec.commandLine().getOut();
    result.lines().forEach(out::println);
    for (Manifest.ModelFile file : result.manifest().files()) {
      out.println(file.role() + "  " + file.path() + "  " + file.bytes() + " bytes");
    }
    out.println("Put " + description.name() + " into " + directory);
    out.println(
        "A server with this store has it at once: ./quern serve"
            + (store == null ? "" : " --store " + store)
            + ", then Session.create('"
            + description.name()
            + "')");
    out.flush();
    return 0;
  }

  private Manifest.PipelineOptions pipeline() {
    if (task.equals("feature-extraction")) {
      if (!pooling.equals("mean") && !pooling.equals("cls")) {
        throw new ImportException("--pooling is mean or cls, not '" + pooling + "'");
      }
      if (maxLength < 1) {
        throw new ImportException("--max-length is at least 1, not " + maxLength);
      }
      return new Manifest.PipelineOptions(pooling, !raw, maxLength);
    }
    if (!task.equals("tensors")) {
      throw new ImportException("--task is tensors or feature-extraction, not '" + task + "'");
    }
    return null;
  }
}
