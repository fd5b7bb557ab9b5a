package dev.quern.e2e.peers;

import com.aayushatharva.brotli4j.Brotli4jLoader;
import com.aayushatharva.brotli4j.encoder.Encoder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Sizes of files as a well-kept site sends them. The highest quality takes half a minute for the
 * module of an engine, so that a size is kept until the file changes.
 */
final class Brotli {
  private static final int QUALITY = 11;
  private static final int WINDOW = 24;

  private final Path cache;

  /**
   * @param cache a folder for the sizes
   */
  Brotli(Path cache) {
    this.cache = cache;
  }

  /** Bytes of a file after compression. */
  long size(Path file) {
    try {
      Files.createDirectories(cache);
      Path known =
          cache.resolve(
              file.getFileName()
                  + "-"
                  + Files.size(file)
                  + "-"
                  + Integer.toHexString(file.toAbsolutePath().hashCode()));
      if (Files.exists(known)) {
        return Long.parseLong(Files.readString(known));
      }
      Brotli4jLoader.ensureAvailability();
      Encoder.Parameters parameters =
          new Encoder.Parameters().setQuality(QUALITY).setWindow(WINDOW);
      int size = Encoder.compress(Files.readAllBytes(file), parameters).length;
      Files.write(known, Integer.toString(size).getBytes(StandardCharsets.US_ASCII));
      return size;
    } catch (IOException e) {
      throw new PeerException(file + " cannot be compressed: " + e.getMessage(), e);
    }
  }
}
