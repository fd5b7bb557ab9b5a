package dev.quern.server;

import dev.quern.server.http.Brotli;
import dev.quern.server.http.Content;
import dev.quern.server.http.Delivery;
import dev.quern.server.http.Digests;
import dev.quern.server.http.ProblemException;
import dev.quern.server.http.Resource;
import io.javalin.http.Context;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The pages, the SDK and the engine, from the class path: {@code quern-web/} at {@code /}, {@code
 * quern-engine/} at {@code /engine/}. Brotli forms are made when first asked for and kept in a
 * directory by digest.
 */
final class Assets {
  private static final Map<String, String> TYPES =
      Map.ofEntries(
          Map.entry("html", "text/html; charset=utf-8"),
          Map.entry("js", "text/javascript; charset=utf-8"),
          Map.entry("mjs", "text/javascript; charset=utf-8"),
          Map.entry("ts", "text/plain; charset=utf-8"),
          Map.entry("css", "text/css; charset=utf-8"),
          Map.entry("json", "application/json"),
          Map.entry("map", "application/json"),
          Map.entry("webmanifest", "application/manifest+json"),
          Map.entry("wasm", "application/wasm"),
          Map.entry("svg", "image/svg+xml"),
          Map.entry("png", "image/png"),
          Map.entry("jpg", "image/jpeg"),
          Map.entry("webp", "image/webp"),
          Map.entry("ico", "image/x-icon"),
          Map.entry("woff2", "font/woff2"),
          Map.entry("txt", "text/plain; charset=utf-8"));

  private static final Set<String> COMPRESSED_ALREADY = Set.of("png", "jpg", "webp", "woff2");
  private static final int WORTH_COMPRESSING = 512;

  private final Path variants;
  private final Map<String, Resource> loaded = new ConcurrentHashMap<>();

  Assets(Path variants) throws IOException {
    this.variants = Files.createDirectories(variants);
  }

  void handle(Context ctx) throws IOException {
    String path = ctx.path();
    Optional<Resource> found = find(path.endsWith("/") ? path + "index.html" : path);
    if (found.isPresent()) {
      Delivery.send(ctx, found.get());
      return;
    }
    if (!path.endsWith("/") && find(path + "/index.html").isPresent()) {
      String query = ctx.queryString();
      ctx.status(308).header("Location", path + "/" + (query == null ? "" : "?" + query));
      return;
    }
    throw new ProblemException(404, "there is nothing at " + ctx.method() + " " + path);
  }

  /** Compresses what every page with a model loads, so that no visitor waits for it. */
  void prepare() throws IOException {
    find("/engine/engine.wasm");
  }

  private Optional<Resource> find(String path) throws IOException {
    Resource known = loaded.get(path);
    if (known != null) {
      return Optional.of(known);
    }
    String type = TYPES.get(extension(path));
    if (type == null || !path.matches("(/[A-Za-z0-9_@-][A-Za-z0-9._@-]*)+")) {
      return Optional.empty();
    }
    try (InputStream in = open(path)) {
      if (in == null) {
        return Optional.empty();
      }
      Resource resource = resource(path, type, in.readAllBytes());
      loaded.put(path, resource);
      return Optional.of(resource);
    }
  }

  /** A file of the site, which has its own form of some of the engine's; null if there is none. */
  private static InputStream open(String path) {
    InputStream in = Assets.class.getResourceAsStream("/quern-web" + path);
    return in == null && path.startsWith("/engine/")
        ? Assets.class.getResourceAsStream("/quern-engine/" + path.substring("/engine/".length()))
        : in;
  }

  private Resource resource(String path, String type, byte[] bytes) throws IOException {
    String sha256 = Digests.of(bytes);
    Optional<Content> brotli = Optional.empty();
    if (bytes.length >= WORTH_COMPRESSING
        && !COMPRESSED_ALREADY.contains(extension(path))
        && Brotli.available()) {
      byte[] compressed = compressed(sha256, bytes);
      if (Brotli.worth(bytes.length, compressed.length)) {
        brotli = Optional.of(Content.of(compressed));
      }
    }
    return new Resource(sha256, type, Resource.REVALIDATE, Content.of(bytes), brotli);
  }

  /** The bytes in Brotli, from the directory if they were made before. */
  private byte[] compressed(String sha256, byte[] bytes) throws IOException {
    Path file = variants.resolve(sha256 + ".br");
    if (Files.isRegularFile(file)) {
      return Files.readAllBytes(file);
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Brotli.compress(new ByteArrayInputStream(bytes), bytes.length, out);
    Path part = variants.resolve(UUID.randomUUID() + ".part");
    Files.write(part, out.toByteArray());
    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    return out.toByteArray();
  }

  private static String extension(String path) {
    return path.substring(path.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
  }
}
