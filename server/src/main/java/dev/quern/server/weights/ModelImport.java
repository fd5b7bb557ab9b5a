package dev.quern.server.weights;

import dev.quern.server.http.Content;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/** Puts a model's files into a store and registers them under a name. */
public final class ModelImport {
  /** The model of the demo's first page. */
  public static final String DEMO_MODEL = "all-MiniLM-L6-v2";

  private static final List<String> ROLES =
      List.of("model", "data", "recognition", "direction", "tokenizer", "keys", "labels", "config");

  private final WeightStore store;

  public ModelImport(WeightStore store) {
    this.store = store;
  }

  /**
   * What is said about a model beside its files.
   *
   * @param name see {@link Manifest#isName}
   * @param task such as {@code feature-extraction}
   * @param licence SPDX identifier
   * @param pipeline options of the task, or null
   * @param image how an image becomes the model's input, or null
   */
  public record Description(
      String name,
      String task,
      String licence,
      Manifest.PipelineOptions pipeline,
      Manifest.ImageOptions image) {
    /** A model that takes no image. */
    public Description(
        String name, String task, String licence, Manifest.PipelineOptions pipeline) {
      this(name, task, licence, pipeline, null);
    }

    public Description {
      if (!Manifest.isName(name)) {
        throw new ImportException(
            "a model cannot be called '"
                + name
                + "': use letters, digits, dots, dashes and underscores, at most 100");
      }
    }
  }

  /** Where a file of a model comes from. */
  private interface Source {
    InputStream open() throws IOException;
  }

  /**
   * A file that is to become part of a model.
   *
   * @param path relative to the model
   * @param role see {@link Manifest.ModelFile}
   * @param file where it lies now
   */
  public record Input(String path, String role, Path file) {}

  /** Takes in the files that {@link #find} finds. */
  public Manifest files(Description description, Path path) throws IOException {
    return files(description, find(path));
  }

  /** Takes in files; the name is pointed to them once all are in the store. */
  public Manifest files(Description description, List<Input> inputs) throws IOException {
    List<Manifest.ModelFile> files = new ArrayList<>();
    for (Input input : inputs) {
      files.add(store(input.path(), input.role(), () -> Files.newInputStream(input.file())));
    }
    return register(description, files);
  }

  /**
   * An ONNX file, or what a directory holds: one, its external data, {@code tokenizer.json} and
   * configuration.
   *
   * @throws ImportException if there is no ONNX file there, or more than one and none called {@code
   *     model.onnx}
   */
  public static List<Input> find(Path path) throws IOException {
    List<Input> found = new ArrayList<>();
    for (Path file : Files.isDirectory(path) ? modelFiles(path) : singleFile(path)) {
      String relative =
          Files.isDirectory(path)
              ? path.relativize(file).toString().replace('\\', '/')
              : file.getFileName().toString();
      found.add(new Input(relative, role(relative), file));
    }
    return found;
  }

  /** The names of the models of the catalogue. */
  public static List<String> names() {
    return Catalogue.ALL.stream().map(model -> model.description().name()).toList();
  }

  /**
   * Makes sure that the models of the catalogue are in the store; returns the names of those that
   * had to be brought in.
   */
  public List<String> catalogue() throws IOException {
    List<String> brought = new ArrayList<>();
    for (Catalogue model : Catalogue.ALL) {
      String name = model.description().name();
      var present = store.manifest(name);
      if (present.isPresent() && complete(present.get(), model)) {
        continue;
      }
      List<Manifest.ModelFile> files = new ArrayList<>();
      for (Catalogue.Entry file : model.files()) {
        files.add(store(file.path(), file.role(), () -> resource(file.resource())));
      }
      register(model.description(), files);
      brought.add(name);
    }
    return brought;
  }

