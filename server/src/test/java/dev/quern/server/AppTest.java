package dev.quern.server;

import static dev.quern.server.Http.header;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.quern.server.http.Json;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Pages, headers, health, metrics and problems, from a real server. */
class AppTest {
  @TempDir private static Path directory;
  private static App app;
  private static Http http;

  @BeforeAll
  static void start() {
    app = App.start(Options.in(directory));
    http = new Http(app.address());
  }

  @AfterAll
  static void stop() {
    http.close();
    app.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/nowhere",
        "/api/v1/nothing",
        "/engine/absent.wasm",
        "/../pom.xml",
        "/%2e%2e/logback.xml",
        "/engine/..%2fquern-web/x.js",
        "/engine//engine.wasm",
        "/logback.xml",
        "/engine/"
      })
  void whatIsNotThereIsAProblem(String path) throws Exception {
    var response = http.get(path);
    assertThat(response.statusCode()).isIn(400, 404);
    if (response.statusCode() == 404) {
      JsonNode problem = Json.MAPPER.readTree(response.body());
      assertThat(header(response, "Content-Type")).isEqualTo("application/problem+json");
      assertThat(problem.get("status").asInt()).isEqualTo(404);
      assertThat(problem.get("title").asString()).isEqualTo("Not Found");
      assertThat(problem.get("detail").asString()).contains("there is nothing at GET");
    }
  }

  @Test
  void anotherMethodIs405AndSaysWhich() throws Exception {
    var response = http.send("DELETE", "/api/v1/models", BodyPublishers.noBody());
    assertThat(response.statusCode()).isEqualTo(405);
    assertThat(header(response, "Allow")).contains("GET");
    assertThat(header(response, "Content-Type")).isEqualTo("application/problem+json");
  }

  @Test
  void theEngineIsServedAsWasmAndInBrotli() throws Exception {
    var plain = http.get("/engine/engine.wasm");
    assertThat(plain.statusCode()).isEqualTo(200);
    assertThat(header(plain, "Content-Type")).isEqualTo("application/wasm");
    assertThat(plain.body()).startsWith(0, 'a', 's', 'm');
    var packed = http.get("/engine/engine.wasm", "Accept-Encoding", "br");
    assertThat(header(packed, "Content-Encoding")).isEqualTo("br");
    assertThat(packed.body().length).isLessThan(plain.body().length);
    assertThat(header(http.get("/engine/engine.mjs"), "Content-Type"))
        .startsWith("text/javascript");
    String tag = header(plain, "ETag");
    assertThat(http.get("/engine/engine.wasm", "If-None-Match", tag).statusCode()).isEqualTo(304);
  }

  @Test
  void pagesAreIsolatedAndUnderAStrictPolicy() throws Exception {
    var response = http.get("/engine/engine.mjs");
    assertThat(header(response, "Cross-Origin-Opener-Policy")).isEqualTo("same-origin");
    assertThat(header(response, "Cross-Origin-Embedder-Policy")).isEqualTo("require-corp");
    assertThat(header(response, "Cross-Origin-Resource-Policy")).isEqualTo("cross-origin");
    assertThat(header(response, "Content-Security-Policy"))
        .contains("script-src 'self' 'wasm-unsafe-eval';")
        .contains("frame-ancestors 'self'");
    assertThat(header(response, "Document-Isolation-Policy")).isEmpty();
  }

  @Test
  void theEmbedMayBeFramedByAnySiteAndIsolatesItself() throws Exception {
    var response = http.get("/embed/");
    assertThat(header(response, "Content-Security-Policy")).contains("frame-ancestors *");
    assertThat(header(response, "Cross-Origin-Embedder-Policy")).isEqualTo("require-corp");
    assertThat(header(response, "Cross-Origin-Resource-Policy")).isEqualTo("cross-origin");
    assertThat(header(response, "Document-Isolation-Policy")).isEqualTo("isolate-and-require-corp");
  }

  @Test
  void withoutIsolationTheHeadersAreGone() throws Exception {
    Path other = Files.createTempDirectory(directory, "plain");
    try (App plain = App.start(Options.in(other).withIsolation(false));
        Http client = new Http(plain.address())) {
      for (String path : new String[] {"/engine/engine.mjs", "/embed/"}) {
        HttpResponse<byte[]> response = client.get(path);
        assertThat(response.headers().map())
            .doesNotContainKeys(
                "cross-origin-opener-policy",
                "cross-origin-embedder-policy",
                "document-isolation-policy");
      }
    }
  }

  @Test
  void anyOriginMayAsk() throws Exception {
    var response =
        http.send(
            "OPTIONS",
            "/api/v1/telemetry",
            BodyPublishers.noBody(),
            "Origin",
            "https://example.org",
            "Access-Control-Request-Method",
            "POST",
            "Access-Control-Request-Headers",
            "content-type");
    assertThat(response.statusCode()).isEqualTo(204);
    assertThat(header(response, "Access-Control-Allow-Origin")).isEqualTo("*");
    assertThat(header(response, "Access-Control-Allow-Methods")).contains("POST");
    assertThat(header(response, "Access-Control-Allow-Headers")).contains("Range");
  }

  @Test
  void healthAndMetricsAnswer() throws Exception {
    assertThat(http.get("/healthz").statusCode()).isEqualTo(200);
    http.get("/nowhere");
    var response = http.get("/metrics");
    assertThat(header(response, "Content-Type")).startsWith("text/plain; version=0.0.4");
    assertThat(new String(response.body(), StandardCharsets.UTF_8))
        .contains("quern_http_requests_seconds_count{method=\"GET\",route=\"/healthz\"")
        .contains("status=\"404\"")
        .contains("quern_records{kind=\"schedule\"}")
        .contains("jvm_memory_used_bytes");
  }

  @Test
  void aTakenPortIsSaidClearly() throws Exception {
    Path other = Files.createTempDirectory(directory, "taken");
    Options taken = Options.in(other).withPort(app.port());
    assertThatThrownBy(() -> App.start(taken))
        .isInstanceOf(StartException.class)
        .hasMessageContaining("port " + app.port())
        .hasMessageContaining("choose another with --port");
  }

  @Test
  void aStoreThatIsAFileIsSaidClearly() throws Exception {
    Path file = Files.writeString(directory.resolve("file"), "x");
    assertThatThrownBy(() -> App.start(Options.in(directory).withStore(file)))
        .isInstanceOf(StartException.class)
        .hasMessageContaining("is not a directory");
  }
}
