package dev.quern.bridge;

import dev.quern.gpu.Recorder;
import dev.quern.gpu.ShaderCache;
import dev.quern.kernel.KernelException;
import dev.quern.kernel.MatmulKernel;
import dev.quern.plan.Step;
import dev.quern.runtime.TunableModel;
import dev.quern.runtime.TunableRunner;
import dev.quern.schedule.ByteDot;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import dev.quern.tuner.GpuTrial;
import dev.quern.tuner.GpuTuner;
import dev.quern.tuner.RecordBook;
import dev.quern.tuner.RecordException;
import dev.quern.tuner.TuningRecord;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The tuner of a model on a GPU: records and measurements in, what {@code
 * web/src/main/js/engine/gpu-tuner.js} has to carry out and events for the page out.
 */
final class GpuTuning {
  private final TunableRunner model;
  private final List<Step> steps;
  private final TuningEvents events = new TuningEvents();
  private final GpuTuner tuner;
  private final ShaderCache shaders;

  /** The problem of the check under way that was computed last. */
  private TunableRunner.Laid laid;

  private GpuTrial trial;

  /** Where the kernel of a trial runs in the program at hand. */
  private final Map<String, Integer> firsts = new LinkedHashMap<>();

  /**
   * A tuner without records.
   *
   * @param device the class of adapters and browsers that records are shared under
   */
  GpuTuning(TunableRunner model, List<Step> steps, String device, String browser) {
    this.model = model;
    this.steps = steps;
    tuner = new GpuTuner(device, Engine.version(), browser, events);
    shaders = new ShaderCache(tuner);
  }

  /** Shaders of this model: sizes that change with each run seldom need others. */
  ShaderCache shaders() {
    return shaders;
  }

  /** Takes records; those that cannot serve are told as events. */
  void add(List<?> records, RecordBook.Origin origin) {
    for (Object value : records) {
      try {
        tuner.add(TuningRecord.of(value), origin);
      } catch (RecordException e) {
        events.add(
            Reply.object(
                "type", "refused",
                "kernel", "",
                "bucket", "",
                "schedule", "",
                "reason", e.getMessage()));
      }
    }
  }

  /**
   * The trial under way, or the next one.
   *
   * @param symbols the sizes of the run at hand
   * @param onGpu numbers of the steps that its recording dispatches
   * @param search whether to go beyond what records say
   */
  Map<String, Object> trial(Map<String, Long> symbols, List<Long> onGpu, boolean search) {
    List<GpuTuner.Site> sites = sites(symbols, onGpu);
    trial = tuner.next(sites, search);
    while (trial != null) {
      int step = firsts.get(key(trial.kernel().signature(), trial.bucket()));
      try {
        return reply(
            Reply.object(
                "step",
                step,
                "kernel",
                trial.kernel().signature(),
                "bucket",
                trial.bucket().label(),
                "schedule",
                trial.schedule().text(),
                "checked",
                trial.check().done(),
                "candidate",
                tiles(step, symbols, trial.schedule()),
                "incumbent",
                tiles(step, symbols, trial.incumbent())));
      } catch (KernelException e) {
        trial.refuse(e.getMessage());
        trial = tuner.next(sites, search);
      }
    }
    return reply(Reply.object("step", null));
  }

  private Map<String, Object> tiles(int step, Map<String, Long> symbols, Schedule schedule) {
    Recorder.Tiles tiles = Recorder.tiles(steps.get(step), symbols, shaders, schedule);
    return Reply.object("shader", tiles.shader(), "groups", GpuReply.numbers(tiles.groups()));
  }

  /** Adds what happened, and how far the search is. */
  private Map<String, Object> reply(Map<String, Object> reply) {
    events.progress(tuner.tried(), tuner.total(), reply.get("step") != null);
    return told(reply);
  }

  private Map<String, Object> told(Map<String, Object> reply) {
    reply.put("events", events.take());
    return reply;
  }

