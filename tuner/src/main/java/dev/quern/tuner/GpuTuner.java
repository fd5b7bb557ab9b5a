package dev.quern.tuner;

import dev.quern.runtime.TunableModel;
import dev.quern.schedule.GpuSchedules;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Finds faster schedules for a model's products on a GPU while it serves. A GPU answers later and
 * its calls are promises, so that this only says what comes {@linkplain #next next}; it has no
 * thread and no timer. Its records look like those of the CPU, under the class of an adapter and
 * the version of a browser.
 */
public final class GpuTuner implements GpuSchedules.Chosen {
  /**
   * Steps of a run that share a schedule.
   *
   * @param rows m of the first of them
   * @param layers how many there are
   */
  public record Site(TunableModel.Kernel kernel, RowBucket bucket, long rows, int layers) {}

  private final String device;
  private final String engine;
  private final String browser;
  private final Tuner.Listener listener;
  private final RecordBook book;
  private final Map<String, GpuSearch> searches = new LinkedHashMap<>();
  private final Set<String> handled = new TreeSet<>();
  private List<Site> sites = List.of();
  private GpuTrial trial;

  /**
   * A tuner for one loaded model.
   *
   * @param device the class of adapters and browsers that records are shared under
   * @param engine Quern's version, for records
   * @param browser what the user agent calls itself, for records
   */
  public GpuTuner(String device, String engine, String browser, Tuner.Listener listener) {
    this.device = device;
    this.engine = engine;
    this.browser = browser;
    this.listener = listener;
    book = new RecordBook(device, GpuSchedules::problems);
  }

  /** The schedule of a kernel for so many rows; null where nothing was found yet. */
  @Override
  public Schedule schedule(String signature, RowBucket bucket) {
    GpuSearch search = searches.get(key(signature, bucket));
    return search == null || search.source() == Tuner.Source.HEURISTIC ? null : search.incumbent();
  }

  /**
   * Takes one more record, of the server or the browser's store; it is checked when its kernel
   * runs.
   *
   * @return whether it may come to serve; if not, the listener was told why
   */
  public boolean add(TuningRecord record, RecordBook.Origin origin) {
    String key = key(record.kernel(), record.bucket());
    GpuSearch search = searches.get(key);
    if (search != null && search.source() == Tuner.Source.TUNED) {
      return false;
    }
    boolean taken = book.add(record, origin);
    for (Refusal refusal : book.takeRefusals()) {
      listener.refused(refusal);
    }
    if (taken) {
      handled.remove(key);
    }
    return taken;
  }

  /**
   * The trial under way, or else what is to be tried next: first what records say, then candidates,
   * kernel by kernel.
   *
   * @param running the sites of the run that is at hand
   * @param candidates whether to search; records are used in any case
   * @return null if nothing is left for it
   */
  public GpuTrial next(List<Site> running, boolean candidates) {
    sites = List.copyOf(running);
    boolean underWay = trial != null && !trial.ended();
    boolean wanted = underWay && (candidates || trial.entry() != null) && runs(trial);
    if (underWay && !wanted) {
      trial.putOff();
    }
    if (!wanted) {
      trial = fresh(candidates);
    }
    return trial;
  }

  private boolean runs(GpuTrial trial) {
    for (Site site : sites) {
      if (site.kernel().equals(trial.kernel()) && site.bucket() == trial.bucket()) {
        return true;
      }
    }
    return false;
  }

  private GpuTrial fresh(boolean candidates) {
    for (Site site : sites) {
      GpuTrial stored = stored(site);
      if (stored != null) {
        return stored;
      }
    }
    for (Site site : candidates ? sites : List.<Site>of()) {
      GpuTrial next = search(site).next();
      if (next != null) {
        return next;
      }
    }
    return null;
  }

  private GpuTrial stored(Site site) {
    String key = key(site.kernel().signature(), site.bucket());
    if (!handled.add(key)) {
      return null;
    }
    RecordBook.Entry entry = book.find(site.kernel().signature(), site.bucket());
    return entry == null ? null : search(site).stored(entry);
  }

  private GpuSearch search(Site site) {
    return searches.computeIfAbsent(
        key(site.kernel().signature(), site.bucket()),
        key -> new GpuSearch(site.kernel(), site.bucket(), site.rows(), new Reports()));
  }

  /** Candidates tried so far, of all kernels seen. */
  public int tried() {
    int count = 0;
    for (GpuSearch search : searches.values()) {
      count += search.tried();
    }
    return count;
  }

  /** Candidates tried and waiting, of all kernels seen. */
  public int total() {
    int count = 0;
    for (GpuSearch search : searches.values()) {
      count += search.tried() + search.left();
    }
    return count;
  }

  /** The kernels of the run at hand and what they run with. */
  public List<Tuner.Row> rows() {
    List<Tuner.Row> rows = new ArrayList<>();
    for (Site site : sites) {
      GpuSearch search = search(site);
      double flops = 2.0 * site.kernel().k() * site.kernel().n() * site.rows();
      double seconds = search.seconds();
      rows.add(
          new Tuner.Row(
              site.kernel().signature(),
              site.bucket(),
              search.incumbent(),
              search.source(),
              seconds,
              seconds > 0 ? flops / seconds / 1e9 : Double.NaN,
              site.layers()));
    }
    return rows;
  }

  /** Turns the verdicts of searches into records and reports. */
  private final class Reports implements GpuSearch.Verdicts {
    @Override
    public void settled(GpuSearch search, Schedule previous, double ratio) {
      TuningRecord record =
          new TuningRecord(
              search.kernel().signature(),
              search.bucket(),
              device,
              search.incumbent(),
              search.seconds(),
              search.samples(),
              engine,
              browser);
      book.add(record, RecordBook.Origin.OWN);
      listener.tuned(record, previous, ratio);
    }

    @Override
    public void refused(GpuSearch search, GpuTrial trial, String reason) {
      if (trial.entry() != null) {
        book.remove(trial.entry().record());
      }
      String schedule = trial.schedule().text();
      listener.refused(new Refusal(search.kernel().signature(), search.bucket(), schedule, reason));
    }
  }

  private static String key(String kernel, RowBucket bucket) {
    return kernel + " m=" + bucket.label();
  }
}
