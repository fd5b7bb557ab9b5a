package dev.quern.gpu;

import java.util.List;

/**
 * A run for one set of sizes.
 *
 * @param buffers all that is bound or copied
 * @param shaders WGSL, each once
 * @param parts in their order
 * @param activations the buffer of each activation, by the plan's number; -1 for what no run
 *     touches
 * @param sizes bytes of each activation
 * @param flops floating-point operations
 */
public record Recording(
    List<Buffer> buffers,
    List<String> shaders,
    List<Part> parts,
    List<Integer> activations,
    List<Long> sizes,
    double flops) {
  public Recording {
    buffers = List.copyOf(buffers);
    shaders = List.copyOf(shaders);
    parts = List.copyOf(parts);
    activations = List.copyOf(activations);
    sizes = List.copyOf(sizes);
  }

  /**
   * A buffer.
   *
   * @param weight the plan's number of the weight that it holds; -1 for activations, which share it
   *     if they are never alive at the same time
   * @param from the first byte of the weight, where it lies in several buffers
   * @param bytes its size, a multiple of 4
   */
  public record Buffer(int weight, long from, long bytes) {}

  /** Steps that follow each other in one place. */
  public sealed interface Part {}

  /** Steps on the GPU. */
  public record Dispatches(List<Dispatch> list) implements Part {
    public Dispatches {
      list = List.copyOf(list);
    }
  }

  /**
   * Steps on the CPU.
   *
   * @param first the first step
   * @param last the first step behind them
   * @param needs activations that have to be brought to the CPU before
   * @param gives activations that have to be brought to the GPU afterwards
   * @param why the first of them has no shader
   */
  public record OnCpu(int first, int last, List<Integer> needs, List<Integer> gives, String why)
      implements Part {
    public OnCpu {
      needs = List.copyOf(needs);
      gives = List.copyOf(gives);
    }
  }

  /**
   * One step: in group 0 first the bindings, then the words if there are any, then the status if it
   * reports faults.
   *
   * @param step its number in the plan
   * @param shader its shader's number
   * @param bindings the buffers that it binds
   * @param words contents of its uniform struct, u32
   * @param groups workgroups along x, y and z
   */
  public record Dispatch(
      int step,
      int shader,
      List<Binding> bindings,
      List<Long> words,
      boolean faults,
      List<Long> groups) {
    public Dispatch {
      bindings = List.copyOf(bindings);
      words = List.copyOf(words);
      groups = List.copyOf(groups);
    }
  }

  /**
   * What a step sees of a buffer, from its beginning.
   *
   * @param buffer its number
   * @param bytes no more than the tensor that lies there
   */
  public record Binding(int buffer, long bytes) {}

  /** Steps that the GPU runs. */
  public int dispatches() {
    int count = 0;
    for (Part part : parts) {
      count += part instanceof Dispatches dispatches ? dispatches.list().size() : 0;
    }
    return count;
  }
}
