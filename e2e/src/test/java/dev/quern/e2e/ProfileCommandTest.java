package dev.quern.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.quern.e2e.site.TestModels;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The command {@code profile} as a user types it. */
@Tag("slow")
@Tag("browser")
class ProfileCommandTest {
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
  void tellsEachStepOfAModelOfTheStore() {
    Result result =
        run(
            "profile",
            "all-MiniLM-L6-v2",
            "--store",
            STORE,
            "--seq",
            "16",
            "--runs",
            "3",
            "--json");
    assertThat(result.status()).as(result.err()).isZero();
    JsonNode json = JsonMapper.shared().readTree(result.out());
    assertThat(json.get("shape").asString()).isEqualTo("1x16");
    double flops = 0;
    double sum = 0;
    int attention = 0;
    for (JsonNode step : json.get("steps")) {
      assertThat(step.get("milliseconds").asDouble()).as(step.toString()).isNotNegative();
      assertThat(step.get("bytes").asDouble()).as(step.toString()).isPositive();
      assertThat(step.has("schedule"))
          .isEqualTo(step.get("kernel").asString().startsWith("f32_matmul"));
      flops += step.get("flops").asDouble();
      sum += step.get("shareOfWhole").asDouble();
      attention += step.get("kernel").asString().startsWith("f32_attention") ? 1 : 0;
    }
    assertThat(attention).isEqualTo(6);
    // Six layers of [16, 384] by 384 x 1152, 384 x 384 and twice 384 x 1536, and of attention.
    assertThat(flops).isBetween(6 * 2.0 * 16 * 384 * (1152 + 384 + 2 * 1536), 4e8);
    assertThat(sum).isBetween(0.5, 1.05);
    assertThat(json.get("peakGflops").asDouble()).isPositive();
    assertThat(json.get("barrierMs").asDouble()).isPositive();
    // The product of [16, 384] by [384, 1536] reads 4·(16·384 + 384·1536 + 1536), writes 4·16·1536.
    assertThat(json.get("steps"))
        .filteredOn(step -> step.get("work").asString().equals("16x1536x384"))
        .hasSize(6)
        .allSatisfy(step ->
            assertThat(step.get("bytes").asDouble())
                .isCloseTo(4.0 * (16 * 384 + 384 * 1536 + 1536 + 16 * 1536), within(64.0)));
  }

  @Test
  void printsATableForAFile() throws Exception {
    Path model = Files.write(folder.resolve("model.onnx"), TestModels.mlp());
    Result result =
        run("profile", model.toString(), "--dim", "n=5", "--threads", "1", "--runs", "5");
    assertThat(result.status()).as(result.err()).isZero();
    assertThat(result.out())
        .contains("1 thread, 5 runs")
        .contains("product, 5x4x16")
        .contains("mr=")
        .contains("1 x f32_softmax")
        .contains("outside them");
  }

  @Test
  void failsWithOneSentence() throws Exception {
    Path model = Files.write(folder.resolve("model.onnx"), TestModels.mlp());
    assertThat(run("profile", model.toString(), "--dim", "width=5").err())
        .startsWith("quern: the model's inputs have no dimension 'width'; they have [n]");
    assertThat(run("profile", model.toString(), "--device", "reference").err())
        .startsWith("quern: The reference device has no steps to profile")
        .hasLineCount(1);
    assertThat(run("profile", "absent.onnx").err()).startsWith("quern: there is no file");
  }
}
