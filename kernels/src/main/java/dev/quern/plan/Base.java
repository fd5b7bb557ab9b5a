package dev.quern.plan;

/** What an address counts from. */
public sealed interface Base {
  /** An activation in the arena, by its number. */
  record OfActivation(int id) implements Base {}

  /** A weight, by its number. */
  record OfWeight(int id) implements Base {}

  /** No address: 1 if a weight of f16, by its number, has an infinity or NaN, otherwise 0. */
  record OfFact(int id) implements Base {}
}
