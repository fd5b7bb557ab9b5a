package dev.quern.server.records;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quern.server.http.Json;
import dev.quern.server.http.ProblemException;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

class TelemetrySchemaTest {
  static final String BATCH =
      """
      {"version":1,"events":[
        {"type":"schedule","record":{"version":1,"kernel":"matmul f32 k=384 n=1152 +bias",
          "bucket":"33-128","device":"v8-simd-fma-t2",
          "schedule":"mr=6 nr=8 mc=48 nc=128 kc=384 unroll=2 fma=1 order=n",
          "seconds":0.000123,"samples":24,"engine":"0.1.0","browser":"Chromium 156"}},
        {"type":"inference","model":"all-MiniLM-L6-v2","device":"v8-simd-fma-t2",
          "browser":"Chromium 156","engine":"0.1.0","threads":2,"shape":"1x32",
          "milliseconds":19.1,"first":false},
        {"type":"load","model":"all-MiniLM-L6-v2","device":"v8-simd-fma-t2",
          "browser":"Firefox 153","engine":"0.1.0","phases":{"download":210.5,"firstRun":40}}]}
      """;

  private static String field(Consumer<ObjectNode> change) {
    ObjectNode batch = (ObjectNode) Json.MAPPER.readTree(BATCH);
    change.accept(batch);
    try {
      TelemetrySchema.BATCH.check(batch, "");
      return "nothing";
    } catch (ProblemException e) {
      assertThat(e.status()).isEqualTo(400);
      return e.field().orElse("no field");
    }
  }

  private static ObjectNode event(JsonNode batch, int index) {
    return (ObjectNode) batch.get("events").get(index);
  }

  @Test
  void aRightBatchPasses() {
    assertThat(field(batch -> {})).isEqualTo("nothing");
  }

  @ParameterizedTest
  @CsvSource({
    "1, model, https://example.org/secret.onnx, events[1].model",
    "1, browser, Mozilla/5.0 (X11), events[1].browser",
    "1, shape, my secret text, events[1].shape",
    "1, device, 192.168.0.1:8080, events[1].device",
    "1, threads, two, events[1].threads",
    "1, type, visit, events[1].type",
    "2, engine, newest, events[2].engine",
  })
  void textsThatDoNotFitAreNamed(int index, String name, String value, String field) {
    assertThat(field(batch -> event(batch, index).put(name, value))).isEqualTo(field);
  }

  @Test
  void numbersOutOfRangeAreNamed() {
    assertThat(field(b -> event(b, 1).put("milliseconds", -1))).isEqualTo("events[1].milliseconds");
    assertThat(field(b -> event(b, 1).put("threads", 1.5))).isEqualTo("events[1].threads");
    assertThat(field(b -> ((ObjectNode) event(b, 0).get("record")).put("seconds", 0)))
        .isEqualTo("events[0].record.seconds");
    assertThat(field(b -> ((ObjectNode) event(b, 0).get("record")).put("samples", 1L << 40)))
        .isEqualTo("events[0].record.samples");
    assertThat(field(b -> ((ObjectNode) event(b, 2).get("phases")).put("firstRun", "soon")))
        .isEqualTo("events[2].phases.firstRun");
  }

  @Test
  void whatIsMissingOrUnknownIsNamed() {
    assertThat(field(b -> event(b, 1).remove("first"))).isEqualTo("events[1].first");
    assertThat(field(b -> event(b, 1).put("ip", "::1"))).isEqualTo("events[1].ip");
    assertThat(field(b -> event(b, 1).remove("type"))).isEqualTo("events[1].type");
    assertThat(field(b -> b.put("user", "x"))).isEqualTo("user");
    assertThat(field(b -> b.putArray("events"))).isEqualTo("events");
    assertThat(field(b -> b.put("version", 2))).isEqualTo("version");
  }

  @Test
  void aScheduleThatNoDeviceCouldRunIsRefused() {
    assertThatThrownBy(
            () -> {
              ObjectNode batch = (ObjectNode) Json.MAPPER.readTree(BATCH);
              ((ObjectNode) event(batch, 0).get("record"))
                  .put("schedule", "mr=6 nr=7 mc=48 nc=126 kc=384 unroll=2 fma=1 order=n");
              TelemetrySchema.BATCH.check(batch, "");
            })
        .hasMessageContaining("nr=7 is not a multiple of 4");
    assertThat(field(b -> ((ObjectNode) event(b, 0).get("record")).put("schedule", "mr=6 magic=1")))
        .isEqualTo("events[0].record.schedule");
  }
}
