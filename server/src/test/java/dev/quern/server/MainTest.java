package dev.quern.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.onnx.DataType;
import dev.quern.onnx.ModelBuilder;
import dev.quern.server.weights.FileWeightStore;
import dev.quern.server.weights.Manifest;
import dev.quern.server.weights.ModelImport;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class MainTest {
  @TempDir private Path directory;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(String... args) {
    CommandLine command = Main.commandLine();
    command.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true));
    return command.execute(args);
  }

  @Test
  void importPutsAModelIntoAStore() throws Exception {
    byte[] model =
        new ModelBuilder(13)
            .input("x", DataType.FLOAT, "n", "3")
            .node("Relu", List.of("x"), List.of("y"))
            .output("y", DataType.FLOAT)
            .build();
    Path file = Files.write(directory.resolve("net.onnx"), model);
    Path store = directory.resolve("store");
    assertThat(run("import", file.toString(), "--store", store.toString())).isZero();
    assertThat(out.toString())
        .contains("input       x f32 [n, 3]", "operations  1: 1 Relu")
        .contains("model  net.onnx  " + model.length + " bytes")
        .contains("Put net into");
    Manifest manifest = new FileWeightStore(store).manifest("net").orElseThrow();
    assertThat(manifest.task()).isEqualTo("tensors");
    assertThat(manifest.pipeline()).isNull();
  }

  @Test
  void mistakesAreSaidInOneLine() {
    String absent = directory.resolve("absent.onnx").toString();
    assertThat(run("import", absent, "--store", directory.toString())).isEqualTo(1);
    assertThat(err.toString()).startsWith("quern: there is no file or directory");
    err.getBuffer().setLength(0);
    assertThat(run("import", absent, "--dtype", "int3")).isEqualTo(1);
    assertThat(err.toString()).startsWith("quern: --dtype is f32, f16, int8, int4").hasLineCount(1);
    err.getBuffer().setLength(0);
    assertThat(run("serve", "--port", "many")).isEqualTo(2);
    assertThat(err.toString()).contains("--port");
    err.getBuffer().setLength(0);
    assertThat(run("demo", "--port", "70000")).isEqualTo(1);
    assertThat(err.toString()).startsWith("quern: --port is 0").hasLineCount(1);
    err.getBuffer().setLength(0);
    String store = directory.resolve("weights").toString();
    String database = directory.resolve("quern.db").toString();
    assertThat(
            run(
                "serve",
                "--host",
                "no.such.host.invalid",
                "--store",
                store,
                "--database",
                database))
        .isEqualTo(1);
    assertThat(err.toString()).startsWith("quern: cannot listen on no.such.host").hasLineCount(1);
  }

  @Test
  void portInUseIsSaidInOneLine() {
    try (App app = App.start(Options.in(directory))) {
      int status =
          run(
              "serve",
              "--port",
              Integer.toString(app.port()),
              "--store",
              directory.resolve("weights").toString(),
              "--database",
              directory.resolve("other.db").toString());
      assertThat(status).isEqualTo(1);
      assertThat(err.toString()).startsWith("quern: port " + app.port()).hasLineCount(1);
    }
  }

  @Test
  void helpNamesEveryOption() {
    assertThat(run("serve", "--help")).isZero();
    assertThat(out.toString())
        .contains("--host", "--port", "--store", "--database", "--telemetry", "--no-isolation");
  }

  @Test
  @Tag("slow")
  void theCatalogueIsBroughtInOnce() throws Exception {
    FileWeightStore store = new FileWeightStore(directory);
    ModelImport models = new ModelImport(store);
    assertThat(models.catalogue()).isEqualTo(ModelImport.names());
    assertThat(models.catalogue()).isEmpty();
    assertThat(store.manifests()).hasSameSizeAs(ModelImport.names());
    Manifest reader = store.manifest("PP-OCRv4").orElseThrow();
    assertThat(reader.files())
        .extracting(Manifest.ModelFile::role)
        .containsExactly("model", "recognition", "direction", "keys");
    assertThat(reader.image().channels()).isEqualTo("bgr");
    Manifest classifier = store.manifest("MobileNetV2-nsfw").orElseThrow();
    assertThat(classifier.files())
        .extracting(Manifest.ModelFile::role)
        .containsExactly("model", "labels");
    Manifest manifest = store.manifest(ModelImport.DEMO_MODEL).orElseThrow();
    assertThat(manifest.files().getFirst().bytes()).isEqualTo(90_387_606);
    assertThat(manifest.files().getFirst().chunks()).hasSize(345);
    assertThat(manifest.pipeline()).isEqualTo(new Manifest.PipelineOptions("mean", true, 512));
    String damaged = manifest.files().getFirst().sha256();
    Files.write(directory.resolve("blobs").resolve(damaged), new byte[3]);
    assertThat(models.catalogue())
        .as("a damaged store is mended")
        .containsExactly(ModelImport.DEMO_MODEL);
    assertThat(store.find(damaged).orElseThrow().identity().length()).isEqualTo(90_387_606);
  }
}
