package dev.quern.e2e.bench;

import dev.quern.e2e.harness.Front;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What a page with a model downloads of the engine and the SDK, brotli-compressed as the server
 * sends it.
 *
 * @param files bytes by path
 */
public record EngineDownload(Map<String, Integer> files) {
  /** The files of the engine among those that pages behind a front have asked the server for. */
  public static EngineDownload of(Front front) {
    return of(front, front.forwarded());
  }

  /** The files of the engine among paths. */
  public static EngineDownload of(Front front, Collection<String> asked) {
    List<String> paths =
        asked.stream()
            .filter(path -> path.endsWith(".js") || path.endsWith(".mjs") || path.endsWith(".wasm"))
            .filter(path -> !path.contains("tokenizer"))
            .toList();
    Map<String, Integer> files = new TreeMap<>();
    try (HttpClient client = HttpClient.newHttpClient()) {
      for (String path : paths) {
        HttpRequest request =
            HttpRequest.newBuilder(URI.create(front.origin() + path))
                .header("Accept-Encoding", "br")
                .build();
        files.put(
            path, client.send(request, HttpResponse.BodyHandlers.ofByteArray()).body().length);
      }
    } catch (IOException e) {
      throw new IllegalStateException("the engine's files cannot be fetched: " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while fetching the engine's files", e);
    }
    return new EngineDownload(files);
  }

  /** Bytes of all files. */
  public long bytes() {
    return files.values().stream().mapToLong(Integer::longValue).sum();
  }

  /** Each file's name and kilobytes. */
  String text() {
    return files.entrySet().stream()
        .map(file ->
            file.getKey().substring(file.getKey().lastIndexOf('/') + 1)
                + " %.1f".formatted(file.getValue() / 1000.0))
        .collect(Collectors.joining(", "));
  }
}
