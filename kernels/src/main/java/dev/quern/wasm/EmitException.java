package dev.quern.wasm;

/** The emitter was asked for code that is not valid WebAssembly: always a mistake of ours. */
public final class EmitException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public EmitException(String message) {
    super(message);
  }
}
