package dev.quern.server.http;

import java.util.Locale;

/** The request header {@code Accept-Encoding} (RFC 9110, 12.5.3). */
public final class AcceptEncoding {
  private AcceptEncoding() {}

  /**
   * Whether Brotli should be chosen over the identity: it must be acceptable, and not be liked
   * less.
   *
   * @param header the header's value, or null
   */
  public static boolean prefersBrotli(String header) {
    if (header == null) {
      return false;
    }
    double brotli = -1;
    double identity = -1;
    double any = -1;
    for (String part : header.split(",")) {
      String[] fields = part.trim().split(";");
      double quality = 1;
      for (int i = 1; i < fields.length; i++) {
        String parameter = fields[i].trim().toLowerCase(Locale.ROOT);
        if (parameter.startsWith("q=")) {
          quality = quality(parameter.substring(2));
        }
      }
      switch (fields[0].trim().toLowerCase(Locale.ROOT)) {
        case "br" -> brotli = quality;
        case "identity" -> identity = quality;
        case "*" -> any = quality;
        default -> {
          // Not an encoding that this server has.
        }
      }
    }
    double effective = brotli >= 0 ? brotli : any;
    return effective > 0 && effective >= identity;
  }

  /** A weight from 0 to 1; anything else means that the encoding is not wanted. */
  private static double quality(String text) {
    try {
      double value = Double.parseDouble(text);
      return value >= 0 && value <= 1 ? value : 0;
    } catch (NumberFormatException e) {
      return 0;
    }
  }
}
