package dev.quern.plan;

import dev.quern.graph.Value;
import java.util.List;
import java.util.Map;

/**
 * A model as an ordered list of steps on weights and activations. Sizes may hold symbols; a run
 * gives them values.
 *
 * @param inputs what a run is given
 * @param outputs what it gives back
 * @param places the activation that holds each input and output, by name
 */
public record Plan(
    List<Value> inputs,
    List<Value> outputs,
    Map<String, Integer> places,
    List<Weight> weights,
    List<Activation> activations,
    List<Step> steps) {}
