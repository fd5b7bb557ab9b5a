package dev.quern.e2e.browser;

/**
 * A browser is missing, did not start, did not answer in time, or reported an error; the message
 * says which.
 */
public final class BrowserException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  BrowserException(String message) {
    super(message);
  }

  /** One that says more of another. */
  public BrowserException(String message, Throwable cause) {
    super(message, cause);
  }
}
