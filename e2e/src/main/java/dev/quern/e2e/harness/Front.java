package dev.quern.e2e.harness;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Pattern;

/**
 * A local server in front of Quern's: it serves pages and files of its own, takes what the page
 * sends back, and passes every other request on. So a page that loads the SDK from its own origin
 * can exchange tensors with this process.
 */
public final class Front implements AutoCloseable {
  /**
   * Paths under this one belong to this server; what a page sends with PUT below it is kept for
   * {@link #take}.
   */
  public static final String PREFIX = "/_e2e/";

  private static final Pattern SCRIPT = Pattern.compile("\\.(js|mjs|wasm)$");

  private static final Set<String> ISOLATION =
      Set.of("cross-origin-opener-policy", "cross-origin-embedder-policy");

  /** Headers of one connection, not of the message; and what the client library sets itself. */
  private static final Set<String> HOP =
      Set.of(
          "connection",
          "keep-alive",
          "transfer-encoding",
          "upgrade",
          "host",
          "content-length",
          "te",
          "trailer",
          "expect",
          "http2-settings");

  private final HttpServer server;
  private final ExecutorService threads;
  private final HttpClient client;
  private final Optional<URI> upstream;
  private final boolean isolated;
  private final Map<String, Content> contents = new ConcurrentHashMap<>();
  private final Map<String, Path> folders = new ConcurrentHashMap<>();
  private final Set<String> fromFolders = ConcurrentHashMap.newKeySet();
  private final Map<String, byte[]> received = new ConcurrentHashMap<>();
  private final Set<String> forwarded = ConcurrentHashMap.newKeySet();
  private final Map<String, Integer> answered = new ConcurrentHashMap<>();
  private final Map<String, Kept> kept = new ConcurrentHashMap<>();
  private volatile boolean keeping;
  private final Map<String, Long> breaks = new ConcurrentHashMap<>();
  private final Map<String, AtomicLong> budgets = new ConcurrentHashMap<>();

