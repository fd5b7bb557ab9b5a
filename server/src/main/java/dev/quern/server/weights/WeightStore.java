package dev.quern.server.weights;

import dev.quern.server.http.Content;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Optional;

/**
 * Keeps model files by digest, and manifests by name. Local files are the default; an object store
 * behind a content delivery network fits the same interface.
 */
public interface WeightStore {
  /**
   * A file in the store.
   *
   * @param sha256 hex digest of its bytes
   * @param identity its bytes
   * @param brotli its bytes in Brotli, where that saves enough
   */
  record Blob(String sha256, Content identity, Optional<Content> brotli) {}

  /**
   * What the store learned while it took a file in.
   *
   * @param sha256 hex digest
   * @param bytes length
   * @param chunks hex digests of its chunks of {@link Manifest#CHUNK_BYTES}
   */
  record Stored(String sha256, long bytes, List<String> chunks) {}

  /**
   * Takes in a file. It can be found only once it is complete and on disk; a crash leaves nothing.
   */
  Stored put(InputStream source) throws IOException;

  /** The file with that digest. */
  Optional<Blob> find(String sha256) throws IOException;

  /** Points the manifest's name to it, at once for all who ask later. */
  void register(Manifest manifest) throws IOException;

  /** The manifest under a name. */
  Optional<Manifest> manifest(String name) throws IOException;

  /** All manifests by name. */
  List<Manifest> manifests() throws IOException;
}
