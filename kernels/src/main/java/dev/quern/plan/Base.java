package dev.quern.plan;

/** What an address counts from. */
public sealed interface Base {
  /** An activation in the arena, by its number. */
  record OfActivation(int id) implements Base {}

  /** A weight, by its number. */
  record OfWeight(int id) implements Base {}
}
