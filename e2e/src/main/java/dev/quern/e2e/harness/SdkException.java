package dev.quern.e2e.harness;

import java.util.List;

/**
 * The SDK refused or failed in the page: its code, its sentence, and every problem that it lists.
 */
public final class SdkException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String code;
  private final transient List<String> problems;

  SdkException(String code, String message, List<String> problems) {
    super(message);
    this.code = code;
    this.problems = List.copyOf(problems);
  }

  /** The SDK's code, such as {@code model}; empty for what is no error of the SDK. */
  public String code() {
    return code;
  }

  /** For code {@code model} and {@code input}: every problem. */
  public List<String> problems() {
    return problems;
  }
}
