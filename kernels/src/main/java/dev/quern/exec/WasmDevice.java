package dev.quern.exec;

import dev.quern.graph.Dim;
import dev.quern.graph.Graph;
import dev.quern.graph.Value;
import dev.quern.graph.passes.Passes;
import dev.quern.reference.Interpreter;
import dev.quern.reference.Tensor;
import dev.quern.runtime.Limits;
import dev.quern.runtime.Machine;
import dev.quern.runtime.ModelRunner;
import dev.quern.runtime.Workspace;
import java.util.Map;

/** Generated kernels on a machine, all islands in one workspace. */
public final class WasmDevice implements Device {
  private final Machine machine;
  private final Limits limits;
  private final long top;

  /** Made with the first island: opening a model whose bytes are on their way is tried again. */
  private Workspace space;

  /**
   * A device on a machine that runs nothing yet.
   *
   * @param top the first address that is free
   */
  public WasmDevice(Machine machine, Limits limits, long top) {
    this.machine = machine;
    this.limits = limits;
    this.top = top;
  }

  @Override
  public Compiled compile(Graph graph) {
    Graph optimised = Passes.optimise(graph);
    if (hasEmptyValue(optimised)) {
      // There is next to nothing to compute, and kernels need not think of it.
      return new Interpreter(optimised)::run;
    }
    if (space == null) {
      space = Workspace.ofMany(machine, top);
    }
    ModelRunner runner =
        ModelRunner.load(space, optimised, ModelRunner.plan(machine, optimised), limits);
    return new Compiled() {
      @Override
      public Map<String, Tensor> run(Map<String, Tensor> inputs) {
        return runner.run(inputs);
      }

      @Override
      public void release() {
        runner.release();
      }
    };
  }

  private static boolean hasEmptyValue(Graph graph) {
    for (Value value : graph.values().values()) {
      for (Dim dim : value.shape().dims()) {
        if (dim.is(0)) {
          return true;
        }
      }
    }
    return false;
  }
}
