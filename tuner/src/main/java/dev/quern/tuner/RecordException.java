package dev.quern.tuner;

/** A stored record or profile cannot be read: says which field is wrong and why. */
public final class RecordException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public RecordException(String message) {
    super(message);
  }
}
