package dev.quern.e2e.peers;

import dev.quern.e2e.browser.Browser;
import dev.quern.e2e.browser.Page;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Front;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A tab with one engine in it; see {@code driver.js} for what the page does. */
final class EnginePage implements AutoCloseable {
  static final String BASE = Front.PREFIX + "peers/";

  /** The path of npm's folder {@code node_modules}. */
  static final String PACKAGES = BASE + "npm/";

  private static final String SCRIPT = "text/javascript; charset=utf-8";
  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static final AtomicInteger NEXT = new AtomicInteger();

  /** Scripts beside those of the engines; all are served, the page of an engine loads its own. */
  private static final List<String> SCRIPTS =
      List.of("driver.js", "shared.js", "counting.js", "peak.js", "peak-worker.js");

  /** Times of some runs in a row, in milliseconds, and how far off their outputs were. */
  record Slice(List<Double> milliseconds, List<Double> engineMilliseconds, double worst) {}

  /**
   * An engine's way from nothing to its first output.
   *
   * @param milliseconds from the request for the engine's first file to the output
   * @param worst as in {@link Slice}
   * @param facts as of {@link #facts}
   * @param fetched the paths of the engine's files that came from npm's packages
   * @param foreignCores what other processes used meanwhile
   */
  record First(
      double milliseconds,
      double worst,
      ObjectNode facts,
      Set<String> fetched,
      double foreignCores) {}

  private final Front front;
  private final Page page;
  private final List<String> served = new ArrayList<>();

  private EnginePage(Front front, Page page) {
    this.front = front;
    this.page = page;
  }

  /** Serves the pages' files; once for a front. */
  static void serve(Front front, Optional<Path> packages) {
    front.serve(BASE + "page.html", "text/html; charset=utf-8", Resources.text("page.html"));
    List<String> scripts = new ArrayList<>(SCRIPTS);
    for (Engine engine : Engine.values()) {
      scripts.add(engine.id() + ".js");
    }
    for (String script : scripts) {
      front.serve(BASE + script, SCRIPT, Resources.text(script));
    }
    packages.ifPresent(folder -> front.serveFolder(PACKAGES, folder));
  }

  /**
   * Serves Quern's script for WebGPU with the counting before it: it runs in a worker, which the
   * driver's page does not reach.
   */
  static void countInWorkers(Front front) {
    front.serve(BASE + "quern-gpu.js", SCRIPT, front.fetch("/quern-gpu.js"), Map.of());
    String counted =
        "import '" + BASE + "counting.js';\nexport * from '" + BASE + "quern-gpu.js';\n";
    front.serve("/quern-gpu.js", SCRIPT, counted);
  }

  /** Opens a tab for an engine; nothing of the engine is loaded yet. */
  static EnginePage open(Browser browser, Front front, String engine, int threads, String device) {
    String query = "?engine=" + engine + "&threads=" + threads + "&device=" + device;
    Page page = browser.open(front.origin() + BASE + "page.html" + query);
    EnginePage opened = new EnginePage(front, page);
    try {
      page.waitFor("window.enginePage", Duration.ofSeconds(30));
      return opened;
    } catch (RuntimeException e) {
      page.close();
      throw e;
    }
  }

  /**
   * Loads the engine and a model, if it is not the one that is loaded.
   *
   * @return the milliseconds from the request for the engine's first file to the ready model
   * @throws PeerException with the engine's message, if it refuses the model
   */
  double load(ObjectNode model) {
    return call("load", model).get("milliseconds").asDouble();
  }

  /** Gives the page the inputs of what follows, and what the outputs must be. */
  void prepare(Map<String, TensorData> inputs, TensorData expected) {
    served.forEach(front::withdraw);
    served.clear();
    ObjectNode request = JsonMapper.shared().createObjectNode();
    ArrayNode list = request.putArray("inputs");
    inputs.forEach((name, tensor) -> describe(list.addObject().put("name", name), tensor));
    describe(request.putObject("expected"), expected);
    call("prepare", request);
  }

  private void describe(ObjectNode node, TensorData tensor) {
    String url = Front.PREFIX + "tensor/" + NEXT.incrementAndGet();
    front.serve(url, "application/octet-stream", tensor.bytes(), Map.of());
    served.add(url);
    node.put("type", tensor.type().label()).put("url", url);
    ArrayNode dims = node.putArray("dims");
    tensor.shape().forEach(dims::add);
  }

  /** Runs the model as often as fits into a time, once at least. */
  Slice run(Duration time) {
    JsonNode answer =
        call("run", JsonMapper.shared().createObjectNode().put("milliseconds", time.toMillis()));
    return new Slice(
        doubles(answer.get("times")), doubles(answer.get("engineTimes")), worst(answer));
  }

  /** What is no number in JSON was one that cannot be: an infinite or undefined difference. */
  private static double worst(JsonNode answer) {
    JsonNode worst = answer.get("worst");
    return worst.isNumber() ? worst.asDouble() : Double.POSITIVE_INFINITY;
  }

  /** Loads the engine and a model, and runs it once on what was prepared. */
  First first(ObjectNode model) {
    front.takeFromFolders();
    MachineLoad load = MachineLoad.start();
    JsonNode answer = call("first", model);
    double foreign = load.foreignCores();
    return new First(
        answer.get("milliseconds").asDouble(),
        worst(answer),
        (ObjectNode) facts(),
        front.takeFromFolders(),
        foreign);
  }

  private static List<Double> doubles(JsonNode array) {
    List<Double> values = new ArrayList<>();
    array.forEach(value -> values.add(value.asDouble()));
    return values;
  }

  /** Lets the engine prepare itself for at most a time; true once it has nothing left to do. */
  boolean settle(Duration time) {
    return call(
            "settle", JsonMapper.shared().createObjectNode().put("milliseconds", time.toMillis()))
        .asBoolean();
  }

  /**
   * What one run asks of WebGPU: {@code dispatches}, {@code submits}, and bytes that are {@code
   * bound} to the dispatches, {@code copied} between buffers, {@code uploaded} and {@code read}
   * back.
   */
  GpuCounts count() {
    JsonNode counts = call("count", JsonMapper.shared().createObjectNode());
    return new GpuCounts(
        counts.get("dispatches").asInt(),
        counts.get("submits").asInt(),
        counts.get("bound").asLong(),
        counts.get("copied").asLong(),
        counts.get("uploaded").asLong(),
        counts.get("read").asLong());
  }

  /** One number of the page of {@code peak.js}: GFLOP/s of all threads together. */
  double peak() {
    return call("peak", JsonMapper.shared().createObjectNode()).asDouble();
  }

  /** What the engine tells about itself: version, threads, memory in bytes. */
  JsonNode facts() {
    return call("facts", JsonMapper.shared().createObjectNode());
  }

  private JsonNode call(String name, ObjectNode request) {
    String answer = page.evaluate("enginePage.call('" + name + "', " + request + ")", LIMIT);
    JsonNode node = JsonMapper.shared().readTree(answer);
    if (node.has("failed")) {
      throw new PeerException(node.get("failed").asString());
    }
    return node.get("value");
  }

  @Override
  public void close() {
    served.forEach(front::withdraw);
    page.close();
  }
}
