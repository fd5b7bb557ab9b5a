package dev.quern.bridge;

import dev.quern.runtime.RunException;

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

  /** How a run ended, as the page is told. */
  static EngineException told(RunException e) {
    String code =
        switch (e.reason()) {
          case INPUT -> "input";
          case CANCELLED -> "aborted";
          case ENGINE -> "engine";
        };
    return new EngineException(code, e.getMessage());
  }
}
