package dev.quern.e2e.peers;

import dev.quern.e2e.peers.Measured.Timed;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * One row of the comparison.
 *
 * @param flops operations of one run; 0 if a share of the peak says nothing
 * @param engines what each engine did, Quern among them if it took part
 * @param peakGflops of all threads together, the median of the probes in this case; NaN without
 * @param shareOfPeak the median over the rounds of Quern's rate over the probes next to it; NaN
 *     without
 * @param disturbed whether other programs took processor time in more rounds than could be left out
 */
record CaseResult(
    String name,
    int threads,
    double flops,
    Map<Engine, Measured> engines,
    double peakGflops,
    double shareOfPeak,
    boolean disturbed) {

  /** The smallest median of a peer. */
  OptionalDouble bestPeer() {
    return engines.entrySet().stream()
        .filter(entry -> entry.getKey() != Engine.QUERN)
        .map(Map.Entry::getValue)
        .filter(Timed.class::isInstance)
        .mapToDouble(measured -> ((Timed) measured).median())
        .min();
  }

  /** How many times faster than the best peer Quern is, by medians. */
  OptionalDouble ratioToBestPeer() {
    return engines.get(Engine.QUERN) instanceof Timed quern && bestPeer().isPresent()
        ? OptionalDouble.of(bestPeer().getAsDouble() / quern.median())
        : OptionalDouble.empty();
  }
}
