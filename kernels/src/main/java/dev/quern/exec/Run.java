package dev.quern.exec;

import dev.quern.runtime.RunException;
import dev.quern.runtime.RunException.Reason;

/** A run that is going on, and may be cancelled. */
@FunctionalInterface
public interface Run {
  /** A run that nobody cancels. */
  Run UNCANCELLED = () -> false;

  /** Whether somebody wants it to end. */
  boolean isCancelled();

  /**
   * Ends the run if it was cancelled.
   *
   * @throws RunException with the reason {@link Reason#CANCELLED}
   */
  default void check() {
    if (isCancelled()) {
      throw new RunException(Reason.CANCELLED, "the run was cancelled");
    }
  }
}
