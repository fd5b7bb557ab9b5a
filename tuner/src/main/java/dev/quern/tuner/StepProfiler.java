package dev.quern.tuner;

import dev.quern.kernel.StepRecord;
import dev.quern.runtime.Control;
import dev.quern.runtime.LinearMemory;
import dev.quern.runtime.Machine;
import dev.quern.runtime.MachineException;
import dev.quern.runtime.ModelRunner;
import java.util.ArrayList;
import java.util.List;

/**
 * Measures where the time of a bound run goes: each step, what lies outside them, a barrier, and
 * the peak of arithmetic on all threads, probed between the runs so that a drifting machine moves
 * both alike.
 */
public final class StepProfiler {
  /** The table entry that the probe uses: the last. */
  private static final int SLOT = Control.TABLE_SIZE - 1;

  /** Work items of one probe, and the iterations of each: 30 µs at 50 GFLOP/s. */
  private static final int ITEMS = 64;

  private static final int ITERATIONS = 8000;

  /** Probes before the first that counts: engines optimise in the background. */
  private static final int WARM_PROBES = 40;

  /** Steps without work whose time is that of barriers. */
  private static final int EMPTY_STEPS = 256;

  private static final int EMPTY_RUNS = 31;

  /**
   * One run.
   *
   * @param milliseconds of a run in which no step was timed
   * @param timed milliseconds of the run right before or after it, with each step timed
   * @param peakGflops all threads' rate of multiply-adds in registers, before and after both
   * @param steps milliseconds of each step; a step's time ends when the last thread is done with it
   */
  public record Sample(double milliseconds, double timed, double peakGflops, double[] steps) {}

  private final Machine machine;
  private final ModelRunner runner;
  private final int probe;

  /** Prepares the probe: with or without fused multiply-add, whichever the kernels use. */
  public StepProfiler(ModelRunner runner, boolean fma) {
    this.runner = runner;
    this.machine = runner.machine();
    this.probe = (int) runner.end();
    machine.install(Probes.burn(machine.features().threads(), SLOT, ITERATIONS, fma));
    // One record more: a step's end is written as the beginning of the record behind it, too.
    int bytes = (EMPTY_STEPS + 2) * StepRecord.SIZE;
    LinearMemory memory = machine.memory();
    memory.ensure((long) probe + bytes);
    memory.clear(probe, bytes);
    memory.putInt(probe + StepRecord.SLOT, SLOT);
    memory.putInt(probe + StepRecord.ITEMS, ITEMS);
    memory.putInt(probe + StepRecord.GRAIN, 1);
    for (int i = 1; i <= EMPTY_STEPS; i++) {
      memory.putInt(probe + i * StepRecord.SIZE + StepRecord.GRAIN, 1);
    }
  }

  /**
   * Runs what is bound.
   *
   * @param inputs writes the inputs anew before each run, which may have overwritten them
   */
  public List<Sample> measure(int runs, Runnable inputs) {
    for (int i = 0; i < WARM_PROBES; i++) {
      peak();
    }
    List<Sample> samples = new ArrayList<>();
    double before = peak();
    for (int i = 0; i < runs; i++) {
      // In turns: the first run after a probe is slower.
      double first = run(inputs, i % 2 == 0);
      double second = run(inputs, i % 2 != 0);
      double[] steps = new double[runner.plan().steps().size()];
      for (int step = 0; step < steps.length; step++) {
        steps[step] = runner.stepMilliseconds(step);
      }
      double plain = i % 2 == 0 ? second : first;
      double timed = i % 2 == 0 ? first : second;
      double after = peak();
      samples.add(new Sample(plain, timed, (before + after) / 2, steps));
      before = after;
    }
    runner.timeSteps(false);
    return samples;
  }

  private double run(Runnable inputs, boolean timed) {
    runner.timeSteps(timed);
    inputs.run();
    double start = machine.now();
    runner.execute();
    return machine.now() - start;
  }

  /** GFLOP/s of all threads together. */
  private double peak() {
    double flops = (double) ITEMS * ITERATIONS * Probes.CHAIN_FLOPS;
    return flops / run(0, 1) / 1e6;
  }

  /** Milliseconds from one barrier to the next where no step has anything to do. */
  public double barrierMilliseconds() {
    Samples each = new Samples(EMPTY_RUNS);
    for (int i = 0; i < EMPTY_RUNS; i++) {
      double one = run(1, 2);
      double all = run(1, 1 + EMPTY_STEPS);
      each.add((all - one) / (EMPTY_STEPS - 1));
    }
    return each.median();
  }

  private double run(int first, int last) {
    double start = machine.now();
    int status = machine.run(probe, first, last);
    if (status != Control.OK) {
      throw new MachineException("a probe ended with status " + status);
    }
    return machine.now() - start;
  }
}
