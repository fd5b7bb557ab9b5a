package dev.quern.plan;

import dev.quern.graph.Dim;

/**
 * An argument word of a step: a number, or an address.
 *
 * @param base what an address counts from; null for a number
 * @param value the number, or the address's offset in bytes
 */
public record Arg(Base base, Dim value) {
  public static Arg number(Dim value) {
    return new Arg(null, value);
  }

  public static Arg number(long value) {
    return new Arg(null, Dim.of(value));
  }
}
