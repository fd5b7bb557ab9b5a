package dev.quern.e2e.peers;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * What is compared, and how long.
 *
 * @param device what computes: {@code wasm} or {@code webgpu}
 * @param peers engines beside Quern; none measures Quern alone
 * @param workloads all cases that there are
 * @param filter a part of the names of the cases that are run; empty runs all
 * @param threads each number of threads is a row of its own
 * @param tuning how long Quern may search for faster kernels before a case is measured
 * @param measuring how long a case is measured, at least {@link Comparison#ROUNDS} rounds
 * @param patience how long an idle machine is waited for
 * @param folder where the comparison may keep what it computed for a next time
 */
public record Settings(
    String device,
    List<Engine> peers,
    List<Workload> workloads,
    String filter,
    List<Integer> threads,
    Duration tuning,
    Duration measuring,
    Duration patience,
    Path folder) {
  /** Takes copies. */
  public Settings {
    peers = List.copyOf(peers);
    workloads = List.copyOf(workloads);
    threads = List.copyOf(threads);
  }

  /** Whether GPUs compute; then what they are asked to do is counted. */
  boolean gpu() {
    return device.equals("webgpu");
  }

  /** Sizes of compressed files. */
  Brotli sizes() {
    return new Brotli(folder.resolve("brotli"));
  }

  /** The cases that are run. */
  List<Workload> cases() {
    return workloads.stream().filter(each -> takes(each.name())).toList();
  }

  /** Whether loading is compared, too: that of one of the cases that there are. */
  boolean loads() {
    return !gpu() && takes(LoadComparison.name()) && workloads.contains(LoadComparison.WORKLOAD);
  }

  /** Whether a case is run; letters' case does not matter, and each word must occur. */
  boolean takes(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return Arrays.stream(filter.toLowerCase(Locale.ROOT).split(" ")).allMatch(lower::contains);
  }
}
