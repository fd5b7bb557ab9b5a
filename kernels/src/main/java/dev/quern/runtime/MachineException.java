package dev.quern.runtime;

/** A host could not do what the engine asked: memory refused, a module rejected, a trap. */
public final class MachineException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public MachineException(String message) {
    super(message);
  }
}
