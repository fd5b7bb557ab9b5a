package dev.quern.e2e.peers;

import java.time.Duration;
import java.util.List;

/**
 * What is compared, and how long.
 *
 * @param peers engines beside Quern; none measures Quern alone
 * @param filter a part of the names of the cases that are run; empty runs all
 * @param threads each number of threads is a row of its own
 * @param tuning how long Quern may search for faster kernels before a case is measured
 * @param measuring how long a case is measured, at least {@link Comparison#ROUNDS} rounds
 * @param patience how long an idle machine is waited for
 */
public record Settings(
    List<Engine> peers,
    String filter,
    List<Integer> threads,
    Duration tuning,
    Duration measuring,
    Duration patience) {
  /** Takes copies. */
  public Settings {
    peers = List.copyOf(peers);
    threads = List.copyOf(threads);
  }

  /** Whether a case is run; letters' case does not matter, and each word must occur. */
  boolean takes(String name) {
    String lower = name.toLowerCase(java.util.Locale.ROOT);
    return java.util.Arrays.stream(filter.toLowerCase(java.util.Locale.ROOT).split(" "))
        .allMatch(lower::contains);
  }
}