  private Front(HttpServer server, Optional<URI> upstream, boolean isolated) {
    this.server = server;
    this.upstream = upstream;
    this.isolated = isolated;
    this.threads = Executors.newVirtualThreadPerTaskExecutor();
    this.client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(10))
            .executor(threads)
            .build();
    server.setExecutor(threads);
    server.createContext("/", this::handle);
    server.start();
  }

  /** What one path answers. */
  private sealed interface Content {
    String type();

    Map<String, String> headers();

    record Bytes(String type, byte[] bytes, Map<String, String> headers) implements Content {}

    record Stored(String type, Path file, Map<String, String> headers) implements Content {}
  }

  /**
   * Starts on a free port of the loopback interface.
   *
   * @param upstream where other requests go; without it they get 404
   * @param isolated whether documents are cross-origin isolated; if not, the upstream's headers for
   *     it are removed
   */
  public static Front start(Optional<URI> upstream, boolean isolated) {
    try {
      return new Front(
          HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 64),
          upstream,
          isolated);
    } catch (IOException e) {
      throw new UncheckedIOException("no local port could be opened", e);
    }
  }

  /**
   * Scheme, host and port, such as {@code http://localhost:41234}; localhost is a secure context
   * everywhere.
   */
  public String origin() {
    return "http://localhost:" + server.getAddress().getPort();
  }

  /** Serves a text at a path. */
  public void serve(String path, String type, String text) {
    serve(path, type, text.getBytes(StandardCharsets.UTF_8), Map.of());
  }

  /** Serves bytes at a path, with headers beside those of every answer here. */
  public void serve(String path, String type, byte[] bytes, Map<String, String> headers) {
    contents.put(path, new Content.Bytes(type, bytes, headers));
  }

  /** Serves a file at a path; it is read anew for each request. */
  public void serve(String path, String type, Path file) {
    contents.put(path, new Content.Stored(type, file, Map.of()));
  }

  /**
   * Serves every file below a folder, under a prefix that ends with a slash; types follow from the
   * names' endings.
   */
  public void serveFolder(String prefix, Path folder) {
    folders.put(prefix, folder.toAbsolutePath().normalize());
  }

  /**
   * The paths below {@link #serveFolder served folders} that pages have got since the last call.
   */
  public Set<String> takeFromFolders() {
    Set<String> taken = Set.copyOf(fromFolders);
    fromFolders.removeAll(taken);
    return taken;
  }

  /** Stops serving a path, so that a large body can be freed. */
  public void withdraw(String path) {
    contents.remove(path);
  }

  /**
   * From now on every answer below a path breaks off after so many bytes of its body, as on a bad
   * connection; a request for the rest is answered.
   */
  public void breakEach(String prefix, long bytes) {
    breaks.put(prefix, bytes);
  }

  /**
   * From now on sends so many bytes below a path, and then nothing: every connection breaks, as a
   * dying server's do.
   */
  public void dieAfter(String prefix, long bytes) {
    budgets.put(prefix, new AtomicLong(bytes));
  }

  /** Ends what {@link #breakEach} and {@link #dieAfter} began. */
  public void mend() {
    breaks.clear();
    budgets.clear();
  }

  /** An answer of the upstream, from memory. */
  private record Kept(Map<String, List<String>> headers, byte[] body) {}

  /**
   * From now on scripts and modules of the upstream are asked for once and then sent from memory,
   * as files that are served here are: the way through two servers would be most of their time.
   */
  public void keepScripts() {
    keeping = true;
  }

  /** What the upstream answers to a path. */
  public byte[] fetch(String path) {
    try {
      HttpResponse<byte[]> response =
          client.send(
              HttpRequest.newBuilder(upstream.orElseThrow().resolve(path)).build(),
              HttpResponse.BodyHandlers.ofByteArray());
      if (response.statusCode() != 200) {
        throw new IllegalStateException(path + " answered " + response.statusCode());
      }
      return response.body();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** The paths that pages have asked the upstream for. */
  public Set<String> forwarded() {
    return Set.copyOf(forwarded);
  }

  /** How often pages have got what this server itself {@link #serve serves}, below a path. */
  public int answered(String prefix) {
    return answered.entrySet().stream()
        .filter(entry -> entry.getKey().startsWith(prefix))
        .mapToInt(Map.Entry::getValue)
        .sum();
  }

  /** What the page sent to a path with PUT, once. */
  public Optional<byte[]> take(String path) {
    return Optional.ofNullable(received.remove(path));
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      String path = exchange.getRequestURI().getPath();
      Content content = contents.get(path);
      if (content == null) {
        content = inFolders(path);
      }
      if (content != null) {
        answered.merge(path, 1, Integer::sum);
        answer(exchange, path, content);
      } else if (path.startsWith(PREFIX) && exchange.getRequestMethod().equals("PUT")) {
        received.put(path, exchange.getRequestBody().readAllBytes());
        exchange.sendResponseHeaders(204, -1);
      } else if (upstream.isPresent() && !path.startsWith(PREFIX)) {
        forwarded.add(path);
        if (path.startsWith("/weights/") && exchange.getRequestMethod().equals("GET")) {
          pump(exchange, path, upstream.get());
        } else if (keeping && SCRIPT.matcher(path).find()) {
          sendKept(exchange, path, upstream.get());
        } else {
          forward(exchange, path, upstream.get());
        }
      } else {
        ownHeaders(exchange, "text/plain");
        exchange.sendResponseHeaders(404, -1);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private Content inFolders(String path) {
    for (Map.Entry<String, Path> each : folders.entrySet()) {
      if (path.startsWith(each.getKey())) {
        Path file = each.getValue().resolve(path.substring(each.getKey().length())).normalize();
        if (file.startsWith(each.getValue()) && Files.isRegularFile(file)) {
          fromFolders.add(path);
          return new Content.Stored(typeOf(path), file, Map.of());
        }
      }
    }
    return null;
  }

  private static String typeOf(String path) {
    return switch (path.substring(path.lastIndexOf('.') + 1)) {
      case "js", "mjs" -> "text/javascript; charset=utf-8";
      case "json" -> "application/json";
      case "html" -> "text/html; charset=utf-8";
      case "wasm" -> "application/wasm";
      default -> "application/octet-stream";
    };
  }

  private void ownHeaders(HttpExchange exchange, String type) {
    exchange.getResponseHeaders().set("Content-Type", type);
    exchange.getResponseHeaders().set("Cache-Control", "no-store");
    exchange.getResponseHeaders().set("Cross-Origin-Resource-Policy", "cross-origin");
    if (isolated) {
      exchange.getResponseHeaders().set("Cross-Origin-Opener-Policy", "same-origin");
      exchange.getResponseHeaders().set("Cross-Origin-Embedder-Policy", "require-corp");
    }
  }

  private void answer(HttpExchange exchange, String path, Content content) throws IOException {
    ownHeaders(exchange, content.type());
    content.headers().forEach(exchange.getResponseHeaders()::set);
    switch (content) {
      case Content.Bytes text ->
          send(exchange, path, 200, text.bytes().length, new ByteArrayInputStream(text.bytes()));
      case Content.Stored stored -> {
        try (InputStream in = Files.newInputStream(stored.file())) {
          send(exchange, path, 200, Files.size(stored.file()), in);
        }
      }
    }
  }

  /**
   * Passes a large body on by plain blocking reads: the other client's hand-overs between threads
   * would triple the time of a download that is to be measured.
   */
  private void pump(HttpExchange exchange, String path, URI target) throws IOException {
    HttpURLConnection request =
        (HttpURLConnection)
            target.resolve(exchange.getRequestURI().toString()).toURL().openConnection();
    request.setConnectTimeout(10_000);
    request.setReadTimeout(120_000);
    exchange
        .getRequestHeaders()
        .forEach((name, values) -> {
          if (!HOP.contains(name.toLowerCase(Locale.ROOT))) {
            values.forEach(value -> request.addRequestProperty(name, value));
          }
        });
    int status;
    try {
      status = request.getResponseCode();
    } catch (IOException e) {
      exchange.sendResponseHeaders(502, -1);
      return;
    }
    request
        .getHeaderFields()
        .forEach((name, values) -> {
          if (name != null) {
            passOn(exchange, name, values);
          }
        });
    InputStream body = status < 400 ? request.getInputStream() : request.getErrorStream();
    try (InputStream in = body == null ? InputStream.nullInputStream() : body) {
      send(exchange, path, status, Math.max(0, request.getContentLengthLong()), in);
    } finally {
      request.disconnect();
    }
  }

  private void passOn(HttpExchange exchange, String name, List<String> values) {
    String lower = name.toLowerCase(Locale.ROOT);
    if (!HOP.contains(lower)
        && !lower.startsWith(":")
        && (isolated || !ISOLATION.contains(lower))) {
      values.forEach(value -> exchange.getResponseHeaders().add(name, value));
    }
  }

  private void sendKept(HttpExchange exchange, String path, URI target)
      throws IOException, InterruptedException {
    String encoding = exchange.getRequestHeaders().getFirst("Accept-Encoding");
    String key = path + " " + encoding;
    Kept answer = kept.get(key);
    if (answer == null) {
      HttpRequest.Builder request = HttpRequest.newBuilder(target.resolve(path));
      if (encoding != null) {
        request.header("Accept-Encoding", encoding);
      }
      var response = client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
      if (response.statusCode() != 200) {
        forward(exchange, path, target);
        return;
      }
      answer = new Kept(response.headers().map(), response.body());
      kept.put(key, answer);
    }
    answer.headers().forEach((name, values) -> passOn(exchange, name, values));
    int length = answer.body().length;
    send(exchange, path, 200, length, new ByteArrayInputStream(answer.body()));
  }

  private void forward(HttpExchange exchange, String path, URI target)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(target.resolve(exchange.getRequestURI().toString()))
            .timeout(Duration.ofMinutes(2));
    exchange
        .getRequestHeaders()
        .forEach((name, values) -> {
          if (!HOP.contains(name.toLowerCase(Locale.ROOT))) {
            values.forEach(value -> request.header(name, value));
          }
        });
    byte[] body = exchange.getRequestBody().readAllBytes();
    request.method(
        exchange.getRequestMethod(),
        body.length == 0
            ? HttpRequest.BodyPublishers.noBody()
            : HttpRequest.BodyPublishers.ofByteArray(body));
    HttpResponse<InputStream> response;
    try {
      response = client.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
    } catch (IOException e) {
      exchange.sendResponseHeaders(502, -1);
      return;
    }
    response.headers().map().forEach((name, values) -> passOn(exchange, name, values));
    long length = response.headers().firstValueAsLong("content-length").orElse(0);
    try (InputStream in = response.body()) {
      send(exchange, path, response.statusCode(), length, in);
    }
  }

  /**
   * A length of 0 means unknown here, as in {@link HttpExchange#sendResponseHeaders}, unless the
   * status has no body.
   */
  private void send(HttpExchange exchange, String path, int status, long length, InputStream in)
      throws IOException {
    boolean bodiless = exchange.getRequestMethod().equals("HEAD") || status == 204 || status == 304;
    exchange.sendResponseHeaders(status, bodiless ? -1 : length);
    if (bodiless) {
      return;
    }
    OutputStream out = exchange.getResponseBody();
    byte[] buffer = new byte[1 << 18];
    long sent = 0;
    int count;
    while ((count = in.read(buffer)) > 0) {
      int allowed = allowed(path, sent, count);
      out.write(buffer, 0, allowed);
      sent += allowed;
      if (allowed < count) {
        // Closing the exchange with bytes owed breaks the connection.
        out.flush();
        return;
      }
    }
    out.close();
  }

  /** How many of {@code count} further bytes may be sent. */
  private int allowed(String path, long sent, int count) {
    long allowed = count;
    for (Map.Entry<String, Long> each : breaks.entrySet()) {
      if (path.startsWith(each.getKey())) {
        allowed = Math.min(allowed, Math.max(0, each.getValue() - sent));
      }
    }
    for (Map.Entry<String, AtomicLong> budget : budgets.entrySet()) {
      if (path.startsWith(budget.getKey())) {
        long before = budget.getValue().getAndAdd(-count);
        allowed = Math.min(allowed, Math.max(0, before));
      }
    }
    return (int) allowed;
  }

  @Override
  public void close() {
    server.stop(0);
    client.shutdownNow();
    threads.shutdownNow();
  }
}
