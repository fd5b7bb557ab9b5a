package dev.quern.server;

import static dev.quern.server.Http.header;
import static org.assertj.core.api.Assertions.assertThat;

import com.aayushatharva.brotli4j.Brotli4jLoader;
import com.aayushatharva.brotli4j.decoder.Decoder;
import dev.quern.server.http.Json;
import dev.quern.server.weights.Manifest;
import dev.quern.server.weights.ModelImport;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** The weights over HTTP, from a real server. */
class WeightsTest {
  @TempDir private static Path directory;
  private static App app;
  private static Http http;
  private static byte[] bytes;
  private static Manifest.ModelFile model;
  private static Manifest.ModelFile tokenizer;

  @BeforeAll
  static void start() throws Exception {
    Path source = Files.createDirectories(directory.resolve("source"));
    bytes = new byte[16 * Manifest.CHUNK_BYTES + 1000];
    new Random(3).nextBytes(bytes);
    Files.write(source.resolve("model.onnx"), bytes);
    Files.writeString(source.resolve("tokenizer.json"), "{\"vocab\":[" + "1,".repeat(5000) + "1]}");
    app = App.start(Options.in(directory.resolve("data")));
    http = new Http(app.address());
    Manifest manifest =
        new ModelImport(app.weights())
            .files(
                new ModelImport.Description(
                    "tiny",
                    "feature-extraction",
                    "MIT",
                    new Manifest.PipelineOptions("mean", true, 512)),
                source);
    model = manifest.files().get(0);
    tokenizer = manifest.files().get(1);
  }

  @AfterAll
  static void stop() {
    http.close();
    app.close();
  }

  private static String tag() {
    return '"' + model.sha256() + '"';
  }

  @Test
  void manifestAndListDescribeTheModel() throws Exception {
    JsonNode manifest = Json.MAPPER.readTree(http.get("/api/v1/models/tiny").body());
    assertThat(manifest.at("/files/0/url").asString()).isEqualTo("/weights/" + model.sha256());
    assertThat(manifest.at("/files/0/chunks").size()).isEqualTo(17);
    assertThat(manifest.at("/files/0/bytes").asLong()).isEqualTo(bytes.length);
    assertThat(manifest.at("/pipeline/maxLength").asInt()).isEqualTo(512);
    JsonNode list = Json.MAPPER.readTree(http.get("/api/v1/models").body());
    assertThat(list.at("/models/0/name").asString()).isEqualTo("tiny");
    assertThat(list.at("/models/0/bytes").asLong()).isEqualTo(model.bytes() + tokenizer.bytes());
    assertThat(http.get("/api/v1/models/absent").statusCode()).isEqualTo(404);
  }

  @Test
  void theWholeFileIsImmutable() throws Exception {
    var response = http.get(model.url());
    assertThat(response.statusCode()).isEqualTo(200);
    assertThat(response.body()).isEqualTo(bytes);
    assertThat(header(response, "ETag")).isEqualTo(tag());
    assertThat(header(response, "Cache-Control"))
        .contains("immutable")
        .contains("max-age=31536000");
    assertThat(header(response, "Accept-Ranges")).isEqualTo("bytes");
    assertThat(header(response, "Access-Control-Allow-Origin")).isEqualTo("*");
    assertThat(header(response, "Cross-Origin-Resource-Policy")).isEqualTo("cross-origin");
    assertThat(http.get("/weights/" + "0".repeat(64)).statusCode()).isEqualTo(404);
  }

  @ParameterizedTest
  @CsvSource({"0-0, 0, 1", "4194300-4194310, 4194300, 4194311", "4195000-, 4195000, 4195304"})
  void aRangeIsPartial(String range, int from, int to) throws Exception {
    var response = http.get(model.url(), "Range", "bytes=" + range, "Accept-Encoding", "br");
    assertThat(response.statusCode()).isEqualTo(206);
    assertThat(response.body()).isEqualTo(Arrays.copyOfRange(bytes, from, to));
    assertThat(header(response, "Content-Range"))
        .isEqualTo("bytes " + from + "-" + (to - 1) + "/" + bytes.length);
    assertThat(header(response, "ETag")).isEqualTo(tag());
  }

  @Test
  void aSuffixIsTheEnd() throws Exception {
    var response = http.get(model.url(), "Range", "bytes=-7");
    assertThat(response.statusCode()).isEqualTo(206);
    assertThat(response.body())
        .isEqualTo(Arrays.copyOfRange(bytes, bytes.length - 7, bytes.length));
  }

