package dev.quern.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.e2e.architectures.Architecture;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The command {@code bench} as a user types it. No time is asserted, only that there is one. */
@Tag("slow")
@Tag("browser")
class BenchCommandTest {
  private static final String STORE =
      Path.of("target", "site", "weights").toAbsolutePath().toString();

  private record Result(int status, String out, String err) {}

  private static Result run(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine command =
        Main.commandLine().setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    return new Result(command.execute(arguments), out.toString(), err.toString());
  }

  /** What a short comparison with one peer prints. */
  private static JsonNode compared(String... cases) {
    List<String> arguments = new ArrayList<>(List.of("bench", "--peers=ort", "--threads=1"));
    arguments.addAll(List.of("--seconds=1", "--tune=0", "--idle=0", "--store=" + STORE, "--json"));
    arguments.addAll(List.of(cases));
    Result result = run(arguments.toArray(String[]::new));
    assertThat(result.status()).as(result.err()).isZero();
    return JsonMapper.shared().readTree(result.out());
  }

  @Test
  void comparesOneCaseWithAPeerAndPrintsOneJsonObject() {
    JsonNode json = compared("--filter=matmul 1x768");
    assertThat(json.propertyNames()).contains("machine", "peakGflops", "cases");
    assertThat(json.get("peakGflops").asDouble()).isPositive();
    assertThat(json.get("cases").size()).isEqualTo(1);
    JsonNode only = json.get("cases").get(0);
    assertThat(only.get("case").asString()).isEqualTo("matmul 1x768x3072");
    assertThat(only.get("threads").asInt()).isEqualTo(1);
    for (JsonNode engine : new JsonNode[] {only.get("quern"), only.get("peers").get("ort")}) {
      assertThat(engine.get("minMs").asDouble()).isPositive();
      assertThat(engine.get("medianMs").asDouble())
          .isGreaterThanOrEqualTo(engine.get("minMs").asDouble());
      assertThat(engine.get("runs").asInt()).isGreaterThanOrEqualTo(5);
      assertThat(engine.get("error").asDouble()).isLessThan(1e-5);
    }
    assertThat(only.get("ratioToBestPeer").asDouble()).isPositive();
    assertThat(only.get("shareOfPeak").asDouble()).isBetween(0.0, 1.5);
  }

  @Test
  void comparesOnAModelThatIsBrought(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("encoder.onnx");
    Files.write(file, Architecture.BERT.small().file());
    JsonNode cases = compared("--model=" + file, "--dim=length=9").get("cases");
    assertThat(cases.size()).isEqualTo(1);
    assertThat(cases.get(0).get("case").asString()).isEqualTo("encoder.onnx");
    assertThat(cases.get(0).get("ratioToBestPeer").asDouble()).isPositive();
    for (JsonNode engine :
        new JsonNode[] {cases.get(0).get("quern"), cases.get(0).get("peers").get("ort")}) {
      assertThat(engine.get("error").asDouble()).isLessThan(1e-3);
    }
  }

  @Test
  void saysWhatItDoesNotKnow() {
    assertThat(run("bench", "--model=none.onnx").err())
        .startsWith("quern: there is no file none.onnx");
    assertThat(run("bench", "--architectures", "--filter=none such", "--store=" + STORE).err())
        .contains("ResNet-50 224x224", "BERT base 1x128")
        .doesNotContain("MiniLM");
    assertThat(run("bench", "--peers=none-such").err())
        .startsWith("'none-such' is no peer; there are: ort");
    Result noCase = run("bench", "--filter=no such case", "--store=" + STORE);
    assertThat(noCase.status()).isEqualTo(1);
    assertThat(noCase.err()).startsWith("quern: no case has 'no such case' in its name; there are");
  }
}
