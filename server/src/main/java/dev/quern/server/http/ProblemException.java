package dev.quern.server.http;

import java.util.Optional;

/**
 * A request that cannot be answered as it was asked; becomes an {@code application/problem+json}
 * (RFC 9457).
 */
public final class ProblemException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final int status;
  private final String field;

  /**
   * @param status the HTTP status
   * @param detail one sentence: what is wrong and what to do
   */
  public ProblemException(int status, String detail) {
    this(status, detail, null);
  }

  /**
   * @param field the one field that is wrong, as a path such as {@code events[2].record.seconds},
   *     or null
   */
  public ProblemException(int status, String detail, String field) {
    super(detail);
    this.status = status;
    this.field = field;
  }

  public int status() {
    return status;
  }

  public Optional<String> field() {
    return Optional.ofNullable(field);
  }
}
