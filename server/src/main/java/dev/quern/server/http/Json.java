package dev.quern.server.http;

import io.javalin.http.Context;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** JSON as this server reads and writes it. */
public final class Json {
  /** Refuses duplicate keys and trailing text, so that what is checked is what is stored. */
  public static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private Json() {}

  /** Answers with a value as JSON that caches must ask about again. */
  public static void send(Context ctx, Object value) {
    ctx.contentType("application/json").header("Cache-Control", "no-cache");
    ctx.result(MAPPER.writeValueAsBytes(value));
  }
}
