package dev.quern.e2e.harness;

import dev.quern.e2e.browser.Browser;
import dev.quern.e2e.browser.Page;
import dev.quern.e2e.data.TensorData;
import dev.quern.onnx.DataType;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The harness page in a browser: the SDK's calls, from Java. One instance is one page. */
public final class Harness implements AutoCloseable {
  private static final String SCRIPT = Front.PREFIX + "harness.js";
  private static final String PAGE = Front.PREFIX + "harness.html";

  /** The pages of Quern's server carry this policy; the harness runs the engine under it too. */
  private static final String POLICY =
      "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src data:";

  /** The SDK's name of each element type; one row a type. */
  private static final Map<DataType, String> TYPES =
      new EnumMap<>(
          Map.ofEntries(
              Map.entry(DataType.FLOAT, "float32"),
              Map.entry(DataType.DOUBLE, "float64"),
              Map.entry(DataType.FLOAT16, "float16"),
              Map.entry(DataType.BFLOAT16, "bfloat16"),
              Map.entry(DataType.INT8, "int8"),
              Map.entry(DataType.UINT8, "uint8"),
              Map.entry(DataType.INT16, "int16"),
              Map.entry(DataType.UINT16, "uint16"),
              Map.entry(DataType.INT32, "int32"),
              Map.entry(DataType.UINT32, "uint32"),
              Map.entry(DataType.INT64, "int64"),
              Map.entry(DataType.UINT64, "uint64"),
              Map.entry(DataType.BOOL, "bool")));

  private static final AtomicInteger NEXT = new AtomicInteger();

  private final Front front;
  private final Page page;
  private Duration limit = Duration.ofMinutes(3);

  private Harness(Front front, Page page) {
    this.front = front;
    this.page = page;
  }

  /**
   * Opens the page behind a front and waits until the SDK has loaded.
   *
   * @throws dev.quern.e2e.browser.BrowserException if it does not load; the message holds the
   *     page's errors
   */
  public static Harness open(Browser browser, Front front) {
    front.serve(
        PAGE,
        "text/html; charset=utf-8",
        resource("harness.html"),
        Map.of("Content-Security-Policy", POLICY));
    front.serve(SCRIPT, "text/javascript; charset=utf-8", resource("harness.js"), Map.of());
    Page page = browser.open(front.origin() + PAGE);
    Harness harness = new Harness(front, page);
    harness.awaitSdk();
    return harness;
  }

  private void awaitSdk() {
    try {
      page.waitFor("window.quernHarness", Duration.ofSeconds(30));
    } catch (RuntimeException e) {
      page.close();
      throw e;
    }
  }

