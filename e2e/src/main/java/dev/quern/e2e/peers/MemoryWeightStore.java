package dev.quern.e2e.peers;

import dev.quern.server.http.Content;
import dev.quern.server.http.Digests;
import dev.quern.server.weights.Manifest;
import dev.quern.server.weights.ModelImport;
import dev.quern.server.weights.WeightStore;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Model files in memory, so that Quern's come from where the other engines' come from. */
final class MemoryWeightStore implements WeightStore {
  private final Map<String, byte[]> files = new LinkedHashMap<>();
  private final Map<String, Manifest> manifests = new LinkedHashMap<>();

  /** Takes in a model as {@code quern import} does. */
  Manifest model(String name, byte[] onnx) {
    try {
      Path file = Files.createTempFile("quern", ".onnx");
      try {
        Files.write(file, onnx);
        return new ModelImport(this)
            .files(new ModelImport.Description(name, "none", "unknown", null), file);
      } finally {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** All files by digest. */
  Map<String, byte[]> files() {
    return files;
  }

  @Override
  public Stored put(InputStream source) throws IOException {
    byte[] bytes = source.readAllBytes();
    List<String> chunks = new ArrayList<>();
    for (int at = 0; at < bytes.length; at += Manifest.CHUNK_BYTES) {
      int end = Math.min(bytes.length, at + Manifest.CHUNK_BYTES);
      chunks.add(Digests.of(Arrays.copyOfRange(bytes, at, end)));
    }
    String digest = Digests.of(bytes);
    files.put(digest, bytes);
    return new Stored(digest, bytes.length, chunks);
  }

  @Override
  public Optional<Blob> find(String sha256) {
    return Optional.ofNullable(files.get(sha256))
        .map(bytes -> new Blob(sha256, Content.of(bytes), Optional.empty()));
  }

  @Override
  public void register(Manifest manifest) {
    manifests.put(manifest.name(), manifest);
  }

  @Override
  public Optional<Manifest> manifest(String name) {
    return Optional.ofNullable(manifests.get(name));
  }

  @Override
  public List<Manifest> manifests() {
    return List.copyOf(manifests.values());
  }
}
