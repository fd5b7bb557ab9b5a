package dev.quern.bridge;

import dev.quern.onnx.DataType;
import java.util.List;
import java.util.Map;

/** What computes a loaded model: generated kernels, or plain Java. */
interface Backend {
  /**
   * An output of a run, where JavaScript finds it.
   *
   * @param staged whether the address is in the staging memory, not the kernels'
   */
  record Output(
      String name, DataType type, long[] dims, long address, long bytes, boolean staged) {}

  /**
   * How to do a run again without the engine: write the inputs, run the steps of the program, read
   * the outputs.
   *
   * @param program the address of the step records
   * @param inputs addresses by name
   * @param version of {@link dev.quern.runtime.Control#VERSION} for which all this holds
   */
  record Prepared(int program, int steps, Map<String, Long> inputs, int version) {}

  /**
   * What a run gave.
   *
   * @param flops floating-point operations of its matrix products; 0 if they are not counted
   * @param prepared null where the engine has to take part in the next run of these sizes
   */
  record Result(List<Output> outputs, double flops, Prepared prepared) {}

  /**
   * Runs the model once.
   *
   * @param inputs all of the model's inputs
   * @param outputs which outputs to give
   * @throws EngineException if the sizes do not fit the model or the run was cancelled
   */
  Result run(Map<String, Input> inputs, List<String> outputs);

  /** Whether outputs may stay in the engine's memory for the next run. */
  default boolean keeps() {
    return false;
  }

  /**
   * Runs the model once, and keeps outputs as inputs of the next run.
   *
   * @param inputs all of the model's inputs; or without those that are kept, where the run before
   *     kept the same
   * @param outputs which outputs to give
   * @param pairs names of inputs, and of the outputs that become them
   * @throws EngineException if the sizes do not fit the model, nothing was kept, or the run was
   *     cancelled; what was kept stays then
   */
  default Result run(Map<String, Input> inputs, List<String> outputs, Map<String, String> pairs) {
    throw new EngineException("engine", "This device keeps nothing from run to run.");
  }

  /** Hands the kernels to the page, which runs short programs itself. */
  void share();

  /** Threads that take part in runs. */
  int threads();

  /**
   * Runs kernels so that the browser optimises them before the first run.
   *
   * @param threads that run; 0: all
   * @return whether doing it again may help
   */
  boolean warm(int threads);

  /** Makes ready what needs the whole files, once they are there. */
  void finish();

  /** Milliseconds of each phase of loading, by name. */
  Map<String, Double> phases();

  /** Takes the server's schedule records: how many may serve, and why the others may not. */
  Map<String, Object> add(List<?> records);

  /** Switches the search for faster schedules on or off. */
  void search(boolean on);

  /** Whether the next idle slices will measure the device. */
  boolean unmeasured();

  /** Searches for about so many milliseconds: whether there is more to do. */
  boolean idle(double milliseconds);

  /** The schedules in use and the device's peak. */
  Map<String, Object> describe();

  /**
   * Runs the model some times and tells where the time goes.
   *
   * @throws EngineException if this device cannot say
   */
  Map<String, Object> profile(Map<String, Input> inputs, int runs);

  /** What the page is to be told, since the last call. */
  List<Object> events();
}