  @Test
  void severalRangesComeInParts() throws Exception {
    var response = http.get(tokenizer.url(), "Range", "bytes=0-4,20-22");
    assertThat(response.statusCode()).isEqualTo(206);
    String type = header(response, "Content-Type");
    assertThat(type).startsWith("multipart/byteranges; boundary=");
    String boundary = "\r\n--" + type.substring(type.indexOf('=') + 1);
    String length = "/" + tokenizer.bytes() + "\r\n\r\n";
    String part = "\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ";
    assertThat(new String(response.body(), StandardCharsets.US_ASCII))
        .isEqualTo(
            boundary + part + "0-4" + length + "{\"voc" + boundary + part + "20-22" + length + "1,1"
                + boundary + "--\r\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytes=4195304-", "bytes=-0", "bytes=99999999999-"})
  void beyondTheEndIs416(String range) throws Exception {
    var response = http.get(model.url(), "Range", range);
    assertThat(response.statusCode()).isEqualTo(416);
    assertThat(header(response, "Content-Range")).isEqualTo("bytes */" + bytes.length);
    assertThat(header(response, "Content-Type")).isEqualTo("application/problem+json");
  }

  @Test
  void ifRangeResumesOnlyTheSameBytes() throws Exception {
    assertThat(http.get(model.url(), "Range", "bytes=9-", "If-Range", tag()).statusCode())
        .isEqualTo(206);
    for (String other : new String[] {"\"other\"", "W/" + tag(), "Sun, 22 Nov 2026 00:00:00 GMT"}) {
      var whole = http.get(model.url(), "Range", "bytes=9-", "If-Range", other);
      assertThat(whole.statusCode()).isEqualTo(200);
      assertThat(whole.body()).hasSize(bytes.length);
    }
  }

  @Test
  void whatTheClientHasIsNotSentAgain() throws Exception {
    for (String condition : new String[] {tag(), "W/" + tag(), "\"x\", " + tag(), "*"}) {
      var response = http.get(model.url(), "If-None-Match", condition, "Range", "bytes=0-1");
      assertThat(response.statusCode()).isEqualTo(304);
      assertThat(response.body()).isEmpty();
      assertThat(header(response, "ETag")).isEqualTo(tag());
    }
    assertThat(http.get(model.url(), "If-None-Match", "\"x\"").statusCode()).isEqualTo(200);
    assertThat(http.get(model.url(), "If-Match", "\"x\"").statusCode()).isEqualTo(412);
    assertThat(http.get(model.url(), "If-Match", tag()).statusCode()).isEqualTo(200);
  }

  @Test
  void brotliHasAnEtagOfItsOwn() throws Exception {
    var plain = http.get(tokenizer.url());
    var packed = http.get(tokenizer.url(), "Accept-Encoding", "gzip, br");
    assertThat(header(plain, "Content-Encoding")).isEmpty();
    assertThat(header(packed, "Content-Encoding")).isEqualTo("br");
    assertThat(header(packed, "ETag")).isNotEqualTo(header(plain, "ETag"));
    assertThat(header(packed, "Vary")).isEqualTo("Accept-Encoding");
    assertThat(header(plain, "Vary")).isEqualTo("Accept-Encoding");
    assertThat(packed.body().length).isLessThan(plain.body().length / 2);
    Brotli4jLoader.ensureAvailability();
    assertThat(Decoder.decompress(packed.body()).getDecompressedData()).isEqualTo(plain.body());
    var again =
        http.get(tokenizer.url(), "Accept-Encoding", "br", "If-None-Match", header(packed, "ETag"));
    assertThat(again.statusCode()).isEqualTo(304);
    var other = http.get(tokenizer.url(), "If-None-Match", header(packed, "ETag"));
    assertThat(other.statusCode()).isEqualTo(200);
  }

  @Test
  void headSaysTheLengthOnly() throws Exception {
    HttpResponse<byte[]> response =
        http.send("HEAD", model.url(), BodyPublishers.noBody(), "Range", "bytes=0-1");
    assertThat(response.statusCode()).isEqualTo(200);
    assertThat(response.body()).isEmpty();
    assertThat(header(response, "Content-Length")).isEqualTo(Integer.toString(bytes.length));
    assertThat(header(response, "ETag")).isEqualTo(tag());
    assertThat(http.send("HEAD", "/weights/x", BodyPublishers.noBody()).statusCode())
        .isEqualTo(404);
  }
}
