package dev.quern.server.weights;

import dev.quern.server.http.Brotli;
import dev.quern.server.http.Content;
import dev.quern.server.http.Digests;
import dev.quern.server.http.Json;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * A store in a directory: {@code blobs/SHA256}, {@code blobs/SHA256.br}, {@code models/NAME.json}.
 * Everything is written to a temporary file, forced to disk and renamed, so a reader, another
 * process included, sees a whole file or none; several processes may share a directory.
 */
public final class FileWeightStore implements WeightStore {
  private static final int BUFFER = 1 << 18;

  private final Path blobs;
  private final Path models;

  /** Opens the store in a directory, which is made if it is not there. */
  public FileWeightStore(Path directory) throws IOException {
    blobs = Files.createDirectories(directory.resolve("blobs"));
    models = Files.createDirectories(directory.resolve("models"));
  }

  @Override
  public Stored put(InputStream source) throws IOException {
    MessageDigest whole = Digests.sha256();
    MessageDigest chunk = Digests.sha256();
    List<String> chunks = new ArrayList<>();
    long length = 0;
    Path part = part(blobs);
    try {
      try (FileChannel out = FileChannel.open(part, StandardOpenOption.WRITE)) {
        byte[] buffer = new byte[BUFFER];
        int inChunk = 0;
        int count;
        // No read crosses a chunk's end.
        while ((count =
                source.readNBytes(buffer, 0, Math.min(BUFFER, Manifest.CHUNK_BYTES - inChunk)))
            > 0) {
          whole.update(buffer, 0, count);
          chunk.update(buffer, 0, count);
          writeFully(out, ByteBuffer.wrap(buffer, 0, count));
          length += count;
          inChunk += count;
          if (inChunk == Manifest.CHUNK_BYTES) {
            chunks.add(Digests.hex(chunk.digest()));
            inChunk = 0;
          }
        }
        if (inChunk > 0) {
          chunks.add(Digests.hex(chunk.digest()));
        }
        out.force(true);
      }
      String sha256 = Digests.hex(whole.digest());
      Path target = blobs.resolve(sha256);
      publish(part, target);
      makeVariant(target, length);
      return new Stored(sha256, length, List.copyOf(chunks));
    } finally {
      Files.deleteIfExists(part);
    }
  }

  /** Adds the Brotli form of a file that is in the store, unless it is there or not worth it. */
  private void makeVariant(Path blob, long length) throws IOException {
    Path target = variant(blob);
    if (!Brotli.available() || Files.exists(target)) {
      return;
    }
    Path part = part(blobs);
    try {
      try (InputStream in = Files.newInputStream(blob);
          OutputStream out = new BufferedOutputStream(Files.newOutputStream(part))) {
        Brotli.compress(in, length, out);
      }
      if (Brotli.worth(length, Files.size(part))) {
        try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
          channel.force(true);
        }
        publish(part, target);
      }
    } finally {
      Files.deleteIfExists(part);
    }
  }

  @Override
  public Optional<Blob> find(String sha256) throws IOException {
    if (!sha256.matches("[0-9a-f]{64}")) {
      return Optional.empty();
    }
    Path file = blobs.resolve(sha256);
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    Path variant = variant(file);
    Optional<Content> brotli =
        Files.isRegularFile(variant) ? Optional.of(content(variant)) : Optional.empty();
    return Optional.of(new Blob(sha256, content(file), brotli));
  }

  @Override
  public void register(Manifest manifest) throws IOException {
    Path part = part(models);
    try {
      try (FileChannel out = FileChannel.open(part, StandardOpenOption.WRITE)) {
        writeFully(out, ByteBuffer.wrap(Json.MAPPER.writeValueAsBytes(manifest)));
        out.force(true);
      }
      publish(part, models.resolve(manifest.name() + ".json"));
    } finally {
      Files.deleteIfExists(part);
    }
  }

  @Override
  public Optional<Manifest> manifest(String name) throws IOException {
    Path file = models.resolve(name + ".json");
    if (!Manifest.isName(name) || !Files.isRegularFile(file)) {
      return Optional.empty();
    }
    return Optional.of(Json.MAPPER.readValue(Files.readAllBytes(file), Manifest.class));
  }

  @Override
  public List<Manifest> manifests() throws IOException {
    List<Manifest> found = new ArrayList<>();
    try (Stream<Path> files = Files.list(models)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".json")).sorted().toList()) {
        found.add(Json.MAPPER.readValue(Files.readAllBytes(file), Manifest.class));
      }
    }
    return found;
  }

  /** A new empty file; unlike the JDK's temporary files it gets the rights that others get. */
  private static Path part(Path directory) throws IOException {
    return Files.createFile(directory.resolve(UUID.randomUUID() + ".part"));
  }

  private static Path variant(Path blob) {
    return blob.resolveSibling(blob.getFileName() + ".br");
  }

  /** Renames a file that is on disk already, and makes the rename itself survive a power cut. */
  private static void publish(Path part, Path target) throws IOException {
    Files.move(part, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    try (FileChannel directory = FileChannel.open(target.getParent(), StandardOpenOption.READ)) {
      directory.force(true);
    }
  }

  private static void writeFully(FileChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }

  private static Content content(Path file) throws IOException {
    long length = Files.size(file);
    return new Content() {
      @Override
      public long length() {
        return length;
      }

      @Override
      public void write(long from, long count, OutputStream target) throws IOException {
        try (FileChannel in = FileChannel.open(file, StandardOpenOption.READ)) {
          ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(BUFFER, Math.max(1, count)));
          long at = from;
          long end = from + count;
          while (at < end) {
            buffer.clear().limit((int) Math.min(buffer.capacity(), end - at));
            int got = in.read(buffer, at);
            if (got < 0) {
              throw new IOException(file + " is shorter than when it was opened");
            }
            target.write(buffer.array(), 0, got);
            at += got;
          }
        }
      }
    };
  }
}