  private boolean complete(Manifest manifest, Catalogue model) throws IOException {
    if (manifest.files().size() != model.files().size()
        || !Objects.equals(manifest.image(), model.description().image())) {
      return false;
    }
    for (Manifest.ModelFile file : manifest.files()) {
      var blob = store.find(file.sha256());
      if (blob.isEmpty() || blob.get().identity().length() != file.bytes()) {
        return false;
      }
      // A manifest of an earlier version.
      if (file.role().equals("model") && file.outline() == null) {
        return false;
      }
    }
    return true;
  }

  private static InputStream resource(String name) {
    InputStream stream = ModelImport.class.getResourceAsStream(name);
    if (stream == null) {
      throw new ImportException(
          "the weights "
              + name
              + " are not on the class path: start through ./quern, whose build gets them");
    }
    return stream;
  }

  private Manifest.ModelFile store(String path, String role, Source source) throws IOException {
    try (InputStream in = source.open()) {
      WeightStore.Stored stored = store.put(in);
      return new Manifest.ModelFile(
          path,
          role,
          stored.bytes(),
          stored.sha256(),
          "/weights/" + stored.sha256(),
          Manifest.CHUNK_BYTES,
          stored.chunks(),
          role.equals("model") ? outline(stored.sha256()) : null);
    }
  }

  /** Stores the outline of a model that is in the store; null if there is none. */
  private Manifest.Outline outline(String sha256) throws IOException {
    Content model = store.find(sha256).orElseThrow().identity();
    Optional<OutlineReader.Outline> found = OutlineReader.read(model);
    if (found.isEmpty()) {
      return null;
    }
    WeightStore.Stored stored = store.put(new ByteArrayInputStream(found.get().bytes()));
    return new Manifest.Outline(
        "/weights/" + stored.sha256(), stored.sha256(), stored.bytes(), found.get().pieces());
  }

  private Manifest register(Description description, List<Manifest.ModelFile> files)
      throws IOException {
    List<Manifest.ModelFile> ordered = new ArrayList<>(files);
    ordered.sort(
        Comparator.comparingInt((Manifest.ModelFile file) -> ROLES.indexOf(file.role()))
            .thenComparing(Manifest.ModelFile::path));
    Manifest manifest =
        new Manifest(
            Manifest.VERSION,
            description.name(),
            description.task(),
            description.licence(),
            List.copyOf(ordered),
            description.pipeline(),
            description.image());
    store.register(manifest);
    return manifest;
  }

  private static List<Path> singleFile(Path path) {
    if (!Files.isRegularFile(path)) {
      throw new ImportException("there is no file or directory " + path);
    }
    if (!role(path.getFileName().toString()).equals("model")) {
      throw new ImportException(path + " does not end in .onnx: give an ONNX file or a directory");
    }
    return List.of(path);
  }

  private static List<Path> modelFiles(Path directory) throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.walk(directory)) {
      files = new ArrayList<>(all.filter(Files::isRegularFile).sorted().toList());
    }
    files.removeIf(file -> directory.relativize(file).toString().startsWith(".") || isProse(file));
    List<Path> models =
        files.stream().filter(file -> role(file.toString()).equals("model")).toList();
    if (models.size() > 1) {
      List<Path> named =
          models.stream().filter(f -> f.getFileName().toString().equals("model.onnx")).toList();
      if (named.size() != 1) {
        throw new ImportException(
            directory + " holds more than one ONNX file, and not one called model.onnx: " + models);
      }
      files.removeIf(file -> models.contains(file) && !named.contains(file));
    }
    if (models.isEmpty()) {
      throw new ImportException(directory + " holds no file that ends in .onnx");
    }
    return files;
  }

  private static boolean isProse(Path file) {
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    return name.endsWith(".md") || name.equals("license") || name.equals("license.txt");
  }

  /** What a file is for; whatever is neither model nor JSON is taken for external data. */
  private static String role(String path) {
    String name = path.substring(path.lastIndexOf('/') + 1).toLowerCase(Locale.ROOT);
    if (name.endsWith(".onnx")) {
      return "model";
    }
    if (name.equals("tokenizer.json")) {
      return "tokenizer";
    }
    return name.endsWith(".json") || name.endsWith(".txt") ? "config" : "data";
  }
}
