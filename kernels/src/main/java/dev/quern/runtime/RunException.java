package dev.quern.runtime;

/** A run was refused or ended early; the message says which input or step, and why. */
public final class RunException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What kind of end it was. */
  public enum Reason {
    /** The inputs do not fit the model: names, types, shapes or values. */
    INPUT,
    /** Somebody asked for it. */
    CANCELLED,
    /** The engine failed; the session is of no further use. */
    ENGINE
  }

  private final Reason reason;

  public RunException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  public Reason reason() {
    return reason;
  }
}
