package dev.quern.runtime;

import dev.quern.kernel.GatherKernel;
import dev.quern.kernel.KernelSpec;
import dev.quern.plan.Arg;
import dev.quern.plan.Base;
import dev.quern.plan.Plan;
import dev.quern.plan.Step;
import dev.quern.plan.Weight;
import dev.quern.plan.Work;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * One step of a bound run, for people who want to know where its time goes.
 *
 * @param name the node that it comes from
 * @param kernel the kernel's signature
 * @param schedule of a matmul; null for other kernels
 * @param work its size: {@code batch x m x n x k} of a product, otherwise items
 * @param flops floating-point operations; 0 where the plan counts none
 * @param bytes of the weights and activations that it touches, each once: what memory has to move
 *     at least
 */
public record StepFacts(
    String name, String kernel, Schedule schedule, String work, double flops, double bytes) {

  /** The steps of the run that is bound, in order. */
  public static List<StepFacts> of(ModelRunner runner) {
    List<StepFacts> facts = new ArrayList<>();
    Map<String, Long> symbols = runner.symbols();
    List<Step> steps = runner.plan().steps();
    for (int i = 0; i < steps.size(); i++) {
      Step step = steps.get(i);
      facts.add(
          new StepFacts(
              step.name(),
              step.kernel().signature(),
              runner.stepSchedule(i),
              work(step, symbols),
              runner.stepFlops(i),
              bytes(runner.plan(), step, symbols)));
    }
    return facts;
  }

  private static String work(Step step, Map<String, Long> symbols) {
    if (step.work() instanceof Work.Blocks blocks) {
      long batch = blocks.batch().evaluate(symbols);
      long rows = blocks.rows().evaluate(symbols);
      long columns = blocks.columns().evaluate(symbols);
      double products = 2.0 * Math.max(1, batch) * Math.max(1, rows) * Math.max(1, columns);
      long k = (long) (step.flops().evaluate(symbols) / products);
      return (batch == 1 ? "" : batch + "x") + rows + "x" + columns + "x" + k;
    }
    return ((Work.Items) step.work()).count().evaluate(symbols) + " items";
  }

  private static double bytes(Plan plan, Step step, Map<String, Long> symbols) {
    Set<Base> seen = new LinkedHashSet<>();
    double bytes = 0;
    for (int i = 0; i < step.args().size(); i++) {
      Arg arg = step.args().get(i);
      if (arg.base() == null || !seen.add(arg.base())) {
        continue;
      }
      if (step.kernel() instanceof KernelSpec.Gather && i == GatherKernel.DATA) {
        // Of the table only the rows that were named: as much as is written.
        bytes += size(plan, step.args().get(GatherKernel.OUT).base(), symbols);
      } else {
        bytes += size(plan, arg.base(), symbols);
      }
    }
    return bytes;
  }

  private static double size(Plan plan, Base base, Map<String, Long> symbols) {
    return switch (base) {
      case Base.OfActivation(int id) -> plan.activations().get(id).bytes().evaluate(symbols);
      case Base.OfWeight(int id) -> {
        Weight weight = plan.weights().get(id);
        yield weight.packed() ? WeightLoader.bytes(weight) : weight.parts().get(0).data().size();
      }
      case Base.OfFact fact -> 0;
    };
  }
}
