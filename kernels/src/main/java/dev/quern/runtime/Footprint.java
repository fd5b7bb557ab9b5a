package dev.quern.runtime;

import dev.quern.plan.Activation;
import dev.quern.plan.Plan;
import dev.quern.plan.Step;
import dev.quern.plan.Weight;
import java.util.List;
import java.util.Map;

/**
 * The linear memory that a plan takes, and its work, for one set of sizes.
 *
 * @param weights bytes of the weights as the kernels want them
 * @param activations bytes of the arena
 * @param flops floating-point operations of a run
 */
public record Footprint(long weights, long activations, long flops) {
  /**
   * What a plan takes.
   *
   * @param symbols a number for each symbol of the sizes
   * @throws IllegalArgumentException if a size is counted while running
   */
  public static Footprint of(Plan plan, Map<String, Long> symbols) {
    long weights = 0;
    for (Weight weight : plan.weights()) {
      weights += WeightLoader.bytes(weight);
    }
    List<Activation> activations = plan.activations();
    long[] sizes = new long[activations.size()];
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = activations.get(i).bytes().evaluate(symbols);
    }
    long flops = 0;
    for (Step step : plan.steps()) {
      flops += step.flops().evaluate(symbols);
    }
    return new Footprint(weights, Arena.place(activations, sizes).bytes(), flops);
  }
}
