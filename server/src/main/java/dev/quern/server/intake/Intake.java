package dev.quern.server.intake;

import dev.quern.exec.Device;
import dev.quern.exec.Executor;
import dev.quern.graph.GraphImporter;
import dev.quern.onnx.ModelException;
import dev.quern.onnx.OnnxModel;
import dev.quern.reference.Tensor;
import dev.quern.server.weights.ImportException;
import dev.quern.server.weights.Manifest;
import dev.quern.server.weights.ModelImport;
import dev.quern.server.weights.ModelImport.Description;
import dev.quern.server.weights.ModelImport.Input;
import dev.quern.server.weights.WeightStore;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Takes a model in: checks it, tells what is in it, narrows its weights, stores it. */
public final class Intake {
  private Intake() {}

  /**
   * How a model is taken in.
   *
   * @param dtype of the weights of products
   * @param sizes numbers for named dimensions of the inputs that the error is measured with
   */
  public record Settings(Dtype dtype, Map<String, Integer> sizes) {
    public Settings {
      sizes = Map.copyOf(sizes);
    }
  }

  /**
   * What came of it.
   *
   * @param lines what is in the model, for people
   */
  public record Result(Manifest manifest, List<String> lines) {}

  /** A name for a model that none was given for: the file's or folder's, without its ending. */
  public static String name(Path path) {
    Path last = path.toAbsolutePath().normalize().getFileName();
    String name = last == null ? "model" : last.toString();
    String bare = name.endsWith(".onnx") ? name.substring(0, name.length() - 5) : name;
    String plain = bare.replaceAll("[^A-Za-z0-9._-]+", "-").replaceAll("^[^A-Za-z0-9]+", "");
    return plain.isEmpty() ? "model" : plain.substring(0, Math.min(100, plain.length()));
  }

  /**
   * Takes a model in. Nothing is stored unless all went well.
   *
   * @param path an ONNX file, or a directory that holds one
   * @throws ImportException if it is no model that can be run, with everything that is wrong
   */
  public static Result run(WeightStore store, Description description, Path path, Settings settings)
      throws IOException {
    Foreign.refuse(path);
    ModelFiles files = ModelFiles.of(ModelImport.find(path));
    Path made = Files.createTempDirectory("quern-import");
    try (Arena arena = Arena.ofConfined()) {
      Summary summary = new Summary();
      ModelFiles.Opened opened = ModelFiles.open(files.model(), arena);
      OnnxModel model = opened.model();
      Executor executor = Executor.of(model, Device.REFERENCE);
      summary.declare(model, executor.inputs(), opened.bytes());
      List<Input> stored = files.asBrought(opened);
      if (settings.dtype() == Dtype.F32) {
        MadeUpInputs inputs = new MadeUpInputs(model, executor.inputs(), settings.sizes());
        summary.compile(model, inputs.of(MadeUpInputs.SIZES[0]));
      } else {
        stored = files.rewritten(narrow(files, opened, settings, made, arena, summary), opened);
      }
      Manifest manifest = new ModelImport(store).files(description, stored);
      return new Result(manifest, List.copyOf(summary.lines()));
    } catch (ModelException e) {
      throw new ImportException(files.model() + ": " + e.getMessage());
    } finally {
      delete(made);
    }
  }

  /** Writes the model with weights of fewer bits; returns its files. */
  private static List<Input> narrow(
      ModelFiles files,
      ModelFiles.Opened opened,
      Settings settings,
      Path folder,
      Arena arena,
      Summary summary)
      throws IOException {
    OnnxModel model = opened.model();
    int opset = GraphImporter.opset(model);
    Narrowing.Result narrowed =
        Narrowing.run(ModelWriter.read(files.model()), model, opset, settings.dtype());
    if (narrowed.converted() == 0) {
      throw new ImportException(
          "--dtype "
              + settings.dtype().label()
              + ": the model has no weights of products of f32 that can be converted"
              + (narrowed.kept().isEmpty() ? "" : "\n" + String.join("\n", narrowed.kept())));
    }
    List<Input> written =
        ModelWriter.write(
            narrowed.model(),
            opened.tensors(),
            folder,
            files.model().getFileName().toString(),
            ModelWriter.MOST_WITHIN);
    OnnxModel changed = ModelFiles.open(written.getFirst().file(), arena).model();
    Calibration.Result calibration = Calibration.compare(model, changed, settings.sizes());
    Map<String, Tensor> inputs = calibration.inputs();
    summary.compile(changed, inputs);
    summary.narrow(narrowed, calibration);
    return written;
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