  /** The next problem of the check, laid into memory: a dispatch whose buffers are made from it. */
  Map<String, Object> problem() {
    laid = model.lay(trial.kernel(), trial.check().problem(), ByteDot.UNSIGNED);
    Recorder.Dispatching made =
        Recorder.dispatching(laid.spec(), laid::arg, shaders, trial.schedule());
    List<Object> bindings = new ArrayList<>();
    int result = 0;
    for (int arg : made.args()) {
      TunableRunner.Laid.Place place = laid.place(arg);
      if (arg == MatmulKernel.C) {
        result = bindings.size();
      }
      bindings.add(
          Reply.object("address", (double) place.address(), "length", (double) place.bytes()));
    }
    return Reply.object(
        "shader", made.tiles().shader(),
        "groups", GpuReply.numbers(made.tiles().groups()),
        "words", GpuReply.numbers(made.words()),
        "bindings", bindings,
        "result", result);
  }

  /** Takes what was computed, which lies in memory again. */
  Map<String, Object> judge() {
    trial.check().judge(model.result(laid));
    if (trial.check().reason() != null) {
      trial.refuse(trial.check().reason());
      return told(Reply.object("done", true, "refused", true, "adopted", false));
    }
    boolean done = trial.check().done();
    return told(Reply.object("done", done, "refused", false, "adopted", done && trial.passed()));
  }

  /** It could not be compiled or dispatched. */
  Map<String, Object> refuse(String reason) {
    trial.refuse(reason);
    return told(Reply.object());
  }

  /** Takes the seconds of a pair. */
  Map<String, Object> timed(double incumbent, double candidate) {
    GpuTrial.Verdict verdict = trial.timed(incumbent, candidate);
    return told(
        Reply.object(
            "more", verdict == GpuTrial.Verdict.MORE, "adopted", verdict == GpuTrial.Verdict.WON));
  }

  /** What the dispatches of a kernel's steps become with the schedule that was chosen. */
  Map<String, Object> tiled(Map<String, Long> symbols, List<Long> onGpu) {
    List<Object> list = new ArrayList<>();
    for (long step : whole(onGpu)) {
      long rows = Recorder.tiledRows(steps.get((int) step), symbols);
      if (rows == 0) {
        continue;
      }
      String signature = steps.get((int) step).kernel().signature();
      Schedule chosen = tuner.schedule(signature, RowBucket.of(rows));
      if (chosen != null) {
        Map<String, Object> tiles = tiles((int) step, symbols, chosen);
        tiles.put("step", (double) step);
        list.add(tiles);
      }
    }
    return Reply.object("dispatches", list);
  }

  /**
   * Steps that one dispatch each is enough for: those whose weights lie in parts keep their tiles.
   */
  private static List<Long> whole(List<Long> onGpu) {
    List<Long> list = new ArrayList<>();
    for (int i = 0; i < onGpu.size(); i++) {
      boolean before = i > 0 && onGpu.get(i).equals(onGpu.get(i - 1));
      boolean behind = i + 1 < onGpu.size() && onGpu.get(i).equals(onGpu.get(i + 1));
      if (!before && !behind) {
        list.add(onGpu.get(i));
      }
    }
    return list;
  }

  List<Object> rows() {
    return TuningEvents.rows(tuner.rows());
  }

  private List<GpuTuner.Site> sites(Map<String, Long> symbols, List<Long> onGpu) {
    Map<String, TunableModel.Kernel> kernels = new LinkedHashMap<>();
    for (TunableModel.Kernel kernel : model.kernels()) {
      kernels.put(kernel.signature(), kernel);
    }
    firsts.clear();
    Map<String, GpuTuner.Site> sites = new LinkedHashMap<>();
    for (long step : whole(onGpu)) {
      long rows = Recorder.tiledRows(steps.get((int) step), symbols);
      TunableModel.Kernel kernel = kernels.get(steps.get((int) step).kernel().signature());
      if (kernel == null || rows == 0) {
        continue;
      }
      RowBucket bucket = RowBucket.of(rows);
      String key = key(kernel.signature(), bucket);
      firsts.putIfAbsent(key, (int) step);
      GpuTuner.Site known = sites.get(key);
      sites.put(
          key,
          known == null
              ? new GpuTuner.Site(kernel, bucket, rows, 1)
              : new GpuTuner.Site(kernel, bucket, known.rows(), known.layers() + 1));
    }
    return new ArrayList<>(sites.values());
  }

  private static String key(String kernel, RowBucket bucket) {
    return kernel + " m=" + bucket.label();
  }
}
