package dev.quern.server;

import dev.quern.server.http.Json;
import dev.quern.server.http.ProblemException;
import dev.quern.server.records.Event;
import dev.quern.server.records.RecordStore;
import dev.quern.server.records.TelemetrySchema;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * {@code POST /api/v1/telemetry}: takes a batch of events and answers 202 once it is on disk. Keeps
 * nothing of the request but the events.
 */
final class TelemetryHandler {
  /** Bytes of a body: 256 events of the longest kind and some air. */
  static final int MOST_BYTES = 256 << 10;

  private final RecordStore store;
  private final boolean on;
  private final Metrics metrics;

  TelemetryHandler(RecordStore store, boolean on, Metrics metrics) {
    this.store = store;
    this.on = on;
    this.metrics = metrics;
  }

  void handle(Context ctx) throws IOException {
    if (!on) {
      throw new ProblemException(
          403, "this site takes no telemetry; whoever runs it can start it with --telemetry");
    }
    List<Event> events;
    try {
      events = read(ctx);
    } catch (ProblemException e) {
      metrics.refused(e.status());
      throw e;
    }
    store.append(events);
    metrics.accepted(events);
    ctx.status(202);
    Json.send(ctx, Map.of("accepted", events.size()));
  }

  private static List<Event> read(Context ctx) throws IOException {
    String type = ctx.contentType();
    String media = type == null ? "" : type.split(";")[0].trim().toLowerCase(Locale.ROOT);
    // A beacon from another origin can be sent without a preflight only as plain text.
    if (!media.equals("application/json") && !media.equals("text/plain")) {
      throw new ProblemException(415, "send application/json, not " + (type == null ? "" : media));
    }
    if (ctx.header("Content-Encoding") != null) {
      throw new ProblemException(415, "send the body without a Content-Encoding");
    }
    if (ctx.req().getContentLengthLong() > MOST_BYTES) {
      throw oversize();
    }
    byte[] body = ctx.req().getInputStream().readNBytes(MOST_BYTES + 1);
    if (body.length > MOST_BYTES) {
      throw oversize();
    }
    JsonNode batch;
    try {
      batch = Json.MAPPER.readTree(body);
    } catch (JacksonException e) {
      throw new ProblemException(400, "the body is not JSON: " + e.getOriginalMessage());
    }
    TelemetrySchema.BATCH.check(batch, "");
    return List.of(Json.MAPPER.treeToValue(batch.get("events"), Event[].class));
  }

  private static ProblemException oversize() {
    return new ProblemException(
        413, "a batch may have " + MOST_BYTES + " bytes at most; send it in parts");
  }
}
