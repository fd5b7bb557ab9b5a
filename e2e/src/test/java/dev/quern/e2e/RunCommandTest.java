package dev.quern.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.data.TensorFile;
import dev.quern.e2e.oracle.MiniLm;
import dev.quern.e2e.oracle.Oracle;
import dev.quern.e2e.site.TestModels;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The command {@code run} as a user types it: what it prints, what it writes, and how it fails. */
@Tag("slow")
@Tag("browser")
class RunCommandTest {
  private static final String STORE =
      Path.of("target", "site", "weights").toAbsolutePath().toString();

  @TempDir Path folder;

  private record Result(int status, String out, String err) {}

  private static Result run(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine command =
        Main.commandLine().setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    int status = command.execute(arguments);
    return new Result(status, out.toString(), err.toString());
  }

  @Test
  void printsEmbeddingsAsOneJsonObject() {
    List<String> texts = List.of("a cat sleeps", "a kitten naps", "the stock market fell");
    Result result =
        run(
            "run",
            "all-MiniLM-L6-v2",
            "--store",
            STORE,
            "--text",
            texts.get(0),
            "--text",
            texts.get(1),
            "--text",
            texts.get(2),
            "--runs",
            "3",
            "--threads",
            "1",
            "--json");
    assertThat(result.status()).as(result.err()).isZero();
    JsonNode json = JsonMapper.shared().readTree(result.out());
    assertThat(json.propertyNames())
        .contains("embeddings", "similarity", "latencyMs", "gflops", "device", "schedules");
    try (MiniLm oracle = new MiniLm()) {
      float[][] expected = oracle.embed(texts);
      for (int i = 0; i < texts.size(); i++) {
        assertThat(json.get("embeddings").get(i).size()).isEqualTo(384);
        for (int j = 0; j < texts.size(); j++) {
          assertThat(json.get("similarity").get(i).get(j).asDouble())
              .isCloseTo(MiniLm.cosine(expected[i], expected[j]), within(1e-4));
        }
      }
    }
    assertThat(json.get("latencyMs").asDouble()).isPositive();
    assertThat(json.get("gflops").asDouble()).isPositive();
    assertThat(json.get("runsMs").size()).isEqualTo(4);
    assertThat(json.get("schedules").size()).isPositive();
    assertThat(json.get("schedules").get(0).get("schedule").asString()).contains("mr=");
  }

  @Test
  void runsAModelOnTensorsFromBothKindsOfFiles() throws Exception {
    Path model = Files.write(folder.resolve("model.onnx"), TestModels.mlp());
    TensorData input = TestModels.input(5);
    Map<String, TensorData> expected;
    try (Oracle oracle = new Oracle(TestModels.mlp())) {
      expected = oracle.run(Map.of("x", input));
    }
    for (String ending : List.of(".npy", ".pb")) {
      Path file = folder.resolve("x" + ending);
      TensorFile.write(file, "x", input);
      Path output = folder.resolve("out" + ending);
      Result result =
          run(
              "run",
              model.toString(),
              "--input",
              "x=" + file,
              "--output",
              output.toString(),
              "--runs",
              "1");
      assertThat(result.status()).as(result.err()).isZero();
      assertThat(result.out()).contains("output y f32[5, 4]").contains("latency");
      TensorData got = TensorFile.read(output.resolve("y.npy"));
      assertThat(got.shape()).isEqualTo(List.of(5L, 4L));
      assertThat(got.floats()).containsExactly(expected.get("y").floats(), within(1e-5f));
    }
  }

  @Test
  void failsWithOneSentence() throws Exception {
    Path model = Files.write(folder.resolve("model.onnx"), TestModels.mlp());
    Result unknown = run("run", "no-such-model", "--store", STORE, "--text", "a");
    assertThat(unknown.status()).isEqualTo(1);
    assertThat(unknown.err())
        .startsWith("quern: there is no model 'no-such-model'")
        .hasLineCount(1);

    Result noInput = run("run", model.toString(), "--input", "x=absent.npy", "--output", "o");
    assertThat(noInput.status()).isEqualTo(1);
    assertThat(noInput.err()).startsWith("quern: absent.npy: cannot be read").hasLineCount(1);

    assertThat(run("run", model.toString()).err()).startsWith("give either --text");
    assertThat(run("run", "m", "--text", "a", "--browser", "opera").err())
        .contains("'opera' is no browser");

    Path wrong = folder.resolve("wrong.npy");
    TensorFile.write(wrong, "x", TensorData.of(new float[6], 2, 3));
    Result misfit =
        run("run", model.toString(), "--input", "x=" + wrong, "--output", folder.toString());
    assertThat(misfit.status()).isEqualTo(1);
    assertThat(misfit.err())
        .startsWith("quern: The model cannot run: input \"x\" needs float32 [n, 16]");
  }
}
