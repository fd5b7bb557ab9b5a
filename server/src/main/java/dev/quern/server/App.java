package dev.quern.server;

import dev.quern.server.http.Json;
import dev.quern.server.http.ProblemException;
import dev.quern.server.records.RecordStore;
import dev.quern.server.records.SqliteRecordStore;
import dev.quern.server.weights.FileWeightStore;
import dev.quern.server.weights.WeightStore;
import io.javalin.Javalin;
import io.javalin.compression.CompressionStrategy;
import io.javalin.config.JavalinConfig;
import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import io.javalin.http.Handler;
import io.javalin.util.JavalinBindException;
import io.javalin.util.JavalinException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** A running server: wires stores, handlers and routes, all in this file. */
public final class App implements AutoCloseable {
  private final Options options;
  private final WeightStore weights;
  private final RecordStore records;
  private final Metrics metrics;
  private final Assets assets;
  private final Javalin javalin;

  private App(Options options, WeightStore weights, RecordStore records) throws IOException {
    this.options = options;
    this.weights = weights;
    this.records = records;
    metrics = new Metrics(records);
    assets = new Assets(options.store().resolve("assets"));
    javalin = create();
  }

  /**
   * Compresses the engine, unless an earlier start did: that takes a second or two, for which the
   * first visitor would have to wait.
   */
  public void prepare() throws IOException {
    assets.prepare();
  }

  /**
   * Starts a server with local stores; it listens when this returns.
   *
   * @throws StartException if a store cannot be opened or the port is taken
   */
  public static App start(Options options) {
    requireUsable(options.store());
    requireAddress(options.host());
    RecordStore records = new SqliteRecordStore(options.database());
    App app;
    try {
      app = new App(options, new FileWeightStore(options.store()), records);
    } catch (IOException e) {
      records.close();
      throw new StartException("the store " + options.store() + " cannot be used: " + e, e);
    }
    try {
      app.javalin.start(options.host(), options.port());
      return app;
    } catch (JavalinBindException e) {
      app.close();
      throw new StartException(
          "port "
              + options.port()
              + " on "
              + options.host()
              + " is taken or not allowed; choose another with --port N (0 = any free one)",
          e);
    } catch (JavalinException e) {
      app.close();
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new StartException(
          "cannot listen on " + options.host() + ", port " + options.port() + ": " + cause, e);
    }
  }

  private static void requireUsable(Path store) {
    if (Files.exists(store) && !Files.isDirectory(store)) {
      throw new StartException("the store " + store + " is not a directory", null);
    }
  }

  private static void requireAddress(String host) {
    try {
      InetAddress.getByName(host);
    } catch (UnknownHostException e) {
      throw new StartException(
          "cannot listen on " + host + ": --host takes an address of this machine", e);
    }
  }

  private Javalin create() {
    SiteHeaders headers = new SiteHeaders(options.isolation());
    ModelsHandler models = new ModelsHandler(weights);
    SchedulesHandler schedules = new SchedulesHandler(records);
    TelemetryHandler telemetry = new TelemetryHandler(records, options.telemetry(), metrics);
    return Javalin.create(config -> {
      configure(config);
      RoutesConfig routes = config.routes;
      routes.before(headers::add);
      read(routes, "/api/v1/models", models::list);
      read(routes, "/api/v1/models/{name}", models::manifest);
      read(routes, "/api/v1/schedules", schedules::handle);
      read(routes, "/weights/{sha256}", models::weights);
      read(routes, "/healthz", this::health);
      read(routes, "/metrics", metrics::handle);
      routes.post("/api/v1/telemetry", telemetry::handle);
      read(routes, "/", assets::handle);
      read(routes, "/<path>", assets::handle);
      routes.options("/<path>", headers::preflight);
      Problems.map(routes);
    });
  }

  private void configure(JavalinConfig config) {
    config.concurrency.useVirtualThreads = true;
    config.startup.showJavalinBanner = false;
    config.startup.showOldJavalinVersionWarning = false;
    config.startup.startupWatcherEnabled = false;
    config.http.prefer405over404 = true;
    // What is worth compressing is compressed once and kept, not for each request.
    config.http.compressionStrategy = CompressionStrategy.NONE;
    config.requestLogger.http(metrics::request);
    config.jetty.modifyHttpConfiguration(http -> http.setSendServerVersion(false));
  }

  private static void read(RoutesConfig routes, String path, Handler handler) {
    routes.get(path, handler);
    routes.head(path, handler);
  }

  private void health(Context ctx) {
    if (!records.healthy()) {
      throw new ProblemException(503, "the record store does not answer");
    }
    Json.send(ctx, Map.of("status", "ok"));
  }

  /** The port on which it listens. */
  public int port() {
    return javalin.port();
  }

  /** Where it is found, with a slash at the end. */
  public URI address() {
    String host = options.host().equals("0.0.0.0") ? "127.0.0.1" : options.host();
    String literal = host.contains(":") ? "[" + host + "]" : host;
    return URI.create("http://" + literal + ":" + port() + "/");
  }

  public WeightStore weights() {
    return weights;
  }

  public RecordStore records() {
    return records;
  }

  /** Stops listening and closes the stores. */
  @Override
  public void close() {
    javalin.stop();
    metrics.close();
    records.close();
  }
}
