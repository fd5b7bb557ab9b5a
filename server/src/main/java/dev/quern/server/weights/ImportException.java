package dev.quern.server.weights;

/** Files that cannot become a model in the store; the message says which and why. */
public final class ImportException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public ImportException(String message) {
    super(message);
  }
}
