package dev.quern.bridge;

import dev.quern.runtime.ModelRunner;
import dev.quern.runtime.StepFacts;
import dev.quern.tuner.StepProfiler;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Where the time of a run goes, as the page is told. */
final class Profile {
  private Profile() {}

  /** Measures what is bound; {@code inputs} writes the inputs before each run. */
  static Map<String, Object> of(
      ModelRunner runner, StepProfiler profiler, int runs, Runnable inputs) {
    List<Object> steps = new ArrayList<>();
    for (StepFacts step : StepFacts.of(runner)) {
      steps.add(
          Reply.object(
              "name", step.name(),
              "kernel", step.kernel(),
              "schedule", step.schedule() == null ? null : step.schedule().text(),
              "work", step.work(),
              "flops", step.flops(),
              "bytes", step.bytes()));
    }
    List<Object> samples = new ArrayList<>();
    for (StepProfiler.Sample sample : profiler.measure(runs, inputs)) {
      List<Object> times = new ArrayList<>();
      for (double time : sample.steps()) {
        times.add(time);
      }
      samples.add(
          Reply.object(
              "milliseconds", sample.milliseconds(),
              "timed", sample.timed(),
              "peakGflops", sample.peakGflops(),
              "steps", times));
    }
    return Reply.object(
        "steps", steps, "samples", samples, "barrier", profiler.barrierMilliseconds());
  }
}
