package dev.quern.e2e.peers;

import dev.quern.e2e.bench.PeakProbe;
import dev.quern.e2e.browser.Browser;
import dev.quern.e2e.browser.BrowserException;
import dev.quern.e2e.data.TensorData;
import dev.quern.e2e.harness.Front;
import dev.quern.e2e.oracle.Oracle;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import tools.jackson.databind.json.JsonMapper;

/**
 * Runs the cases: all engines of a case take turns, in rounds, with a probe of the peak between.
 */
public final class Comparison {
  /** The fewest rounds from which a median is taken. */
  static final int ROUNDS = 5;

  /** Processor cores of others beyond which a round does not count. */
  static final double FOREIGN = 0.15;

  /** A fetch right after the browser's start takes up to five times as long as one later. */
  private static final Duration SETTLED = Duration.ofSeconds(4);

  private static final Duration WARM = Duration.ofMillis(400);
  private static final Duration SLICE = Duration.ofMillis(80);
  private static final String PEAK = Front.PREFIX + "peers/peak.wasm";

  private final Browser browser;
  private final Front front;
  private final Settings settings;
  private final Consumer<String> progress;
  private final boolean fma;

  /**
   * @param fma whether the browser has a fused multiply-add, so that the peak is that of one
   * @param progress is told, in a few words, what is going on
   */
  public Comparison(
      Browser browser, Front front, Settings settings, boolean fma, Consumer<String> progress) {
    this.browser = browser;
    this.front = front;
    this.settings = settings;
    this.fma = fma;
    this.progress = progress;
  }

  /** Runs all cases that the settings name. */
  public ComparisonResult run() {
    List<Workload> cases = settings.cases();
    if (cases.isEmpty() && !settings.loads()) {
      throw noCase();
    }
    Optional<Path> packages =
        settings.peers().isEmpty() ? Optional.empty() : Optional.of(PeerPackages.ready(progress));
    EnginePage.serve(front, packages);
    front.keepScripts();
    if (settings.gpu()) {
      EnginePage.countInWorkers(front);
    }
    front.serve(PEAK, "application/wasm", PeakProbe.module(fma), Map.of());
    MachineLoad.awaitIdle(settings.patience(), FOREIGN)
        .ifPresent(cores ->
            progress.accept(
                "the machine is not idle: others keep %.2f cores busy".formatted(cores)));
    List<CaseResult> results = new ArrayList<>();
    if (settings.loads()) {
      MachineLoad.pause(SETTLED);
      results.addAll(loads(packages));
    }
    Map<String, List<Workload>> models = new LinkedHashMap<>();
    cases.forEach(
        each -> models.computeIfAbsent(each.model(), model -> new ArrayList<>()).add(each));
    models.values().forEach(workloads -> results.addAll(model(workloads)));
    return new ComparisonResult(browser.version(), settings.peers(), results);
  }

  private PeerException noCase() {
    List<String> names = new ArrayList<>();
    if (settings.workloads().contains(LoadComparison.WORKLOAD)) {
      names.add(LoadComparison.name());
    }
    settings.workloads().forEach(workload -> names.add(workload.name()));
    return new PeerException(
        "no case has '"
            + settings.filter()
            + "' in its name; there are: "
            + String.join(", ", names));
  }

  private List<CaseResult> loads(Optional<Path> packages) {
    LoadComparison comparison =
        new LoadComparison(
            browser, front, packages.orElse(Path.of("")), settings.sizes(), progress);
    List<Engine> engines = new ArrayList<>(List.of(Engine.QUERN));
    settings.peers().stream().filter(Engine::loadsModels).forEach(engines::add);
    List<CaseResult> results = new ArrayList<>();
    for (int threads : settings.threads()) {
      progress.accept(LoadComparison.name() + ", " + threads + " threads");
      results.add(comparison.run(engines, threads));
    }
    return results;
  }

  /** The cases of one model, which stays loaded in each engine's tab. */
  private List<CaseResult> model(List<Workload> workloads) {
    Map<Workload, TensorData> expected = new LinkedHashMap<>();
    ModelFiles files = new ModelFiles(front, workloads.getFirst());
    try (Oracle oracle = new Oracle(files.onnx())) {
      for (Workload workload : workloads) {
        expected.put(workload, oracle.run(workload.inputs()).values().iterator().next());
      }
    }
    List<CaseResult> results = new ArrayList<>();
    for (int threads : settings.threads()) {
      try (Turns turns = new Turns(threads)) {
        for (Workload workload : workloads) {
          progress.accept(workload.name() + ", " + threads + " threads");
          results.add(turns.run(workload, files, expected.get(workload)));
        }
      }
    }
    files.close();
    return results;
  }

  /** The tabs of all engines for one model and one number of threads. */
  private final class Turns implements AutoCloseable {
    private final int threads;
    private final Map<Engine, EnginePage> pages = new EnumMap<>(Engine.class);
    private final Optional<EnginePage> peak;
    private final Map<Engine, GpuCounts> counts = new EnumMap<>(Engine.class);

    Turns(int threads) {
      this.threads = threads;
      this.peak = settings.gpu() ? Optional.empty() : Optional.of(probe(threads));
    }

    private EnginePage probe(int threads) {
      EnginePage page = EnginePage.open(browser, front, "peak", threads, settings.device());
      page.load(
          JsonMapper.shared()
              .createObjectNode()
              .put("key", "peak")
              .put("url", PEAK)
              .put("flops", PeakProbe.FLOPS));
      return page;
    }

