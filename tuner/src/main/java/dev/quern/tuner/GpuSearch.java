package dev.quern.tuner;

import dev.quern.runtime.TunableModel;
import dev.quern.schedule.GpuSchedules;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.List;

/** The search for one kernel and bucket on a GPU. */
final class GpuSearch {
  /** Candidates in a row that may fail before the search ends. */
  private static final int PATIENCE = 8;

  /** Candidates for a kernel whose record is this device's own, or another's of its class. */
  private static final int AGAIN_OWN = 4;

  private static final int AGAIN_SERVER = 8;

  /** What a search tells its tuner. */
  interface Verdicts {
    /**
     * A schedule serves from now on; with a ratio of 1 it is the one that the search began with.
     */
    void settled(GpuSearch search, Schedule previous, double ratio);

    void refused(GpuSearch search, GpuTrial trial, String reason);
  }

  private final TunableModel.Kernel kernel;
  private final RowBucket bucket;
  private final Verdicts verdicts;
  private final List<Schedule> queue;
  private Schedule incumbent;
  private Tuner.Source source = Tuner.Source.HEURISTIC;

  /** Made for the first trial, given up with the last: it holds a matrix. */
  private Check check;

  /** Seconds of one step with the incumbent; NaN if it was not timed. */
  private double seconds = Double.NaN;

  private int samples;
  private int tried;
  private int fruitless;

  GpuSearch(TunableModel.Kernel kernel, RowBucket bucket, long rows, Verdicts verdicts) {
    this.kernel = kernel;
    this.bucket = bucket;
    this.verdicts = verdicts;
    incumbent = GpuSchedules.choose(rows, kernel.n());
    queue = new ArrayList<>(GpuSchedules.space(rows, kernel.n()));
  }

  TunableModel.Kernel kernel() {
    return kernel;
  }

  RowBucket bucket() {
    return bucket;
  }

  Schedule incumbent() {
    return incumbent;
  }

  Tuner.Source source() {
    return source;
  }

  double seconds() {
    return seconds;
  }

  int samples() {
    return samples;
  }

  int tried() {
    return tried;
  }

  int left() {
    return queue.size();
  }

  /** The next candidate; null if nothing is left. */
  GpuTrial next() {
    if (queue.isEmpty()) {
      return null;
    }
    return trial(queue.removeFirst(), null);
  }

  /** What a record says is checked before anything else; null if it serves already. */
  GpuTrial stored(RecordBook.Entry entry) {
    Schedule schedule = entry.record().schedule();
    queue.remove(schedule);
    if (schedule.equals(incumbent)) {
      take(entry);
      return null;
    }
    return trial(schedule, entry);
  }

  private GpuTrial trial(Schedule schedule, RecordBook.Entry entry) {
    if (check == null) {
      check = new Check(kernel, Check.Demands.WGSL);
    }
    return new GpuTrial(this, schedule, check.startOnGpu(schedule), entry);
  }

  void putOff(GpuTrial trial) {
    queue.addFirst(trial.schedule());
  }

  void refused(GpuTrial trial, String reason) {
    verdicts.refused(this, trial, reason);
    if (trial.entry() == null) {
      failed();
    }
  }

  /** A record's schedule serves. */
  void adopted(GpuTrial trial) {
    Schedule before = incumbent;
    incumbent = trial.schedule();
    queue.addFirst(before);
    take(trial.entry());
  }

  private void take(RecordBook.Entry entry) {
    boolean own = entry.origin() == RecordBook.Origin.OWN;
    source = own ? Tuner.Source.STORED : Tuner.Source.SERVER;
    seconds = Double.NaN;
    while (queue.size() > (own ? AGAIN_OWN : AGAIN_SERVER)) {
      queue.removeLast();
    }
  }

  void won(GpuTrial trial, double took, double ratio, int pairs) {
    Schedule before = incumbent;
    incumbent = trial.schedule();
    seconds = took;
    samples = pairs;
    source = Tuner.Source.TUNED;
    tried++;
    fruitless = 0;
    verdicts.settled(this, before, ratio);
    endIfDone();
  }

  void lost(GpuTrial trial, double incumbentTook) {
    seconds = incumbentTook;
    samples++;
    failed();
  }

  private void failed() {
    tried++;
    fruitless++;
    if (fruitless >= PATIENCE) {
      queue.clear();
    }
    endIfDone();
  }

  private void endIfDone() {
    if (!queue.isEmpty()) {
      return;
    }
    check = null;
    if (source != Tuner.Source.TUNED && !Double.isNaN(seconds)) {
      source = Tuner.Source.TUNED;
      verdicts.settled(this, incumbent, 1);
    }
  }
}
