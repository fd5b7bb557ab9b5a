package dev.quern.server;

import dev.quern.server.records.Event;
import dev.quern.server.records.RecordStore;
import io.javalin.http.Context;
import io.javalin.http.HandlerType;
import io.javalin.router.Endpoint;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.List;

/** Counters and timers in Prometheus' text format, at {@code /metrics}. */
final class Metrics {
  private static final String TYPE = "text/plain; version=0.0.4; charset=utf-8";

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

  Metrics(RecordStore store) {
    new JvmMemoryMetrics().bindTo(registry);
    new ProcessorMetrics().bindTo(registry);
    for (String kind : store.counts().keySet()) {
      Gauge.builder("quern.records", store, s -> s.counts().getOrDefault(kind, 0L))
          .tag("kind", kind)
          .description("Telemetry events that the record store holds")
          .register(registry);
    }
  }

  /** Times one request under its route, never under its path, so that labels stay few. */
  void request(Context ctx, Float milliseconds) {
    registry
        .timer(
            "quern.http.requests",
            "method",
            ctx.method().name(),
            "route",
            route(ctx),
            "status",
            Integer.toString(ctx.statusCode()))
        .record(Duration.ofNanos((long) (milliseconds * 1e6)));
  }

  private static String route(Context ctx) {
    String route = "none";
    for (Endpoint endpoint : ctx.endpoints().list()) {
      HandlerType method = endpoint.method;
      if (method.isHttpMethod()) {
        route = endpoint.path;
      }
    }
    return route;
  }

  void accepted(List<Event> events) {
    for (Event event : events) {
      registry.counter("quern.telemetry.accepted", "kind", event.kind()).increment();
    }
  }

  void refused(int status) {
    registry.counter("quern.telemetry.refused", "status", Integer.toString(status)).increment();
  }

  /** {@code GET /metrics} */
  void handle(Context ctx) {
    ctx.header("Cache-Control", "no-store").contentType(TYPE).result(registry.scrape(TYPE));
  }

  void close() {
    registry.close();
  }
}