    CaseResult run(Workload workload, ModelFiles files, TensorData expected) {
      Map<Engine, Measured> failed = new EnumMap<>(Engine.class);
      List<Engine> ready = new ArrayList<>();
      List<Engine> all = new ArrayList<>(List.of(Engine.QUERN));
      settings.peers().stream().filter(peer -> peer.takes(workload.kind())).forEach(all::add);
      for (Engine engine : all) {
        try {
          ready(engine, workload, files, expected);
          ready.add(engine);
        } catch (PeerException | BrowserException e) {
          failed.put(engine, new Measured.Refused(e.getMessage()));
        }
      }
      return rounds(workload, ready, failed);
    }

    private void ready(Engine engine, Workload workload, ModelFiles files, TensorData expected) {
      EnginePage page =
          pages.computeIfAbsent(
              engine,
              each -> EnginePage.open(browser, front, each.id(), threads, settings.device()));
      page.load(files.model(engine.format(), workload));
      page.prepare(workload.inputs(), expected);
      page.run(WARM);
      if (settings.gpu() || settings.tuning().isPositive()) {
        page.settle(settings.tuning());
      }
      if (settings.gpu()) {
        page.run(WARM);
        counts.put(engine, page.count());
      }
      page.run(WARM);
      MachineLoad.awaitRest();
    }

    private CaseResult rounds(Workload workload, List<Engine> ready, Map<Engine, Measured> failed) {
      List<Round> rounds = new ArrayList<>();
      List<Engine> order = new ArrayList<>(ready);
      long end = System.nanoTime() + settings.measuring().toNanos();
      boolean enough = false;
      while (!enough) {
        rounds.add(round(workload, order));
        // The next round begins with another engine, so that none always follows the same one.
        Collections.rotate(order, 1);
        enough =
            System.nanoTime() >= end
                && (quiet(rounds).size() >= ROUNDS || rounds.size() >= 3 * ROUNDS);
      }
      List<Round> counted = quiet(rounds);
      boolean disturbed = counted.size() < ROUNDS;
      return result(workload, disturbed ? rounds : counted, ready, failed, disturbed);
    }

    private static List<Round> quiet(List<Round> rounds) {
      return rounds.stream().filter(round -> round.foreignCores() <= FOREIGN).toList();
    }

    private Round round(Workload workload, List<Engine> order) {
      MachineLoad load = MachineLoad.start();
      Map<Engine, EnginePage.Slice> slices = new EnumMap<>(Engine.class);
      List<Double> peaks = new ArrayList<>();
      double share = Double.NaN;
      for (Engine engine : order) {
        double before = peak.map(EnginePage::peak).orElse(Double.NaN);
        EnginePage.Slice slice = pages.get(engine).run(SLICE);
        slices.put(engine, slice);
        MachineLoad.awaitRest();
        if (peak.isEmpty()) {
          continue;
        }
        if (engine == Engine.QUERN) {
          double after = peak.get().peak();
          double rate = workload.flops() / Statistics.median(slice.milliseconds()) / 1e6;
          share = rate > 0 ? rate / ((before + after) / 2) : Double.NaN;
          peaks.add(after);
        }
        peaks.add(before);
      }
      return new Round(slices, peaks, share, load.foreignCores());
    }

    private CaseResult result(
        Workload workload,
        List<Round> rounds,
        List<Engine> ready,
        Map<Engine, Measured> failed,
        boolean disturbed) {
      Map<Engine, Measured> engines = new EnumMap<>(failed);
      for (Engine engine : ready) {
        List<EnginePage.Slice> slices =
            rounds.stream().map(round -> round.slices().get(engine)).toList();
        double worst = slices.stream().mapToDouble(EnginePage.Slice::worst).max().orElseThrow();
        engines.put(
            engine,
            worst <= workload.tolerance()
                ? new Measured.Timed(
                    slices.stream().map(EnginePage.Slice::milliseconds).toList(),
                    slices.stream().flatMap(slice -> slice.engineMilliseconds().stream()).toList(),
                    worst,
                    pages.get(engine).facts(),
                    counts.get(engine))
                : new Measured.Wrong(worst, workload.tolerance()));
      }
      List<Double> peaks = rounds.stream().flatMap(round -> round.peaks().stream()).toList();
      List<Double> shares =
          rounds.stream().map(Round::share).filter(share -> !share.isNaN()).toList();
      return new CaseResult(
          workload.name(),
          threads,
          workload.flops(),
          engines,
          peaks.isEmpty() ? Double.NaN : Statistics.median(peaks),
          engines.get(Engine.QUERN) instanceof Measured.Timed && !shares.isEmpty()
              ? Statistics.median(shares)
              : Double.NaN,
          disturbed);
    }

    @Override
    public void close() {
      pages.values().forEach(EnginePage::close);
      peak.ifPresent(EnginePage::close);
    }
  }

  /**
   * One turn of every engine.
   *
   * @param peaks GFLOP/s of the probes between the turns
   * @param share Quern's rate over the mean of the probes before and after it; NaN without Quern
   */
  private record Round(
      Map<Engine, EnginePage.Slice> slices,
      List<Double> peaks,
      double share,
      double foreignCores) {}
}
