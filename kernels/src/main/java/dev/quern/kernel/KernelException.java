package dev.quern.kernel;

/** A kernel was asked for that its family cannot make; the message says what is missing. */
public final class KernelException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public KernelException(String message) {
    super(message);
  }
}
