package dev.quern.bridge;

import dev.quern.graph.Graph;
import dev.quern.graph.Value;
import dev.quern.plan.Plan;
import dev.quern.runtime.Control;
import dev.quern.runtime.Kept;
import dev.quern.runtime.Limits;
import dev.quern.runtime.ModelRunner;
import dev.quern.runtime.RunException;
import dev.quern.runtime.TunableRunner;
import dev.quern.tuner.DeviceProfile;
import dev.quern.tuner.Json;
import dev.quern.tuner.Profiler;
import dev.quern.tuner.RecordBook;
import dev.quern.tuner.RecordException;
import dev.quern.tuner.StepProfiler;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Kernels made on the device, and the tuner that works around each run. */
final class WasmBackend implements Backend {
  /** Enough for the browser to compile the kernels anew with all optimisations, on another core. */
  private static final double WARM_MILLISECONDS = 250;

  private final BrowserMachine machine;
  private final ModelRunner runner;
  private final TunableRunner tunable;
  private final Tuning tuning;
  private final Timeline timeline;

  /** Whether the profile may say how many threads run, because the caller did not. */
  private final boolean choosesThreads;

  /** Measures the device between runs; null where its profile is known. */
  private Profiler profiler;

  private boolean searching = true;

  /** What runs leave for one another; null if none has. */
  private Kept kept;

  private WasmBackend(
      BrowserMachine machine,
      Graph graph,
      Plan plan,
      Request request,
      long top,
      Timeline timeline) {
    this.machine = machine;
    this.timeline = timeline;
    DeviceProfile stored = stored(request);
    DeviceProfile profile = stored == null ? guessed(machine, request) : stored;
    Limits limits = new Limits(profile.registers(), profile.l2Bytes());
    runner = timeline.time("plan", () -> ModelRunner.prepare(machine, graph, plan, limits, top));
    choosesThreads = request.integer("threads") == 0;
    takeThreads(profile);
    tunable = new TunableRunner(runner);
    tuning = new Tuning(tunable, profile, request.list("records"), request.text("browser"));
    if (stored == null) {
      profiler = new Profiler(machine, request.text("family"));
      search(searching);
    }
  }

  /**
   * Prepares a plan; what lies in large tensors may still be on its way.
   *
   * @param request with the class key, the stored profile and records, the browser's label, and the
   *     threads that were asked for (0: as many as the profile found worth using)
   * @param top the first address behind the model's files
   */
  static WasmBackend plan(
      BrowserMachine machine,
      Graph graph,
      Plan plan,
      Request request,
      long top,
      Timeline timeline) {
    return new WasmBackend(machine, graph, plan, request, top, timeline);
  }

  ModelRunner runner() {
    return runner;
  }

  TunableRunner tunable() {
    return tunable;
  }

  @Override
  public boolean warm(int threads) {
    int count = threads == 0 ? threads() : threads;
    return timeline.worked("warm") < WARM_MILLISECONDS
        && timeline.time("warm", () -> runner.warm(count));
  }

  @Override
  public void finish() {
    timeline.time(
        "pack",
        () -> {
          runner.pack();
          return null;
        });
  }

  private void takeThreads(DeviceProfile profile) {
    if (choosesThreads) {
      machine.memory().putInt(Control.THREADS, Math.min(profile.threads(), machine.threads()));
    }
  }

  /** The profile of an earlier visit; null if there is none of this class. */
  private static DeviceProfile stored(Request request) {
    Object stored = request.value("profile");
    if (stored != null) {
      try {
        DeviceProfile profile = DeviceProfile.parse(Json.write(stored));
        if (profile.device().equals(request.text("class"))) {
          return profile;
        }
      } catch (RecordException e) {
        // An older version wrote it: measure again.
      }
    }
    return null;
  }

  private static DeviceProfile guessed(BrowserMachine machine, Request request) {
    return DeviceProfile.guess(request.text("family"), machine.features(), machine.threads());
  }

  /**
   * Measures the device for a slice: on a first visit, when its model runs already, since it takes
   * some tenths of a second in all. The kernels in use stay as they are; the tuner and the next
   * visit use what was found.
   */
  private void measure(double milliseconds) {
    if (profiler.slice((int) runner.between(), milliseconds)) {
      return;
    }
    DeviceProfile profile = profiler.profile();
    profiler = null;
    takeThreads(profile);
    tuning.measured(profile);
    search(searching);
  }

  @Override
  public Result run(Map<String, Input> inputs, List<String> outputs) {
    try {
      double flops = bind(inputs);
      return new Result(attempt(inputs, outputs), flops, prepared(inputs));
    } catch (RunException e) {
      throw EngineException.told(e);
    }
  }

