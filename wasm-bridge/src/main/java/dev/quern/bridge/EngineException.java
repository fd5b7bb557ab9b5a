package dev.quern.bridge;

/** A request that cannot be answered, with the code that the page's {@code QuernError} carries. */
final class EngineException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String code;

  EngineException(String code, String message) {
    super(message);
    this.code = code;
  }

  String code() {
    return code;
  }
}
