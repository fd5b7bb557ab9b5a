package dev.quern.e2e.data;

/**
 * A tensor file cannot be read or written; the message names the file, the reason, and what to do.
 */
public final class DataException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  DataException(String message) {
    super(message);
  }

  DataException(String message, Throwable cause) {
    super(message, cause);
  }
}