  @Override
  public Map<String, Object> profile(Map<String, Input> inputs, int runs) {
    try {
      bind(inputs);
      StepProfiler profiler = new StepProfiler(runner, tuning.profile().useful().relaxedSimd());
      return Profile.of(runner, profiler, runs, () -> copy(inputs));
    } catch (RunException e) {
      throw EngineException.told(e);
    }
  }

  private double bind(Map<String, Input> inputs) {
    Map<String, long[]> sizes = new LinkedHashMap<>();
    inputs.forEach((name, input) -> sizes.put(name, input.dims()));
    return runner.bind(sizes);
  }

  private void copy(Map<String, Input> inputs) {
    for (Input input : inputs.values()) {
      machine.copyInput(input, runner.address(input.name()));
    }
  }

  @Override
  public boolean keeps() {
    return true;
  }

  @Override
  public Result run(Map<String, Input> inputs, List<String> outputs, Map<String, String> pairs) {
    try {
      if (kept != null && !kept.pairs().equals(pairs)) {
        runner.drop(kept);
        kept = null;
      }
      if (kept == null) {
        kept = runner.keep(pairs);
      }
      if (inputs.keySet().containsAll(pairs.keySet())) {
        kept.forget();
      } else if (!kept.holds()) {
        throw new EngineException("input", "No run before this one has left what it reads.");
      }
      Map<String, long[]> sizes = kept.holds() ? kept.dims() : new LinkedHashMap<>();
      inputs.forEach((name, input) -> sizes.put(name, input.dims()));
      double flops = runner.bind(sizes, kept);
      return new Result(attempt(inputs, outputs), flops, null);
    } catch (RunException e) {
      throw EngineException.told(e);
    }
  }

  /** What runs have left for the next; null if there is nothing. */
  Kept kept() {
    return kept != null && kept.holds() ? kept : null;
  }

  /** Does the run that is bound. */
  private List<Output> attempt(Map<String, Input> inputs, List<String> outputs) {
    tuning.tuner().beforeRun();
    // The tuner may run steps for its own ends, so the inputs come last.
    copy(inputs);
    boolean complete = false;
    try {
      runner.execute();
      complete = true;
    } finally {
      tuning.tuner().afterRun(complete);
    }
    runner.executed();
    tuning.ran();
    List<Output> placed = new ArrayList<>();
    for (Value output : runner.plan().outputs()) {
      if (outputs.contains(output.name())) {
        long[] dims = runner.dims(output);
        long bytes = output.type().bytes();
        for (long dim : dims) {
          bytes *= dim;
        }
        placed.add(
            new Output(
                output.name(), output.type(), dims, runner.address(output.name()), bytes, false));
      }
    }
    return placed;
  }

  /** Where memory is shared and nothing is left to measure, the page can do without the engine. */
  private Prepared prepared(Map<String, Input> inputs) {
    if (!machine.features().threads() || profiler != null || !tuning.tuner().settled()) {
      return null;
    }
    Map<String, Long> addresses = new LinkedHashMap<>();
    for (String name : inputs.keySet()) {
      addresses.put(name, runner.address(name));
    }
    int version = machine.memory().getInt(Control.VERSION);
    return new Prepared(runner.program(), runner.plan().steps().size(), addresses, version);
  }

  @Override
  public void share() {
    machine.share(runner.kernels());
  }

  @Override
  public int threads() {
    return machine.memory().getInt(Control.THREADS);
  }

  @Override
  public Map<String, Double> phases() {
    Map<String, Double> phases = new LinkedHashMap<>();
    double made = runner.emitMilliseconds() + runner.compileMilliseconds();
    // Most kernels are made while planning, some by the first run that warms.
    phases.put("plan", Math.max(0, timeline.worked("plan") - made));
    phases.put("pack", timeline.worked("pack"));
    phases.put("emit", runner.emitMilliseconds());
    phases.put("compile", runner.compileMilliseconds());
    phases.put("warm", timeline.worked("warm"));
    return phases;
  }

  @Override
  public Map<String, Object> add(List<?> records) {
    // They come to serve when the engine takes part in a run.
    runner.outdate();
    return tuning.add(records, RecordBook.Origin.SERVER);
  }

  @Override
  public void search(boolean on) {
    runner.outdate();
    searching = on;
    // The search space depends on the profile.
    tuning.tuner().search(on && profiler == null);
  }

  @Override
  public boolean unmeasured() {
    return profiler != null;
  }

  @Override
  public boolean idle(double milliseconds) {
    if (profiler != null) {
      measure(milliseconds);
      return true;
    }
    return tuning.idle(milliseconds);
  }

  @Override
  public Map<String, Object> describe() {
    return Reply.object("schedules", tuning.rows(), "peakGflops", tuning.peak());
  }

  @Override
  public List<Object> events() {
    return tuning.takeEvents();
  }
}
