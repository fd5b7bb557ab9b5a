package dev.quern.server.http;

import com.aayushatharva.brotli4j.Brotli4jLoader;
import com.aayushatharva.brotli4j.encoder.BrotliOutputStream;
import com.aayushatharva.brotli4j.encoder.Encoder;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/** Makes Brotli variants, where the native library exists for this machine. */
public final class Brotli {
  /** Of the identity's length; a variant that saves less costs the client more than it brings. */
  private static final double WORTH = 0.9;

  private static final long SMALL = 2 << 20;
  private static final long MEDIUM = 8 << 20;

  private Brotli() {}

  /** Whether this machine can compress; where it cannot, only identity bytes are served. */
  public static boolean available() {
    return Brotli4jLoader.isAvailable();
  }

  /** Whether a variant of that length is worth keeping. */
  public static boolean worth(long identity, long variant) {
    return variant <= identity * WORTH;
  }

  /** Compresses all of {@code source}; the larger it is, the less is tried (0.4 to 50 MB/s). */
  public static void compress(InputStream source, long length, OutputStream target)
      throws IOException {
    int quality = length <= SMALL ? 11 : length <= MEDIUM ? 9 : 5;
    Encoder.Parameters parameters = new Encoder.Parameters().setQuality(quality).setWindow(22);
    try (BrotliOutputStream out = new BrotliOutputStream(target, parameters, 1 << 16)) {
      source.transferTo(out);
    }
  }
}
