package dev.quern.server.http;

import java.util.Optional;

/**
 * Something immutable that can be asked for, as it is or in Brotli.
 *
 * @param sha256 hex digest of the identity bytes; strong ETags are made of it
 * @param type its media type
 * @param caching the value of {@code Cache-Control}
 * @param identity the bytes themselves
 * @param brotli the same bytes in Brotli, where that is worth having
 */
public record Resource(
    String sha256, String type, String caching, Content identity, Optional<Content> brotli) {

  /** The bytes change never: their address is their digest. */
  public static final String IMMUTABLE = "public, max-age=31536000, immutable";

  /** Ask again each time; the answer is mostly 304. */
  public static final String REVALIDATE = "no-cache";
}
