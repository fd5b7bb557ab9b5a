package dev.quern.server;

import static dev.quern.server.Http.header;
import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.server.http.Json;
import dev.quern.server.records.RecordStore;
import dev.quern.server.records.SqliteRecordStore;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Telemetry and schedules over HTTP, from a real server. */
class TelemetryTest {
  private static final String PATH = "/api/v1/telemetry";
  private static final String[] JSON = {"Content-Type", "application/json"};

  @TempDir private Path directory;
  private App app;
  private Http http;

  @BeforeEach
  void start() {
    app = App.start(Options.in(directory).withTelemetry(true));
    http = new Http(app.address());
  }

  @AfterEach
  void stop() {
    http.close();
    app.close();
  }

  private static String schedule(int mr, double seconds) {
    return "{\"type\":\"schedule\",\"record\":{\"version\":1,\"kernel\":\"matmul k=384 n=384\","
        + "\"bucket\":\"33-128\",\"device\":\"v8-simd-fma-t2\",\"schedule\":\"mr="
        + mr
        + " nr=8 mc="
        + 8 * mr
        + " nc=128 kc=384 unroll=2 fma=1 order=n\",\"seconds\":"
        + seconds
        + ",\"samples\":24,\"engine\":\"0.1.0\",\"browser\":\"Chromium 156\"}}";
  }

  private static String batch(String... events) {
    return "{\"version\":1,\"events\":[" + String.join(",", events) + "]}";
  }

  private static JsonNode json(HttpResponse<byte[]> response) {
    return Json.MAPPER.readTree(response.body());
  }

  @Test
  void aBatchComesBackAsTheBestSchedule() throws Exception {
    var response =
        http.post(
            PATH,
            batch(
                schedule(4, 0.002),
                schedule(4, 0.003),
                schedule(4, 0.0025),
                schedule(6, 0.001),
                schedule(6, 0.0011),
                schedule(6, 0.0012),
                schedule(2, 0.00001)),
            JSON);
    assertThat(response.statusCode()).isEqualTo(202);
    assertThat(json(response).get("accepted").asInt()).isEqualTo(7);
    JsonNode best =
        json(http.get("/api/v1/schedules?device=v8-simd-fma-t2&engine=0.1.0")).get("records");
    assertThat(best.size()).isEqualTo(1);
    assertThat(best.get(0).get("schedule").asString()).startsWith("mr=6 nr=8 mc=48");
    assertThat(best.get(0).get("seconds").asDouble()).isEqualTo(0.0011);
    assertThat(best.get(0).get("version").asInt()).isEqualTo(1);
    JsonNode none = json(http.get("/api/v1/schedules?device=v8-simd-fma-t2&engine=9.9"));
    assertThat(none.get("records").size()).isZero();
  }

  @Test
  void theWrongFieldIsNamedAndNothingIsKept() throws Exception {
    var response = http.post(PATH, batch(schedule(4, 0.002), schedule(4, -1)), JSON);
    assertThat(response.statusCode()).isEqualTo(400);
    assertThat(header(response, "Content-Type")).isEqualTo("application/problem+json");
    assertThat(json(response).get("field").asString()).isEqualTo("events[1].record.seconds");
    assertThat(json(response).get("detail").asString()).contains("must be a number from");
    assertThat(app.records().counts()).containsEntry("schedule", 0L);
  }

  @Test
  void whatIsNoJsonIsRefused() throws Exception {
    for (String body : new String[] {"", "{", "[]", "nonsense", "{\"version\":1,\"version\":1}"}) {
      var response = http.post(PATH, body, JSON);
      assertThat(response.statusCode()).as(body).isEqualTo(400);
      assertThat(json(response).get("detail").asString()).isNotBlank();
    }
    assertThat(http.post(PATH, batch(schedule(4, 1)), "Content-Type", "image/png").statusCode())
        .isEqualTo(415);
  }

  @Test
  void anOversizeBodyIs413WithOrWithoutALength() throws Exception {
    byte[] large = new byte[TelemetryHandler.MOST_BYTES + 1];
    java.util.Arrays.fill(large, (byte) ' ');
    var known = http.send("POST", PATH, BodyPublishers.ofByteArray(large), JSON);
    assertThat(known.statusCode()).isEqualTo(413);
    assertThat(json(known).get("status").asInt()).isEqualTo(413);
    var chunked =
        http.send(
            "POST",
            PATH,
            BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(large)),
            JSON);
    assertThat(chunked.statusCode()).isEqualTo(413);
  }

  @Test
  void schedulesNeedADeviceClass() throws Exception {
    assertThat(json(http.get("/api/v1/schedules")).get("field").asString()).isEqualTo("device");
    assertThat(json(http.get("/api/v1/schedules?device=A%20B")).get("field").asString())
        .isEqualTo("device");
    assertThat(json(http.get("/api/v1/schedules?device=v8&engine=x")).get("field").asString())
        .isEqualTo("engine");
  }

  @Test
  void itIsOffUnlessTurnedOn() throws Exception {
    Path other = Files.createDirectories(directory.resolve("off"));
    try (App off = App.start(Options.in(other));
        Http client = new Http(off.address())) {
      var response = client.post(PATH, batch(schedule(4, 0.002)), JSON);
      assertThat(response.statusCode()).isEqualTo(403);
      assertThat(off.records().counts()).containsEntry("schedule", 0L);
    }
  }

  @Test
  void metricsCountWhatWasTakenAndRefused() throws Exception {
    http.post(PATH, batch(schedule(4, 0.002), schedule(6, 0.002)), JSON);
    http.post(PATH, "{}", JSON);
    String text = new String(http.get("/metrics").body(), java.nio.charset.StandardCharsets.UTF_8);
    assertThat(text)
        .contains("quern_telemetry_accepted_total{kind=\"schedule\"} 2.0")
        .contains("quern_telemetry_refused_total{status=\"400\"} 1.0")
        .contains("quern_records{kind=\"schedule\"} 2.0");
  }

  @Test
  void anAcknowledgedBatchSurvivesTheKillOfTheProcess() throws Exception {
    Path data = Files.createDirectories(directory.resolve("killed"));
    Path database = data.resolve("quern.db");
    Path model = data.resolve("store");
    Process process =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElseThrow(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                ServeForTest.class.getName(),
                model.toString(),
                database.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    int acknowledged = 0;
    try (BufferedReader out = process.inputReader();
        Http client = new Http(URI.create(out.readLine()))) {
      for (int i = 0; i < 20; i++) {
        var response = client.post(PATH, batch(schedule(4, 0.002), schedule(6, 0.001)), JSON);
        assertThat(response.statusCode()).isEqualTo(202);
        acknowledged += json(response).get("accepted").asInt();
      }
    } finally {
      process.destroyForcibly();
      process.waitFor();
    }
    assertThat(process.exitValue()).as("killed, not ended").isNotZero();
    try (RecordStore store = new SqliteRecordStore(database)) {
      assertThat(store.counts()).isEqualTo(Map.of("schedule", 40L, "inference", 0L, "load", 0L));
    }
    assertThat(acknowledged).isEqualTo(40);
  }
}
