package dev.quern.plan;

import dev.quern.graph.Dim;
import dev.quern.kernel.KernelSpec;
import java.util.List;

/**
 * One kernel run.
 *
 * @param name the node that it comes from
 * @param args the words of the step's record, as the kernel's class lists them
 * @param scratch bytes that each thread needs besides
 * @param flops floating-point operations
 */
public record Step(
    String name, KernelSpec kernel, List<Arg> args, Work work, Dim scratch, Dim flops) {
  public Step {
    args = List.copyOf(args);
  }
}