  private static byte[] resource(String name) {
    try (InputStream in = Objects.requireNonNull(Harness.class.getResourceAsStream(name), name)) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The tab, for what the SDK's calls do not cover. */
  public Page page() {
    return page;
  }

  /** Loads the page anew, with the same storage: a second visit. */
  public void revisit() {
    page.open(front.origin() + PAGE);
    awaitSdk();
  }

  /** How long one call may take; three minutes unless set. */
  public void limit(Duration limit) {
    this.limit = limit;
  }

  /** How long the engine worked on one call, on what, and what computed it. */
  public record Timing(
      double milliseconds,
      double wall,
      double flops,
      List<String> shapes,
      boolean first,
      List<String> devices) {
    private static Timing of(JsonNode node) {
      List<String> shapes = new ArrayList<>();
      node.get("shapes").forEach(shape -> shapes.add(shape.asString()));
      List<String> devices = new ArrayList<>();
      node.get("devices").forEach(device -> devices.add(device.asString()));
      return new Timing(
          node.get("milliseconds").asDouble(),
          node.get("wall").asDouble(),
          node.get("flops").asDouble(),
          List.copyOf(shapes),
          node.get("first").asBoolean(),
          List.copyOf(devices));
    }

    /** Billions of floating-point operations a second; 0 if nothing was timed. */
    public double gflops() {
      return milliseconds > 0 ? flops / milliseconds / 1e6 : 0;
    }
  }

  /** The outputs of a run, in the model's order. */
  public record Outputs(Map<String, TensorData> tensors, Timing timing) {}

  /** Embeddings of texts: vectors[text][width]. */
  public record Embeddings(
      float[][] vectors, List<Integer> tokens, List<Boolean> truncated, Timing timing) {}

  /** A model that is loaded in the page. */
  public final class Loaded implements AutoCloseable {
    private final String id;
    private final JsonNode facts;

    private Loaded(String id, JsonNode facts) {
      this.id = id;
      this.facts = facts;
    }

    /**
     * {@code inputs}, {@code outputs}, {@code device}, {@code threads}, {@code capabilities},
     * {@code phases}.
     */
    public JsonNode facts() {
      return facts;
    }

    /** Runs the model on tensors. */
    public Outputs run(Map<String, TensorData> inputs) {
      ObjectNode request = request(id);
      List<String> served = new ArrayList<>();
      try {
        serve(inputs, request.putArray("inputs"), served);
        request.put("to", Front.PREFIX + "out/" + NEXT.incrementAndGet());
        JsonNode answer = call("run", request);
        Map<String, TensorData> outputs = new LinkedHashMap<>();
        for (JsonNode output : answer.get("outputs")) {
          List<Long> shape = new ArrayList<>();
          output.get("dims").forEach(dim -> shape.add(dim.asLong()));
          byte[] bytes = received(output.get("url").asString());
          outputs.put(
              output.get("name").asString(),
              new TensorData(type(output.get("type").asString()), shape, bytes));
        }
        return new Outputs(outputs, Timing.of(answer.get("timing")));
      } finally {
        served.forEach(front::withdraw);
      }
    }

    private void serve(Map<String, TensorData> inputs, ArrayNode list, List<String> served) {
      inputs.forEach((name, tensor) -> {
        String url = Front.PREFIX + "in/" + NEXT.incrementAndGet();
        front.serve(url, "application/octet-stream", tensor.bytes(), Map.of());
        served.add(url);
        ObjectNode input = list.addObject();
        input.put("name", name).put("type", typeName(tensor.type())).put("url", url);
        ArrayNode dims = input.putArray("dims");
        tensor.shape().forEach(dims::add);
      });
    }

    /** Runs until the GPU answers at these sizes, or it is known that it never will. */
    public void settle(Map<String, TensorData> inputs) {
      ObjectNode request = request(id);
      List<String> served = new ArrayList<>();
      try {
        serve(inputs, request.putArray("inputs"), served);
        call("settle", request);
      } finally {
        served.forEach(front::withdraw);
      }
    }

    /** Where the time of so many runs goes, as the SDK's {@code profile} tells. */
    public JsonNode profile(Map<String, TensorData> inputs, int runs) {
      ObjectNode request = request(id).put("runs", runs);
      List<String> served = new ArrayList<>();
      try {
        serve(inputs, request.putArray("inputs"), served);
        return call("profile", request);
      } finally {
        served.forEach(front::withdraw);
      }
    }

    /**
     * Runs other models and this one on the same inputs in turns, in the page, without a driver
     * between the calls.
     *
     * @param rest rounds that follow when this one's search has ended
     * @return {@code rounds}: for each the milliseconds of each call, the others' first; {@code
     *     settled}: the round from which on nothing was left to search, or -1
     */
    public JsonNode alternate(
        List<Loaded> others, Map<String, TensorData> inputs, int rounds, int seconds, int rest) {
      ObjectNode request = request(id).put("rounds", rounds);
      request.put("seconds", seconds).put("rest", rest);
      ArrayNode ids = request.putArray("others");
      others.forEach(other -> ids.add(other.id));
      List<String> served = new ArrayList<>();
      try {
        serve(inputs, request.putArray("inputs"), served);
        return call("alternate", request);
      } finally {
        served.forEach(front::withdraw);
      }
    }

    /** Embeds texts; the model must have been loaded as a pipeline. */
    public Embeddings embed(List<String> texts) {
      ObjectNode request = request(id);
      ArrayNode list = request.putArray("texts");
      texts.forEach(list::add);
      String to = Front.PREFIX + "out/" + NEXT.incrementAndGet();
      request.put("to", to);
      JsonNode answer = call("embed", request);
      int width = answer.get("width").asInt();
      float[][] vectors = new float[texts.size()][width];
      ByteBuffer bytes = ByteBuffer.wrap(received(to)).order(ByteOrder.LITTLE_ENDIAN);
      for (int text = 0; text < vectors.length; text++) {
        bytes.asFloatBuffer().get(text * width, vectors[text]);
      }
      List<Integer> tokens = new ArrayList<>();
      answer.get("tokens").forEach(count -> tokens.add(count.asInt()));
      List<Boolean> truncated = new ArrayList<>();
      answer.get("truncated").forEach(cut -> truncated.add(cut.asBoolean()));
      return new Embeddings(vectors, tokens, truncated, Timing.of(answer.get("timing")));
    }

    /**
     * The kernels as they run now, the device's peak, the memory held, what the tuner did, {@code
     * device} and {@code capabilities}.
     */
    public JsonNode describe() {
      return call("describe", request(id));
    }

    /** Starts or stops the search for faster kernels. */
    public void tuning(boolean tune) {
      call("tuning", request(id).put("tune", tune));
    }

    /** Releases the session; twice is allowed. */
    @Override
    public void close() {
      if (page.isOpen() && page.evaluate("quernHarness.opened.has('" + id + "')").equals("true")) {
        call("release", request(id));
      }
    }

    /** The name under which the page knows it, in {@code quernHarness.opened}. */
    public String id() {
      return id;
    }
  }

  /**
   * Loads a model as a session.
   *
   * @param model what the SDK takes: a name, or an address
   * @param options the SDK's options as JSON
   * @throws SdkException as the SDK says
   */
  public Loaded session(String model, ObjectNode options) {
    return load(model, false, options);
  }

  /** Loads a model as a pipeline for embeddings. */
  public Loaded pipeline(String model, ObjectNode options) {
    return load(model, true, options);
  }

  /** Serves a model's file and loads it as a session. */
  public Loaded session(Path file, ObjectNode options) {
    String url = Front.PREFIX + "model-" + NEXT.incrementAndGet() + ".onnx";
    front.serve(url, "application/octet-stream", file);
    try {
      return session(front.origin() + url, options);
    } finally {
      front.withdraw(url);
    }
  }

  private Loaded load(String model, boolean pipeline, ObjectNode options) {
    String id = "model" + NEXT.incrementAndGet();
    ObjectNode request = request(id).put("model", model).put("pipeline", pipeline);
    request.set("options", options);
    return new Loaded(id, call("create", request));
  }

  /** What the device offers. */
  public JsonNode capabilities() {
    return call("capabilities", options());
  }

  /** What the server answers at a path. */
  public JsonNode fetchJson(String path) {
    return call("fetchJson", options().put("path", path));
  }

  /** An empty object for options. */
  public static ObjectNode options() {
    return JsonMapper.shared().createObjectNode();
  }

  private static ObjectNode request(String id) {
    return options().put("id", id);
  }

  /** One call of the harness script; {@code request} is what its function takes. */
  public JsonNode call(String name, ObjectNode request) {
    // JSON is JavaScript, but for two line separators that JSON leaves bare and old parsers did
    // not.
    String answer = page.evaluate("quernHarness.call('" + name + "', " + request + ")", limit);
    JsonNode node = JsonMapper.shared().readTree(answer);
    if (node.has("failed")) {
      JsonNode failed = node.get("failed");
      List<String> problems = new ArrayList<>();
      failed.get("problems").forEach(problem -> problems.add(problem.asString()));
      throw new SdkException(
          failed.get("code").asString(), failed.get("message").asString(), problems);
    }
    return node.get("value");
  }

  private byte[] received(String path) {
    return front
        .take(path)
        .orElseThrow(() -> new IllegalStateException("the page sent nothing to " + path));
  }

  private static String typeName(DataType type) {
    String name = TYPES.get(type);
    if (name == null) {
      throw new SdkException(
          "argument", "tensors of " + type.label() + " cannot be given to a model", List.of());
    }
    return name;
  }

  /** The element type that the SDK calls by a name. */
  public static DataType type(String name) {
    return TYPES.entrySet().stream()
        .filter(entry -> entry.getValue().equals(name))
        .map(Map.Entry::getKey)
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("the page answered a tensor of " + name));
  }

  @Override
  public void close() {
    page.close();
  }
}
