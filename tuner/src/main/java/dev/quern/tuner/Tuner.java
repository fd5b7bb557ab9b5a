package dev.quern.tuner;

import dev.quern.runtime.MachineException;
import dev.quern.runtime.TunableModel;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Finds faster schedules for a model while it serves. The engine calls {@link #beforeRun} and
 * {@link #afterRun} around each inference and {@link #idle} between them, all on its own thread;
 * the tuner has no thread and no timer. Stored records are checked before they serve, and are used
 * from the first call on.
 */
public final class Tuner {
  /** Where the schedule in use came from. */
  public enum Source {
    HEURISTIC("heuristic"),
    STORED("stored"),
    SERVER("server"),
    TUNED("tuned");

    private final String label;

    Source(String label) {
      this.label = label;
    }

    public String label() {
      return label;
    }
  }

  /** What a tuner reports. */
  public interface Listener {
    /**
     * A schedule has proved itself and is in use; its record is to be stored. Where a search ends
     * with the schedule that it began with, {@code previous} is that one and the ratio 1.
     *
     * @param ratio old time over new time
     */
    void tuned(TuningRecord record, Schedule previous, double ratio);

    /** A schedule was dropped because it is illegal, wrong, or cannot be installed. */
    void refused(Refusal refusal);
  }

  /**
   * Limits of the search.
   *
   * @param idleSeconds idle time that the search for one kernel and bucket may take
   * @param patience candidates in a row that may fail before a kernel's search ends
   */
  public record Options(double idleSeconds, int patience) {
    public static final Options DEFAULT = new Options(40, 10);
  }

  /**
   * A kernel in use, for people to see.
   *
   * @param seconds wall seconds of one step; NaN if not measured
   * @param gflops its rate; NaN if not measured
   */
  public record Row(
      String kernel,
      RowBucket bucket,
      Schedule schedule,
      Source source,
      double seconds,
      double gflops,
      int layers) {}

  /** Candidates for a kernel whose record is this device's own, or another's of its class. */
  private static final int AGAIN_OWN = 8;

  private static final int AGAIN_SERVER = 16;

  /** Part of an inference's time that preparing candidates may add to the next one. */
  private static final double SHARE = 0.2;

  private final TunableModel model;
  private DeviceProfile profile;
  private final String engine;
  private final String browser;
  private final Options options;
  private final Listener listener;
  private final RecordBook book;
  private final Map<String, SiteSearch> searches = new LinkedHashMap<>();
  private final Map<String, Source> sources = new LinkedHashMap<>();
  private final Set<String> handled = new TreeSet<>();
  private List<TunableModel.Site> sites = List.of();
  private boolean searching = true;
  private int cursor;
  private double began = Double.NaN;
  private double ran = Double.NaN;

  /**
   * A tuner for one loaded model.
   *
   * @param book stored records; the tuner adds its own
   * @param engine Quern's version, for records
   * @param browser what the user agent calls itself, for records
   */
  public Tuner(
      TunableModel model,
      DeviceProfile profile,
      RecordBook book,
      String engine,
      String browser,
      Options options,
      Listener listener) {
    this.model = model;
    this.profile = profile;
    this.book = book;
    this.engine = engine;
    this.browser = browser;
    this.options = options;
    this.listener = listener;
    reportRefusals();
  }

  /**
   * Takes a measured profile for the guessed one that it was made with; to be called before the
   * search is switched on, since kernels whose search has begun keep theirs.
   */
  public void measured(DeviceProfile measured) {
    profile = measured;
  }

  /** Switches the search on or off; records are used in any case. */
  public void search(boolean on) {
    searching = on;
    model.timeSteps(on && !finished());
  }

  /** Whether the search is on. */
  public boolean searching() {
    return searching;
  }

  /**
   * Takes one more record, of the server or the browser's store. One for a kernel that was tuned
   * here already is only tried as a candidate; any other is checked and used from the next
   * inference on.
   *
   * @return whether it may come to serve; if not, the listener was told why
   */
  public boolean add(TuningRecord record, RecordBook.Origin origin) {
    String key = key(record.kernel(), record.bucket());
    SiteSearch search = searches.get(key);
    boolean tuned = search != null && sources.get(key) == Source.TUNED;
    boolean taken = book.add(record, origin);
    reportRefusals();
    if (tuned && record.schedule().problems(profile.features()).isEmpty()) {
      search.suggest(record.schedule());
      return true;
    }
    if (taken) {
      handled.remove(key);
    }
    return taken;
  }

  /**
   * Checks stored records before they are needed, for at most about {@code milliseconds}.
   *
   * @return whether some are left
   */
  public boolean prepare(double milliseconds) {
    double end = model.now() + milliseconds;
    for (TunableModel.Kernel kernel : model.kernels()) {
      for (RowBucket bucket : RowBucket.values()) {
        if (pending(kernel, bucket)) {
          if (model.now() >= end) {
            return true;
          }
          adoptStored(kernel, bucket);
        }
      }
    }
    return false;
  }

  /** To be called before each inference, once its program is written. */
  public void beforeRun() {
    sites = model.sites();
    for (TunableModel.Site site : sites) {
      if (pending(site.kernel(), site.bucket())) {
        adoptStored(site.kernel(), site.bucket());
      }
    }
    if (!searching) {
      return;
    }
    if (!Double.isNaN(ran)) {
      work(model.now() + SHARE * ran, false);
    }
    boolean timed = false;
    for (TunableModel.Site site : sites) {
      SiteSearch search = search(site);
      search.beforeRun(site);
      timed |= !search.done();
    }
    model.timeSteps(timed);
    began = model.now();
  }

  /**
   * To be called after each inference.
   *
   * @param complete false if it was cancelled or failed
   */
  public void afterRun(boolean complete) {
    ran = complete ? model.now() - began : ran;
    for (TunableModel.Site site : sites) {
      SiteSearch search = searches.get(key(site.kernel().signature(), site.bucket()));
      if (search != null) {
        search.afterRun(site, complete);
      }
    }
  }

  /**
   * Works for about {@code milliseconds}, never much longer than one step takes beyond them. The
   * last inference's outputs must have been read.
   *
   * @return whether there is more to do for the present shapes, now or soon
   */
  public boolean idle(double milliseconds) {
    if (!searching) {
      return false;
    }
    sites = model.sites();
    return work(model.now() + milliseconds, true);
  }

  /** Does pieces of work, of the dearest kernels first, until a time. */
  private boolean work(double end, boolean idle) {
    List<TunableModel.Site> open = open();
    int resting = 0;
    boolean more = false;
    double now = model.now();
    while (now < end && resting < open.size()) {
      TunableModel.Site site = open.get(cursor % open.size());
      SiteSearch search = search(site);
      if (search.piece(site, (end - now) / 1000, idle)) {
        resting = 0;
        more = true;
      } else {
        more |= search.waits();
        resting++;
        cursor++;
      }
      double before = now;
      now = model.now();
      if (idle) {
        search.spend((now - before) / 1000, options.idleSeconds());
      }
    }
    return more || resting < open.size();
  }

  /** The sites of the present program whose search is not done, the dearest first. */
  private List<TunableModel.Site> open() {
    List<TunableModel.Site> open = new ArrayList<>();
    for (TunableModel.Site site : sites) {
      if (!search(site).done()) {
        open.add(site);
      }
    }
    open.sort((a, b) -> Double.compare(cost(b), cost(a)));
    return open;
  }

  private static double cost(TunableModel.Site site) {
    TunableModel.Kernel kernel = site.kernel();
    return (double) kernel.k() * kernel.n() * site.rows() * site.steps().size();
  }

  /** Whether nothing is left to search for the sizes of the last inference. */
  public boolean settled() {
    return !searching || open().isEmpty();
  }

  /** Whether every kernel and bucket that was seen so far is tuned. */
  public boolean finished() {
    for (SiteSearch search : searches.values()) {
      if (!search.done()) {
        return false;
      }
    }
    return !searches.isEmpty();
  }

  /** Candidates taken so far, of all kernels seen. */
  public int tried() {
    int count = 0;
    for (SiteSearch search : searches.values()) {
      count += search.tried();
    }
    return count;
  }

  /** Candidates taken and waiting, of all kernels seen. */
  public int total() {
    int count = 0;
    for (SiteSearch search : searches.values()) {
      count += search.tried() + search.left();
    }
    return count;
  }

  /** The kernels of the present program and what they run with. */
  public List<Row> rows() {
    List<Row> list = new ArrayList<>();
    for (TunableModel.Site site : model.sites()) {
      TunableModel.Kernel kernel = site.kernel();
      String key = key(kernel.signature(), site.bucket());
      SiteSearch search = searches.get(key);
      double seconds = search == null ? Double.NaN : search.seconds();
      double flops = 2.0 * kernel.k() * kernel.n() * site.rows();
      list.add(
          new Row(
              kernel.signature(),
              site.bucket(),
              model.schedule(kernel, site.bucket()),
              sources.getOrDefault(key, Source.HEURISTIC),
              seconds,
              seconds > 0 ? flops / seconds / 1e9 : Double.NaN,
              site.steps().size()));
    }
    return list;
  }

  private boolean pending(TunableModel.Kernel kernel, RowBucket bucket) {
    return !handled.contains(key(kernel.signature(), bucket))
        && book.find(kernel.signature(), bucket) != null;
  }

  /** Lets a stored record serve, once it has passed its check. */
  private void adoptStored(TunableModel.Kernel kernel, RowBucket bucket) {
    String key = key(kernel.signature(), bucket);
    handled.add(key);
    RecordBook.Entry entry = book.find(kernel.signature(), bucket);
    Schedule schedule = entry.record().schedule();
    Source source = entry.origin() == RecordBook.Origin.OWN ? Source.STORED : Source.SERVER;
    if (!schedule.equals(model.schedule(kernel, bucket))) {
      String wrong;
      try {
        model.install(kernel, schedule);
        wrong = new Check(kernel, Check.Demands.WASM).run(model, schedule);
      } catch (MachineException | IllegalArgumentException failed) {
        wrong = "cannot be installed: " + failed.getMessage();
      }
      if (wrong != null) {
        book.remove(entry.record());
        release(kernel, schedule);
        listener.refused(new Refusal(kernel.signature(), bucket, schedule.text(), wrong));
        return;
      }
      model.adopt(kernel, bucket, schedule);
    }
    sources.put(key, source);
    SiteSearch search = searches.get(key);
    if (search != null) {
      Schedule before = search.incumbent();
      search.incumbentChanged(schedule);
      search.suggest(before);
    }
  }

  /**
   * Gives code free that no search runs: those of other numbers of rows have the same kernel, and
   * schedules that differ in blocks only share their code.
   */
  private void release(TunableModel.Kernel kernel, Schedule schedule) {
    for (SiteSearch search : searches.values()) {
      boolean same = search.kernel().signature().equals(kernel.signature());
      if (same && search.runs(schedule)) {
        return;
      }
    }
    model.discard(kernel, schedule);
  }

  private SiteSearch search(TunableModel.Site site) {
    String key = key(site.kernel().signature(), site.bucket());
    SiteSearch search = searches.get(key);
    if (search == null) {
      TunableModel.Kernel kernel = site.kernel();
      search =
          new SiteSearch(
              model,
              kernel,
              site.bucket(),
              candidates(kernel, site.bucket(), sources.get(key)),
              Math.max(profile.clockMilliseconds(), 0.001) / 1000,
              options.patience(),
              new Reports());
      searches.put(key, search);
    }
    return search;
  }

  /** What is worth trying against the schedule in use. */
  private List<Schedule> candidates(TunableModel.Kernel kernel, RowBucket bucket, Source source) {
    SearchSpace space = SearchSpace.of(kernel, bucket, profile);
    List<Schedule> list = new ArrayList<>(space.pruned());
    Schedule incumbent = model.schedule(kernel, bucket);
    list.remove(incumbent);
    Schedule heuristic = space.heuristic();
    if (!heuristic.equals(incumbent)) {
      list.add(0, heuristic);
    }
    int most =
        source == Source.STORED ? AGAIN_OWN : source == Source.SERVER ? AGAIN_SERVER : list.size();
    return new ArrayList<>(list.subList(0, Math.min(most, list.size())));
  }

  private void reportRefusals() {
    for (Refusal refusal : book.takeRefusals()) {
      listener.refused(refusal);
    }
  }

  private void record(SiteSearch search, Schedule previous, double ratio) {
    double seconds = search.seconds();
    if (Double.isNaN(seconds) || seconds <= 0) {
      return;
    }
    TuningRecord record =
        new TuningRecord(
            search.kernel().signature(),
            search.bucket(),
            profile.device(),
            search.incumbent(),
            seconds,
            Math.max(1, search.samples()),
            engine,
            browser);
    book.add(record, RecordBook.Origin.OWN);
    handled.add(key(record.kernel(), record.bucket()));
    listener.tuned(record, previous, ratio);
  }

  /** Turns the verdicts of searches into records and reports. */
  private final class Reports implements SiteSearch.Verdicts {
    @Override
    public void won(SiteSearch search, Schedule previous, double ratio) {
      sources.put(key(search.kernel().signature(), search.bucket()), Source.TUNED);
      record(search, previous, ratio);
    }

    @Override
    public void refused(SiteSearch search, Schedule schedule, String reason) {
      listener.refused(
          new Refusal(search.kernel().signature(), search.bucket(), schedule.text(), reason));
    }

    @Override
    public void released(SiteSearch search, Schedule schedule) {
      release(search.kernel(), schedule);
    }

    @Override
    public void finished(SiteSearch search) {
      String key = key(search.kernel().signature(), search.bucket());
      if (sources.get(key) != Source.TUNED && search.tried() > 0) {
        sources.put(key, Source.TUNED);
        record(search, search.incumbent(), 1);
      }
    }
  }

  private static String key(String kernel, RowBucket bucket) {
    return kernel + " m=" + bucket.label();
  }
}
